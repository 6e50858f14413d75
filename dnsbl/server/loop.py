"""The event loop that a thread runs: uvloop's where it is installed, else asyncio's own."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable

new_loop: Callable[[], asyncio.AbstractEventLoop] = asyncio.new_event_loop
with contextlib.suppress(ImportError):  # not on every platform; asyncio's own loop serves, slower
    import uvloop

    new_loop = uvloop.new_event_loop


def loop_name() -> str:
    """Which of the two runs here: ``uvloop`` or ``asyncio``."""
    return type(asyncio.get_running_loop()).__module__.partition(".")[0]
