"""What a stop, and work that breaks, mean for what goes on beside the service."""

from __future__ import annotations

import asyncio

import pytest
from structlog.testing import capture_logs

from dnsbl.server.background import in_background, looking_on


async def _break(broken: asyncio.Event) -> None:
    broken.set()
    raise ZeroDivisionError


async def test_work_that_breaks_stops_the_service() -> None:
    """The event is set, and the error is raised at the end of the block."""
    stop = asyncio.Event()

    with pytest.raises(ZeroDivisionError):
        async with in_background(_break(asyncio.Event()), stop):
            await stop.wait()


async def test_what_only_looks_on_ends_alone() -> None:
    """Its error is logged, and the block goes on and ends in order."""
    broken = asyncio.Event()

    with capture_logs() as logs:
        async with looking_on(_break(broken), "live view"):
            await broken.wait()
            await asyncio.sleep(0)

    assert [(line["event"], line["work"]) for line in logs] == [("background_failed", "live view")]


async def test_what_looks_on_ends_with_its_block() -> None:
    """Cancelled, without a word."""
    ended = asyncio.Event()

    async def look() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    with capture_logs() as logs:
        async with looking_on(look(), "observers"):
            await asyncio.sleep(0)

    assert ended.is_set()
    assert logs == []
