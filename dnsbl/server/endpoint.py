"""Binding an address and a port, or a sentence that says why that cannot be."""

from __future__ import annotations

import contextlib
import errno
import socket
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from dnsbl.config import Endpoint
from dnsbl.errors import DnsblError

# A burst waits here while the loop is busy; the kernel gives what net.core.rmem_max allows.
UDP_RECEIVE_BUFFER_BYTES: Final = 4 << 20
TCP_BACKLOG: Final = 1024

# Elsewhere SO_REUSEPORT is missing, or gives all datagrams to one of the sockets.
PORTS_ARE_SHARED: Final = sys.platform == "linux"

# Of Linux's <linux/in.h> and <linux/in6.h>; the module `socket` does not name them all.
_MTU_DISCOVER: Final = {
    socket.AF_INET: (socket.IPPROTO_IP, 10),
    socket.AF_INET6: (socket.IPPROTO_IPV6, 23),
}
_PMTUDISC_OMIT: Final = 5

_SENTENCES: Final = {
    errno.EADDRINUSE: "is in use by another program",
    errno.EACCES: "may not be used; ports below 1024 need root or CAP_NET_BIND_SERVICE",
    errno.EADDRNOTAVAIL: "is not an address of this machine",
    errno.EAFNOSUPPORT: "is of an address family that this machine does not have",
}


class ListenError(DnsblError):
    """An address and a port that cannot be listened on."""


@dataclass(frozen=True, slots=True)
class Sockets:
    """Listening TCP sockets, one for each endpoint; and UDP sockets, as many for each worker."""

    tcp: Sequence[socket.socket]
    udp: Sequence[Sequence[socket.socket]]


@contextlib.contextmanager
def bound_sockets(endpoints: Sequence[Endpoint], workers: int) -> Iterator[Sockets]:
    """The sockets of all endpoints, for so many workers; closed at the end. Raises ListenError."""
    with contextlib.ExitStack() as stack:
        # TCP first: its ports are never shared, so that of two servers that start at the same
        # moment one is refused here, and does not come between the other's steps below.
        tcp = [stack.enter_context(bind_tcp(endpoint)) for endpoint in endpoints]
        udp = [
            [stack.enter_context(each) for each in bind_udp_shared(endpoint, workers)]
            for endpoint in endpoints
        ]
        yield Sockets(tcp, list(zip(*udp, strict=True)))


def check_free(endpoints: Sequence[Endpoint], workers: int) -> None:
    """Whether all endpoints can be bound just now, of which they are let go. Raises ListenError."""
    with bound_sockets(endpoints, workers):
        pass


def bind_udp(endpoint: Endpoint) -> socket.socket:
    """A bound UDP socket, not blocking. Raises ListenError."""
    # No SO_REUSEADDR: for UDP it would let a second server take part of the queries unseen.
    return _bind(endpoint, socket.SOCK_DGRAM, "UDP")


def bind_udp_shared(endpoint: Endpoint, workers: int) -> list[socket.socket]:
    """A UDP socket for each worker; the kernel spreads clients among them. Raises ListenError.

    The port is refused, as ever, where another program has it.
    """
    if workers == 1:
        return [bind_udp(endpoint)]
    # SO_REUSEPORT lets any program of the same user in that sets it too, and it would take part of
    # the queries unseen. Binding without it is refused by every socket that is there already. What
    # it does not keep out is a program of the same user that sets the option and comes later, in
    # the moment between the two bindings or after them; a server of ours is none, since it begins
    # as we do.
    with bind_udp(endpoint) as probe:
        free = replace(endpoint, port=probe.getsockname()[1])
    with contextlib.ExitStack() as stack:
        shared = [
            stack.enter_context(_bind(free, socket.SOCK_DGRAM, "UDP", share=True))
            for _ in range(workers)
        ]
        stack.pop_all()  # all went well: they stay open
    return shared


def bind_tcp(endpoint: Endpoint) -> socket.socket:
    """A listening TCP socket, not blocking. Raises ListenError."""
    return _bind(endpoint, socket.SOCK_STREAM, "TCP")


def _bind(
    endpoint: Endpoint, kind: socket.SocketKind, name: str, *, share: bool = False
) -> socket.socket:
    family = socket.AF_INET6 if ":" in endpoint.address else socket.AF_INET
    try:
        bound = socket.socket(family, kind)
    except OSError as error:
        raise _refused(endpoint, name, error) from None
    try:
        bound.settimeout(0)
        if family == socket.AF_INET6:
            # [::] is IPv6 only, so that 0.0.0.0 beside it is another endpoint everywhere
            bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        if kind == socket.SOCK_DGRAM:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, UDP_RECEIVE_BUFFER_BYTES)
            _omit_path_mtu(bound)
        else:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # past TIME_WAIT
        if share:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        bound.bind((endpoint.address, endpoint.port))
        if kind == socket.SOCK_STREAM:
            bound.listen(TCP_BACKLOG)
    except OSError as error:
        bound.close()
        raise _refused(endpoint, name, error) from None
    return bound


def _omit_path_mtu(bound: socket.socket) -> None:
    """Has the kernel pass over what ICMP says of the way's MTU, where it can.

    Whoever forges that has replies cut into fragments, and those can be forged
    in their turn (RFC 9715). Ours fit everywhere: 1232 octets at most.
    """
    if sys.platform != "linux":
        return
    with contextlib.suppress(OSError):  # a kernel of before 2014
        bound.setsockopt(*_MTU_DISCOVER[bound.family], _PMTUDISC_OMIT)


def _refused(endpoint: Endpoint, name: str, error: OSError) -> ListenError:
    sentence = _SENTENCES.get(error.errno or 0, f"cannot be listened on: {error.strerror}")
    return ListenError(f"dns.listen: {endpoint} ({name}) {sentence}")
