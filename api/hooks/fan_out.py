"""Events become deliveries, one for each hook that wants it; and go when their time is over."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import structlog

from api.truth import Truth
from dnsbl.config import DataConfig, HookConfig
from dnsbl.store import hooks
from dnsbl.store.hooks import Bounds

BATCH_EVENTS: Final = 500  # a transaction of so many takes some milliseconds
UNDELIVERED_KEPT_S: Final = 30 * 86_400  # at least: what is queued or dead may still be replayed
PRUNE_BATCH_EVENTS: Final = 200  # each with the rows of its deliveries
PRUNE_EACH_S: Final = 60


class FanOut:
    """Queues events for the hooks that are told; `queued` is called where there are some."""

    def __init__(
        self,
        configs: Sequence[HookConfig],
        truth: Truth,
        now: Callable[[], float],
        queued: Callable[[], None],
    ) -> None:
        self._configs = {config.name: config for config in configs if config.on == "notify"}
        self._truth = truth
        self._now = now
        self._queued = queued

    async def round(self) -> bool:
        """Looks at a batch of events for each hook; whether there may be more."""
        # Asked first of the reader: the writer's lock is not taken each second for nothing.
        behind = await self._truth.read(hooks.behind, self._configs.keys())
        count = 0
        for name in behind:
            wants = self._configs[name].wants
            now = int(self._now())
            count += await self._truth.write(hooks.fan_out, name, wants, now, BATCH_EVENTS)
        if count:
            self._queued()
        return bool(behind)


class EventPruning:
    """Goes through the old events once a minute, a batch a round."""

    def __init__(
        self,
        configs: Sequence[HookConfig],
        truth: Truth,
        data: DataConfig,
        now: Callable[[], float],
    ) -> None:
        self._names = [config.name for config in configs if config.on == "notify"]
        self._truth = truth
        self._age_s = data.journal_age_s
        self._now = now
        self._after_id = 0
        self._next_at = 0.0
        self._pruned = 0  # in this pass

    async def round(self) -> bool:
        """Deletes what may go of a batch; whether older events are left to look at."""
        now = self._now()
        if now < self._next_at:
            return False
        bounds = Bounds(
            int(now) - self._age_s, int(now) - max(self._age_s, UNDELIVERED_KEPT_S)
        )  # fmt: skip
        found = await self._truth.read(
            hooks.prunable, self._names, bounds, self._after_id, PRUNE_BATCH_EVENTS
        )
        if found.ids:
            self._pruned += await self._truth.write(hooks.prune, found.ids)
            if found.undelivered:
                structlog.get_logger().warning("events_given_up", events=found.undelivered)
        self._after_id = found.last_id
        if found.is_last:
            if self._pruned:
                structlog.get_logger().info("events_pruned", events=self._pruned)
            self._after_id, self._pruned, self._next_at = 0, 0, now + PRUNE_EACH_S
        return not found.is_last
