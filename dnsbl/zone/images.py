"""When an image of the zones is written: after much was read, at times, and at the end."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import structlog

from dnsbl.store.database import StoreError
from dnsbl.zone.contents import Contents
from dnsbl.zone.image import Draft, Mark, Stand, kept

LOOK_S: Final = 5.0  # between two looks at whether much has changed
# The journal brings a start up to date at some 20 µs a change, so this many cost a second.
CHANGES_MAX: Final = 50_000
WRITE_S: Final = 600.0  # where fewer have changed
ENTRIES_LEAST: Final = 20_000  # fewer are read from the database in the time that an image takes

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Begun:
    """What an image is made of, and the mark of the journal that it begins with."""

    contents: Contents
    load: int
    mark: Mark


Begin = Callable[[], Awaitable[Begun | None]]
End = Callable[[Begun], Awaitable[Mark | None]]


class Images:
    """Writes the image at a path.

    `begin` gives what it is made of at the moment, and `end` the mark that it
    ends with; None where that cannot be told. Both raise StoreError.
    """

    def __init__(self, path: Path, begin: Begin, end: End) -> None:
        self._path = path
        self._begin = begin
        self._end = end
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="image")
        self._written: Stand | None = None
        self._written_at = 0.0
        self._asked = False
        self._trouble: type[BaseException] | None = None

    def ask(self) -> None:
        """Much was read: what the last image stands for is of little use now."""
        self._asked = True

    def loaded(self, stand: Stand) -> None:
        """The image at the path stands for that, and was read."""
        self._written, self._written_at = stand, time.monotonic()

    async def run(self) -> None:
        """Writes until it is cancelled."""
        while True:
            await self.write(at_least=CHANGES_MAX)
            await asyncio.sleep(LOOK_S)

    async def write(self, at_least: int = 1) -> None:
        """Writes, if so much has changed since it was written, or it is old and anything has."""
        try:
            begun = await self._begin()
            if begun is None or not self._is_due(begun, at_least):
                return
            self._asked = False
            stand = await self._write(begun)
        except StoreError:
            return  # the follower says so
        # Whatever it is, an image decides nothing, and its failure ends nothing.
        except Exception as error:  # noqa: BLE001
            self._report(error)
            return
        if stand is not None:
            self._trouble = None
            self._written, self._written_at = stand, time.monotonic()
            _log.info("image_written", file=str(self._path), seq=stand.begun.seq)

    def _is_due(self, begun: Begun, at_least: int) -> bool:
        if sum(map(len, kept(begun.contents.radixes).values())) < ENTRIES_LEAST:
            return False
        if self._written is None or self._written.identity != begun.contents.identity:
            return True
        changes = begun.mark.seq - self._written.begun.seq
        is_old = time.monotonic() - self._written_at >= WRITE_S
        return changes > 0 and (changes >= at_least or is_old or self._asked)

    async def _write(self, begun: Begun) -> Stand | None:
        """In the thread, piece by piece; None where the database went another way meanwhile."""
        loop = asyncio.get_running_loop()
        draft = await loop.run_in_executor(self._thread, Draft, self._path)
        try:
            await loop.run_in_executor(self._thread, draft.add, begun.contents.radixes)
            ended = await self._end(begun)
            if ended is None:
                return None
            identity, latest = begun.contents.identity, begun.contents.latest
            stand = Stand(identity, begun.mark, ended, latest)
            await loop.run_in_executor(self._thread, draft.finish, stand)
            return stand
        finally:
            self._thread.submit(draft.close)

    def _report(self, error: Exception) -> None:
        """Once for each kind."""
        if type(error) is not self._trouble:
            reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
            _log.warning("image_unwritable", file=str(self._path), error=reason)
        self._trouble = type(error)

    async def close(self) -> None:
        """Writes once more, if anything has changed; waits for what is being written."""
        await self.write()
        self._thread.shutdown(wait=False)
