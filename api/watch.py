"""The watch: follows the journal, and tells of what it brings, whoever changed the listings.

What happened becomes events for hooks, where any hook is told such; what was
delisted and is listed again is noted, as a relapse or as lapsed; and what comes
and goes is counted day by day. A bulk import is one row of the journal: it is no
event for each of its listings, nor counted, but what it brings back is found.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Final

import structlog

from api.truth import Truth
from dnsbl.config import HookConfig
from dnsbl.store import news

BATCH_ROWS: Final = 250  # of the journal: a transaction takes some milliseconds


class Watch:
    """`now` gives Unix seconds; `told` is awaited where there may be events for hooks."""

    def __init__(
        self,
        configs: Sequence[HookConfig],
        truth: Truth,
        now: Callable[[], float],
        told: Callable[[], Awaitable[object]] | None = None,
    ) -> None:
        self._configs = configs
        self._truth = truth
        self._now = now
        self._told = told

    async def round(self) -> bool:
        """Looks at a batch of the journal; whether there is more. Raises StoreError."""
        now = int(self._now())
        batch = await self._truth.read(news.look, BATCH_ROWS, now)
        if batch is None:
            return False
        relapses = await self._truth.write(news.take, batch, self._is_wanted, now)
        if relapses is None:  # another database stands there now
            return True
        log = structlog.get_logger()
        if batch.missed:
            log.warning("journal_missed", rows=batch.missed)
        if batch.since is not None and batch.since.seq > batch.upto.seq:
            log.warning("journal_begun_anew", was_at=batch.since.seq, seq=batch.upto.seq)
        for found in relapses:
            log.info(
                "relisted",
                zone=found.zone,
                network=found.network,
                category=found.category,
                listed=found.listed,
                request_id=found.request_id,
                lapsed=found.lapsed,
            )
        if self._told is not None and (batch.news or relapses):
            await self._told()
        return batch.more

    def _is_wanted(self, kind: str, zone: str, category: str) -> bool:
        return any(config.wants(kind, zone, category) for config in self._configs)
