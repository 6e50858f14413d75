"""Queries on their way from those who answer to those who look."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence

import dns.message
import pytest
import structlog.testing

from dnsbl.network import parse
from dnsbl.server.background import in_background
from dnsbl.server.observation import Narrator, Observation
from dnsbl.server.observe import NOTHING, QUEUE_MAX, Observers, Rates
from dnsbl.wire.message import Query, decode
from dnsbl.wire.numbers import Rcode
from dnsbl.wire.record import Answer
from dnsbl.zone.zones import Zones

NOW = 1_800_000_000.0
CLIENT = parse("198.51.100.53")
LISTED = Answer(Rcode.NOERROR, zone="bl.example", listed=("spam",))
UNLISTED = Answer(Rcode.NXDOMAIN, zone="bl.example")
MESSAGE = dns.message.make_query("7.2.0.192.bl.example", "A").to_wire()
ALL = Rates(1, 1)


class Onlooker:
    """A consumer that keeps what it is given."""

    def __init__(self) -> None:
        self.seen: list[Observation] = []
        self.missing = 0
        self.came = threading.Event()

    def take(self, observations: Sequence[Observation]) -> None:
        self.seen += observations
        self.came.set()

    def lost(self, count: int) -> None:
        self.missing += count


class FakeDrain:
    """What is wanted of the compiled path."""

    def __init__(self) -> None:
        self.wanted: list[tuple[int, int]] = []

    def watch(self, listed_every: int, other_every: int) -> None:
        self.wanted.append((listed_every, other_every))


@pytest.fixture
def query() -> Query:
    """A query as it is decoded."""
    decoded = decode(MESSAGE)
    assert isinstance(decoded, Query)
    return decoded


@pytest.fixture
def observers(zones: Zones) -> Observers:
    """Two workers', at one moment."""
    narrator = Narrator(zones, lambda _query, _now, _client: LISTED)
    return Observers(narrator, (1, 2), now=lambda: NOW)


def test_nothing_is_seen_unless_it_is_wanted(observers: Observers, query: Query) -> None:
    """Nor once it is wanted no more."""
    onlooker = Onlooker()
    worker = observers.workers[0]

    assert not worker.watching
    worker.saw("udp", CLIENT, query, LISTED, 80)
    observers.want(onlooker, ALL)
    assert worker.watching
    observers.want(onlooker, NOTHING)
    assert not worker.watching
    worker.saw("udp", CLIENT, query, LISTED, 80)
    observers.look()

    assert onlooker.seen == []


def test_all_workers_are_seen(observers: Observers, query: Query) -> None:
    """Of either path, in the order in which they came."""
    onlooker = Onlooker()
    observers.want(onlooker, ALL)

    observers.workers[0].saw("tcp", CLIENT, query, LISTED, 80)
    observers.workers[1].saw_all([(bytes([198, 51, 100, 53]), MESSAGE, MESSAGE[:12] + bytes(60))])
    observers.look()

    assert [(each.worker, each.transport, each.octets) for each in onlooker.seen] == [
        (1, "tcp", 80), (2, "udp", 72),
    ]  # fmt: skip
    assert {(each.at, each.client, each.weight) for each in onlooker.seen} == {(NOW, CLIENT, 1)}


def test_a_consumer_that_breaks_does_not_end_the_others(observers: Observers, query: Query) -> None:
    """It is logged, and what comes next is handed to both again."""

    class Broken(Onlooker):
        def take(self, observations: Sequence[Observation]) -> None:
            super().take(observations)
            raise ZeroDivisionError

    broken, sound = Broken(), Onlooker()
    for onlooker in (broken, sound):
        observers.want(onlooker, ALL)

    with structlog.testing.capture_logs() as logs:
        for _ in range(2):
            observers.workers[0].saw("udp", CLIENT, query, LISTED, 80)
            observers.look()

    assert [len(onlooker.seen) for onlooker in (broken, sound)] == [2, 2]
    assert [line["event"] for line in logs] == ["observation_failed"] * 2


def test_listed_ones_and_others_are_sampled_apart(observers: Observers, query: Query) -> None:
    """One of so many, each of which stands for as many."""
    onlooker = Onlooker()
    observers.want(onlooker, Rates(listed=1, other=10))

    for _ in range(2_000):
        observers.workers[0].saw("udp", CLIENT, query, UNLISTED, 80)
    observers.workers[0].saw("udp", CLIENT, query, LISTED, 80)
    observers.look()

    weights = {each.listed: each.weight for each in onlooker.seen}
    assert weights == {(): 10, ("spam",): 1}
    assert 100 < sum(not each.listed for each in onlooker.seen) < 320  # 200 by chance


def test_a_drain_keeps_what_anybody_wants(observers: Observers) -> None:
    """The finer of two samples; those who watch later are told, and so are later drains."""
    first, second = Onlooker(), Onlooker()
    drain, late = FakeDrain(), FakeDrain()
    observers.workers[0].include(drain)

    observers.want(first, Rates(100, 0))
    observers.want(second, Rates(16, 64))
    observers.workers[1].include(late)
    observers.want(second, NOTHING)
    observers.want(first, NOTHING)

    assert drain.wanted == [(0, 0), (100, 0), (16, 64), (100, 0), (0, 0)]
    assert late.wanted == [(16, 64), (100, 0), (0, 0)]


def test_the_queue_is_bounded(observers: Observers, query: Query) -> None:
    """What finds no room is counted, and delays nobody."""
    onlooker = Onlooker()
    observers.want(onlooker, ALL)

    for _ in range(QUEUE_MAX + 5):
        observers.workers[0].saw("udp", CLIENT, query, UNLISTED, 80)
    observers.look()
    observers.look()

    assert (len(onlooker.seen), onlooker.missing) == (QUEUE_MAX, 5)


def test_a_query_that_breaks_us_ends_nothing(
    observers: Observers, query: Query, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is logged, without what it asked; the next one is seen."""
    onlooker = Onlooker()
    observers.want(onlooker, ALL)

    def broken(*_: object) -> None:
        raise ZeroDivisionError

    with monkeypatch.context() as patch, structlog.testing.capture_logs() as logs:
        patch.setattr(Narrator, "tell", broken)
        observers.workers[0].saw("udp", CLIENT, query, LISTED, 80)
        observers.look()
    observers.workers[0].saw("udp", CLIENT, query, LISTED, 80)
    observers.look()

    assert [line["event"] for line in logs] == ["observation_failed"]
    assert len(onlooker.seen) == 1


async def test_a_thread_looks_until_the_end(observers: Observers, query: Query) -> None:
    """Soon after it came; and what came last is seen before the stop is over."""
    onlooker = Onlooker()

    async with in_background(observers.run(), asyncio.Event()):
        observers.want(onlooker, ALL)
        observers.workers[0].saw("udp", CLIENT, query, LISTED, 80)
        assert await asyncio.to_thread(onlooker.came.wait, 20)
        observers.workers[0].saw("udp", CLIENT, query, UNLISTED, 80)

    assert [each.rcode for each in onlooker.seen] == ["NOERROR", "NXDOMAIN"]
    assert "observers" not in {thread.name for thread in threading.enumerate()}
