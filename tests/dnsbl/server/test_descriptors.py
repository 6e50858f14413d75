"""How many files the process may have open, and how many connections that leaves."""

from __future__ import annotations

import resource

import pytest

from dnsbl.config import DnsConfig, Endpoint
from dnsbl.server.descriptors import connections_max
from dnsbl.server.endpoint import TCP_BACKLOG

DNS = DnsConfig(
    listen=(Endpoint("127.0.0.1", 5300), Endpoint("::1", 5300)),
    workers=1,
    tcp_idle_timeout_s=10,
    tcp_connections_max=1024,
)


class Limits:
    """Of a process, soft and hard, as `resource` has them."""

    def __init__(self, soft: int, hard: int) -> None:
        self.held = soft, hard

    def get(self, _: int) -> tuple[int, int]:
        return self.held

    def set(self, _: int, limits: tuple[int, int]) -> None:
        assert limits[0] <= limits[1] or limits[1] == resource.RLIM_INFINITY
        self.held = limits


@pytest.fixture
def limited(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Limits:
    """The process has the limits of the test's parameter."""
    limits = Limits(*request.param)
    monkeypatch.setattr(resource, "getrlimit", limits.get)
    monkeypatch.setattr(resource, "setrlimit", limits.set)
    return limits


@pytest.mark.parametrize("limited", [(256, 1 << 20), (256, resource.RLIM_INFINITY)], indirect=True)
def test_a_burst_beside_all_connections_has_room(limited: Limits) -> None:
    """All that may wait at both endpoints are accepted before the first can be refused."""
    assert connections_max(DNS, 1) == 1024
    assert limited.held[0] > 1024 + 2 * TCP_BACKLOG


@pytest.mark.parametrize("limited", [(256, 1500)], indirect=True)
def test_a_burst_costs_no_connection_where_the_limit_is_low(limited: Limits) -> None:
    """It passes in a moment; connections are served for long."""
    assert connections_max(DNS, 1) == 1024
    assert limited.held == (1500, 1500)


@pytest.mark.parametrize("limited", [(256, 512)], indirect=True)
def test_files_have_room_beside_fewer_connections(limited: Limits) -> None:
    """A hard limit below what is configured leaves the service its own."""
    connections = connections_max(DNS, 1)

    assert 256 < connections < 512 - 64
    assert limited.held == (512, 512)


@pytest.mark.parametrize("limited", [(resource.RLIM_INFINITY,) * 2], indirect=True)
def test_no_limit_stays_none(limited: Limits) -> None:
    """There is nothing to raise."""
    assert connections_max(DNS, 1) == 1024
    assert limited.held == (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
