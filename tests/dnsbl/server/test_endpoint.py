"""Binding, or a sentence that says why not."""

from __future__ import annotations

import socket
import sys

import pytest
from house import House

from dnsbl.config import Endpoint
from dnsbl.server.endpoint import (
    ListenError,
    bind_tcp,
    bind_udp,
    bind_udp_shared,
    bound_sockets,
    check_free,
)


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


@pytest.mark.parametrize("shares", [False, True])
@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_shared_port_is_refused_where_it_is_in_use(address: str, *, shares: bool) -> None:
    """By whoever, even by a program that would share it: it would take part of the queries."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, int(shares))
        other.bind((address, 0))
        port = other.getsockname()[1]

        with pytest.raises(ListenError, match=r"\(UDP\) is in use by another program"):
            bind_udp_shared(Endpoint(address, port), 2)


@pytest.mark.parametrize("workers", [1, 2])
def test_port_of_workers_is_refused_to_a_second_server(house: House, workers: int) -> None:
    """However many threads the first or the second has."""
    endpoint = Endpoint("127.0.0.1", house.dns_port)
    with bound_sockets([endpoint], workers):
        for others in (1, 2):
            with pytest.raises(ListenError), bound_sockets([endpoint], others):
                pass
            with pytest.raises(ListenError):
                bind_udp_shared(endpoint, others)


def test_every_worker_has_a_socket_for_every_endpoint(house: House) -> None:
    """In the order of the endpoints; TCP has one each; all are closed in the end."""
    endpoints = [Endpoint(address, house.dns_port) for address in ("127.0.0.1", "127.0.0.2")]

    with bound_sockets(endpoints, 3) as sockets:
        names = [(endpoint.address, endpoint.port) for endpoint in endpoints]
        assert [each.getsockname() for each in sockets.tcp] == names
        assert [[each.getsockname() for each in worker] for worker in sockets.udp] == [names] * 3
    for group in (sockets.tcp, *sockets.udp):
        assert {each.fileno() for each in group} == {-1}


def test_sockets_are_closed_where_one_cannot_be_had(house: House) -> None:
    """The ports of all endpoints are free again, those that came before the trouble too."""
    endpoints = [Endpoint(address, house.dns_port) for address in ("127.0.0.1", "127.0.0.2")]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.2", house.dns_port))
        with (
            pytest.raises(ListenError, match=r"127\.0\.0\.2:\d+ \(UDP\) is in use"),
            bound_sockets(endpoints, 2),
        ):
            pass

    with bound_sockets(endpoints, 2):
        pass


def test_one_worker_shares_nothing() -> None:
    """A program that sets SO_REUSEPORT, and comes later, is kept out too."""
    (alone,) = bind_udp_shared(Endpoint("127.0.0.1", 0), 1)
    with alone, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)

        with pytest.raises(OSError, match="in use"):
            other.bind(alone.getsockname())


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such option")
@pytest.mark.parametrize(
    ("address", "level", "option"),
    [("127.0.0.1", socket.IPPROTO_IP, 10), ("::1", socket.IPPROTO_IPV6, 23)],
    ids=["IP_MTU_DISCOVER", "IPV6_MTU_DISCOVER"],
)
@pytest.mark.parametrize("workers", [1, 2])
def test_forged_icmp_makes_no_reply_fragment(
    address: str, level: int, option: int, workers: int
) -> None:
    """What ICMP says of the way's MTU is passed over (IP_PMTUDISC_OMIT), by every worker."""
    for bound in bind_udp_shared(Endpoint(address, 0), workers):
        with bound:
            assert bound.getsockopt(level, option) == 5


def test_what_is_free_is_only_looked_at(house: House) -> None:
    """It is still free afterwards; where it is not, that is said as ever."""
    endpoints = [Endpoint("127.0.0.1", house.dns_port)]

    check_free(endpoints, 2)
    with bound_sockets(endpoints, 1), pytest.raises(ListenError, match="is in use"):
        check_free(endpoints, 2)
