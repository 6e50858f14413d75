"""All that tells hooks what happens, as the sidecar starts and stops it."""

from __future__ import annotations

from collections.abc import Callable

from api.hooks.delivery import HookDelivery
from api.hooks.fan_out import EventPruning, FanOut
from api.hooks.transport import open_transport
from api.metrics import Metrics
from api.rounds import Rounds
from api.truth import Truth
from api.watch import Watch
from dnsbl.config import Config


class Notifying:
    """The watch, the fan-out and the delivery; `now` gives Unix seconds."""

    def __init__(
        self, config: Config, truth: Truth, metrics: Metrics, now: Callable[[], float]
    ) -> None:
        told = [hook for hook in config.hooks if hook.on == "notify"]
        self._transports = {hook.name: open_transport(hook) for hook in told}
        self.delivery = HookDelivery(told, truth, self._transports, metrics, now)
        self.fan_out = FanOut(told, truth, now, self.delivery.wake)
        self.watch = Watch(told, truth, now, self.fan_out.round)
        self.pruning = EventPruning(told, truth, config.data, now)
        self.rounds = [
            Rounds("watch", self.watch.round),
            Rounds("fan_out", self.fan_out.round),
            Rounds("event_pruning", self.pruning.round),
        ]

    async def close(self) -> None:
        """Ends connections and calls; after the workers have ended."""
        for transport in self._transports.values():
            await transport.close()
