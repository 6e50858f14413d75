"""A zone is read anew after a bulk import, while it answers and changes."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Callable

import pytest
import structlog.testing
from bulk_imports import COUNT, import_in_bulk
from house import House

from dnsbl.network import Network, parse
from dnsbl.store import journal, listings
from dnsbl.store.database import Database, StoreError
from dnsbl.store.listings import Listing
from dnsbl.zone import rebuild
from dnsbl.zone.contents import Contents
from dnsbl.zone.follow import Follower
from dnsbl.zone.source import Reread, Source
from dnsbl.zone.zone import Zone
from dnsbl.zone.zones import Zones

ZONE = "bl.example"
NOW = 1_800_000_000
WAIT_S = 60
FIRST, SECOND = parse("192.0.2.1"), parse("192.0.2.2")


def add(database: Database, network: Network) -> None:
    """Lists a network as spam."""
    listings.add(database, Listing(ZONE, network, "spam", listed_at=NOW))


class Held:
    """Readings of a zone that end when they are let go, after the snapshot was read."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.read = threading.Semaphore(0)
        self.go_on = threading.Semaphore(0)
        self.count = 0
        reread = Source.reread

        def slow(source: Source, contents: Contents, origin: str) -> Reread:
            found = reread(source, contents, origin)
            self.count += 1
            self.read.release()
            assert self.go_on.acquire(timeout=WAIT_S)
            return found

        monkeypatch.setattr(Source, "reread", slow)

    async def until_read(self) -> None:
        assert await asyncio.to_thread(self.read.acquire, timeout=WAIT_S)


class Followed:
    """A follower at work."""

    def __init__(self, house: House) -> None:
        self.zones = Zones(house.config.zones)
        self.zone: Zone = next(iter(self.zones))
        self.follower = Follower(house.config.data.database, self.zones, now=lambda: NOW)

    def listed(self, network: Network) -> bool:
        return bool(self.zone.listed(network, NOW))

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(WAIT_S):
            while not condition():  # noqa: ASYNC110  # it watches values, as an operator would
                await asyncio.sleep(0.005)

    async def caught_up(self, database: Database) -> None:
        async with asyncio.timeout(WAIT_S):
            await self.follower.wait_applied(journal.position(database).last_seq)


@pytest.fixture
async def followed(house: House, database: Database) -> AsyncIterator[Followed]:
    """Follows the house's database, in which one address is listed."""
    add(database, FIRST)
    followed = Followed(house)
    await followed.follower.load()
    task = asyncio.create_task(followed.follower.run())
    yield followed
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    await followed.follower.close()


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> Held:
    """Readings of a zone wait at their end."""
    return Held(monkeypatch)


async def test_bulk_import_is_answered(followed: Followed, database: Database) -> None:
    """All of it at once, and the serial is that of its one row in the journal."""
    last = import_in_bulk(database)

    await followed.caught_up(database)

    assert followed.listed(Network(4, last, 32))
    assert followed.listed(FIRST)
    assert len(followed.zone.radix) == COUNT + 1
    assert followed.zone.serial == journal.position(database).last_seq
    assert followed.follower.loads == 1


async def test_changes_show_while_a_zone_is_read(
    followed: Followed, database: Database, held: Held
) -> None:
    """A removal and an addition are answered at once, and not undone by what was read before.

    The serial stays below that of the import until the import answers: what
    answers by a serial has everything up to it.
    """
    serial = followed.zone.serial
    last = import_in_bulk(database)
    await held.until_read()

    listings.remove(database, ZONE, FIRST, "spam")
    add(database, SECOND)
    await followed.until(lambda: followed.listed(SECOND))

    assert not followed.listed(FIRST)
    assert not followed.listed(Network(4, last, 32))  # still being read
    assert followed.zone.serial == serial
    await followed.until(lambda: followed.follower.applied_seq < followed.follower.read_seq)
    held.go_on.release()
    await followed.caught_up(database)
    assert followed.listed(Network(4, last, 32))
    assert followed.listed(SECOND)
    assert not followed.listed(FIRST)
    assert followed.zone.serial == journal.position(database).last_seq


async def test_many_changes_meanwhile_are_taken_over(
    followed: Followed, database: Database, held: Held
) -> None:
    """More than one slice of them."""
    import_in_bulk(database)
    await held.until_read()
    many = [Network(4, 0xC6000000 | number, 32) for number in range(3 * rebuild.SLICE_CHANGES)]

    with database.transaction():
        for network in many:
            add(database, network)
    await followed.until(lambda: followed.listed(many[-1]))
    held.go_on.release()
    await followed.caught_up(database)

    assert all(followed.listed(network) for network in many)
    assert len(followed.zone.radix) == COUNT + 1 + len(many)


async def test_import_during_a_reading_is_read_after_it(
    followed: Followed, database: Database, held: Held
) -> None:
    """The first one answers meanwhile; nobody is told that all is applied before it is."""
    first = import_in_bulk(database)
    await held.until_read()
    second = import_in_bulk(database, first=1 << 24)
    await followed.until(lambda: followed.follower.read_seq == journal.position(database).last_seq)

    held.go_on.release()
    await held.until_read()

    assert followed.listed(Network(4, first, 32))
    assert not followed.listed(Network(4, second, 32))
    assert followed.follower.applied_seq < followed.follower.read_seq
    held.go_on.release()
    await followed.caught_up(database)
    assert followed.listed(Network(4, second, 32))
    assert held.count == 2


async def test_too_many_changes_begin_it_anew(
    followed: Followed, database: Database, held: Held, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is noted has a bound; what was read is thrown away beyond it."""
    monkeypatch.setattr(rebuild, "NOTED_CHANGES_MAX", 1)
    monkeypatch.setattr(rebuild, "RETRY_S", 0)
    import_in_bulk(database)
    await held.until_read()
    listings.remove(database, ZONE, FIRST, "spam")
    add(database, SECOND)
    add(database, parse("192.0.2.3"))
    await followed.until(lambda: followed.listed(parse("192.0.2.3")))

    held.go_on.release(2)
    await followed.caught_up(database)

    assert held.count == 2
    assert followed.listed(parse("192.0.2.3"))
    assert not followed.listed(FIRST)


async def test_reading_that_fails_is_tried_again(
    followed: Followed, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The zone answers as before, and the log says why it does."""
    monkeypatch.setattr(rebuild, "RETRY_S", 0)
    reread = Source.reread
    failures = [StoreError("the disk is asleep"), ValueError("a bug")]

    def failing(source: Source, contents: Contents, origin: str) -> Reread:
        if failures:
            raise failures.pop(0)
        return reread(source, contents, origin)

    monkeypatch.setattr(Source, "reread", failing)
    with structlog.testing.capture_logs() as logs:
        last = import_in_bulk(database)
        await followed.caught_up(database)

    assert followed.listed(Network(4, last, 32))
    told = [line["error"] for line in logs if line["event"] == "zone_not_rebuilt"]
    assert told == ["the disk is asleep", "a bug"]


async def test_import_into_a_zone_that_is_not_served(
    followed: Followed, database: Database
) -> None:
    """It is passed over, and what follows it is not held up."""
    import_in_bulk(database, zone="elsewhere.example")
    add(database, SECOND)

    await followed.caught_up(database)

    assert followed.listed(SECOND)
