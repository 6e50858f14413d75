"""The follower: what is committed is answered, whatever happens to the database."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import structlog.testing
from house import House

from dnsbl.network import Network, parse
from dnsbl.store import exclusions, journal, listings
from dnsbl.store.database import Database, DatabaseMissingError, open_reader, open_writer
from dnsbl.store.exclusions import Exclusion
from dnsbl.store.listings import Listing
from dnsbl.zone import source
from dnsbl.zone.follow import SLICE_CHANGES, Follower
from dnsbl.zone.zone import Zone
from dnsbl.zone.zones import Zones

ZONE = "bl.example"
ADDRESS = parse("192.0.2.7")
NOW = 1_800_000_000
WAIT_S = 60  # generous: a failure still ends, and a loaded machine is slow


def add(database: Database, network: Network = ADDRESS, **values: int) -> None:
    """Lists a network as spam."""
    listings.add(database, Listing(ZONE, network, "spam", listed_at=NOW, **values))


def plain(path: Path) -> contextlib.closing[sqlite3.Connection]:
    """A connection as any SQLite client has it."""
    return contextlib.closing(sqlite3.connect(path, isolation_level=None))


def insert(path: Path, network: str, zone: str = ZONE, category: str = "spam") -> None:
    """Adds a row as a plain SQLite client would."""
    with plain(path) as connection:
        connection.execute(
            "INSERT INTO listings (zone, network, category) VALUES (?, ?, ?)",
            (zone, network, category),
        )


def remove(path: Path) -> None:
    """Takes a database away, with the files that SQLite keeps beside it."""
    for suffix in ("", "-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)


def copy(database: Database, path: Path) -> None:
    """A copy, as SQLite's own backup makes it."""
    with plain(path) as target:
        database.db.conn.backup(target)


async def until(condition: Callable[[], bool]) -> None:
    """Returns once the condition holds; fails where it takes far too long."""
    async with asyncio.timeout(WAIT_S):
        while not condition():  # noqa: ASYNC110  # it watches values, as an operator would
            await asyncio.sleep(0.005)


class Followed:
    """A follower at work, and the zone that it keeps in step."""

    def __init__(self, house: House, clock: list[float]) -> None:
        self.path = house.config.data.database
        self.zones = Zones(house.config.zones)
        self.zone: Zone = next(iter(self.zones))
        self.follower = Follower(self.path, self.zones, now=lambda: clock[0])
        self.clock = clock

    def listed(self, network: Network = ADDRESS) -> bool:
        return bool(self.zone.listed(network, self.clock[0]))

    async def caught_up(self) -> None:
        """Everything committed by now is applied."""
        with contextlib.closing(open_reader(self.path)) as database:
            last_seq = journal.position(database).last_seq
        async with asyncio.timeout(WAIT_S):
            await self.follower.wait_applied(last_seq)


@pytest.fixture
async def followed(house: House, database: Database) -> AsyncIterator[Followed]:
    """A follower of the house's database, which is there."""
    assert database.path == house.config.data.database
    followed = Followed(house, [float(NOW)])
    async with at_work(followed):
        yield followed


@contextlib.asynccontextmanager
async def at_work(followed: Followed) -> AsyncIterator[None]:
    """Loads and follows while the block runs."""
    try:
        await followed.follower.load()
        task = asyncio.create_task(followed.follower.run())
        try:
            yield
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
    finally:
        await followed.follower.close()


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """The file's name is looked at with every reading."""
    monkeypatch.setattr(source, "FILE_CHECK_S", 0.0)


async def test_load_takes_everything_of_one_moment(house: House, database: Database) -> None:
    """After the load all rows decide, and the position is that of the journal."""
    add(database)
    exclusions.exclude(database, Exclusion(ZONE, parse("192.0.2.9")))
    followed = Followed(house, [float(NOW)])

    async with at_work(followed):
        position = journal.position(database)
        assert followed.follower.applied_seq == position.last_seq
        assert len(followed.zone.radix) == 2
        assert followed.listed()


async def test_missing_database_is_an_error_at_the_start(house: House) -> None:
    """Nothing is served out of nothing."""
    follower = Follower(house.config.data.database, Zones(house.config.zones))

    with pytest.raises(DatabaseMissingError, match="does not exist"):
        await follower.load()
    await follower.close()


async def test_changes_of_every_writer_are_followed(followed: Followed, database: Database) -> None:
    """The store, another connection and a plain SQLite client: added, changed, moved, removed."""
    add(database)
    await followed.caught_up()
    assert followed.listed()

    with plain(followed.path) as connection:
        connection.execute("UPDATE listings SET network = '192.0.2.8/32'")
        await followed.caught_up()
        assert not followed.listed()
        assert followed.listed(parse("192.0.2.8"))

    with contextlib.closing(open_writer(followed.path)) as other:
        exclusions.exclude(other, Exclusion(ZONE, parse("192.0.2.0/24")))
        exclusions.exclude(other, Exclusion(ZONE, parse("192.0.2.8")))
        await followed.caught_up()
        assert not followed.listed(parse("192.0.2.8"))
        exclusions.unexclude(other, ZONE, parse("192.0.2.8"), "")
        await followed.caught_up()
        assert followed.listed(parse("192.0.2.8"))

    with plain(followed.path) as connection:
        connection.execute("DELETE FROM listings")
    await followed.caught_up()
    assert list(followed.zone.radix) == [
        exclusions.Exclusion(ZONE, parse("192.0.2.0/24")).entry
    ]  # fmt: skip


async def test_serial_rises_with_every_change_and_only_then(
    followed: Followed, database: Database
) -> None:
    """It is the number of the zone's last change; what was rolled back is none."""
    assert followed.zone.serial == journal.first_serial(database)
    add(database)
    await followed.caught_up()
    serial = followed.zone.serial
    assert serial == journal.position(database).last_seq

    with plain(followed.path) as connection:
        connection.execute("BEGIN")
        connection.execute("DELETE FROM listings")
        connection.execute("ROLLBACK")
        connection.execute("CREATE TABLE other (x)")
    add(database, parse("192.0.2.9"))
    await followed.caught_up()

    assert followed.zone.serial == serial + 1
    assert journal.serials(database) == {ZONE: followed.zone.serial}


@pytest.mark.parametrize(
    ("network", "zone", "category", "reason"),
    [
        ("192.0.2.1/24", ZONE, "spam", "host bits"),
        ("2001:db8:0::/48", ZONE, "spam", "canonical"),
        ("192.0.2.1/32", "other.example", "spam", "no zone other.example"),
        ("192.0.2.1/32", ZONE, "unheard-of", "no category 'unheard-of'"),
    ],
)
async def test_row_that_cannot_be_served_is_logged_and_skipped(
    followed: Followed, network: str, zone: str, category: str, reason: str
) -> None:
    """What another client wrote wrongly stops nothing; taking it away again is no event."""
    with structlog.testing.capture_logs() as logs:
        insert(followed.path, network, zone, category)
        insert(followed.path, str(ADDRESS))
        await followed.caught_up()
        with plain(followed.path) as connection:
            connection.execute("DELETE FROM listings WHERE network = ?", (network,))
        await followed.caught_up()

    assert followed.listed()
    assert len(followed.zone.radix) == 1
    (line,) = [line for line in logs if line["event"] == "row_skipped"]
    assert line["zone"] == zone
    assert reason in line["reason"]


async def test_writer_that_holds_the_lock_delays_nothing(
    followed: Followed, database: Database
) -> None:
    """What was committed before is followed while another transaction is open."""
    add(database)
    with plain(followed.path) as connection:
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("DELETE FROM listings")

        await followed.caught_up()

        assert followed.listed()
        connection.execute("COMMIT")
    await followed.caught_up()
    assert not followed.listed()


async def test_import_is_applied_in_slices(followed: Followed, database: Database) -> None:
    """Between the slices of a large commit whoever answers gets the lock; the loop turns."""
    rows = 25 * SLICE_CHANGES
    held = followed.zones.lock
    slices: list[int] = []

    class Noting:
        """The zones' lock, which notes what is applied whenever it is given back."""

        def __enter__(self) -> None:
            held.acquire()

        def __exit__(self, *_: object) -> None:
            slices.append(len(followed.zone.radix))
            held.release()

    followed.zones.lock = Noting()  # type: ignore[assignment]
    with database.transaction():
        made = (Listing(ZONE, Network(4, 0x0A000000 + n, 32), "spam") for n in range(rows))
        for _ in listings.add_many(database, made):
            pass

    seen: list[int] = []
    async with asyncio.timeout(WAIT_S):
        while not seen or seen[-1] < rows:
            with held:
                seen.append(len(followed.zone.radix))
            await asyncio.sleep(0)

    steps = sorted(set(seen))
    assert sorted(set(slices) | {0}) == list(range(0, rows + 1, SLICE_CHANGES))
    assert len(steps) > 3  # how many the loop sees is up to who else uses the machine
    assert [step % SLICE_CHANGES for step in steps] == [0] * len(steps)
    assert len(followed.zone.radix) == rows


async def test_waiting_for_a_number_ends_when_it_is_applied(
    followed: Followed, database: Database
) -> None:
    """Several wait for different numbers; one that gave up is in nobody's way."""
    last_seq = journal.position(database).last_seq
    waits = [asyncio.create_task(followed.follower.wait_applied(last_seq + n)) for n in (1, 2, 3)]
    gave_up = asyncio.create_task(followed.follower.wait_applied(last_seq + 1))
    await asyncio.sleep(0)
    gave_up.cancel()

    add(database, parse("192.0.2.1"))
    add(database, parse("192.0.2.2"))
    async with asyncio.timeout(WAIT_S):
        await asyncio.gather(*waits[:2])

    assert not waits[2].done()
    waits[2].cancel()
    await asyncio.gather(*waits, gave_up, return_exceptions=True)


@pytest.mark.usefixtures("impatient")
async def test_replaced_database_is_loaded_anew(
    followed: Followed, database: Database, tmp_path: Path
) -> None:
    """Another file under the same name is another truth, at once and as a whole."""
    add(database)
    await followed.caught_up()
    with contextlib.closing(open_writer(tmp_path / "other.sqlite3")) as other:
        add(other, parse("198.51.100.1"))
        serial = journal.position(other).last_seq
    database.close()

    remove(followed.path)
    (tmp_path / "other.sqlite3").replace(followed.path)
    await until(lambda: followed.follower.loads == 2)

    assert not followed.listed()
    assert followed.listed(parse("198.51.100.1"))
    assert followed.zone.serial == followed.follower.applied_seq == serial
    insert(followed.path, str(ADDRESS))
    await followed.caught_up()
    assert followed.listed()


async def test_older_copy_written_over_the_database_is_loaded_anew(
    followed: Followed, database: Database, tmp_path: Path
) -> None:
    """A journal that goes backward, as in a copy restored in place, is not followed but reread."""
    copy(database, tmp_path / "older")
    add(database)
    await followed.caught_up()
    assert followed.listed()

    with plain(tmp_path / "older") as older:
        older.backup(database.db.conn)

    await until(lambda: followed.follower.loads == 2)
    assert not followed.listed()


async def test_pruned_journal_is_not_followed_but_reread(
    followed: Followed, database: Database
) -> None:
    """Where the next number is gone, what it said is read from the tables."""
    with database.transaction():
        add(database)
        add(database, parse("192.0.2.8"))
        last_seq = journal.position(database).last_seq
        database.change("DELETE FROM journal WHERE seq < ?", last_seq)

    await followed.caught_up()

    assert followed.follower.loads == 2
    assert followed.listed()


async def test_identity_that_changed_means_another_database(
    followed: Followed, database: Database
) -> None:
    """The same file made anew in place is noticed by its identity."""
    with database.transaction():
        add(database)
        database.change("UPDATE meta SET value = 'another' WHERE key = 'identity'")

    await until(lambda: followed.follower.loads == 2)

    assert followed.listed()


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("damage", ["removed", "overwritten", "emptied", "not_ours", "folder"])
async def test_answers_go_on_from_memory_over_damage(
    followed: Followed, database: Database, tmp_path: Path, damage: str
) -> None:
    """Said once, plainly; answered all the while; followed again when it is back."""
    add(database)
    await followed.caught_up()
    copy(database, tmp_path / "good")
    database.close()

    with structlog.testing.capture_logs() as logs:
        remove(followed.path)
        if damage == "overwritten":
            followed.path.write_bytes(b"\x5a" * 65_536)
        elif damage == "emptied":
            followed.path.touch()
        elif damage == "not_ours":
            with plain(followed.path) as connection:
                connection.execute("CREATE TABLE other (x)")
        elif damage == "folder":
            followed.path.mkdir()
        await until(lambda: not followed.follower.database_readable)
        for _ in range(3):
            assert followed.listed()
            await asyncio.sleep(0.15)  # over several tries

        if damage == "folder":
            followed.path.rmdir()
        insert(tmp_path / "good", "192.0.2.8/32")
        (tmp_path / "good").replace(followed.path)
        await until(lambda: followed.follower.database_readable)

    assert followed.listed()
    assert followed.listed(parse("192.0.2.8"))
    troubles = [line for line in logs if line["event"] == "database_unreadable"]
    assert 1 <= len(troubles) <= 2  # one for each kind of trouble on the way, not for each try
    assert all(str(followed.path) in line["error"] for line in troubles)
    assert [line["event"] for line in logs].count("database_readable") == 1


async def test_damage_of_any_kind_ends_nothing(
    followed: Followed, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even what no one thought of is reported with its traceback, and tried again."""
    good = journal.changes

    def broken(*_: object) -> list[journal.Change]:
        raise ValueError("unthought of")

    with structlog.testing.capture_logs() as logs:
        monkeypatch.setattr(journal, "changes", broken)
        add(database)
        await until(lambda: not followed.follower.database_readable)
        monkeypatch.setattr(journal, "changes", good)
        await until(lambda: followed.follower.database_readable)

    (trouble,) = [line for line in logs if line["event"] == "database_unreadable"]
    assert (trouble["kind"], trouble["exc_info"]) == ("ValueError", True)
    assert followed.listed()


async def test_expired_listing_leaves_the_radix(followed: Followed, database: Database) -> None:
    """At its time, without a change of the database: the names above it go too."""
    above = parse("192.0.2.0/24")
    add(database, expires_at=NOW + 60)
    await followed.caught_up()
    assert followed.zone.exists_below(above, followed.clock[0])

    followed.clock[0] = NOW + 60
    assert not followed.listed()  # at once
    await until(lambda: not followed.zone.exists_below(above, followed.clock[0]))  # within a second

    assert len(followed.zone.radix) == 0


async def test_listing_that_is_renewed_stays(followed: Followed, database: Database) -> None:
    """A later row puts the time off, or takes the listing up again."""
    add(database, expires_at=NOW + 60)
    await followed.caught_up()
    add(database, expires_at=NOW + 90)
    await followed.caught_up()

    followed.clock[0] = NOW + 60
    assert followed.listed()
    followed.clock[0] = NOW + 90
    await until(lambda: len(followed.zone.radix) == 0)
    add(database, expires_at=NOW + 120)
    await followed.caught_up()

    assert followed.listed()


async def test_listing_that_arrives_expired_is_not_taken(
    followed: Followed, database: Database
) -> None:
    """Nor is one that was there, and is brought up to date to a time in the past."""
    add(database)
    await followed.caught_up()

    add(database, expires_at=NOW - 1)
    await followed.caught_up()

    assert len(followed.zone.radix) == 0
