"""Binding, or a sentence that says why not."""

from __future__ import annotations

import socket

import pytest

from dnsbl.config import Endpoint
from dnsbl.server.endpoint import ListenError, bind_tcp, bind_udp


@pytest.mark.parametrize(("bind", "name"), [(bind_udp, "UDP"), (bind_tcp, "TCP")])
def test_port_in_use_is_said_plainly(bind: object, name: str) -> None:
    """A second server on the same port is told, not left to take half of the queries."""
    assert callable(bind)
    with bind(Endpoint("127.0.0.1", 0)) as first:
        port = first.getsockname()[1]

        with pytest.raises(ListenError) as refused:
            bind(Endpoint("127.0.0.1", port))

    assert str(refused.value) == (
        f"dns.listen: 127.0.0.1:{port} ({name}) is in use by another program"
    )


def test_address_of_another_machine_is_said_plainly() -> None:
    """An address that no interface has."""
    with pytest.raises(ListenError, match=r"192\.0\.2\.1:5300 .* not an address of this machine"):
        bind_udp(Endpoint("192.0.2.1", 5300))


def test_ipv6_wildcard_leaves_ipv4_to_its_own_endpoint() -> None:
    """[::] and 0.0.0.0 can be listened on side by side."""
    with bind_udp(Endpoint("::", 0)) as six:
        port = six.getsockname()[1]
        with bind_udp(Endpoint("0.0.0.0", port)) as four:
            assert four.getsockname()[1] == port


def test_udp_buffer_holds_a_burst() -> None:
    """More than the default, as far as the kernel allows."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as usual:
        before = usual.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF)
    with bind_udp(Endpoint("127.0.0.1", 0)) as bound:
        assert bound.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) > before
