"""The database, off the event loop: one thread writes, another reads.

All writes queue up in one thread, each a short transaction of its own. Reads
have a connection and a thread of their own, so that a look-up never waits
behind a writer that waits for a lock.

An operator may put a copy in the file's place while this runs. Before each
turn the file that bears the name is compared with the one that is open: another
one is opened in its stead, and while there is none, reads and writes fail. A
write is committed only if the file still bears its name right before.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Concatenate, Final, ParamSpec, TypeVar

import structlog

from dnsbl.store.database import (
    Database,
    DatabaseCorruptError,
    DatabaseLockedError,
    DatabaseMissingError,
    SchemaError,
    StoreError,
    open_reader,
    open_writer,
)

P = ParamSpec("P")
T = TypeVar("T")

# How long a page's write waits for another program's transaction (an import's, say) before its
# visitor is asked to come again.
WRITE_WAIT_S: Final = 10.0

FileId = tuple[int, int]  # device and inode


class ReplacedError(StoreError):
    """The file or its log was replaced, and what stands there now cannot be worked with yet."""


class Truth:
    """The writing and the reading connection, each with its thread.

    ``opened`` is called in the writing thread with each database that is
    opened: at the start, and whenever the file was replaced.
    """

    def __init__(
        self,
        path: Path,
        write_wait_s: float = WRITE_WAIT_S,
        opened: Callable[[Database], object] = lambda _: None,
    ) -> None:
        self._path = path
        self._write_wait_s = write_wait_s
        self._write_thread = ThreadPoolExecutor(1, thread_name_prefix="write")
        self._read_thread = ThreadPoolExecutor(1, thread_name_prefix="read")
        writer = functools.partial(_open_writer, write_wait_s=write_wait_s, opened=opened)
        reader = functools.partial(_open_reader, write_wait_s=write_wait_s)
        self._writer = _Connection(path, writer)
        self._reader = _Connection(path, reader)

    async def open(self) -> None:
        """Opens the database, created or migrated where needed. Raises StoreError."""
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self._write_thread, self._writer.open)
        await loop.run_in_executor(self._read_thread, self._reader.open)

    async def write(
        self, change: Callable[Concatenate[Database, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Runs a change as one transaction: all of it is committed, or nothing.

        Raises StoreError; DatabaseLockedError also where its turn came too late,
        DatabaseMissingError or ReplacedError where the file lost its name meanwhile.
        """
        asked_at = time.monotonic()

        def transaction() -> T:
            if time.monotonic() - asked_at > self._write_wait_s:
                raise DatabaseLockedError(
                    f"{self._path}: earlier changes wait for another program; try again later"
                )
            with self._writer.in_use() as database, database.transaction():
                result = change(database, *args, **kwargs)
                # Only a file that loses its name in the instant of the commit itself takes a
                # change with it.
                self._writer.check_in_place()
                return result

        return await asyncio.get_running_loop().run_in_executor(self._write_thread, transaction)

    async def read(
        self, ask: Callable[Concatenate[Database, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Runs a question on one snapshot, without waiting for any writer. Raises StoreError."""

        def snapshot() -> T:
            with self._reader.in_use() as database, database.snapshot():
                return ask(database, *args, **kwargs)

        return await asyncio.get_running_loop().run_in_executor(self._read_thread, snapshot)

    async def close(self) -> None:
        """Lets what is under way finish, then gives the file back."""
        # The writer last: who closes a database last brings its log into the file.
        for thread, connection in (
            (self._read_thread, self._reader),
            (self._write_thread, self._writer),
        ):
            await asyncio.to_thread(thread.shutdown, wait=True)
            connection.close()


class _Connection:
    """A connection to the file that bears a name now. For one thread at a time."""

    def __init__(self, path: Path, opener: Callable[[Path], Database]) -> None:
        self._path = path
        self._log_path = path.with_name(f"{path.name}-wal")
        self._opener = opener
        self._database: Database | None = None
        self._file: FileId | None = None
        self._log: FileId | None = None

    def open(self) -> None:
        """Opens the file that is there now, and only then closes the one before."""
        file = _file_id(self._path)  # before: one put there in between is noticed next time
        database = self._opener(self._path)
        self.close()
        self._database = database
        self._file = file or _file_id(self._path)
        self._log = _file_id(self._log_path)

    @contextlib.contextmanager
    def in_use(self) -> Iterator[Database]:
        """The database, opened anew where the file was replaced or found damaged."""
        database = self._current()
        try:
            yield database
        except DatabaseCorruptError:
            self.close()  # what stands there when it can be read again is not what this one knows
            raise

    def check_in_place(self) -> None:
        """Raises where the file that is open does not bear the name any more."""
        if self._existing() != self._file:
            raise ReplacedError(f"{self._path}: was replaced meanwhile; nothing was changed")
        self._check_own_log()

    def close(self) -> None:
        """Gives the file back."""
        database, self._database = self._database, None
        self._log = None
        if database is not None:
            database.close()

    def _current(self) -> Database:
        if self._existing() == self._file and self._database is not None:
            self._check_own_log()
        else:
            self._check_no_old_log()
            self.open()
            structlog.get_logger().info("database_reopened", file=str(self._path))
        assert self._database is not None
        return self._database

    def _existing(self) -> FileId:
        # What is gone is not made anew here: that would hide its loss. Nor is it closed: it may
        # have been moved away to come back, and its inode cannot be given to another file.
        file = _file_id(self._path)
        if file is None:
            raise DatabaseMissingError(f"{self._path}: does not exist")
        return file

    def _check_own_log(self) -> None:
        """Raises once the log was deleted: what is committed into it now would be lost."""
        if self._log is not None and _file_id(self._log_path) != self._log:
            raise ReplacedError(f"{self._log_path}: was deleted while in use; restart the server")

    def _check_no_old_log(self) -> None:
        """Raises while the replaced file's log lies there: SQLite would replay it into this one."""
        if self._log is not None and _file_id(self._log_path) == self._log:
            raise ReplacedError(
                f"{self._path}: was replaced, but {self._log_path.name} belongs to the file "
                f"before; delete it and {self._path.name}-shm"
            )


def _open_writer(path: Path, write_wait_s: float, opened: Callable[[Database], object]) -> Database:
    database = open_writer(path, write_wait_s)
    try:
        opened(database)
    except BaseException:
        database.close()
        raise
    return database


def _open_reader(path: Path, write_wait_s: float) -> Database:
    try:
        return open_reader(path)
    except SchemaError:  # a copy of an older version's: a writer migrates it, or says what is wrong
        open_writer(path, write_wait_s).close()
        return open_reader(path)


def _file_id(path: Path) -> FileId | None:
    """Which file bears a name now; None where there is none. Raises StoreError."""
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StoreError(f"{path}: cannot be looked at: {error.strerror}") from None
    return status.st_dev, status.st_ino
