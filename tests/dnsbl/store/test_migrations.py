# ruff: noqa: S608  # statements are made of constants here
"""A database of an earlier schema comes out of the migrations with all that it held."""

from __future__ import annotations

import hashlib
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from house import House
from sqlite_utils import Database as SqliteUtils

from dnsbl.network import parse
from dnsbl.store import journal, listings, schema
from dnsbl.store.access_key_table import VERSION_KEY
from dnsbl.store.database import open_writer
from dnsbl.store.listings import Listing

# Of the statements that the first migration ran, when it was released.
FIRST_SHA256 = "c0c4c09871439d5f4caf68964da794a87840a6179d8d27e923293d1ca8779e20"

# By hand, as the first version would.
HISTORY = """
    INSERT INTO listings (zone, network, category) VALUES
        ('bl.example', '192.0.2.1/32', 'spam'), ('bl.example', '192.0.2.2/32', 'spam'),
        ('other.example', '192.0.2.3/32', 'spam');
    UPDATE listings SET reason = 'x' WHERE network = '192.0.2.1/32';
    INSERT INTO exclusions (zone, network) VALUES ('bl.example', '192.0.2.9/32');
    DELETE FROM listings WHERE network = '192.0.2.2/32';
"""


@pytest.fixture
def path(house: House) -> Path:
    """Where the house's database is, made by the first migration alone."""
    path = house.config.data.database
    path.parent.mkdir(parents=True)
    with closing(SqliteUtils(path)) as db:
        schema.MIGRATIONS.apply(db, stop_before="0002_bulk_imports")
        db.enable_wal()
    return path


def read(path: Path) -> dict[str, list[tuple[object, ...]]]:
    """What must not be lost."""
    with closing(sqlite3.connect(path)) as connection:
        return {
            table: [
                row for row in connection.execute(f"SELECT * FROM {table} ORDER BY 1, 2")
                if row[0] != VERSION_KEY  # of a later migration
            ]
            for table in ("listings", "exclusions", "journal", "zone_serials", "meta",
                          "sqlite_sequence")
        }  # fmt: skip


def write(path: Path, sql: str) -> None:
    """Writes with SQLite's own settings."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.executescript(sql)


def test_a_released_migration_is_never_changed() -> None:
    """What it makes has the digest that it had when it was released."""
    with closing(SqliteUtils(memory=True)) as db:
        schema.MIGRATIONS.apply(db, stop_before="0002_bulk_imports")
        made = db.execute(
            "SELECT sql FROM sqlite_schema "
            "WHERE sql IS NOT NULL AND tbl_name <> '_sqlite_migrations' ORDER BY name"
        ).fetchall()

    assert hashlib.sha256(repr(made).encode()).hexdigest() == FIRST_SHA256


@pytest.mark.parametrize(
    "pruned", ["", "DELETE FROM journal WHERE seq < (SELECT max(seq) FROM journal)",
               "DELETE FROM journal"],
    ids=["whole", "pruned", "pruned_to_nothing"],
)  # fmt: skip
def test_the_journal_stays_as_it_was(path: Path, pruned: str) -> None:
    """Its rows, its numbers, the serials, and the number that comes next."""
    write(path, HISTORY + pruned)
    before = read(path)
    with closing(open_writer(path)) as database:
        after = read(path)
        last_seq = journal.position(database).last_seq
        listings.add(database, Listing("bl.example", parse("192.0.2.7"), "spam"))
        (change,) = journal.changes(database, last_seq, 9)

    assert after == before
    assert dict(before["sqlite_sequence"])["journal"] == last_seq
    assert (change.seq, change.zone) == (last_seq + 1, "bl.example")


def test_an_empty_journal_goes_on_from_its_first_number(path: Path) -> None:
    """A zone that never changed has the serial that it had."""
    before = read(path)
    open_writer(path).close()

    assert read(path) == before


def test_triggers_go_on_after_the_migration(path: Path) -> None:
    """Every kind of change by a plain client is journaled as ever."""
    open_writer(path).close()
    write(path, HISTORY + "UPDATE listings SET category = 'policy' WHERE zone = 'other.example'")

    assert [row[2:4] for row in read(path)["journal"]] == [
        *[("listing", "added")] * 3, ("listing", "changed"), ("exclusion", "added"),
        ("listing", "removed"), ("listing", "removed"), ("listing", "added"),
    ]  # fmt: skip


def test_an_operators_own_view_and_trigger_stay(path: Path) -> None:
    """What else the file holds and names the journal goes through the migration, and works."""
    own = """
        CREATE TABLE told (network TEXT);
        CREATE VIEW recent AS SELECT seq, network FROM journal ORDER BY seq DESC LIMIT 10;
        CREATE TRIGGER tell AFTER DELETE ON listings BEGIN
            INSERT INTO told SELECT network FROM journal WHERE network = OLD.network LIMIT 1;
        END;
    """
    write(path, own)
    open_writer(path).close()
    write(path, HISTORY)

    with closing(sqlite3.connect(path)) as connection:
        recent = connection.execute("SELECT network FROM recent").fetchall()
        told = connection.execute("SELECT * FROM told").fetchall()
    assert recent[0] == ("192.0.2.2/32",)
    assert told == [("192.0.2.2/32",)]
