"""The database, off the event loop: one thread writes, another reads.

All writes queue up in one thread, each a short transaction of its own. Reads
have a connection and a thread of their own, so that a look-up never waits
behind a writer that waits for a lock.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Concatenate, Final, ParamSpec, TypeVar

from dnsbl.store.database import Database, DatabaseLockedError, open_reader, open_writer

P = ParamSpec("P")
T = TypeVar("T")

# How long a page's write waits for another program's transaction (an import's, say) before its
# visitor is asked to come again.
WRITE_WAIT_S: Final = 10.0


class Truth:
    """The writing and the reading connection, each with its thread."""

    def __init__(self, path: Path, write_wait_s: float = WRITE_WAIT_S) -> None:
        self._path = path
        self._write_wait_s = write_wait_s
        self._write_thread = ThreadPoolExecutor(1, thread_name_prefix="write")
        self._read_thread = ThreadPoolExecutor(1, thread_name_prefix="read")
        self._writer: Database | None = None
        self._reader: Database | None = None

    async def open(self) -> None:
        """Opens the database, created or migrated where needed. Raises StoreError."""
        loop = asyncio.get_running_loop()
        self._writer = await loop.run_in_executor(
            self._write_thread, open_writer, self._path, self._write_wait_s
        )
        self._reader = await loop.run_in_executor(self._read_thread, open_reader, self._path)

    async def write(
        self, change: Callable[Concatenate[Database, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Runs a change as one transaction: all of it is committed, or nothing.

        Raises StoreError; DatabaseLockedError also where its turn came too late.
        """
        writer = self._writer
        assert writer is not None
        asked_at = time.monotonic()

        def transaction() -> T:
            if time.monotonic() - asked_at > self._write_wait_s:
                raise DatabaseLockedError(
                    f"{self._path}: earlier changes wait for another program; try again later"
                )
            with writer.transaction():
                return change(writer, *args, **kwargs)

        return await asyncio.get_running_loop().run_in_executor(self._write_thread, transaction)

    async def read(
        self, ask: Callable[Concatenate[Database, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Runs a question on one snapshot, without waiting for any writer. Raises StoreError."""
        reader = self._reader
        assert reader is not None

        def snapshot() -> T:
            with reader.snapshot():
                return ask(reader, *args, **kwargs)

        return await asyncio.get_running_loop().run_in_executor(self._read_thread, snapshot)

    async def close(self) -> None:
        """Lets what is under way finish, then gives the file back."""
        for thread, database in (
            (self._write_thread, self._writer),
            (self._read_thread, self._reader),
        ):
            await asyncio.to_thread(thread.shutdown, wait=True)
            if database is not None:
                database.close()
