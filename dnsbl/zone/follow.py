"""Keeps the zones in step with the database, while they answer.

A commit's way: the database's ``data_version`` changes, within 20 ms the
source reads what the journal has beyond the position that was read, and the
changes are applied on the event loop, a slice at a time, so that answers are
given in between. Reading happens in a thread of its own: a slow disk or a
locked database delays no answer. Where the journal says that a bulk import
changed a zone, `dnsbl.zone.rebuild` reads that zone anew beside all this.

When the database cannot be read, that is logged once for each kind of trouble,
answers go on from memory, and reading is tried again.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

import structlog

from dnsbl.store.database import StoreError
from dnsbl.store.journal import Bulk
from dnsbl.zone.contents import Contents
from dnsbl.zone.image import Stand
from dnsbl.zone.images import Images
from dnsbl.zone.rebuild import Rebuilds
from dnsbl.zone.skipped import SkippedRows
from dnsbl.zone.source import Loaded, News, Reread, Source
from dnsbl.zone.twin import COMPILED, AnyRadix
from dnsbl.zone.zone import Zones

POLL_S: Final = 0.020
BATCH_CHANGES: Final = 2_000  # read at once, and held in memory
SLICE_CHANGES: Final = 200  # applied in one go: about 2 ms during which nothing is answered
EXPIRY_CHECK_S: Final = 0.25  # expired entries leave within a second
RETRY_FIRST_S: Final = 0.1
RETRY_MAX_S: Final = 2.0
CLOSE_WAIT_S: Final = 5.0  # for a disk that hangs

_log = structlog.get_logger()


class Follower:
    """Loads the zones from the database at a path, then follows its journal.

    Call `load` once, then `run` for as long as the zones answer, and `close`
    at the end. `now` gives Unix seconds. ``read_seq`` is the number of the
    journal up to which it was read, ``applied_seq`` that up to which the zones
    answer by it: less, while a zone is being read anew.
    """

    def __init__(
        self,
        path: Path,
        zones: Zones,
        *,
        now: Callable[[], float] = time.time,
        poll_s: float = POLL_S,
        image: Path | None = None,
    ) -> None:
        self._zones = zones
        self._now = now
        self._poll_s = poll_s
        self._skipped = SkippedRows()
        configs = [zone.config for zone in zones]
        image = image if COMPILED else None
        self._source = Source(path, configs, self._skipped, now, image)
        self._images = None if image is None else Images(image, self._take_image)
        self._rebuilds = Rebuilds(Source(path, configs, self._skipped, now), self._put_rebuilt, now)
        self._contents = Contents(configs, self._skipped)
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="follow")
        self._waiting: list[tuple[int, asyncio.Future[None]]] = []
        self._trouble: type[BaseException] | None = None
        self.read_seq = 0
        self.applied_seq = 0
        self.loads = 0

    @property
    def database_readable(self) -> bool:
        """Whether the last reading of the database went well."""
        return self._trouble is None

    async def load(self) -> None:
        """The first load. Raises StoreError where the database cannot be read."""
        while (found := await self._read()) is not None:
            await self._take(found)

    async def run(self) -> None:
        """Follows until it is cancelled. No trouble with the database ends it."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._follow())
            tasks.create_task(self._rebuilds.run())
            tasks.create_task(self._expire())
            if self._images is not None:
                tasks.create_task(self._images.run())

    async def wait_applied(self, seq: int) -> None:
        """Returns once the zones answer by everything up to that number of the journal."""
        if self.applied_seq < seq:
            future = asyncio.get_running_loop().create_future()
            self._waiting.append((seq, future))
            await future

    async def close(self) -> None:
        """Closes the database; gives up a load that is under way."""
        if self._images is not None:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(CLOSE_WAIT_S):
                    await self._images.close()
        self._source.stop()
        loop = asyncio.get_running_loop()
        closing = loop.run_in_executor(self._thread, self._source.close)
        self._thread.shutdown(wait=False)
        await asyncio.wait([closing, self._rebuilds.close()], timeout=CLOSE_WAIT_S)

    async def _read(self) -> Loaded | News | None:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(
            self._thread, self._source.news, self.read_seq, BATCH_CHANGES
        )

    async def _follow(self) -> None:
        retry_s = RETRY_FIRST_S
        while True:
            try:
                found = await self._read()
            # Not only StoreError: a damaged database can hand up values of any kind, and whatever
            # that breaks, a follower that has ended would serve an old list for ever.
            except Exception as error:  # noqa: BLE001
                self._report(error)
                await asyncio.sleep(retry_s)
                retry_s = min(2 * retry_s, RETRY_MAX_S)
                continue
            if self._trouble is not None:
                self._trouble = None
                _log.info("database_readable")
            retry_s = RETRY_FIRST_S
            await self._take(found)
            self._skipped.flush()
            if found is None:
                await asyncio.sleep(self._poll_s)

    def _report(self, error: Exception) -> None:
        """Once for each kind: a database that stays away fills no log."""
        if type(error) is self._trouble:
            return
        self._trouble = type(error)
        _log.warning(
            "database_unreadable",
            kind=type(error).__name__,
            error=str(error),
            exc_info=not isinstance(error, StoreError),
        )

    async def _take(self, found: Loaded | News | None) -> None:
        match found:
            case Loaded():
                self._swap(found)
            case News():
                await self._apply(found)
            case None:
                return
        self._advance(found.last_seq)

    def _swap(self, loaded: Loaded) -> None:
        self._rebuilds.forget()  # what they read is older than this, or of another database
        self._contents = loaded.contents
        with self._zones.lock:
            for zone in self._zones:
                origin = zone.config.origin
                zone.swap(loaded.contents.radixes[origin], loaded.contents.serials[origin])
        self.loads += 1
        if self._images is not None:
            if loaded.stand is None:
                self._images.ask()
            else:
                self._images.loaded(loaded.stand)
        _log.info(
            "zones_loaded",
            reason=loaded.reason,
            seq=loaded.last_seq,
            entries={zone.config.origin: len(zone.radix) for zone in self._zones},
        )

    async def _apply(self, news: News) -> None:
        for start in range(0, len(news.changes), SLICE_CHANGES):
            now = self._now()
            slice_ = news.changes[start : start + SLICE_CHANGES]
            with self._zones.lock:
                for change in slice_:
                    if isinstance(change, Bulk):
                        self._rebuilds.want(change, self._contents)
                        continue
                    self._contents.apply(change, now)
                    self._rebuilds.note(change)
                for zone in self._zones:
                    if zone.serial != self._contents.serials[zone.config.origin]:
                        zone.serial = self._contents.serials[zone.config.origin]
            self._advance(slice_[-1].seq)
            await asyncio.sleep(0)  # answers first

    def _put_rebuilt(self, origin: str, reread: Reread, bulk_seq: int) -> None:
        """Takes a zone that was read anew, with all that came while it was read."""
        zone = self._zones.get(origin)
        assert zone is not None
        self._contents.radixes[origin] = reread.radix
        serial = max(self._contents.serials[origin], bulk_seq)
        self._contents.serials[origin] = serial
        with self._zones.lock:
            zone.swap(reread.radix, serial)
        _log.info("zone_rebuilt", zone=origin, seq=reread.last_seq, entries=len(reread.radix))
        if self._images is not None:
            self._images.ask()
        self._advance(self.read_seq)

    def _advance(self, read_seq: int) -> None:
        """The journal was read up to there; wakes those who wait for what answers are by now."""
        self.read_seq = read_seq
        unbuilt = self._rebuilds.first_unbuilt
        seq = self.applied_seq = read_seq if unbuilt is None else min(read_seq, unbuilt - 1)
        waiting, self._waiting = self._waiting, []
        for wanted, future in waiting:
            if future.done():
                continue
            if wanted <= seq:
                future.set_result(None)
            else:
                self._waiting.append((wanted, future))

    async def _take_image(self) -> tuple[Stand, Mapping[str, AnyRadix]] | None:
        """What an image is made of now; None: it would be of no use, or nothing to speak of."""
        if self._trouble is not None or self.loads == 0:
            return None
        contents, seq = self._contents, self.applied_seq
        loop = asyncio.get_running_loop()
        stand = await loop.run_in_executor(self._thread, self._source.stand, seq)
        if stand is None or contents is not self._contents:
            return None
        return stand, contents.radixes

    async def _expire(self) -> None:
        """On its own: it goes on while a reading hangs."""
        while True:
            with self._zones.lock:
                dropped = self._contents.drop_expired(self._now(), SLICE_CHANGES)
            await asyncio.sleep(0 if dropped >= SLICE_CHANGES else EXPIRY_CHECK_S)
