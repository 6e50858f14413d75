"""Reads a zone anew after a bulk import, beside the one that answers.

A bulk import is one row of the journal, so its listings are not followed one by
one: the zone is read whole in a thread, with a connection of its own, while
answers go on and the journal is followed as ever. Single changes of the zone
that come meanwhile show at once in the radix that answers, and are noted for
the one that is being read, which takes them over before it is put in its place.
So a removal is never undone by a rebuild that began before it.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final

import structlog

from dnsbl.store.database import StoreError
from dnsbl.store.journal import Bulk, Change
from dnsbl.zone.contents import Contents
from dnsbl.zone.source import Reread, Source

SLICE_CHANGES: Final = 200  # as the follower's
NOTED_CHANGES_MAX: Final = 200_000  # then it is begun anew: what was noted has a bound
RETRY_S: Final = 1.0

_log = structlog.get_logger()

Put = Callable[[str, Reread, int], None]


class Rebuilds:
    """The zones that have to be read anew, one at a time.

    `put` is called, on the loop and with the zones' lock held, with what was
    read of a zone, brought up to date, and the number of the last bulk import
    in it. `now` gives Unix seconds.

    `want`, `note` and `forget` belong to whoever changes the zones, and are
    called with the lock held; the rest is the loop's.
    """

    def __init__(
        self, source: Source, lock: threading.Lock, put: Put, now: Callable[[], float]
    ) -> None:
        self._source = source
        self._lock = lock
        self._put = put
        self._now = now
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="rebuild")
        self._wanted: dict[str, tuple[int, int]] = {}  # the first and last bulk import of a zone
        self._contents: Contents | None = None
        self._origin: str | None = None  # of the zone that is being read
        self._noted: list[Change] = []
        self._wake = asyncio.Event()

    @property
    def first_unbuilt(self) -> int | None:
        """The number of the first bulk import that does not answer yet; None if all do."""
        return min((first for first, _ in list(self._wanted.values())), default=None)

    def first_unbuilt_of(self, origin: str) -> int | None:
        """The same for one zone."""
        wanted = self._wanted.get(origin)
        return None if wanted is None else wanted[0]

    def want(self, bulk: Bulk, contents: Contents) -> None:
        """The zone of a bulk import has to be read anew; `wake` begins with it."""
        if bulk.zone not in contents.radixes:
            return  # none of ours
        self._contents = contents
        first, _ = self._wanted.get(bulk.zone, (bulk.seq, 0))
        self._wanted[bulk.zone] = (first, bulk.seq)

    def note(self, change: Change) -> None:
        """A single change was applied; it is kept for the zone that is being read."""
        if change.zone == self._origin and len(self._noted) <= NOTED_CHANGES_MAX:
            self._noted.append(change)

    def forget(self) -> None:
        """Everything was loaded anew: nothing is wanted, and what is being read is of no use."""
        self._wanted.clear()
        self._contents = self._origin = None
        self._noted = []

    def wake(self) -> None:
        """Something may be wanted."""
        if self._wanted:
            self._wake.set()

    async def run(self) -> None:
        """Reads what is wanted until it is cancelled."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            while wanted := list(self._wanted):
                try:
                    await self._rebuild(wanted[0])
                # As in the follower: whatever a damaged database hands up, it is tried again.
                except Exception as error:  # noqa: BLE001
                    self._origin = None
                    _log.warning(
                        "zone_not_rebuilt",
                        error=str(error),
                        exc_info=not isinstance(error, StoreError),
                    )
                    await asyncio.sleep(RETRY_S)

    async def _rebuild(self, origin: str) -> None:
        with self._lock:
            contents = self._contents
            if contents is None or origin not in self._wanted:
                return  # forgotten meanwhile
            self._origin, self._noted = origin, []
        reread = await asyncio.get_running_loop().run_in_executor(
            self._thread, self._source.reread, contents, origin
        )
        at = 0
        while self._origin == origin and len(self._noted) - at > SLICE_CHANGES:
            self._bring(contents, reread, self._noted[at : at + SLICE_CHANGES])
            at += SLICE_CHANGES
            await asyncio.sleep(0)  # answers first
        with self._lock:
            if self._origin != origin:
                return  # forgotten meanwhile
            is_put = self._finish(contents, reread, origin, at)
        if not is_put:
            await asyncio.sleep(RETRY_S)

    def _finish(self, contents: Contents, reread: Reread, origin: str, at: int) -> bool:
        """Puts what was read in its place; False: it is of another file, or too much came."""
        noted, self._origin, self._noted = self._noted, None, []
        first, last = self._wanted[origin]
        if (
            reread.identity != contents.identity
            or reread.last_seq < first
            or len(noted) > NOTED_CHANGES_MAX
        ):
            return False
        self._bring(contents, reread, noted[at:])
        if reread.last_seq >= last:
            del self._wanted[origin]
            built = last
        else:
            self._wanted[origin] = (last, last)  # another import came while this was read
            built = first
        self._put(origin, reread, built)
        return True

    def _bring(self, contents: Contents, reread: Reread, changes: list[Change]) -> None:
        """What was read already stays as it is: a change noted before may be older."""
        now = self._now()
        for change in changes:
            if change.seq > reread.last_seq:
                contents.bring(reread.radix, change, now)

    def close(self) -> asyncio.Future[None]:
        """Gives up what is under way, and closes the database; done when that has happened."""
        self._source.stop()
        closing = asyncio.get_running_loop().run_in_executor(self._thread, self._source.close)
        self._thread.shutdown(wait=False)
        return closing
