"""Threads for what may never return: an operator's code, a look-up of a name.

They are daemons, so that one that hangs holds up neither the loop nor the end of
the process; and there are few of them, so that what hangs again and again stops
being called, instead of filling the memory with threads.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable
from typing import Final, TypeVar

T = TypeVar("T")

CALLS_MAX: Final = 8


class BrokenCallError(Exception):
    """What was called ended in a way that is no ordinary exception: it wanted to exit, say."""


class Calls:
    """At most so many calls at once; more wait for their turn."""

    def __init__(self, name: str, most: int = CALLS_MAX) -> None:
        self._name = name
        self._free = asyncio.Semaphore(most)

    async def run(self, function: Callable[[], T]) -> T:
        """What the function returns or raises, called in a thread.

        Whoever gives up waiting (cancels) leaves the thread to itself; its
        place is taken until it returns.
        """
        await self._free.acquire()
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()

        def returned(value: T) -> None:
            self._free.release()
            if not future.done():
                future.set_result(value)

        def raised(error: Exception) -> None:
            self._free.release()
            if not future.done():
                future.set_exception(error)

        def work() -> None:
            # RuntimeError: the loop was closed meanwhile, and nobody waits any more
            with contextlib.suppress(RuntimeError):
                try:
                    value = function()
                except BaseException as error:  # noqa: BLE001  # whatever it is, it ends here
                    loop.call_soon_threadsafe(raised, _ordinary(error))
                else:
                    loop.call_soon_threadsafe(returned, value)

        try:
            threading.Thread(target=work, name=self._name, daemon=True).start()
        except RuntimeError:  # no thread can be had
            self._free.release()
            raise
        return await future


def _ordinary(error: BaseException) -> Exception:
    """The error as one that may travel to the loop: StopIteration and SystemExit may not."""
    if isinstance(error, Exception) and not isinstance(error, StopIteration):
        return error
    return BrokenCallError(f"{type(error).__name__}: {error}")
