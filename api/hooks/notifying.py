"""All that tells hooks what happens, as the sidecar starts and stops it."""

from __future__ import annotations

from collections.abc import Callable

import structlog

from api.hooks.delivery import HookDelivery
from api.hooks.fan_out import EventPruning, FanOut
from api.hooks.transport import Transport, open_transport
from api.hooks.trial import Trial
from api.metrics import Metrics
from api.rounds import Rounds
from api.truth import Truth
from api.watch import Watch
from dnsbl.config import Config
from dnsbl.store.database import StoreError


class Notifying:
    """The watch, the fan-out and the delivery; `now` gives Unix seconds.

    Hooks that decide are sent nothing here but an operator's trials.
    """

    def __init__(
        self, config: Config, truth: Truth, metrics: Metrics, now: Callable[[], float]
    ) -> None:
        told = [hook for hook in config.hooks if hook.on == "notify"]
        self._transports: dict[str, Transport] = {
            hook.name: open_transport(hook) if hook.on == "notify" else Trial(hook, now)
            for hook in config.hooks
        }
        self.delivery = HookDelivery(config.hooks, truth, self._transports, metrics, now)
        self.fan_out = FanOut(told, truth, now, self.delivery.wake)
        self.watch = Watch(told, truth, now, self.fan_out.round)
        self.pruning = EventPruning(told, truth, config.data, now)
        self.rounds = [
            Rounds("watch", self.watch.round),
            Rounds("fan_out", self.fan_out.round),
            Rounds("event_pruning", self.pruning.round),
        ]

    async def begin(self) -> None:
        """Notes where a new database and new hooks stand, before anything can happen to them."""
        try:
            await self.watch.round()
            await self.fan_out.round()
        except StoreError as error:  # the rounds do it, once the database is to be had
            structlog.get_logger().error("round_delayed", worker="watch", error=str(error))

    async def close(self) -> None:
        """Ends connections and calls; after the workers have ended."""
        for transport in self._transports.values():
            await transport.close()
