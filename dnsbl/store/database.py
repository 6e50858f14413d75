"""Opening the truth: for writing in short transactions, or read-only."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import time
from collections.abc import Iterable, Iterator
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Final

from dnsbl.store import version
from dnsbl.store.failure import (
    DatabaseCorruptError,
    DatabaseFullError,
    DatabaseLockedError,
    DatabaseMissingError,
    InvalidRowError,
    SchemaError,
    StoreError,
    explained,
)

if TYPE_CHECKING:  # megabytes that a reader has no use for
    from sqlite_utils import Database as SqliteUtils

# The failures of a database, for whoever opens one: `failure` says which is which.
__all__ = [
    "BUSY_TIMEOUT_S",
    "CACHE_KIB",
    "FOLLOWER_CACHE_KIB",
    "Database",
    "DatabaseCorruptError",
    "DatabaseFullError",
    "DatabaseLockedError",
    "DatabaseMissingError",
    "InvalidRowError",
    "SchemaError",
    "StoreError",
    "fitting",
    "open_reader",
    "open_writer",
]

SQLITE_VERSION_LEAST: Final = (3, 38)  # STRICT tables (3.37), unixepoch() (3.38)

# How long a statement waits for another writer. An import holds the lock for its one transaction.
BUSY_TIMEOUT_S: Final = 30.0
# A reader in WAL mode waits for nobody, but for the moments when the log is recovered.
READER_BUSY_TIMEOUT_S: Final = 1.0

# Two programs that open a new database at once: who comes second is told "locked" without any
# waiting while the first switches the file to WAL.
WAL_RETRY_S: Final = 0.02

CACHE_KIB: Final = 16_384
# Enough for one who walks through the tables, or asks for single rows: the DNS process.
FOLLOWER_CACHE_KIB: Final = 2_048
# Down to this the write-ahead log shrinks again after an import has swollen it.
WAL_OCTETS_MAX: Final = 64 << 20

# The folder holds mail addresses and, with the file transport, links that delist: nothing for other
# users. The umask decides about the group. SQLite gives its log the mode of the file.
FOLDER_MODE: Final = 0o770
FILE_MODE: Final = 0o660


class Database:
    """A connection to the truth. For one thread at a time."""

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self.path = path
        self.connection = connection
        self._depth = 0  # of transactions
        self._in_snapshot = False

    @cached_property
    def db(self) -> SqliteUtils:
        """The same connection, for whoever uses sqlite-utils: the migrations."""
        from sqlite_utils import Database as SqliteUtils  # noqa: PLC0415  # the import above says why

        return SqliteUtils(self.connection, recursive_triggers=False, execute_plugins=False)

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """One write transaction: all of it is committed, or nothing.

        A block inside another is undone alone if it fails, and is committed
        with the outer one. Nothing may be awaited inside: what another task
        writes meanwhile through this connection would be part of it.
        """
        assert not self._in_snapshot, "a snapshot only reads"
        nested = self._depth > 0
        with explained(self.path):
            # IMMEDIATE: the lock is taken before anything is read, so that no decision made
            # inside rests on rows that another writer changes before the commit.
            self.connection.execute("SAVEPOINT nested" if nested else "BEGIN IMMEDIATE")
            self._depth += 1
            try:
                yield
                self._check_not_undone()
                self.connection.execute("RELEASE nested" if nested else "COMMIT")
            except BaseException:
                if not nested:
                    self.connection.rollback()
                elif self.connection.in_transaction:
                    self.connection.execute("ROLLBACK TO nested")
                    self.connection.execute("RELEASE nested")
                raise
            finally:
                self._depth -= 1

    def _check_not_undone(self) -> None:
        """On some errors, a full disk among them, SQLite undoes the whole transaction by itself.

        Whoever goes on all the same must not write the second half of it alone.
        """
        if self._depth > 0 and not self.connection.in_transaction:
            raise StoreError(f"{self.path}: the transaction was undone after an earlier error")

    @property
    def in_transaction(self) -> bool:
        """Whether a block of `transaction` is under way."""
        return self._depth > 0

    @contextlib.contextmanager
    def snapshot(self) -> Iterator[None]:
        """One read transaction: everything read inside is of the same moment.

        Inside a transaction or another snapshot that holds already.
        """
        if self._depth > 0 or self._in_snapshot:
            yield
            return
        with explained(self.path):
            self.connection.execute("BEGIN")
            self._in_snapshot = True
            try:
                yield
            finally:
                self._in_snapshot = False
                self.connection.rollback()

    def _execute(self, sql: str, parameters: tuple[object, ...]) -> sqlite3.Cursor:
        self._check_not_undone()
        with self._bound():
            return self.connection.execute(sql, parameters)

    @contextlib.contextmanager
    def _bound(self) -> Iterator[None]:
        """Values that SQLite has no place for are as wrong as those that a constraint refuses."""
        try:
            yield
        except (OverflowError, UnicodeEncodeError) as error:
            raise InvalidRowError(f"{self.path}: refuses a value ({error})") from error

    def rows(self, sql: str, *parameters: object) -> list[sqlite3.Row]:
        """The rows of a query, as sqlite3.Row."""
        with explained(self.path):
            return self._execute(sql, parameters).fetchall()

    def each(self, sql: str, *parameters: object) -> Iterator[sqlite3.Row]:
        """The rows of a query one by one, for more of them than memory should hold.

        The connection reads from one moment until the iterator is exhausted or closed.
        """
        with explained(self.path), contextlib.closing(self._execute(sql, parameters)) as cursor:
            yield from cursor

    def row(self, sql: str, *parameters: object) -> sqlite3.Row | None:
        """The first row of a query, or None."""
        with explained(self.path), contextlib.closing(self._execute(sql, parameters)) as cursor:
            found: sqlite3.Row | None = cursor.fetchone()
            return found

    def change(self, sql: str, *parameters: object) -> int:
        """Runs one statement that writes; how many rows it changed, not counting triggers."""
        with explained(self.path):
            return self._execute(sql, parameters).rowcount

    def change_each(self, sql: str, parameters: Iterable[tuple[object, ...]]) -> int:
        """Runs one statement for each tuple of parameters; how many rows they changed."""
        self._check_not_undone()
        with explained(self.path), self._bound():
            return max(0, self.connection.executemany(sql, parameters).rowcount)

    def shrink(self) -> None:
        """Lets go of the pages that SQLite keeps in memory, after much was read."""
        with explained(self.path):
            self.connection.execute("PRAGMA shrink_memory")

    def close(self) -> None:
        """Gives the file back."""
        self.connection.close()


def _connect(
    path: Path, *, read_only: bool, busy_timeout_s: float, cache_kib: int = CACHE_KIB
) -> sqlite3.Connection:
    if sqlite3.sqlite_version_info < SQLITE_VERSION_LEAST:
        raise StoreError(
            f"SQLite {sqlite3.sqlite_version} is too old; "
            f"{'.'.join(map(str, SQLITE_VERSION_LEAST))} or newer is needed"
        )
    with contextlib.suppress(OSError):  # of those SQLite has something better to say
        if path.is_dir():
            raise DatabaseMissingError(f"{path}: is a folder; expected a file")
    mode = "ro" if read_only else "rwc"
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode={mode}",
        uri=True,
        timeout=busy_timeout_s,
        isolation_level=None,  # transactions begin where we say so
        check_same_thread=False,  # a worker thread of an event loop uses it, one at a time
    )
    connection.row_factory = sqlite3.Row
    # Other clients write reasons in other encodings; that must not keep the row from being read.
    connection.text_factory = _decode
    try:
        # INSERT OR REPLACE by our own writers journals the removal too.
        connection.execute("PRAGMA recursive_triggers = ON")
        connection.execute(f"PRAGMA cache_size = -{cache_kib}")
        connection.execute("PRAGMA foreign_keys = ON")
        # A statement with triggers keeps an undo log. In a file it takes a third of an import.
        connection.execute("PRAGMA temp_store = MEMORY")
    except BaseException:
        connection.close()
        raise
    return connection


def _decode(octets: bytes) -> str:
    return octets.decode(errors="replace")


def open_writer(path: Path, busy_timeout_s: float = BUSY_TIMEOUT_S) -> Database:
    """The database for writing; created, with its folder, where missing, and migrated.

    Raises StoreError: corrupt, locked, full, or of a newer schema.
    """
    try:
        path.parent.mkdir(FOLDER_MODE, parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(f"{path.parent}: cannot be created: {error.strerror}") from None
    with contextlib.suppress(OSError):  # SQLite has something better to say of those
        # O_EXCL: closing a file that SQLite has open in this process would drop its locks
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, FILE_MODE))
    with explained(path):
        connection = _connect(path, read_only=False, busy_timeout_s=busy_timeout_s)
        try:
            _enable_wal(path, connection, busy_timeout_s)
            connection.execute(f"PRAGMA journal_size_limit = {WAL_OCTETS_MAX}")
            # FULL: a commit has reached the disk before anything is done because of it, so that
            # an accepted request survives a power cut, not just a killed process.
            connection.execute("PRAGMA synchronous = FULL")
            database = Database(path, connection)
            _check_schema(path, connection)
            if version.pending(connection):
                from dnsbl.store import schema  # noqa: PLC0415  # with sqlite-utils

                with database.transaction():
                    _check_schema(path, connection)  # another program may just have been here
                    schema.apply(database.db)
        except BaseException:
            connection.close()
            raise
    return database


def open_reader(path: Path, cache_kib: int = CACHE_KIB) -> Database:
    """The database, read-only. Raises StoreError: missing, corrupt, or of another schema."""
    try:
        path.stat()
    except OSError as error:
        sentence = "does not exist" if isinstance(error, FileNotFoundError) else error.strerror
        raise DatabaseMissingError(f"{path}: {sentence}") from None
    with explained(path):
        connection = _connect(
            path,
            read_only=True,
            busy_timeout_s=READER_BUSY_TIMEOUT_S,
            cache_kib=cache_kib,
        )
        try:
            _check_schema(path, connection)
            if version.pending(connection):
                raise SchemaError(
                    f"{path}: is not set up for this version yet; "
                    "the portal, or any command that writes, does it"
                )
        except BaseException:
            connection.close()
            raise
    return Database(path, connection)


def _enable_wal(path: Path, connection: sqlite3.Connection, busy_timeout_s: float) -> None:
    """Lets readers read while another writes. The mode stays with the file."""
    until = time.monotonic() + busy_timeout_s
    while True:
        try:
            (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
        except sqlite3.OperationalError as error:
            busy = error.sqlite_errorcode & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
            if not busy or time.monotonic() >= until:
                raise
            time.sleep(WAL_RETRY_S)
        else:
            break
    if mode != "wal":
        raise StoreError(
            f"{path}: its file system cannot hold a database in WAL mode; use a local disk"
        )


def _check_schema(path: Path, connection: sqlite3.Connection) -> None:
    if newer := version.unknown(connection):
        raise SchemaError(
            f"{path}: was written by a newer version (it has {', '.join(newer)}); upgrade dnsbl"
        )
    if version.is_foreign(connection):
        raise DatabaseCorruptError(f"{path}: is a database of another program")


def fitting(text: str, chars_max: int) -> str:
    """Text from elsewhere (a mail server's reply, say), made fit for a column of one line.

    What cannot be printed becomes a space, and what is no Unicode "?"; what is too long is cut.
    """
    text = text[:chars_max].encode(errors="replace").decode()
    return "".join(char if char.isprintable() else " " for char in text)
