"""What hands over mails, and what hooks are to be told: begun when due, and never cut off early.

Each delivery is a task with the number of its row. Nothing else about it is
kept here: what is lost with the process is in the database still.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from typing import Final, TypeVar

from dnsbl.store.database import StoreError

PAUSE_AFTER_ERROR_S: Final = 1.0
STOP_WITHIN_S: Final = 10.0  # what is not handed over by then is begun anew after the next start

# Begins what may begin now; after how many seconds to look again, None: only when woken.
Look = Callable[[], Awaitable[float | None]]

T = TypeVar("T")


class Dispatch:
    """Looks for what is due until it is stopped; `wake` makes it look at once.

    ``look`` raises nothing: it knows what to say of an error.
    """

    def __init__(self, look: Look) -> None:
        self._look = look
        self._wake = asyncio.Event()
        self._stopping = asyncio.Event()
        self._under_way: dict[int, asyncio.Task[None]] = {}

    @property
    def under_way(self) -> Mapping[int, asyncio.Task[None]]:
        """The deliveries that have begun and not ended, by number."""
        return self._under_way

    @property
    def stopping(self) -> bool:
        """Whether nothing new is to begin."""
        return self._stopping.is_set()

    def wake(self) -> None:
        """Something may be due."""
        self._wake.set()

    def stop(self) -> None:
        """Begins nothing new; `run` returns once what is under way has ended."""
        self._stopping.set()
        self._wake.set()

    async def run(self) -> None:
        """Looks, and looks again, until stopped; then waits for what is under way, but not long."""
        while not self.stopping:
            self._wake.clear()
            wait_s = await self._look()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait_s):
                    await self._wake.wait()
        if self._under_way:
            _, late = await asyncio.wait(self._under_way.values(), timeout=STOP_WITHIN_S)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    def begin(
        self,
        number: int,
        delivery: Coroutine[object, object, None],
        ended: Callable[[BaseException | None], None],
    ) -> None:
        """Begins a delivery; `ended` hears of its end, and of the bug that it ended by.

        Nothing where all is stopped meanwhile.
        """
        if self.stopping:
            delivery.close()
            return
        task = asyncio.create_task(delivery)
        self._under_way[number] = task
        task.add_done_callback(functools.partial(self._end, number, ended))

    def _end(
        self, number: int, ended: Callable[[BaseException | None], None], task: asyncio.Task[None]
    ) -> None:
        del self._under_way[number]
        error = None if task.cancelled() else task.exception()
        ended(error)
        if error is None:  # a bug would do the same again at once: not before the next look
            self.wake()

    async def noted(
        self, note: Callable[[], Awaitable[T]], delayed: Callable[[StoreError], object]
    ) -> T | None:
        """What the note of an outcome comes to; None where all is stopped before it is written.

        What was handed over must not be handed over again while the database is
        away: `delayed` hears of each attempt that failed.
        """
        while True:
            try:
                return await note()
            except StoreError as error:
                delayed(error)
            if self.stopping:
                return None
            await asyncio.sleep(PAUSE_AFTER_ERROR_S)
