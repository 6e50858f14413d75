"""When an image of the zones is written: after much was read, at times, and at the end."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

import structlog

from dnsbl.store.database import StoreError
from dnsbl.zone import image
from dnsbl.zone.image import Stand
from dnsbl.zone.twin import AnyRadix

LOOK_S: Final = 5.0  # between two looks at whether much has changed
# The journal brings a start up to date at some 20 µs a change, so this many cost a second.
CHANGES_MAX: Final = 50_000
WRITE_S: Final = 600.0  # where fewer have changed
ENTRIES_LEAST: Final = 20_000  # fewer are read from the database in the time that an image takes

_log = structlog.get_logger()

Take = Callable[[], Awaitable[tuple[Stand, Mapping[str, AnyRadix]] | None]]


class Images:
    """Writes the image at a path. `take` gives what it is made of at the moment, or None."""

    def __init__(self, path: Path, take: Take) -> None:
        self._path = path
        self._take = take
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="image")
        self._written: Stand | None = None
        self._written_at = 0.0
        self._asked = False
        self._writable = True

    def ask(self) -> None:
        """Much was read: what the last image stands for is of little use now."""
        self._asked = True

    def loaded(self, stand: Stand) -> None:
        """The image at the path stands for that, and was read."""
        self._written, self._written_at = stand, asyncio.get_running_loop().time()

    async def run(self) -> None:
        """Writes until it is cancelled."""
        while True:
            await self.write(at_least=CHANGES_MAX)
            await asyncio.sleep(LOOK_S)

    async def write(self, at_least: int = 1) -> None:
        """Writes, if so much has changed since it was written, or it is old and anything has."""
        try:
            taken = await self._take()
        except StoreError:
            return  # the follower says so
        if taken is None:
            return
        stand, radixes = taken
        if sum(map(len, radixes.values())) < ENTRIES_LEAST:
            return
        loop = asyncio.get_running_loop()
        if self._written is not None and self._written.identity == stand.identity:
            changes = stand.seq - self._written.seq
            is_old = loop.time() - self._written_at >= WRITE_S
            if not changes or (changes < at_least and not is_old and not self._asked):
                return
        self._asked = False
        try:
            await loop.run_in_executor(self._thread, image.write, self._path, stand, radixes)
        except OSError as error:
            if self._writable:
                _log.warning("image_unwritable", file=str(self._path), error=error.strerror)
            self._writable = False
            return
        self._writable = True
        self._written, self._written_at = stand, loop.time()
        _log.info("image_written", file=str(self._path), seq=stand.seq)

    async def close(self) -> None:
        """Writes once more, if anything has changed; waits for what is being written."""
        await self.write()
        self._thread.shutdown(wait=False)
