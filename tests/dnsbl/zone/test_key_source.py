"""Keys are followed: what is committed is heeded at once, and no damage stops anything."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest
import structlog.testing
from house import ZONE_TEXT, House

from dnsbl.network import parse
from dnsbl.store import access_keys, journal, listings
from dnsbl.store.access_keys import AccessKey, key_hash
from dnsbl.store.database import Database, open_writer
from dnsbl.store.listings import Listing
from dnsbl.zone import key_source, source
from dnsbl.zone.follow import Follower
from dnsbl.zone.key_source import KeySource
from dnsbl.zone.keys import KeyRing
from dnsbl.zone.zones import Zones

NOW = 1_800_000_000
WAIT_S = 60  # generous: a failure still ends, and a loaded machine is slow
LABEL = b"abcdefghijklmnopqrstuvwxyz"
HASH = key_hash(LABEL) or b""
# Whatever other clients may have made of the table.
LOOSE = (
    "CREATE TABLE access_keys "
    "(key_hash, zone, holder, quota_per_day, created_at, expires_at, revoked_at)"
)
ODD = "INSERT INTO access_keys VALUES (7, 'bl.example', 'x', 'much', x'00', NULL, NULL)"
CHANGED = "UPDATE meta SET value = value + 1 WHERE key = 'access_keys_version'"
ACME = AccessKey(HASH, "bl.example", "acme", 1000, NOW)


class Followed:
    """A follower at work, and the zones that it keeps in step."""

    def __init__(self, house: House) -> None:
        self.path = house.config.data.database
        self.zones = Zones(house.config.zones)
        self.follower = Follower(self.path, self.zones, now=lambda: float(NOW))

    def holder(self, origin: str = "bl.example", label: bytes = LABEL) -> str | None:
        """Who has the key of that label."""
        zone = self.zones.get(origin)
        assert zone is not None
        key = zone.keys.find(label)
        return None if key is None else key.holder

    async def until(self, condition: Callable[[], bool]) -> None:
        """Returns once the condition holds; fails where it takes far too long."""
        async with asyncio.timeout(WAIT_S):
            while not condition():  # noqa: ASYNC110  # it watches values, as an operator would
                await asyncio.sleep(0.005)


@pytest.fixture
async def followed(house: House, database: Database) -> AsyncIterator[Followed]:
    """A follower of two zones; one has a key."""
    house.write_zone(ZONE_TEXT.replace("bl.example", "dul.example"), "dul.example")
    access_keys.add(database, ACME)
    followed = Followed(house)
    try:
        await followed.follower.load()
        task = asyncio.create_task(followed.follower.run())
        try:
            yield followed
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
    finally:
        await followed.follower.close()


@pytest.fixture
def shell(database: Database) -> Iterator[sqlite3.Connection]:
    """Another client of the house's database."""
    with contextlib.closing(sqlite3.connect(database.path, isolation_level=None)) as connection:
        yield connection


async def test_keys_come_with_the_first_load(followed: Followed) -> None:
    """Each in its zone's ring."""
    assert followed.holder() == "acme"
    assert followed.holder("dul.example") is None


async def test_changes_of_every_writer_are_followed(
    followed: Followed, database: Database, shell: sqlite3.Connection
) -> None:
    """Added, moved to another zone, revoked and deleted, by our own commands or any client."""
    shell.execute("UPDATE access_keys SET zone = 'dul.example'")
    await followed.until(lambda: followed.holder("dul.example") == "acme")
    assert followed.holder() is None

    access_keys.revoke(database, HASH, NOW)
    await followed.until(lambda: followed.holder("dul.example") is None)

    shell.execute("DELETE FROM access_keys")
    access_keys.add(database, ACME)
    await followed.until(lambda: followed.holder() == "acme")


async def test_changes_of_listings_read_no_keys(
    followed: Followed, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Thousands of keys are not read again for each listing."""

    def unwanted(*_: object) -> Iterator[AccessKey]:
        raise AssertionError("read for nothing")

    monkeypatch.setattr(access_keys, "of_zones", unwanted)
    with structlog.testing.capture_logs() as logs:
        listings.add(database, Listing("bl.example", parse("192.0.2.7"), "spam", listed_at=NOW))
        await asyncio.wait_for(
            followed.follower.wait_applied(journal.position(database).last_seq), WAIT_S
        )

    assert [line["event"] for line in logs] == []


@pytest.mark.parametrize(
    "damage",
    [
        "DROP TABLE access_keys",
        "ALTER TABLE access_keys DROP COLUMN expires_at",
        f"DROP TABLE access_keys; {LOOSE}; {ODD}",
    ],
    ids=["missing", "without_a_column", "of_other_types"],
)
async def test_a_damaged_table_stops_nothing(
    followed: Followed,
    database: Database,
    shell: sqlite3.Connection,
    monkeypatch: pytest.MonkeyPatch,
    damage: str,
) -> None:
    """It is told once; keys stay as they were, listings are followed; mended, it is read again."""
    monkeypatch.setattr(key_source, "RETRY_S", 0.01)
    with structlog.testing.capture_logs() as logs:
        shell.executescript(f"{damage}; {CHANGED}")
        await followed.until(lambda: any(line["event"] == "keys_unreadable" for line in logs))
        for last in range(3):
            network = parse(f"192.0.2.{last}")
            listings.add(database, Listing("bl.example", network, "spam", listed_at=NOW))
        await asyncio.wait_for(
            followed.follower.wait_applied(journal.position(database).last_seq), WAIT_S
        )
    assert followed.holder() == "acme"
    assert followed.follower.database_readable
    assert [line["event"] for line in logs] == ["keys_unreadable"]

    shell.executescript(f"DROP TABLE IF EXISTS access_keys; {LOOSE}")
    await followed.until(lambda: followed.holder() is None)


async def test_a_version_that_is_gone_makes_every_commit_count(
    followed: Followed, shell: sqlite3.Connection
) -> None:
    """Whoever took it away did not hide any change."""
    shell.execute("DELETE FROM meta WHERE key LIKE 'access%'")
    shell.execute("UPDATE access_keys SET revoked_at = 1")

    await followed.until(lambda: followed.holder() is None)


async def test_replaced_database_has_its_own_keys(
    followed: Followed, database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As many changes as were made in the one before do not hide it."""
    monkeypatch.setattr(source, "FILE_CHECK_S", 0.0)
    with contextlib.closing(open_writer(tmp_path / "other.sqlite3")) as other:
        access_keys.add(other, AccessKey(HASH, "dul.example", "other", None, NOW))
    database.close()
    for suffix in ("", "-wal", "-shm"):
        followed.path.with_name(followed.path.name + suffix).unlink(missing_ok=True)
    (tmp_path / "other.sqlite3").replace(followed.path)

    await followed.until(lambda: followed.holder("dul.example") == "other")

    assert followed.holder() is None


def test_so_many_keys_of_a_zone_and_no_more(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The newest are known, revoked ones last; how many are left out is told."""
    monkeypatch.setattr(key_source, "KEYS_MAX", 2)
    for number in range(4):
        hashed = bytes([number]) * 32
        access_keys.add(database, AccessKey(hashed, "bl.example", f"h{number}", None, NOW + number))
    access_keys.revoke(database, bytes([3]) * 32, NOW)
    access_keys.add(database, AccessKey(bytes([9]) * 32, "dul.example", "h", None, NOW))
    rings = {"bl.example": KeyRing(), "dul.example": KeyRing()}

    with structlog.testing.capture_logs() as logs:
        KeySource(rings).follow(database, 1, anew=True)

    assert [len(ring) for ring in rings.values()] == [2, 1]
    assert logs == [
        {"event": "keys_loaded", "keys": {"bl.example": 2, "dul.example": 1}, "log_level": "info"},
        {"event": "keys_left_out", "keys": 1, "zone": "bl.example", "log_level": "warning"},
    ]
