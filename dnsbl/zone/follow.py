"""Keeps the zones in step with the database, while they answer.

A commit's way: the database's ``data_version`` changes, within 20 ms the
source reads what the journal has beyond the position that was read, and the
changes are applied, a slice at a time, with the zones' lock held for each. All
of that happens in a thread of its own, so that neither a slow disk nor a
thousand changes a second delay an answer. Where the journal says that a bulk
import changed a zone, `dnsbl.zone.rebuild` reads that zone anew beside all this.

When the database cannot be read, that is logged once for each kind of trouble,
answers go on from memory, and reading is tried again.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final, TypeAlias

import structlog

from dnsbl.store.database import StoreError
from dnsbl.store.journal import Bulk
from dnsbl.zone.contents import Contents
from dnsbl.zone.image import Mark
from dnsbl.zone.images import Begun, Images
from dnsbl.zone.key_source import KeySource
from dnsbl.zone.rebuild import Rebuilds
from dnsbl.zone.skipped import SkippedRows
from dnsbl.zone.source import Loaded, News, Reread, Source
from dnsbl.zone.twin import COMPILED
from dnsbl.zone.zone import Zone
from dnsbl.zone.zones import Zones

POLL_S: Final = 0.020
BATCH_CHANGES: Final = 2_000  # read at once, and held in memory
SLICE_CHANGES: Final = 50  # applied in one go: half a millisecond in which Python answers nothing
SLICE_PAUSE_S: Final = 0.0002  # between two of them: who waits for the lock gets it
EXPIRY_CHECK_S: Final = 0.25  # expired entries leave within a second
RETRY_FIRST_S: Final = 0.1
RETRY_MAX_S: Final = 2.0
CLOSE_WAIT_S: Final = 5.0  # for a disk that hangs

_log = structlog.get_logger()

_Found: TypeAlias = Loaded | News | None


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
        keys = KeySource({zone.config.origin: zone.keys for zone in zones})
        self._source = Source(path, configs, self._skipped, now, image, keys)
        self._images = None if image is None else Images(image, self._begin_image, self._end_image)
        reading = Source(path, configs, self._skipped, now)
        self._rebuilds = Rebuilds(reading, zones.lock, self._put_rebuilt, now)
        self._contents = Contents(configs, self._skipped)
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="follow")
        self._waiting: list[tuple[int, asyncio.Future[None]]] = []
        self._trouble: type[BaseException] | None = None
        self._load = 0  # the number of the one that the zones answer by
        self.read_seq = 0
        self.applied_seq = 0
        self.loads = 0

    @property
    def database_readable(self) -> bool:
        """Whether the last reading of the database went well."""
        return self._trouble is None

    async def load(self) -> None:
        """The first load. Raises StoreError where the database cannot be read."""
        while (found := await self._step(self._source.news)) is not None:
            self._take(found)

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
        self._source.stop()
        if self._images is not None:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(CLOSE_WAIT_S):
                    await self._images.close()
        loop = asyncio.get_running_loop()
        closing = loop.run_in_executor(self._thread, self._source.close)
        self._thread.shutdown(wait=False)
        await asyncio.wait([closing, self._rebuilds.close()], timeout=CLOSE_WAIT_S)

    async def _step(self, read: Callable[[int, int], _Found]) -> _Found:
        """Reads what is new, and applies it if it is single changes, both in the thread."""

        def step() -> _Found:
            found = read(self.read_seq, BATCH_CHANGES)
            if isinstance(found, News):
                self._apply(found)
            return found

        return await asyncio.get_running_loop().run_in_executor(self._thread, step)

    def _wait(self, applied: int, limit: int) -> _Found:
        return self._source.wait(applied, limit, self._poll_s)

    async def _follow(self) -> None:
        retry_s = RETRY_FIRST_S
        while True:
            try:
                found = await self._step(self._wait)
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
            self._take(found)
            self._skipped.flush()

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

    def _take(self, found: _Found) -> None:
        if found is None:
            return
        if isinstance(found, Loaded):
            self._swap(found)
        self._rebuilds.wake()
        self._advance(found.last_seq)

    def _swap(self, loaded: Loaded) -> None:
        with self._zones.lock:
            self._rebuilds.forget()  # what they read is older than this, or of another database
            old: list[object] = [self._contents]
            self._contents, self._load = loaded.contents, loaded.number
            for zone in self._zones:
                origin = zone.config.origin
                radix, serial = loaded.contents.radixes[origin], loaded.contents.serials[origin]
                old.append(zone.swap(radix, serial))
        self._let_go(old)
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

    def _let_go(self, old: list[object]) -> None:
        """Frees what a radix of millions held in the thread: it takes some tens of milliseconds."""
        self._thread.submit(old.clear)

    def _apply(self, news: News) -> None:
        """In the thread."""
        for start in range(0, len(news.changes), SLICE_CHANGES):
            if start:
                time.sleep(SLICE_PAUSE_S)
            now = self._now()
            with self._zones.lock:
                for change in news.changes[start : start + SLICE_CHANGES]:
                    if isinstance(change, Bulk):
                        self._rebuilds.want(change, self._contents)
                        continue
                    self._contents.apply(change, now)
                    self._rebuilds.note(change)
                for zone in self._zones:
                    self._show_serial(zone)

    def _show_serial(self, zone: Zone) -> None:
        """The number of the zone's last change, but below one that does not answer yet."""
        serial = self._contents.serials[zone.config.origin]
        unbuilt = self._rebuilds.first_unbuilt_of(zone.config.origin)
        if unbuilt is not None:
            serial = min(serial, unbuilt - 1)
        zone.serial = max(zone.serial, serial)

    def _put_rebuilt(self, origin: str, reread: Reread, bulk_seq: int) -> None:
        """Takes a zone that was read anew, with all that came while it was read."""
        zone = self._zones.get(origin)
        assert zone is not None
        contents = self._contents
        contents.put_reread(origin, reread.radix, reread.last_seq)
        contents.serials[origin] = max(contents.serials[origin], bulk_seq)
        self._let_go([zone.swap(reread.radix, zone.serial)])
        self._show_serial(zone)
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

    async def _begin_image(self) -> Begun | None:
        """What an image is made of now; None where that is of no use."""
        if self.loads == 0 or self._trouble is not None:
            return None
        contents, load = self._contents, self._load
        mark = await self._in_thread(self._source.mark, load, self.applied_seq)
        return None if mark is None else Begun(contents, load, mark)

    async def _end_image(self, begun: Begun) -> Mark | None:
        """The end of the journal: nothing that the zones hold is from beyond it."""
        return await self._in_thread(self._source.mark, begun.load, None)

    async def _in_thread(
        self, function: Callable[[int, int | None], Mark | None], load: int, seq: int | None
    ) -> Mark | None:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, function, load, seq)

    async def _expire(self) -> None:
        """On its own: it goes on while a reading hangs."""
        while True:
            with self._zones.lock:
                dropped = self._contents.drop_expired(self._now(), SLICE_CHANGES)
            await asyncio.sleep(0 if dropped >= SLICE_CHANGES else EXPIRY_CHECK_S)
