"""A start from the image: quick where it can be, right in any case."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import structlog.testing
import twins
from bulk_imports import COUNT, import_in_bulk
from house import House

from dnsbl.network import Network, parse
from dnsbl.store import journal, listings
from dnsbl.store.database import Database, open_writer
from dnsbl.store.listings import Listing
from dnsbl.zone import images, source
from dnsbl.zone.follow import Follower
from dnsbl.zone.image import Draft, Stand
from dnsbl.zone.source import Loaded
from dnsbl.zone.zone import Zone
from dnsbl.zone.zones import Zones

ZONE = "bl.example"
NOW = 1_800_000_000
FIRST, SECOND, THIRD = parse("192.0.2.1"), parse("192.0.2.2"), parse("2001:db8::/64")


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    """An image is worth its while here whatever is in it."""
    twins.compiled("image")
    monkeypatch.setattr(images, "ENTRIES_LEAST", 0)


def add(database: Database, network: Network) -> None:
    """Lists a network as spam."""
    listings.add(database, Listing(ZONE, network, "spam", listed_at=NOW))


class Started:
    """A follower that has loaded, and how."""

    def __init__(self, house: House, at: float) -> None:
        self.zones = Zones(house.config.zones)
        self.zone: Zone = next(iter(self.zones))
        data = house.config.data
        self.follower = Follower(data.database, self.zones, now=lambda: at, image=data.image)
        images_of = self.follower._images  # noqa: SLF001  # when it writes is not for others to say
        assert images_of is not None
        self.images = images_of
        self.at = at
        self.reasons: list[str] = []
        self.events: list[str] = []

    def listed(self, network: Network) -> bool:
        return bool(self.zone.listed(network, self.at))


@contextlib.asynccontextmanager
async def started(house: House, at: float = NOW) -> AsyncIterator[Started]:
    """Loads, and stops in order at the end."""
    now = Started(house, at)
    with structlog.testing.capture_logs() as logs:
        await now.follower.load()
    now.events = [line["event"] for line in logs]
    now.reasons = [line["reason"] for line in logs if "reason" in line]
    yield now
    await now.follower.close()


@pytest.fixture
async def stopped(house: House, database: Database) -> House:
    """The server ran, with two networks listed, and stopped in order."""
    add(database, FIRST)
    add(database, THIRD)
    async with started(house) as first:
        assert first.reasons == ["start"]
    assert house.config.data.image.exists()
    return house


async def test_start_goes_on_from_the_image(stopped: House) -> None:
    """With everything that it held; nothing was read row by row."""
    async with started(stopped) as again:
        assert again.reasons == ["image"]
        assert again.listed(FIRST)
        assert again.listed(THIRD)
        assert not again.listed(SECOND)
        assert again.zone.serial == again.follower.applied_seq


async def test_what_came_while_it_was_down_is_caught_up(stopped: House, database: Database) -> None:
    """Before anything is answered: a delisting is never forgotten by a restart."""
    add(database, SECOND)
    listings.remove(database, ZONE, FIRST, "spam")

    async with started(stopped) as again:
        assert again.reasons == ["image"]
        assert again.listed(SECOND)
        assert not again.listed(FIRST)
        assert again.zone.serial == again.follower.applied_seq
        assert again.follower.applied_seq == journal.position(database).last_seq


async def test_unchanged_image_is_not_written_again(stopped: House) -> None:
    """A restart that changed nothing leaves the file as it is."""
    before = stopped.config.data.image.stat()

    async with started(stopped):
        pass

    assert stopped.config.data.image.stat().st_mtime_ns == before.st_mtime_ns


def damage(path: Path) -> None:
    """One octet in the middle is another."""
    octets = bytearray(path.read_bytes())
    octets[len(octets) // 2] ^= 1
    path.write_bytes(octets)


def cut(path: Path) -> None:
    """The last octet is missing."""
    path.write_bytes(path.read_bytes()[:-1])


def empty(path: Path) -> None:
    """Nothing is in it."""
    path.write_bytes(b"")


def folder(path: Path) -> None:
    """It is no file."""
    path.unlink()
    path.mkdir()


@pytest.mark.parametrize("spoil", [damage, cut, empty, folder])
async def test_spoilt_image_is_passed_over(stopped: House, spoil: Callable[[Path], None]) -> None:
    """And the database is read."""
    spoil(stopped.config.data.image)

    async with started(stopped) as again:
        assert "image_unusable" in again.events
        assert again.reasons == ["start"]
        assert again.listed(FIRST)


async def test_image_of_another_database_is_passed_over(
    stopped: House, database: Database, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """As where somebody copied a folder half."""
    database.close()
    other = tmp_path_factory.mktemp("other") / "listings.sqlite3"
    with contextlib.closing(open_writer(other)) as another:
        for network in (FIRST, SECOND, THIRD):
            add(another, network)
        listings.remove(another, ZONE, FIRST, "spam")
        another.db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    replace(stopped.config.data.database, other)

    async with started(stopped) as again:
        assert again.reasons == ["another_database", "start"]
        assert not again.listed(FIRST)
        assert again.listed(SECOND)


def replace(path: Path, other: Path) -> None:
    """Puts another file in the database's place, as an operator restores a copy."""
    for suffix in ("-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
    shutil.copy(other, path)


async def test_restored_copy_is_read_anew(house: House, database: Database, tmp_path: Path) -> None:
    """An older copy of the same database, whose journal then went another way."""
    add(database, FIRST)
    copied = tmp_path / "copy.sqlite3"
    database.db.execute("VACUUM INTO ?", [str(copied)])
    add(database, SECOND)
    async with started(house):
        pass
    database.close()
    replace(house.config.data.database, copied)

    async with started(house) as again:
        assert again.reasons == ["older_copy", "start"]
        assert not again.listed(SECOND)
    with contextlib.closing(open_writer(house.config.data.database)) as restored:
        shutil.copy(house.config.data.image, tmp_path / "kept")
        add(restored, THIRD)
    async with started(house) as once_more:
        assert once_more.listed(THIRD)
        assert not once_more.listed(SECOND)


async def test_another_history_with_the_same_numbers_is_noticed(
    house: House, database: Database, tmp_path: Path
) -> None:
    """The copy has grown as far as the image, by other changes."""
    add(database, FIRST)
    copied = tmp_path / "copy.sqlite3"
    database.db.execute("VACUUM INTO ?", [str(copied)])
    add(database, SECOND)
    async with started(house):
        pass
    database.close()
    replace(house.config.data.database, copied)
    with contextlib.closing(open_writer(house.config.data.database)) as restored:
        add(restored, THIRD)
        add(restored, parse("192.0.2.3"))

    async with started(house) as again:
        assert again.reasons == ["another_history", "start"]
        assert again.listed(THIRD)
        assert not again.listed(SECOND)


async def image_with_more(now: Started, path: Path, between: Callable[[], None]) -> None:
    """Writes an image while something is committed, and applied, in the middle of it."""
    begun = await now.images._begin()  # noqa: SLF001  # the moments in between are the point here
    assert begun is not None
    between()
    await now.follower.load()
    draft = Draft(path)
    draft.add(begun.contents.radixes)
    ended = await now.images._end(begun)  # noqa: SLF001
    assert ended is not None
    stand = Stand(begun.contents.identity, begun.mark, ended, begun.contents.latest)
    draft.finish(stand)


async def test_what_an_image_holds_beyond_its_beginning_must_be_in_the_database(
    house: House, database: Database, tmp_path: Path
) -> None:
    """A copy of the database from while the image was written lacks what came into it later."""
    add(database, FIRST)
    copied, kept = tmp_path / "copy.sqlite3", tmp_path / "kept.image"

    def between() -> None:
        database.db.execute("VACUUM INTO ?", [str(copied)])
        add(database, SECOND)

    async with started(house) as now:
        await image_with_more(now, kept, between)
    database.close()
    replace(house.config.data.database, copied)
    shutil.copy(kept, house.config.data.image)

    async with started(house) as again:
        assert again.reasons == ["older_copy", "start"]
        assert not again.listed(SECOND)
        assert again.listed(FIRST)


async def test_image_with_what_came_while_it_was_written_is_used(
    house: House, database: Database, tmp_path: Path
) -> None:
    """Where the database has it too."""
    add(database, FIRST)
    kept = tmp_path / "kept.image"

    async with started(house) as now:
        await image_with_more(now, kept, lambda: add(database, SECOND))
    shutil.copy(kept, house.config.data.image)

    async with started(house) as again:
        assert again.reasons == ["image"]
        assert again.listed(SECOND)


async def test_no_image_is_made_of_one_database_and_marked_by_another(
    house: House, database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that was replaced just before the stop, and was read but not answered by."""
    monkeypatch.setattr(source, "FILE_CHECK_S", 0.0)
    add(database, FIRST)
    copied = tmp_path / "copy.sqlite3"
    database.db.execute("VACUUM INTO ?", [str(copied)])
    with contextlib.closing(open_writer(copied)) as fork:
        for number in range(9):
            add(fork, Network(4, 0xC6336400 | number, 32))
        fork.db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    add(database, SECOND)

    async with started(house) as now:
        await now.images.write()
        before = house.config.data.image.read_bytes()
        database.close()
        path = house.config.data.database
        for suffix in ("-wal", "-shm"):
            path.with_name(path.name + suffix).unlink(missing_ok=True)
        copied.replace(path)
        reading = now.follower._source  # noqa: SLF001  # as a stop comes while it reads
        assert isinstance(reading.news(now.follower.read_seq, 10), Loaded)

    assert house.config.data.image.read_bytes() == before
    async with started(house) as again:
        assert again.reasons == ["another_history", "start"]
        assert not again.listed(SECOND)


async def test_clock_that_went_back_makes_an_image_stale(house: House, database: Database) -> None:
    """What had expired by the clock of that day has not by this one."""
    listings.add(database, Listing(ZONE, FIRST, "spam", listed_at=NOW, expires_at=NOW + 3600))
    add(database, SECOND)
    async with started(house, at=NOW + 86_400) as ahead:
        assert not ahead.listed(FIRST)

    async with started(house) as again:
        assert again.reasons == ["clock_went_back", "start"]
        assert again.listed(FIRST)


async def test_image_behind_a_pruned_journal_is_stale(stopped: House, database: Database) -> None:
    """The rows that lead on from it are gone."""
    add(database, SECOND)
    database.change("DELETE FROM journal WHERE seq < ?", journal.position(database).last_seq)

    async with started(stopped) as again:
        assert again.reasons == ["journal_pruned", "start"]
        assert again.listed(SECOND)


async def test_image_that_fails_ends_nothing(
    house: House, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever it is: it decides nothing."""

    def fail(*_: object) -> None:
        raise MemoryError("no room")

    add(database, FIRST)
    async with started(house) as now:
        monkeypatch.setattr(Draft, "add", fail)
        with structlog.testing.capture_logs() as logs:
            await now.images.write()
            await now.images.write()

        assert [(line["event"], line["error"]) for line in logs] == [
            ("image_unwritable", "no room")
        ]
        assert now.listed(FIRST)
    now.images._thread.shutdown()  # noqa: SLF001  # it takes away what was begun, in its own time
    assert list(house.config.data.directory.glob(".*.new")) == []


async def test_image_before_a_bulk_import_is_stale(stopped: House, database: Database) -> None:
    """Its rows are not in the journal, so nothing leads on from before it."""
    last = import_in_bulk(database)

    async with started(stopped) as again:
        assert again.reasons == ["bulk_import", "start"]
        assert again.listed(Network(4, last, 32))
        assert len(again.zone.radix) == COUNT + 2


async def test_image_far_behind_is_not_caught_up(
    stopped: House, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Reading everything is faster then."""
    monkeypatch.setattr(source, "IMAGE_BEHIND_MAX", 2)
    for number in range(3):
        add(database, Network(4, 0xC6336400 | number, 32))

    async with started(stopped) as again:
        assert again.reasons == ["far_behind", "start"]
        assert again.listed(Network(4, 0xC6336402, 32))


async def test_half_written_image_is_never_read(stopped: House) -> None:
    """A process that was killed while it wrote leaves a file of another name."""
    data = stopped.config.data
    data.image.with_name(f".{data.image.name}.new").write_bytes(b"half")

    async with started(stopped) as again:
        assert again.reasons == ["image"]
        assert again.listed(FIRST)


async def test_image_that_cannot_be_written_is_said_once(house: House, database: Database) -> None:
    """The server goes on without, and tries again."""
    add(database, FIRST)
    house.config.data.image.with_name(".radix.image.new").mkdir()

    async with started(house) as now:
        with structlog.testing.capture_logs() as logs:
            for network in (SECOND, THIRD):
                add(database, network)
                await now.follower.load()
                await now.images.write()
        house.config.data.image.with_name(".radix.image.new").rmdir()

        assert now.listed(THIRD)
    assert [line["event"] for line in logs] == ["image_unwritable"]
    assert house.config.data.image.exists()


async def test_texts_of_single_listings_come_out_of_the_database(
    house: House, database: Database
) -> None:
    """An image has none; one that was written or taken away meanwhile is as the database has it."""
    fourth = parse("192.0.2.4")
    for network, text in ((FIRST, "its own"), (SECOND, "gone later"), (fourth, "")):
        listings.add(database, Listing(ZONE, network, "spam", listed_at=NOW, text=text))
    async with started(house):
        pass
    listings.add(database, Listing(ZONE, SECOND, "spam", listed_at=NOW))
    listings.add(database, Listing(ZONE, fourth, "spam", listed_at=NOW, text="new"))

    async with started(house) as again:
        assert again.reasons == ["image"]
        found = [again.zone.radix.covering(network) for network in (FIRST, SECOND, fourth)]
        assert [entry.text for (entry,) in found] == ["its own", "", "new"]
