"""Binding an address and a port, or a sentence that says why that cannot be."""

from __future__ import annotations

import errno
import socket
from typing import Final

from dnsbl.config import Endpoint
from dnsbl.errors import DnsblError

# A burst waits here while the loop is busy; the kernel gives what net.core.rmem_max allows.
UDP_RECEIVE_BUFFER_BYTES: Final = 4 << 20
TCP_BACKLOG: Final = 1024

_SENTENCES: Final = {
    errno.EADDRINUSE: "is in use by another program",
    errno.EACCES: "may not be used; ports below 1024 need root or CAP_NET_BIND_SERVICE",
    errno.EADDRNOTAVAIL: "is not an address of this machine",
    errno.EAFNOSUPPORT: "is of an address family that this machine does not have",
}


class ListenError(DnsblError):
    """An address and a port that cannot be listened on."""


def bind_udp(endpoint: Endpoint) -> socket.socket:
    """A bound UDP socket, not blocking. Raises ListenError."""
    # No SO_REUSEADDR: for UDP it would let a second server take part of the queries unseen.
    return _bind(endpoint, socket.SOCK_DGRAM, "UDP")


def bind_tcp(endpoint: Endpoint) -> socket.socket:
    """A listening TCP socket, not blocking. Raises ListenError."""
    return _bind(endpoint, socket.SOCK_STREAM, "TCP")


def _bind(endpoint: Endpoint, kind: socket.SocketKind, name: str) -> socket.socket:
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
        else:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # past TIME_WAIT
        bound.bind((endpoint.address, endpoint.port))
        if kind == socket.SOCK_STREAM:
            bound.listen(TCP_BACKLOG)
    except OSError as error:
        bound.close()
        raise _refused(endpoint, name, error) from None
    return bound


def _refused(endpoint: Endpoint, name: str, error: OSError) -> ListenError:
    sentence = _SENTENCES.get(error.errno or 0, f"cannot be listened on: {error.strerror}")
    return ListenError(f"dns.listen: {endpoint} ({name}) {sentence}")
