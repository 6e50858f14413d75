"""The radix and the database agree, whoever wrote."""

from __future__ import annotations

import asyncio
import contextlib
import random
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

from everything import everything
from house import House
from sqlite_utils import Database as SqliteUtils

from dnsbl.network import Network, parse
from dnsbl.store import exclusions, journal, listings
from dnsbl.store.database import Database, open_writer
from dnsbl.store.exclusions import Exclusion
from dnsbl.store.listings import Listing
from dnsbl.verdict import decide
from dnsbl.zone.follow import Follower
from dnsbl.zone.zones import Zones

OPERATIONS = 10_000
WRITERS = 3
TRANSACTION_OPERATIONS_MAX = 12
NOW = 1_800_000_000
ZONE = "bl.example"
CATEGORIES = ("spam", "policy")
ZONE_TEXT = """
origin = "bl.example"
nameservers = ["ns1.bl.example"]
hostmaster = "hostmaster@bl.example"
[category.spam]
answer = "127.0.0.2"
text = "spam $"
[category.policy]
answer = "127.0.0.3"
text = "policy $"
"""

# What one writer does once: with the random numbers that are its own.
Operation = Callable[[random.Random], None]


def some_network(chance: random.Random) -> Network:
    """One of a few hundred, so that the writers meet; nested, of both families."""
    if chance.random() < 0.7:
        return parse(f"198.18.{chance.randrange(4)}.{chance.randrange(32)}").widened(
            chance.choice((16, 22, 23, 24, 27, 28, 32, 32, 32))
        )
    return parse(f"2001:db8::{chance.randrange(48):x}").widened(chance.choice((32, 64, 122, 128)))


def some_time(chance: random.Random) -> int | None:
    """Never, long to come, or gone by."""
    return chance.choice((None, None, NOW + 10**6, NOW + 10**6 + 1, NOW - 5))


def by_the_store(database: Database) -> Operation:
    """Operations of the store's own interface."""

    def operation(chance: random.Random) -> None:
        network, category = some_network(chance), chance.choice(CATEGORIES)
        match chance.randrange(6):
            case 0 | 1:
                expires_at = some_time(chance)
                listings.add(database, Listing(ZONE, network, category, expires_at=expires_at))
            case 2:
                listings.remove(database, ZONE, network, category)
            case 3:
                exclusions.exclude(
                    database,
                    Exclusion(ZONE, network, chance.choice(("", category)),
                              grace=chance.random() < 0.5, expires_at=some_time(chance)),
                )  # fmt: skip
            case 4:
                exclusions.unexclude(database, ZONE, network, chance.choice(("", category)))
            case _:
                listings.take_expired(database, NOW, 3)

    return operation


def by_sql(connection: sqlite3.Connection) -> Operation:
    """Statements of a plain client: keys that move, rows replaced, many at once."""

    def operation(chance: random.Random) -> None:
        network, other = str(some_network(chance)), str(some_network(chance))
        category = chance.choice(CATEGORIES)
        match chance.randrange(6):
            case 0:
                connection.execute(
                    "INSERT OR IGNORE INTO listings (zone, network, category, expires_at) "
                    "VALUES (?, ?, ?, ?)",
                    (ZONE, network, category, some_time(chance)),
                )
            case 1:
                connection.execute(
                    "UPDATE OR IGNORE listings SET network = ? WHERE network = ?", (other, network)
                )
            case 2:
                connection.execute(
                    "UPDATE listings SET expires_at = ? WHERE network = ?",
                    (some_time(chance), network),
                )
            case 3:
                connection.execute("DELETE FROM listings WHERE network = ?", (network,))
            case 4:
                connection.execute(
                    "INSERT OR REPLACE INTO exclusions (zone, network, category) VALUES (?, ?, ?)",
                    (ZONE, network, chance.choice(("", category))),
                )
            case _:
                connection.execute(
                    "UPDATE OR REPLACE exclusions SET network = ? WHERE network = ?",
                    (other, network),
                )

    return operation


def by_sqlite_utils(db: SqliteUtils) -> Operation:
    """Rows as the `sqlite-utils` command writes them, wrong ones among them."""

    def operation(chance: random.Random) -> None:
        row = {
            "zone": chance.choice((ZONE, ZONE, ZONE, "elsewhere.example")),
            "network": str(some_network(chance)),
            "category": chance.choice((*CATEGORIES, "unheard-of")),
        }
        match chance.randrange(4):
            case 0:
                db.table("listings").insert(row | {"expires_at": some_time(chance)}, replace=True)
            case 1:
                db.table("listings").upsert(
                    row | {"reason": str(chance.random())}, pk=("zone", "network", "category")
                )
            case 2:
                db.table("listings").delete_where("network = ?", [row["network"]])
            case _:
                db.table("exclusions").delete_where("network = ?", [row["network"]])

    return operation


class _RolledBackError(Exception):
    """Undoes a transaction."""


@contextlib.contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """A write transaction of a plain client."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    except _RolledBackError:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


def write(
    begin: Callable[[], contextlib.AbstractContextManager[None]],
    operation: Operation,
    chance: random.Random,
) -> None:
    """A writer's share, in transactions of random size, of which some are rolled back."""
    left = OPERATIONS // WRITERS + 1
    while left > 0:
        batch = min(chance.randint(1, TRANSACTION_OPERATIONS_MAX), left)
        left -= batch
        with contextlib.suppress(_RolledBackError), begin():
            for _ in range(batch):
                operation(chance)
            if chance.random() < 0.05:
                raise _RolledBackError


def prepare(connection: sqlite3.Connection) -> None:
    """Settings that a client in earnest has but the first, which spares the disk."""
    connection.execute("PRAGMA synchronous = OFF")  # agreement is tested here, not power cuts
    connection.execute("PRAGMA busy_timeout = 60000")


def write_by_the_store(path: Path) -> None:
    """The first writer."""
    with contextlib.closing(open_writer(path)) as database:
        prepare(database.db.conn)
        write(database.transaction, by_the_store(database), random.Random(1))


def write_by_sql(path: Path) -> None:
    """The second."""
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
        prepare(connection)
        write(lambda: transaction(connection), by_sql(connection), random.Random(2))


def write_by_sqlite_utils(path: Path) -> None:
    """The third."""
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
        prepare(connection)
        operation = by_sqlite_utils(SqliteUtils(connection))
        write(lambda: transaction(connection), operation, random.Random(3))


async def test_radix_agrees_after_10000_operations_of_three_writers(
    house: House, database: Database
) -> None:
    """Followed while they write: the same contents as the database, and the same decisions."""
    house.write_zone(ZONE_TEXT)
    zones = Zones(house.config.zones)
    zone = next(iter(zones))
    follower = Follower(database.path, zones, now=lambda: NOW)
    await follower.load()
    following = asyncio.create_task(follower.run())
    try:
        writers = (write_by_the_store, write_by_sql, write_by_sqlite_utils)
        assert len(writers) == WRITERS
        await asyncio.gather(*(asyncio.to_thread(writer, database.path) for writer in writers))
        async with asyncio.timeout(60):
            await follower.wait_applied(journal.position(database).last_seq)
    finally:
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)
        await follower.close()

    held = [
        change.entry
        for change in everything(database)
        if change.zone == ZONE
        and change.category in ("", *CATEGORIES)
        and change.entry is not None
        and change.entry.live(NOW)
    ]
    assert len(held) > 100
    assert len(zone.radix) == len(held)
    assert set(zone.radix) == set(held)
    assert follower.loads == 1  # it was followed, not reloaded
    assert zone.serial == journal.serials(database)[ZONE]
    chance = random.Random(99)
    for _ in range(1_000):
        network = some_network(chance)
        entries = [
            entry
            for entry in listings.covering_entries(database, ZONE, network)
            if entry.category in ("", *CATEGORIES)
        ]
        found = {each.category.name: each.entry for each in zone.listed(network, NOW)}
        assert found == decide(entries, NOW)
