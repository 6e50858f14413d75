"""The watch beside the pages: what anybody's change of the listings becomes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import closing

import pytest
from hooked import notified
from house import House
from portal import START, Clock
from structlog.typing import EventDict

from api.expiry import Expiry
from api.truth import Truth
from api.watch import BATCH_ROWS, Watch
from dnsbl.network import Network, parse
from dnsbl.store import delistings, exclusions, listings
from dnsbl.store.database import Database, open_writer
from dnsbl.store.exclusions import Exclusion
from dnsbl.store.listings import Listing

MANY = 10_000


@pytest.fixture
async def truth(house: House) -> AsyncIterator[Truth]:
    """The sidecar's view of the database, without its workers."""
    truth = Truth(house.config.data.database)
    await truth.open()
    yield truth
    await truth.close()


async def look(watch: Watch) -> int:
    """Rounds until nothing is new; how many."""
    rounds = 1
    while await watch.round():
        rounds += 1
    return rounds


def add(database: Database, network: str) -> None:
    """Lists a network."""
    listings.add(database, Listing("bl.example", parse(network), "spam", listed_at=START))


def add_many(database: Database) -> None:
    """Lists many addresses in one transaction, each with its row of the journal."""
    rows = (
        Listing("bl.example", Network(4, 0xCB007100 + n, 32), "spam", listed_at=START)
        for n in range(MANY)
    )
    for _ in listings.add_many(database, rows):
        pass


async def told(truth: Truth) -> list[str]:
    """The kinds of the events there are."""
    rows = await truth.read(lambda database: database.rows("SELECT kind FROM events ORDER BY id"))
    return [row["kind"] for row in rows]


async def test_another_programs_change_is_told(house: House, truth: Truth, clock: Clock) -> None:
    """And whoever hands it on is called."""
    called: list[bool] = []

    async def hand_on() -> None:
        called.append(True)

    watch = Watch([notified()], truth, clock, hand_on)
    await look(watch)
    with closing(open_writer(house.config.data.database)) as other:
        add(other, "192.0.2.1/32")
    await look(watch)

    assert await told(truth) == ["listing.added"]
    assert called == [True]


@pytest.mark.parametrize(
    "hooks",
    [[], [notified(events=("delist.*",))], [notified(zones=("other.example",))]],
    ids=["none", "of requests", "of another zone"],
)
async def test_without_a_hook_that_wants_it_nothing_is_written(
    truth: Truth, clock: Clock, hooks: list[object]
) -> None:
    """A table of a million rows would be for nobody; the place goes on all the same."""
    watch = Watch(hooks, truth, clock)  # type: ignore[arg-type]
    await look(watch)
    await truth.write(add, "192.0.2.1/32")
    await look(watch)
    rounds = await look(watch)

    assert await told(truth) == []
    assert rounds == 1


async def test_a_change_is_told_once_over_a_restart(truth: Truth, clock: Clock) -> None:
    """The place is in the database."""
    await look(Watch([notified()], truth, clock))
    await truth.write(add, "192.0.2.1/32")
    await look(Watch([notified()], truth, clock))
    await look(Watch([notified()], truth, clock))

    assert await told(truth) == ["listing.added"]


async def test_nothing_is_written_while_nothing_changes(
    house: House, truth: Truth, clock: Clock
) -> None:
    """An import that runs does not keep it, nor it an import."""
    watch = Watch([notified()], truth, clock)
    await look(watch)
    with closing(open_writer(house.config.data.database)) as other, other.transaction():
        assert not await watch.round()


def delist(database: Database, network: str) -> None:
    """Takes an address out of the network around it, as the portal does."""
    grace = Exclusion(
        "bl.example", parse(network), "spam", grace=True, excluded_at=START, expires_at=START + 60
    )
    exclusions.exclude(database, grace)
    delistings.record(database, "bl.example", parse(network), "spam", now=START, request_id=0)


@pytest.mark.parametrize("way", ["expired", "voided", "removed"])
@pytest.mark.parametrize(
    ("wide", "network"),
    [("198.51.100.0/24", "198.51.100.7/32"), ("2001:db8:7::/48", "2001:db8:7:1::/64")],
)
async def test_the_end_of_an_exclusion_is_told_and_logged(
    truth: Truth, clock: Clock, log: list[EventDict], way: str, wide: str, network: str
) -> None:
    """Whoever ended it; as lapsed, unless new evidence voided it."""
    watch = Watch([notified()], truth, clock)
    await truth.write(add, wide)
    await truth.write(delist, network)
    await look(watch)
    clock.at += 60
    if way == "expired":
        await Expiry(truth, clock).round()
    elif way == "voided":
        await truth.write(add, network)
    else:
        await truth.write(exclusions.unexclude, "bl.example", parse(network), "spam")
    await look(watch)

    (line,) = [one for one in log if one["event"] == "relisted"]
    assert (line["network"], line["lapsed"]) == (network, way != "voided")
    assert line["listed"] == (network if way == "voided" else wide)
    assert (await told(truth))[-1] == "listing.relisted"


async def test_a_gap_in_the_journal_is_logged(
    truth: Truth, clock: Clock, log: list[EventDict]
) -> None:
    """With how many rows nobody saw."""
    watch = Watch([notified()], truth, clock)
    await look(watch)
    await truth.write(add_some)
    await truth.write(
        lambda database: database.change("DELETE FROM journal WHERE network < '192.0.2.3'")
    )
    await look(watch)

    assert [one["rows"] for one in log if one["event"] == "journal_missed"] == [3]
    assert await told(truth) == ["listing.added"] * 2


def add_some(database: Database) -> None:
    """Five addresses."""
    for number in range(5):
        add(database, f"192.0.2.{number}/32")


async def test_a_journal_begun_anew_is_logged(
    truth: Truth, clock: Clock, log: list[EventDict]
) -> None:
    """It goes on from its end."""
    watch = Watch([notified()], truth, clock)
    await look(watch)
    await truth.write(
        lambda database: database.change(
            "UPDATE meta SET value = '99999999999 0' WHERE key = 'journal_told'"
        )
    )
    await look(watch)
    await truth.write(add, "192.0.2.1/32")
    await look(watch)

    assert [one["was_at"] for one in log if one["event"] == "journal_begun_anew"] == [99999999999]
    assert await told(truth) == ["listing.added"]


async def test_another_database_in_the_files_place_is_followed(
    house: House, truth: Truth, clock: Clock
) -> None:
    """From its own place on: what it has not told yet is told."""
    watch = Watch([notified()], truth, clock)
    await look(watch)
    file = house.config.data.database
    copy = file.with_name("copy.sqlite3")
    await truth.write(add, "192.0.2.1/32")
    with closing(open_writer(file)) as database:
        database.connection.execute("VACUUM INTO ?", [str(copy)])
    await look(watch)
    await truth.write(add, "192.0.2.2/32")
    await look(watch)
    copy.replace(file)
    for suffix in ("-wal", "-shm"):
        file.with_name(f"{file.name}{suffix}").unlink(missing_ok=True)
    await look(watch)

    assert await told(truth) == ["listing.added"]


async def test_many_changes_at_once_hold_up_nobody(truth: Truth, clock: Clock) -> None:
    """Ten thousand listings become events in batches; reads and writes get their turn between."""
    watch = Watch([notified()], truth, clock)
    await look(watch)
    await truth.write(add_many)
    waits: list[float] = []

    async def visit() -> None:
        while True:
            began = time.perf_counter()
            await truth.read(lambda database: database.row("SELECT 1"))
            await truth.write(lambda database: database.change("DELETE FROM suppressions"))
            waits.append(time.perf_counter() - began)
            await asyncio.sleep(0)

    visitor = asyncio.create_task(visit())
    rounds = await look(watch)
    visitor.cancel()
    await asyncio.gather(visitor, return_exceptions=True)

    assert rounds == MANY // BATCH_ROWS
    assert len(await told(truth)) == MANY
    assert len(waits) >= rounds // 2  # one for each batch, more or less
