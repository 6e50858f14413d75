"""The resolver, against a server that answers, stays silent, errs and lies."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Iterable

import dns.flags
import dns.message
import dns.rcode
import pytest
from house import House
from scripted_dns import Script, aliases, records, wire_of
from structlog.typing import EventDict

from api import resolver as resolver_module
from api.resolver import Resolver, UnknownError, resolver_of
from dnsbl.config import Endpoint, ResolverConfig
from dnsbl.network import parse

ADDRESS = parse("203.0.113.7")
REVERSE = "7.113.0.203.in-addr.arpa"


class Clock:
    """Stands still until it is turned."""

    def __init__(self) -> None:
        self.at = 0.0

    def __call__(self) -> float:
        return self.at


@pytest.fixture
async def script() -> AsyncIterator[Script]:
    """The server that is asked."""
    async with Script() as script:
        yield script


@pytest.fixture
def clock() -> Clock:
    """The resolver's time."""
    return Clock()


@pytest.fixture
def resolver(script: Script, clock: Clock) -> Resolver:
    """Asks that server."""
    return Resolver(script.config(), clock)


@pytest.fixture
def impatient(script: Script, clock: Clock) -> Resolver:
    """Gives it a second."""
    return Resolver(script.config(timeout_s=1), clock)


async def test_reverse_names_and_addresses_and_exchangers_are_found(
    script: Script, resolver: Resolver
) -> None:
    """In lower case, without the last dot, in the order of the alphabet."""
    script.say(
        records(REVERSE, "PTR", "MX2.sender.example.", "mx1.sender.example."),
        records("mx1.sender.example", "A", "203.0.113.7", "203.0.113.8"),
        records("mx1.sender.example", "AAAA", "2001:db8::7"),
        records("sender.example", "MX", "20 mx2.sender.example.", "10 mx1.sender.example."),
    )

    assert await resolver.names_of(ADDRESS) == ("mx1.sender.example", "mx2.sender.example")
    assert await resolver.addresses("mx1.sender.example", 4) == {ADDRESS, parse("203.0.113.8")}
    assert await resolver.addresses("MX1.sender.example", 6) == {parse("2001:db8::7")}
    assert await resolver.exchangers("sender.example") == (
        "mx1.sender.example",
        "mx2.sender.example",
    )


async def test_an_ipv6_address_is_asked_for_by_its_nibbles(
    script: Script, resolver: Resolver
) -> None:
    """RFC 3596 §2.5."""
    await resolver.names_of(parse("2001:db8::7"))

    assert script.asked == [(f"7{'.0' * 23}.8.b.d.0.1.0.0.2.ip6.arpa", "PTR", "udp")]


async def test_a_null_mx_is_the_root(script: Script, resolver: Resolver) -> None:
    """RFC 7505 §3."""
    script.say(records("sender.example", "MX", "0 ."))

    assert await resolver.exchangers("sender.example") == ("",)


async def test_an_alias_is_followed(script: Script, resolver: Resolver) -> None:
    """Reverse names below a /24 are delegated by such (RFC 2317)."""
    alias = "7.0-63.113.0.203.in-addr.arpa"
    script.say(
        *aliases(REVERSE, "PTR", alias),
        records(REVERSE, "PTR", "mx.sender.example.", owner=alias),
    )

    assert await resolver.names_of(ADDRESS) == ("mx.sender.example",)


async def test_nothing_there_is_an_answer(script: Script, resolver: Resolver) -> None:
    """No such name, and no such record."""
    script.say(records("sender.example", "A", "203.0.113.7"))

    assert await resolver.exchangers("nobody.example") == ()
    assert await resolver.exchangers("sender.example") == ()
    assert await resolver.addresses("sender.example", 6) == frozenset()


@pytest.mark.parametrize("rcode", [dns.rcode.SERVFAIL, dns.rcode.REFUSED, dns.rcode.FORMERR])
async def test_trouble_is_no_answer(
    script: Script, resolver: Resolver, rcode: dns.rcode.Rcode, log: list[EventDict]
) -> None:
    """It is told at once, not after the time for an answer, and noted for the operator."""
    script.otherwise = rcode
    started_at = time.monotonic()

    with pytest.raises(UnknownError, match=r"do not say what sender\.example has as MX"):
        await resolver.exchangers("sender.example")
    assert time.monotonic() - started_at < 5
    assert [(event["event"], event["name"], event["kind"]) for event in log] == [
        ("dns_unanswered", "sender.example", "MX")
    ]


async def test_silence_ends_in_time(script: Script, impatient: Resolver) -> None:
    """After timeout_s, having asked a second time meanwhile."""
    script.silent = True
    started_at = time.monotonic()

    with pytest.raises(UnknownError):
        await impatient.exchangers("sender.example")
    assert 0.9 <= time.monotonic() - started_at < 5
    assert script.count("sender.example", "MX") == 2


async def test_a_lost_datagram_is_asked_for_again(script: Script) -> None:
    """One of two that is lost costs half of the time, not the answer."""
    script.say(records("sender.example", "MX", "10 mx.sender.example."))
    lost: list[bytes] = []

    def way(query: dns.message.Message) -> Iterable[bytes]:
        if not lost:
            lost.append(b"")
            return []
        return [wire_of(script.reply(query))]

    script.ways["sender.example", "MX"] = way

    resolver = Resolver(script.config(timeout_s=4))
    assert await resolver.exchangers("sender.example") == ("mx.sender.example",)


async def test_the_next_server_is_asked_where_one_is_down(script: Script) -> None:
    """Nobody listens at the first."""
    async with Script() as gone:
        pass
    servers = (Endpoint("127.0.0.1", gone.port), *script.config().servers)
    script.say(records("sender.example", "MX", "10 mx.sender.example."))

    resolver = Resolver(ResolverConfig(servers, timeout_s=4))

    assert await resolver.exchangers("sender.example") == ("mx.sender.example",)


def forged(query: dns.message.Message, script: Script) -> dns.message.Message:
    """An answer that says something else than the honest one."""
    reply = script.reply(query)
    reply.answer = [records("sender.example", "MX", "10 evil.example.")[2]]
    return reply


def wrong_id(query: dns.message.Message, script: Script) -> bytes:
    """With another transaction id."""
    reply = forged(query, script)
    reply.id = (query.id + 1) % 65_536
    return wire_of(reply)


def wrong_question(query: dns.message.Message, script: Script) -> bytes:
    """To another question."""
    reply = forged(query, script)
    reply.question = dns.message.make_query("other.example", "MX").question
    return wire_of(reply)


def no_answer_bit(query: dns.message.Message, script: Script) -> bytes:
    """A query, not an answer."""
    reply = forged(query, script)
    reply.flags &= ~dns.flags.QR
    return wire_of(reply)


def cut(query: dns.message.Message, script: Script) -> bytes:
    """That ends in the middle."""
    return wire_of(forged(query, script))[:-7]


def garbage(query: dns.message.Message, _: Script) -> bytes:
    """Of which only the id is right."""
    return query.to_wire()[:2] + b"\xff" * 40


@pytest.mark.parametrize("lie", [wrong_id, wrong_question, no_answer_bit, cut, garbage])
async def test_forged_answers_are_passed_over(
    script: Script, resolver: Resolver, lie: object
) -> None:
    """RFC 5452 §9.1: what does not answer our question is waited past, for what does."""
    assert callable(lie)
    script.say(records("sender.example", "MX", "10 mx.sender.example."))
    script.ways["sender.example", "MX"] = lambda query: [
        *[lie(query, script)] * 3,
        wire_of(script.reply(query)),
    ]

    assert await resolver.exchangers("sender.example") == ("mx.sender.example",)


async def test_records_of_other_names_are_not_believed(script: Script, resolver: Resolver) -> None:
    """Whoever answers for one name does not answer for another."""
    script.say(records("sender.example", "MX", "10 evil.example.", owner="other.example"))

    assert await resolver.exchangers("sender.example") == ()


async def test_a_loop_of_aliases_ends(script: Script, resolver: Resolver) -> None:
    """As not known."""
    script.say(*aliases("one.example", "MX", "other.example", "one.example"))

    with pytest.raises(UnknownError):
        await resolver.exchangers("one.example")


async def test_a_long_chain_of_aliases_ends(script: Script, resolver: Resolver) -> None:
    """After sixteen steps."""
    script.say(*aliases("a.example", "MX", *(f"a{step}.example" for step in range(30))))

    with pytest.raises(UnknownError):
        await resolver.exchangers("a.example")


async def test_a_long_answer_comes_by_tcp(script: Script, resolver: Resolver) -> None:
    """A thousand reverse names; so many are kept, the first of the alphabet."""
    script.say(records(REVERSE, "PTR", *(f"host{host:04}.sender.example." for host in range(1000))))

    names = await resolver.names_of(ADDRESS)
    assert names == tuple(f"host{host:04}.sender.example" for host in range(128))
    assert [transport for _, _, transport in script.asked] == ["udp", "tcp"]


async def test_a_huge_answer_is_read_beside_the_event_loop(
    script: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It takes a tenth of a second to read: nobody else waits for as long as that."""
    script.say(
        records("huge.example", "A", *(f"203.0.{host // 256}.{host % 256}" for host in range(4000)))
    )
    read: list[tuple[bool, bool]] = []
    from_wire = dns.message.from_wire

    def watched(wire: bytes, **options: object) -> dns.message.Message:
        read.append((len(wire) > 60_000, threading.current_thread() is threading.main_thread()))
        return from_wire(wire, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(dns.message, "from_wire", watched)

    found = await Resolver(script.config()).addresses("huge.example", 4)
    assert len(found) == 128
    assert [by_loop for is_huge, by_loop in read if is_huge] == [False]


@pytest.mark.parametrize("answer", [b"", b"\x00" * 12, b"\xff" * 30])
async def test_nonsense_by_tcp_is_not_known(
    script: Script, resolver: Resolver, answer: bytes
) -> None:
    """A connection that closes, an empty message, one that cannot be read."""
    script.ways["sender.example", "MX"] = lambda query: (
        [wire_of(dns.message.make_response(query), 1)] if len(script.asked) == 1
        else [answer] * bool(answer)
    )  # fmt: skip

    with pytest.raises(UnknownError):
        await resolver.exchangers("sender.example")


async def test_silence_by_tcp_ends_in_time(script: Script, impatient: Resolver) -> None:
    """A server that cuts its answer short and then says nothing."""

    def way(query: dns.message.Message) -> Iterable[bytes]:
        script.ways.clear()
        script.silent = True
        return [wire_of(dns.message.make_response(query), 1)]

    script.ways["sender.example", "MX"] = way
    started_at = time.monotonic()

    with pytest.raises(UnknownError):
        await impatient.exchangers("sender.example")
    assert time.monotonic() - started_at < 5


@pytest.mark.parametrize(("ttl", "kept_s"), [(0, 30), (100, 100), (86_400, 300)])
async def test_an_answer_is_kept(
    script: Script, resolver: Resolver, clock: Clock, ttl: int, kept_s: int
) -> None:
    """For its time to live, but half a minute at least and five minutes at most."""
    script.say(records("sender.example", "MX", "10 mx.sender.example.", ttl=ttl))

    for at in (0, kept_s - 1, kept_s, kept_s + 1):
        clock.at = at
        await resolver.exchangers("sender.example")
    assert script.count("sender.example", "MX") == 2


async def test_that_there_is_nothing_is_kept_for_half_a_minute(
    script: Script, resolver: Resolver, clock: Clock
) -> None:
    """Whoever mends his DNS is not held to what it was."""
    for at in (0, 29, 30):
        clock.at = at
        await resolver.exchangers("nobody.example")

    assert script.count("nobody.example", "MX") == 2


async def test_that_nobody_says_is_kept_for_some_seconds(
    script: Script, resolver: Resolver, clock: Clock
) -> None:
    """A server in trouble is not asked the same by everybody."""
    script.otherwise = dns.rcode.SERVFAIL

    for at in (0, 4, 5):
        clock.at = at
        with pytest.raises(UnknownError):
            await resolver.exchangers("sender.example")
    assert script.count("sender.example", "MX") == 2


async def test_the_cache_is_bounded(
    script: Script, resolver: Resolver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was asked first goes first."""
    monkeypatch.setattr(resolver_module, "CACHED_MAX", 3)

    for name in ("a", "b", "c", "d", "d", "a"):
        await resolver.exchangers(name)
    assert [name for name, _, _ in script.asked] == ["a", "b", "c", "d", "a"]


async def test_the_same_question_is_asked_once_for_all(script: Script, resolver: Resolver) -> None:
    """A hundred visitors at once, of whom some leave, are one question."""
    script.say(records("sender.example", "MX", "10 mx.sender.example."))

    visitors = [asyncio.create_task(resolver.exchangers("sender.example")) for _ in range(100)]
    await asyncio.sleep(0)
    for visitor in visitors[:50]:
        visitor.cancel()
    answers = await asyncio.gather(*visitors[50:])
    assert answers == [("mx.sender.example",)] * 50
    assert script.count("sender.example", "MX") == 1


async def test_few_questions_are_asked_at_once(script: Script, impatient: Resolver) -> None:
    """A thousand visitors with as many domains do not open as many sockets, and all end in time."""
    script.silent = True
    started_at = time.monotonic()

    results = await asyncio.gather(
        *(impatient.exchangers(f"d{number}.example") for number in range(500)),
        return_exceptions=True,
    )
    assert all(isinstance(result, UnknownError) for result in results)
    assert 64 <= len({name for name, _, _ in script.asked}) < 150
    assert time.monotonic() - started_at < 8


def test_no_servers_are_no_resolver(house: House) -> None:
    """Nobody is asked then, least of all the system's."""
    assert resolver_of(house.config) is None
