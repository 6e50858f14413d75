"""Opening the truth: for writing in short transactions, or read-only.

What SQLite says when something is wrong (missing, corrupt, locked, full, of a
newer schema) becomes one sentence that an operator can act on.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Final
from urllib.parse import quote

from sqlite_utils import Database as SqliteUtils

from dnsbl.errors import DnsblError
from dnsbl.store import schema

SQLITE_VERSION_LEAST: Final = (3, 38)  # STRICT tables (3.37), unixepoch() (3.38)

# How long a statement waits for another writer. An import holds the lock for its one transaction.
BUSY_TIMEOUT_S: Final = 30.0
# A reader in WAL mode waits for nobody, but for the moments when the log is recovered.
READER_BUSY_TIMEOUT_S: Final = 1.0

CACHE_KIB: Final = 16_384


class StoreError(DnsblError):
    """The database cannot do what was asked just now, or at all."""


class DatabaseMissingError(StoreError):
    """There is no database file."""


class DatabaseCorruptError(StoreError):
    """The file is damaged, or not a database of ours."""


class DatabaseLockedError(StoreError):
    """Another writer held the lock for longer than we wait."""


class DatabaseFullError(StoreError):
    """The disk is full, or the file may not be written."""


class SchemaError(StoreError):
    """The database's schema is newer than this program, or older where it may not be changed."""


class InvalidRowError(StoreError):
    """A row that the constraints of the schema refuse."""


_CODE_ERRORS: Final[dict[int, tuple[type[StoreError], str]]] = {
    sqlite3.SQLITE_BUSY: (DatabaseLockedError, "is locked by another program; try again later"),
    sqlite3.SQLITE_LOCKED: (DatabaseLockedError, "is locked by another program; try again later"),
    sqlite3.SQLITE_CORRUPT: (
        DatabaseCorruptError,
        "is damaged; restore a copy, or save what can be read with `sqlite3 FILE .recover`",
    ),
    sqlite3.SQLITE_NOTADB: (DatabaseCorruptError, "is not an SQLite database, or is damaged"),
    sqlite3.SQLITE_FULL: (DatabaseFullError, "cannot grow: the disk is full; nothing was changed"),
    sqlite3.SQLITE_READONLY: (DatabaseFullError, "may not be written; nothing was changed"),
    sqlite3.SQLITE_IOERR: (DatabaseFullError, "cannot be read or written: the disk reports errors"),
    sqlite3.SQLITE_CANTOPEN: (DatabaseMissingError, "cannot be opened; is its folder readable?"),
    sqlite3.SQLITE_CONSTRAINT: (InvalidRowError, "refuses the row"),
}


@contextlib.contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turns SQLite's errors inside the block into a StoreError that names the file."""
    try:
        yield
    except sqlite3.Error as error:
        code = getattr(error, "sqlite_errorcode", None)
        kind, sentence = _CODE_ERRORS.get(
            code & 0xFF if code is not None else -1, (StoreError, "cannot be used")
        )
        raise kind(f"{path}: {sentence} ({error})") from error


class Database:
    """A connection to the truth, through sqlite-utils. For one thread at a time."""

    def __init__(self, path: Path, db: SqliteUtils) -> None:
        self.path = path
        self.db = db

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """One write transaction: all of it is committed, or nothing. Nested blocks join it."""
        if self.db.conn.in_transaction:
            yield
            return
        with explained(self.path):
            # IMMEDIATE: the lock is taken before anything is read, so that no decision made
            # inside rests on rows that another writer changes before the commit.
            self.db.execute("BEGIN IMMEDIATE")
            try:
                yield
                self.db.execute("COMMIT")
            except BaseException:
                self.db.rollback()
                raise

    @contextlib.contextmanager
    def snapshot(self) -> Iterator[None]:
        """One read transaction: everything read inside is of the same moment."""
        with explained(self.path):
            self.db.execute("BEGIN")
            try:
                yield
            finally:
                self.db.rollback()

    def rows(self, sql: str, *parameters: object) -> list[sqlite3.Row]:
        """The rows of a query, as sqlite3.Row."""
        with explained(self.path):
            return self.db.execute(sql, parameters).fetchall()

    def row(self, sql: str, *parameters: object) -> sqlite3.Row | None:
        """The first row of a query, or None."""
        with explained(self.path):
            found: sqlite3.Row | None = self.db.execute(sql, parameters).fetchone()
            return found

    def change(self, sql: str, *parameters: object) -> int:
        """Runs one statement that writes; how many rows it changed."""
        with explained(self.path):
            return self.db.execute(sql, parameters).rowcount

    def close(self) -> None:
        """Gives the file back."""
        self.db.close()


def _connect(path: Path, *, read_only: bool, busy_timeout_s: float) -> SqliteUtils:
    if sqlite3.sqlite_version_info < SQLITE_VERSION_LEAST:
        raise StoreError(
            f"SQLite {sqlite3.sqlite_version} is too old; "
            f"{'.'.join(map(str, SQLITE_VERSION_LEAST))} or newer is needed"
        )
    mode = "ro" if read_only else "rwc"
    connection = sqlite3.connect(
        f"file:{quote(str(path))}?mode={mode}",
        uri=True,
        timeout=busy_timeout_s,
        isolation_level=None,  # transactions begin where we say so
        check_same_thread=False,  # a worker thread of an event loop uses it, one at a time
    )
    connection.row_factory = sqlite3.Row
    # recursive_triggers: INSERT OR REPLACE by our own writers journals the removal too
    db = SqliteUtils(connection, recursive_triggers=True, execute_plugins=False)
    db.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
    db.execute("PRAGMA foreign_keys = ON")
    return db


def open_writer(path: Path, busy_timeout_s: float = BUSY_TIMEOUT_S) -> Database:
    """The database for writing; created, with its folder, where missing, and migrated.

    Raises StoreError: corrupt, locked, full, or of a newer schema.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(f"{path.parent}: cannot be created: {error.strerror}") from None
    with explained(path):
        db = _connect(path, read_only=False, busy_timeout_s=busy_timeout_s)
        try:
            db.enable_wal()
            # FULL: a commit has reached the disk before anything is done because of it, so that
            # an accepted request survives a power cut, not just a killed process.
            db.execute("PRAGMA synchronous = FULL")
            database = Database(path, db)
            _check_schema(path, db)
            if schema.pending(db):
                with database.transaction():
                    schema.apply(db)
        except BaseException:
            db.close()
            raise
    return database


def open_reader(path: Path) -> Database:
    """The database, read-only. Raises StoreError: missing, corrupt, or of another schema."""
    if not path.exists():
        raise DatabaseMissingError(f"{path}: does not exist")
    with explained(path):
        db = _connect(path, read_only=True, busy_timeout_s=READER_BUSY_TIMEOUT_S)
        try:
            _check_schema(path, db)
            if schema.pending(db):
                raise SchemaError(f"{path}: is of an older version; a writer migrates it first")
        except BaseException:
            db.close()
            raise
    return Database(path, db)


def _check_schema(path: Path, db: SqliteUtils) -> None:
    if newer := schema.unknown(db):
        raise SchemaError(
            f"{path}: was written by a newer version (it has {', '.join(newer)}); upgrade dnsbl"
        )


def integrity_problems(database: Database) -> list[str]:
    """What SQLite's own check finds wrong with the file; empty if it is sound."""
    found = [str(row[0]) for row in database.rows("PRAGMA integrity_check(20)")]
    return [] if found == ["ok"] else found
