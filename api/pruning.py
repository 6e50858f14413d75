"""What is not to be kept for ever goes: the journal's oldest rows, and who asked long ago.

In batches, each a short transaction, between which pages get their turn.
"""

from __future__ import annotations

from collections.abc import Callable

import structlog

from api.truth import Truth
from dnsbl.config import DataConfig
from dnsbl.store import forgetting, pruning
from dnsbl.store.pruning import Bounds


class Pruning:
    """`now` gives Unix seconds."""

    def __init__(self, truth: Truth, config: DataConfig, now: Callable[[], float]) -> None:
        self._truth = truth
        self._bounds = Bounds(config.journal_rows_max, config.journal_age_s)
        self._requests_age_s = config.requests_age_s
        self._now = now
        self._pruned = 0  # since the last line of the log

    async def round(self) -> bool:
        """A batch of each; whether there may be more. Raises StoreError."""
        now = int(self._now())
        pruned = await self._prune(now)
        return await self._forget(now) or pruned

    async def _forget(self, now: int) -> bool:
        if not await self._truth.read(forgetting.is_due, self._requests_age_s, now):
            return False
        forgotten = await self._truth.write(forgetting.forget, self._requests_age_s, now)
        if forgotten:  # another round may have come between
            structlog.get_logger().info("requests_forgotten", requests=forgotten)
        return forgotten >= forgetting.BATCH_REQUESTS

    async def _prune(self, now: int) -> bool:
        # Asked first of the reader: the writer's lock is not taken each second for nothing.
        if await self._truth.read(pruning.last_of_batch, self._bounds, now) is not None:
            pruned = await self._truth.write(pruning.prune, self._bounds, now)
            self._pruned += pruned
            if pruned:
                return True
        if self._pruned:
            structlog.get_logger().info("journal_pruned", rows=self._pruned)
            self._pruned = 0
        return False
