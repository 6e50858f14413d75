# ruff: noqa: PT012  # what is undone has several parts
"""Opening, transactions, and plain words for everything that SQLite may complain of."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from everything import everything
from house import House

from dnsbl.errors import DnsblError
from dnsbl.network import parse
from dnsbl.store import journal, listings
from dnsbl.store.database import (
    Database,
    DatabaseCorruptError,
    DatabaseFullError,
    DatabaseLockedError,
    DatabaseMissingError,
    InvalidRowError,
    StoreError,
    fitting,
    open_reader,
    open_writer,
)
from dnsbl.store.listings import Listing

ONE = Listing("bl.example", parse("192.0.2.1"), "spam")
OTHER = Listing("bl.example", parse("192.0.2.2"), "spam")


@pytest.fixture
def reader(database: Database) -> Iterator[Database]:
    """A reading connection to the house's database."""
    with closing(open_reader(database.path)) as reader:
        yield reader


@pytest.fixture
def shell(database: Database) -> Iterator[sqlite3.Connection]:
    """Another client of the house's database."""
    with closing(sqlite3.connect(database.path, isolation_level=None)) as connection:
        yield connection


def listed(database: Database) -> list[str]:
    """The listed networks."""
    return [str(listing.network) for listing in listings.browse(database)]


# Transactions.


def test_a_transaction_is_all_or_nothing(database: Database) -> None:
    """What fails half-way leaves no trace, nor in the journal."""
    before = journal.position(database)
    with pytest.raises(ValueError, match="half-way"), database.transaction():
        listings.add(database, ONE)
        raise ValueError("half-way")

    assert listed(database) == []
    assert journal.position(database) == before
    assert not database.in_transaction
    listings.add(database, OTHER)
    assert listed(database) == ["192.0.2.2/32"]


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, GeneratorExit])
def test_no_exception_leaves_a_transaction_open(
    database: Database, error: type[BaseException]
) -> None:
    """Not even one that ends the program."""
    with pytest.raises(error), database.transaction():
        listings.add(database, ONE)
        raise error

    assert listed(database) == []


def test_a_block_within_a_block_is_committed_with_it(database: Database) -> None:
    """The inner end commits nothing by itself."""
    with pytest.raises(ValueError, match="later"), database.transaction():
        with database.transaction():
            listings.add(database, ONE)
        assert database.in_transaction
        raise ValueError("later")

    assert listed(database) == []


def test_a_block_within_a_block_is_undone_alone(database: Database) -> None:
    """Whoever catches its error goes on with what was there before."""
    with database.transaction():
        listings.add(database, ONE)
        with pytest.raises(ValueError, match="inner"), database.transaction():
            listings.add(database, OTHER)
            raise ValueError("inner")
        listings.add(database, Listing("bl.example", parse("192.0.2.3"), "spam"))

    assert listed(database) == ["192.0.2.1/32", "192.0.2.3/32"]


def test_a_refused_row_undoes_what_went_with_it(database: Database) -> None:
    """A listing that is refused has not voided the grace of its network."""
    database.change(
        "INSERT INTO exclusions (zone, network, grace) VALUES ('bl.example', '192.0.2.1/32', 1)"
    )
    with database.transaction():
        with pytest.raises(InvalidRowError, match="reason: expected at most 1000 characters"):
            listings.add(database, Listing("bl.example", parse("192.0.2.1"), "spam", "x" * 1001))
        listings.add(database, OTHER)

    assert listed(database) == ["192.0.2.2/32"]
    assert len(database.rows("SELECT * FROM exclusions")) == 1


def test_after_sqlite_undid_all_nothing_is_written_alone(database: Database) -> None:
    """Some errors end the whole transaction; what would follow in it must not stand by itself."""
    listings.add(database, ONE)
    with pytest.raises(StoreError, match="was undone after an earlier error"):  # noqa: SIM117
        with database.transaction():
            listings.add(database, OTHER)
            with pytest.raises(InvalidRowError):
                database.change(
                    "INSERT OR ROLLBACK INTO listings (zone, network, category) "
                    "VALUES ('bl.example', 'X', 'spam')"
                )
            listings.remove(database, "bl.example", ONE.network, "spam")

    assert listed(database) == ["192.0.2.1/32"]


def test_two_writers_wait_for_each_other(database: Database) -> None:
    """What one decides inside its transaction, no other has changed meanwhile."""
    path = database.path

    def count_up() -> None:
        with closing(open_writer(path)) as writer:
            for _ in range(50):
                with writer.transaction():
                    row = writer.row("SELECT value FROM meta WHERE key = 'count'")
                    count = int(row["value"]) if row else 0
                    writer.change("INSERT OR REPLACE INTO meta VALUES ('count', ?)", str(count + 1))

    threads = [threading.Thread(target=count_up) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    row = database.row("SELECT value FROM meta WHERE key = 'count'")

    assert row is not None
    assert row["value"] == "200"


# Reading.


def test_readers_read_while_another_writes(database: Database, reader: Database) -> None:
    """A reader sees the last commit, at once, and waits for nobody."""
    listings.add(database, ONE)
    with database.transaction():
        listings.add(database, OTHER)
        assert listed(reader) == ["192.0.2.1/32"]
    assert listed(reader) == ["192.0.2.1/32", "192.0.2.2/32"]


def test_a_snapshot_stays_as_it_was(database: Database, reader: Database) -> None:
    """Everything inside is of one moment, however long it takes and whoever commits."""
    listings.add(database, ONE)
    with reader.snapshot():
        before = journal.position(reader)
        listings.add(database, OTHER)
        with reader.snapshot():  # joins
            assert listed(reader) == ["192.0.2.1/32"]
        assert journal.position(reader) == before
    assert listed(reader) == ["192.0.2.1/32", "192.0.2.2/32"]


def test_rows_come_one_by_one_from_one_moment(database: Database, reader: Database) -> None:
    """A commit in the middle of a long reading changes nothing of it."""
    for number in range(300):
        listings.add(database, Listing("bl.example", parse("192.0.2.1"), f"c{number}"))
    rows = listings.browse(reader)
    first = next(rows)
    database.change("DELETE FROM listings")

    assert len([first, *rows]) == 300
    assert listed(reader) == []


def test_an_abandoned_reading_holds_nothing_back(database: Database, reader: Database) -> None:
    """Who looks at the first row only leaves no old snapshot open."""
    listings.add(database, ONE)
    listings.add(database, OTHER)
    rows = listings.browse(reader)
    next(rows)
    rows.close()  # type: ignore[attr-defined]
    busy, _, _ = database.rows("PRAGMA wal_checkpoint(TRUNCATE)")[0]

    assert busy == 0


def test_a_transaction_is_a_snapshot_too(database: Database) -> None:
    """Who reads inside a transaction sees its own changes."""
    with database.transaction():
        listings.add(database, ONE)
        with database.snapshot():
            assert listed(database) == ["192.0.2.1/32"]
        listings.add(database, OTHER)

    assert listed(database) == ["192.0.2.1/32", "192.0.2.2/32"]


def test_nobody_writes_inside_a_snapshot(database: Database) -> None:
    """It would be lost at the snapshot's end: a bug, and shown as one."""
    with database.snapshot(), pytest.raises(AssertionError), database.transaction():
        pass


def test_a_reader_cannot_write(reader: Database) -> None:
    """The DNS process changes nothing, whatever bug it has."""
    with pytest.raises(DatabaseFullError, match="may not be written; nothing was changed"):
        reader.change("DELETE FROM listings")


def test_data_version_tells_of_other_peoples_commits(database: Database, reader: Database) -> None:
    """It changes with a commit, and only then."""
    before = journal.data_version(reader)
    assert journal.data_version(reader) == before
    with pytest.raises(ValueError, match="undone"), database.transaction():
        listings.add(database, ONE)
        raise ValueError("undone")
    assert journal.data_version(reader) == before
    listings.add(database, ONE)

    assert journal.data_version(reader) != before


def test_texts_in_other_encodings_are_read(database: Database, shell: sqlite3.Connection) -> None:
    """A reason that another client wrote in Latin-1 hides no listing."""
    shell.execute(
        "INSERT INTO listings (zone, network, category, reason) "
        "VALUES ('bl.example', '192.0.2.1/32', 'spam', CAST(x'636166e9' AS TEXT))"
    )

    assert [listing.reason for listing in listings.browse(database)] == ["caf\ufffd"]


# What goes wrong.


def test_a_missing_database_is_not_read(house: House) -> None:
    """A reader makes none."""
    path = house.config.data.database

    with pytest.raises(DatabaseMissingError) as refused:
        open_reader(path)
    assert str(refused.value) == f"{path}: does not exist"
    assert not path.exists()


def test_a_path_through_a_file_is_reported(tmp_path: Path) -> None:
    """Neither a reader nor a writer can have its database inside a file."""
    (tmp_path / "file").touch()

    with pytest.raises(DatabaseMissingError, match="Not a directory"):
        open_reader(tmp_path / "file" / "listings.sqlite3")
    with pytest.raises(StoreError, match=r"file: cannot be created: File exists"):
        open_writer(tmp_path / "file" / "listings.sqlite3")
    with pytest.raises(StoreError, match=r"folder: cannot be created: Not a directory"):
        open_writer(tmp_path / "file" / "folder" / "listings.sqlite3")


def test_a_folder_in_its_place_is_reported(tmp_path: Path) -> None:
    """Rather than as a fault of the disk."""
    for open_ in (open_writer, open_reader):
        with pytest.raises(DatabaseMissingError, match="is a folder; expected a file"):
            open_(tmp_path)


OPEN_AS_NOBODY = """
import os, sys
from pathlib import Path
from dnsbl.store.database import StoreError, open_reader, open_writer
os.setgroups([])
os.setgid(65534)
os.setuid(65534)
for open_ in (open_reader, open_writer):
    try:
        open_(Path(sys.argv[1])).close()
        print("opened")
    except StoreError as error:
        print(error)
"""


@pytest.fixture
def as_nobody() -> Callable[[Path], list[str]]:
    """What a reader and a writer are told who have no rights."""
    if os.geteuid() != 0:
        pytest.skip("only root can be another user")

    def as_nobody(path: Path) -> list[str]:
        return subprocess.run(
            [sys.executable, "-c", OPEN_AS_NOBODY, path], capture_output=True, text=True, check=True
        ).stdout.splitlines()

    return as_nobody


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that every user may enter, and only its owner may change."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


def test_a_folder_closed_to_the_user_is_reported(
    open_folder: Path, as_nobody: Callable[[Path], list[str]]
) -> None:
    """No error of Python's own leaks."""
    path = open_folder / "data" / "listings.sqlite3"
    open_writer(path).close()

    reader, writer = as_nobody(path)

    assert reader == f"{path}: Permission denied"
    assert writer.startswith(f"{path}: cannot be opened; may this user read and write it and its")


def test_a_folder_that_may_not_be_written_is_reported(
    open_folder: Path, as_nobody: Callable[[Path], list[str]]
) -> None:
    """Even a reader needs to write there; not, though, while a writer has the database open."""
    path = open_folder / "listings.sqlite3"
    path.touch()  # of the usual mode, which every user may read; a file of our making would not be
    with closing(open_writer(path)) as writer:
        listings.add(writer, ONE)
        assert as_nobody(path)[0] == "opened"
    reader, writing = as_nobody(path)

    for said in (reader, writing):
        assert said.startswith(f"{path}: is in a folder that may not be written; even a reader")


@pytest.mark.parametrize(
    "name", ["a?b#c%d e.sqlite3", "ünïcode", "new\nline", os.fsdecode(b"\xff")]
)
def test_any_file_name_will_do(tmp_path: Path, name: str) -> None:
    """What means something in a URI is only a name."""
    with closing(open_writer(tmp_path / name)) as database:
        listings.add(database, ONE)
    with closing(open_reader(tmp_path / name)) as reader:
        assert listed(reader) == ["192.0.2.1/32"]

    assert all(file.name.startswith(name) for file in tmp_path.iterdir())
    assert (tmp_path / name).exists()


def test_a_relative_path_will_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is relative to the current folder."""
    monkeypatch.chdir(tmp_path)
    open_writer(Path("data") / "x.sqlite3").close()

    assert (tmp_path / "data" / "x.sqlite3").exists()


@pytest.mark.parametrize("octets", [b"nonsense" * 1000, b"SQLite format 3\0" + b"\xff" * 8000])
def test_what_is_no_database_is_reported(tmp_path: Path, octets: bytes) -> None:
    """Another file, or one with a broken head, is left as it is."""
    path = tmp_path / "listings.sqlite3"
    path.write_bytes(octets)

    for open_ in (open_writer, open_reader):
        with pytest.raises(DatabaseCorruptError, match="is not an SQLite database, or is damaged"):
            open_(path)
    assert path.read_bytes() == octets


def test_damage_is_reported(database: Database) -> None:
    """A file with pages overwritten is reported when they are read, with what to do."""
    with database.transaction():
        many = (Listing("bl.example", parse(f"192.0.2.{n}"), "spam", "x" * 900) for n in range(256))
        assert sum(batch.changed for batch in listings.add_many(database, many)) == 256
    path = database.path
    database.close()
    octets = bytearray(path.read_bytes())
    for start in range(0, len(octets), 4096):
        if b"x" * 900 in octets[start : start + 4096]:
            octets[start : start + 2048] = b"\xaa" * 2048
    path.write_bytes(octets)

    with closing(open_reader(path)) as reader:
        with pytest.raises(DatabaseCorruptError, match="is damaged; restore a copy, or save what"):
            listed(reader)
        with pytest.raises(DatabaseCorruptError, match="is damaged"):
            list(everything(reader))


def test_a_locked_database_is_reported(database: Database, shell: sqlite3.Connection) -> None:
    """A writer waits for its time, then says that another program is writing; readers go on."""
    listings.add(database, ONE)
    shell.execute("BEGIN EXCLUSIVE")
    with closing(open_writer(database.path, busy_timeout_s=0.05)) as writer:
        with pytest.raises(DatabaseLockedError, match="is locked by another program; try again"):
            listings.add(writer, OTHER)
        assert listed(writer) == ["192.0.2.1/32"]
        shell.execute("ROLLBACK")
        listings.add(writer, OTHER)

    assert listed(database) == ["192.0.2.1/32", "192.0.2.2/32"]


def test_a_full_disk_is_reported(database: Database) -> None:
    """Nothing is half done: all that the transaction wrote is gone; later it can be repeated."""
    listings.add(database, ONE)
    pages = database.rows("PRAGMA page_count")[0][0]
    database.change(f"PRAGMA max_page_count = {pages}")
    position = journal.position(database)
    with (
        pytest.raises(DatabaseFullError, match="the disk is full; nothing was changed"),
        database.transaction(),
    ):
        for number in range(256):
            for category in ("a", "b", "c"):
                listings.add(database, Listing("bl.example", parse(f"192.0.2.{number}"), category))

    assert listed(database) == ["192.0.2.1/32"]
    assert journal.position(database) == position
    database.change("PRAGMA max_page_count = 1000000")
    assert listings.add(database, OTHER)


def test_a_commit_that_fails_is_reported_and_undone(database: Database) -> None:
    """The error may come with the very last step."""
    with pytest.raises(InvalidRowError, match="FOREIGN KEY"), database.transaction():
        database.change("PRAGMA defer_foreign_keys = ON")
        listings.add(database, ONE)
        database.change(
            "INSERT INTO delist_tokens (token_hash, request_id, expires_at) VALUES (?, 9, 9)",
            bytes(32),
        )

    assert listed(database) == []
    assert not database.in_transaction


@pytest.mark.parametrize("value", [2**63, -(2**70), "\ud800"])
def test_values_that_sqlite_cannot_hold_are_refused(database: Database, value: object) -> None:
    """Numbers too large and text that is none are bad rows, not crashes."""
    sql = "INSERT INTO meta VALUES ('x', ?)"
    with pytest.raises(InvalidRowError, match="refuses a value"):
        database.change(sql, value)
    with pytest.raises(InvalidRowError, match="refuses a value"):
        database.change_each(sql, [(value,)])
    with pytest.raises(InvalidRowError, match="refuses a value"):
        database.rows("SELECT ?", value)


def test_errors_name_the_file_and_keep_the_cause(database: Database) -> None:
    """For the operator the sentence, for the log what SQLite said."""
    with pytest.raises(DnsblError) as refused:
        database.rows("SELECT nonsense")

    assert str(refused.value).startswith(f"{database.path}: cannot be used (no such column")
    assert isinstance(refused.value.__cause__, sqlite3.OperationalError)


def test_errors_of_a_reading_under_way_are_explained(database: Database) -> None:
    """A generator's errors are StoreErrors too."""
    with pytest.raises(StoreError, match="integer overflow"):
        list(database.each("SELECT abs(-9223372036854775808)"))


def test_misuse_is_no_trouble_of_the_operators(house: House) -> None:
    """A closed connection is a bug of ours, and shows as one."""
    database = open_writer(house.config.data.database)
    database.close()

    with pytest.raises(sqlite3.ProgrammingError):
        database.rows("SELECT 1")


@pytest.mark.parametrize(
    ("text", "fit"),
    [
        ("250 OK", "250 OK"),
        ("ünïcode", "ünïcode"),
        ("one\r\ntwo\x00\x1b[31m", "one  two  [31m"),
        ("caf\udce9", "caf?"),
        ("x" * 30, "x" * 20),
        ("", ""),
    ],
)
def test_foreign_texts_are_made_to_fit(text: str, fit: str) -> None:
    """A mail server's reply may be anything; what is kept is one line of Unicode."""
    assert fitting(text, 20) == fit
