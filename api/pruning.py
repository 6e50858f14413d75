"""The journal is kept within its bounds, a batch at a time."""

from __future__ import annotations

from collections.abc import Callable

import structlog

from api.truth import Truth
from dnsbl.config import DataConfig
from dnsbl.store import pruning
from dnsbl.store.pruning import Bounds


class Pruning:
    """`now` gives Unix seconds."""

    def __init__(self, truth: Truth, config: DataConfig, now: Callable[[], float]) -> None:
        self._truth = truth
        self._bounds = Bounds(config.journal_rows_max, config.journal_age_s)
        self._now = now
        self._pruned = 0  # since the last line of the log

    async def round(self) -> bool:
        """Deletes a batch of the oldest rows; whether there may be more. Raises StoreError."""
        now = int(self._now())
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
