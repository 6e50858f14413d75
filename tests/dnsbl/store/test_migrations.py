# ruff: noqa: S608  # statements are made of constants here
"""A database of an earlier schema comes out of the migrations with all that it held."""

from __future__ import annotations

import hashlib
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from house import House
from sqlite_utils import Database as SqliteUtils

from dnsbl.name import Name
from dnsbl.network import parse
from dnsbl.store import journal, listings, schema
from dnsbl.store.access_key_table import VERSION_KEY
from dnsbl.store.database import open_writer
from dnsbl.store.integrity import integrity_problems
from dnsbl.store.listings import Listing
from dnsbl.store.widening import AlteredTableError

# Of the statements that the first migration ran, when it was released.
FIRST_SHA256 = "c0c4c09871439d5f4caf68964da794a87840a6179d8d27e923293d1ca8779e20"

FIRST_COLUMNS = "zone, network, category, reason, source, evidence, listed_at, expires_at"

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
                row for row in connection.execute(f"SELECT {columns} FROM {table} ORDER BY 1, 2")
                if row[0] != VERSION_KEY  # of a later migration
            ]
            for table, columns in (("listings", FIRST_COLUMNS), ("exclusions", "*"),
                                   ("journal", "*"), ("zone_serials", "*"), ("meta", "*"),
                                   ("sqlite_sequence", "*"))
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


# Names and texts, learnt in place.


def test_tables_are_not_copied(path: Path) -> None:
    """Whatever their size: the rows stay where they are, and the file is sound afterwards."""
    with closing(SqliteUtils(path)) as db:
        schema.MIGRATIONS.apply(db, stop_before="0003_names_and_texts")
        db.executescript(
            """
            WITH RECURSIVE each (n) AS (VALUES (0) UNION ALL SELECT n + 1 FROM each WHERE n < 65535)
            INSERT INTO listings (zone, network, category, reason)
            SELECT 'bl.example', '198.51.' || (n / 256) || '.' || (n % 256) || '/32', 'spam', 'x'
            FROM each;
            """
        )
        (pages,) = db.execute("PRAGMA page_count").fetchone()
    before = read(path)
    with closing(SqliteUtils(path)) as db:
        schema.MIGRATIONS.apply(db, stop_before="0005_delisting")  # which adds tables of its own
        (pages_after,) = db.execute("PRAGMA page_count").fetchone()
    with closing(open_writer(path)) as database:
        (pages_of_all,) = database.rows("PRAGMA page_count")

        assert integrity_problems(database) == []
        assert pages_after - pages < 16
        assert pages_of_all[0] - pages_after < 48  # those of new, empty tables
    assert read(path) == before


def test_old_rows_have_no_text_of_their_own_and_may_be_given_one(path: Path) -> None:
    """The new column is there for rows of before, and a change of it is journaled."""
    write(path, HISTORY)
    with closing(open_writer(path)) as database:
        last_seq = journal.position(database).last_seq
        (listing, *_) = listings.browse(database)
        changed = listings.add(database, replace(listing, text="$ is listed"))
        (change,) = journal.changes(database, last_seq, 9)

        assert (listing.text, changed) == ("", True)
        assert change.entry is not None
        assert change.entry.text == "$ is listed"
        assert integrity_problems(database) == []


def test_a_reader_that_was_open_goes_on(path: Path) -> None:
    """Another program's connection sees the new tables, without being opened anew."""
    with closing(sqlite3.connect(path)) as other:
        other.execute("SELECT * FROM listings").fetchall()
        with closing(open_writer(path)) as database:
            listings.add(
                database, Listing("bl.example", Name("example.com", "all"), "spam", text="x")
            )

        assert other.execute("SELECT network, text FROM listings").fetchall() == [
            (".example.com", "x")
        ]


def test_an_operators_own_column_stays(path: Path) -> None:
    """What was added to a table is there after it, with what it holds."""
    write(path, HISTORY + "ALTER TABLE listings ADD COLUMN ticket TEXT;")
    write(path, "UPDATE listings SET ticket = 'T7' WHERE network = '192.0.2.1/32'")
    with closing(open_writer(path)) as database:
        rows = database.rows("SELECT ticket, text FROM listings ORDER BY network")

        assert [tuple(row) for row in rows] == [("T7", ""), (None, "")]
        assert integrity_problems(database) == []


def test_a_table_of_another_making_is_left_as_it_is(path: Path) -> None:
    """Where the constraint is not ours any more, nothing is changed, and it is said."""
    write(
        path,
        """
        PRAGMA writable_schema = ON;
        UPDATE sqlite_schema SET sql = replace(sql, 'never /0', 'never') WHERE name = 'exclusions';
        """,
    )
    before = read(path)
    with pytest.raises(AlteredTableError, match="the table exclusions is not as dnsbl made it"):
        open_writer(path)

    assert read(path) == before
    with closing(sqlite3.connect(path)) as connection:
        columns = [row[1] for row in connection.execute("PRAGMA table_info(listings)")]
    assert columns == FIRST_COLUMNS.split(", ")


def test_a_new_database_has_the_tables_of_a_migrated_one(path: Path, tmp_path: Path) -> None:
    """Both come out of the same migrations: their schemas are the same to the letter."""

    def made(file: Path) -> list[tuple[str]]:
        open_writer(file).close()
        with closing(sqlite3.connect(file)) as connection:
            return connection.execute("SELECT sql FROM sqlite_schema ORDER BY name").fetchall()

    assert made(path) == made(tmp_path / "new.sqlite3")
