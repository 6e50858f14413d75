"""`check` and [resolver]: each of its servers is asked, and those of no use are named."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

import dns.message
import dns.rcode
import pytest
from house import House, free_port
from scripted_dns import Script

from dnsbl.cli import health
from dnsbl.cli.finding import Finding
from dnsbl.cli.resolver_health import findings
from dnsbl.config import Endpoint, ResolverConfig

ROOT_SOA = (".", "SOA")


def serving() -> Script:
    """A name server to which the root is there."""
    script = Script()
    script.otherwise = dns.rcode.NOERROR
    return script


async def found(*ports: int, timeout_s: float = 10) -> list[tuple[str, str]]:
    """State and detail of each server's finding, in the order of the configuration."""
    config = ResolverConfig(tuple(Endpoint("127.0.0.1", port) for port in ports))
    there = await asyncio.to_thread(lambda: list(findings(config, timeout_s)))
    assert [item.subject for item in there] == [f"resolver 127.0.0.1:{port}" for port in ports]
    return [(item.state, item.detail) for item in there]


async def test_without_servers_nobody_is_asked() -> None:
    """And no line is about them."""
    assert await found() == []


async def test_a_server_that_answers_is_well_and_asked_once() -> None:
    """For the SOA of the root, which every resolver can look up."""
    async with serving() as script:
        assert await found(script.port) == [("ok", "answers")]
        assert script.asked == [(".", "SOA", "udp")]


async def test_a_silent_server_is_named_beside_one_that_answers() -> None:
    """A warning: the portal asks the others."""
    async with serving() as script, serving() as silent:
        silent.silent = True

        assert await found(silent.port, script.port, timeout_s=0.5) == [
            ("warning", "no answer within 0.5 s"),
            ("ok", "answers"),
        ]


async def test_it_is_an_error_where_none_answers() -> None:
    """Nothing can be looked up then."""
    states = [state for state, _ in await found(free_port(), free_port())]

    assert states == ["error", "error"]


def refusing(query: dns.message.Message) -> Iterable[bytes]:
    """As a resolver that serves another network."""
    reply = dns.message.make_response(query, recursion_available=True)
    reply.set_rcode(dns.rcode.REFUSED)
    return [reply.to_wire()]


def not_recursive(query: dns.message.Message) -> Iterable[bytes]:
    """As a name server that has zones of its own only."""
    return [dns.message.make_response(query).to_wire()]


def cut(query: dns.message.Message) -> Iterable[bytes]:
    """As no name server."""
    return [dns.message.make_response(query).to_wire()[:13]]


@pytest.mark.parametrize(
    ("way", "said"),
    [
        (refusing, "answers REFUSED when asked for the SOA of the root"),
        (not_recursive, "looks nothing up for us: it offers no recursion"),
        (cut, "the answer makes no sense: "),
    ],
)
async def test_a_server_of_no_use_is_told_so(way: object, said: str) -> None:
    """In words that say what to look at."""
    async with serving() as script:
        script.ways[ROOT_SOA] = way  # type: ignore[assignment]
        ((state, detail),) = await found(script.port)

    assert state == "error"
    assert detail.startswith(said)


async def test_a_closed_port_is_known_at_once() -> None:
    """Without waiting for the time to be over."""
    ((state, detail),) = await found(free_port(), timeout_s=60)

    assert (state, detail) == ("error", "cannot be reached: Connection refused")


async def test_check_asks_the_servers_of_the_configuration(house: House) -> None:
    """It is among all that is examined."""
    async with serving() as script:
        house.write_config(f'[resolver]\nservers = ["127.0.0.1:{script.port}"]')
        there = await asyncio.to_thread(lambda: list(health.examine(house.config)))

    assert Finding(f"resolver 127.0.0.1:{script.port}", "ok", "answers") in there
