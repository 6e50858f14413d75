"""What is done over and over beside the pages: a round each second, until stopped."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Final

import structlog

from dnsbl.store.database import StoreError

ROUND_S: Final = 1.0

# One short transaction, between which pages get their turn; whether another is due at once.
Round = Callable[[], Awaitable[bool]]


class Rounds:
    """Does the rounds of one worker."""

    def __init__(self, name: str, round_: Round) -> None:
        self.name = name
        self._round = round_
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        """`run` returns after the round under way."""
        self._stopping.set()

    async def run(self) -> None:
        """Until stopped. A round that fails is tried again."""
        while not self._stopping.is_set():
            more = False
            try:
                more = await self._round()
            except StoreError as error:
                structlog.get_logger().error("round_delayed", worker=self.name, error=str(error))
            except Exception:  # noqa: BLE001  # a bug of ours must not end all rounds
                structlog.get_logger().exception("round_crashed", worker=self.name)
            if not more:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(ROUND_S):
                        await self._stopping.wait()
