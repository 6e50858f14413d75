"""The database's file is replaced, moved or deleted under a running portal."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from house import House
from portal import LISTED, SENDER, Clock, Portal
from structlog.typing import EventDict

from dnsbl.network import parse
from dnsbl.store import listings
from dnsbl.store.database import (
    Database,
    DatabaseCorruptError,
    DatabaseMissingError,
    open_writer,
)
from dnsbl.store.listings import Listing

OTHER = "203.0.113.99"


def files(path: Path) -> list[Path]:
    """A database's file with what lies beside it."""
    return sorted(path.parent.glob(f"{path.name}*"))


def delete(path: Path) -> None:
    """As `rm listings.sqlite3*`."""
    for file in files(path):
        file.unlink()


def log_files(path: Path) -> list[Path]:
    """What SQLite keeps beside a database's file."""
    return [file for file in files(path) if file != path]


def make(path: Path, network: str = OTHER) -> None:
    """Another database, with one listing."""
    with closing(open_writer(path)) as database:
        listings.add(database, Listing("bl.example", parse(network), "spam"))


def copy(path: Path, to: Path) -> None:
    """A copy as a backup makes it."""
    with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(to)) as target:
        source.backup(target)


def kept(path: Path) -> list[str]:
    """What the file lists, as another program sees it."""
    with closing(open_writer(path)) as database:
        return [item.network.text for item in listings.browse(database)]


def restore(copied: Path, path: Path) -> None:
    """As an operator does it: the copy takes the name, then the old log goes."""
    copied.replace(path)
    for file in log_files(path):
        file.unlink()


async def test_a_replaced_database_is_the_truth_at_once(
    portal: Portal, log: list[EventDict]
) -> None:
    """Pages show what the new file lists, and a delisting changes that file."""
    path = portal.house.config.data.database
    await portal.add(LISTED)
    make(path.with_name("copy"))

    restore(path.with_name("copy"), path)

    assert await portal.listed() == [f"{OTHER} spam"]
    assert "Not listed" in (await portal.fetch(f"/?ip={LISTED}")).text
    # A round of a worker's may take up the file's secrets between a form's page and its Submit.
    await portal.sidecar.truth.write(lambda _: None)
    assert "Delisted" in (await portal.press(await portal.link(OTHER))).text
    assert kept(path) == []
    assert any(event["event"] == "database_reopened" for event in log)


async def test_a_restored_copy_takes_the_requests_of_its_day(portal: Portal) -> None:
    """A link from before the copy works; one from after it is unknown, and delists nothing."""
    path = portal.house.config.data.database
    await portal.add(LISTED)
    await portal.add(OTHER)
    before = await portal.link(LISTED)
    copy(path, path.with_name("copy"))
    after = await portal.link(OTHER, "other@sender.example")

    restore(path.with_name("copy"), path)

    assert (await portal.fetch(after)).status == 404
    assert "Delisted" in (await portal.press(before)).text
    assert kept(path) == [OTHER]


async def test_forms_work_on_after_a_replacement(portal: Portal) -> None:
    """The new database brings its own secret: an old form is asked to be sent once more."""
    path = portal.house.config.data.database
    make(path.with_name("copy"))
    form = (await portal.fetch("/")).form("Submit")

    restore(path.with_name("copy"), path)
    await portal.sidecar.truth.write(listings.count)
    old = await portal.fetch("/", form.fields | {"ip": OTHER, "email": SENDER})

    assert old.status == 403
    assert (await portal.fetch("/", old.form("Submit").fields)).status == 303


async def test_a_deleted_database_is_said_and_not_made_anew(portal: Portal) -> None:
    """503 on pages and readyz, and no file; put there again, all works without a restart."""
    path = portal.house.config.data.database
    await portal.add(LISTED)
    link = await portal.link(LISTED)
    fields = (await portal.fetch(link)).form("Delist IP").fields
    copy(path, path.with_name("copy"))

    delete(path)
    pressed = await portal.fetch(link, fields)
    looked = await portal.fetch(f"/?ip={LISTED}")
    ready = await portal.fetch("/readyz")
    metrics = await portal.fetch("/metrics")
    left = files(path)
    path.with_name("copy").replace(path)

    assert (pressed.status, looked.status, ready.status) == (503, 503, 503)
    assert "does not exist" in ready.text
    assert "dnsbl_database_up 0.0" in metrics.text
    assert left == []
    assert (await portal.fetch("/readyz")).status == 200
    assert "Delisted" in (await portal.fetch(link, fields)).text
    assert kept(path) == []


async def test_a_database_that_was_moved_away_comes_back(portal: Portal) -> None:
    """The same file under its name again, with its log: as if nothing had been."""
    path = portal.house.config.data.database
    await portal.add(LISTED)

    path.replace(path.with_name("away"))
    away = await portal.fetch("/readyz")
    path.with_name("away").replace(path)

    assert away.status == 503
    assert await portal.listed() == [f"{LISTED} spam"]
    await portal.add(OTHER)
    assert len(kept(path)) == 2


async def test_a_write_is_undone_if_the_file_goes_meanwhile(portal: Portal) -> None:
    """Right before the commit the file is looked at again: no success is told of a lost change."""
    path = portal.house.config.data.database
    await portal.add(LISTED)

    def remove_slowly(database: Database) -> bool:
        path.replace(path.with_name("away"))
        return listings.remove(database, "bl.example", parse(LISTED), "spam")

    with pytest.raises(DatabaseMissingError):
        await portal.sidecar.truth.write(remove_slowly)
    path.with_name("away").replace(path)

    assert await portal.listed() == [f"{LISTED} spam"]


async def test_an_old_log_is_not_replayed_into_the_copy(portal: Portal) -> None:
    """Until the replaced file's log is deleted the copy stays untouched, and readyz says why."""
    path = portal.house.config.data.database
    await portal.add(LISTED)
    make(path.with_name("copy"))
    octets = path.with_name("copy").read_bytes()

    path.with_name("copy").replace(path)
    ready = await portal.fetch("/readyz")

    assert (ready.status, "delete it" in ready.text) == (503, True)
    assert path.read_bytes() == octets
    for file in log_files(path):
        file.unlink()
    assert await portal.listed() == [f"{OTHER} spam"]


async def test_a_deleted_log_is_saved_by_a_stop(house: House, clock: Clock) -> None:
    """Who deletes the log in use is told to restart; what was committed into it is not lost."""
    path = house.config.data.database
    async with Portal(house, clock) as portal:
        await portal.add(LISTED)

        for file in log_files(path):
            file.unlink()

        ready = await portal.fetch("/readyz")
        assert (ready.status, "restart the server" in ready.text) == (503, True)
    assert kept(path) == [LISTED]


async def test_the_new_files_log_survives_the_end_of_the_old_one(portal: Portal) -> None:
    """What another program committed to the new file, and that is only in its log so far, stays."""
    path = portal.house.config.data.database
    await portal.add(LISTED)
    delete(path)
    with closing(open_writer(path)) as other:
        listings.add(other, Listing("bl.example", parse(OTHER), "spam"))

        assert await portal.listed() == [f"{OTHER} spam"]
        await portal.add(LISTED)

        assert len(log_files(path)) == 2
    assert sorted(kept(path)) == [LISTED, OTHER]


async def test_a_copy_of_an_older_make_is_brought_up_to_date(portal: Portal) -> None:
    """A copy that lacks a migration is migrated by whoever opens it first, a reader too."""
    path = portal.house.config.data.database
    path.with_name("copy").touch()

    restore(path.with_name("copy"), path)

    assert await portal.listed() == []
    assert (await portal.fetch("/readyz")).status == 200


async def test_a_damaged_database_works_again_once_it_is_whole(portal: Portal) -> None:
    """Rubbish under the name is 503 for as long as it lies there."""
    path = portal.house.config.data.database
    make(path.with_name("copy"))

    delete(path)
    path.write_bytes(b"rubbish, not a database" * 1000)
    damaged = await portal.fetch("/readyz")
    path.with_name("copy").replace(path)

    assert damaged.status == 503
    assert "is not an SQLite database" in damaged.text
    assert await portal.listed() == [f"{OTHER} spam"]


async def test_after_damage_the_database_is_opened_anew(
    portal: Portal, log: list[EventDict]
) -> None:
    """Nothing of a connection that met damage is trusted afterwards."""
    await portal.add(LISTED)

    def meet_damage(_: Database) -> None:
        raise DatabaseCorruptError("listings.sqlite3: is damaged")

    for turn in (portal.sidecar.truth.read, portal.sidecar.truth.write):
        with pytest.raises(DatabaseCorruptError):
            await turn(meet_damage)

    await portal.add(OTHER)
    assert len(await portal.listed()) == 2
    assert [event["event"] for event in log].count("database_reopened") == 2
