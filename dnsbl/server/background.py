"""Work that goes on beside the service, and what a stop, or work that breaks, means for it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Coroutine
from typing import Any

import structlog

_log = structlog.get_logger()


class StoppedEarlyError(Exception):
    """A signal came before the service was ready."""


async def unless_stopped(work: Coroutine[Any, Any, object], stop: asyncio.Event) -> None:
    """Waits for the work to be done. Raises StoppedEarlyError where the event comes first."""
    tasks = (asyncio.create_task(work), asyncio.create_task(stop.wait()))
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        if not tasks[0].done():
            raise StoppedEarlyError
        await tasks[0]
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@contextlib.asynccontextmanager
async def looking_on(work: Coroutine[Any, Any, None], name: str) -> AsyncIterator[None]:
    """As `in_background`, but work that breaks is logged, and the service goes on without it."""

    async def logged() -> None:
        try:
            await work
        except Exception:  # noqa: BLE001  # what only looks on ends no answers
            _log.exception("background_failed", work=name)

    task = asyncio.create_task(logged())
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


@contextlib.asynccontextmanager
async def in_background(
    work: Coroutine[Any, Any, None], stop: asyncio.Event
) -> AsyncIterator[None]:
    """Works while the block runs. Work that breaks sets the event, and its error is raised here."""
    task = asyncio.create_task(work)
    task.add_done_callback(lambda _: stop.set())
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
