"""Hooks inside a test: what happens becomes messages, and a stand-in takes them.

The whole way but for the last step: events, fan-out and delivery on a database,
with a clock to turn, and no process, socket or plugin at its end.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from house import House
from portal import PATIENCE_S, START, Clock

from api.hooks.delivery import HookDelivery
from api.hooks.fan_out import FanOut
from api.hooks.message import Message, Reply
from api.metrics import Metrics
from api.truth import Truth
from dnsbl.config import HookConfig, ProgramTarget
from dnsbl.store import deliveries, events
from dnsbl.store.database import Database
from dnsbl.store.deliveries import Delivery, DeliveryState

DONE = Reply("done")
FAILED = Reply("failed", "500 out of order")


def notified(name: str = "crm", **more: Any) -> HookConfig:  # noqa: ANN401  # any field
    """A hook that is told what happens."""
    return HookConfig(name, "notify", ProgramTarget(Path("/bin/true")), **more)


class Hook:
    """Takes messages: `reply` says what it makes of one; held while `open` is not set."""

    def __init__(self, reply: Callable[[Message], Reply] = lambda _: DONE) -> None:
        self.reply = reply
        self.open = asyncio.Event()
        self.open.set()
        self.begun: list[Message] = []
        self.taken: list[Message] = []

    async def send(self, message: Message) -> Reply:
        self.begun.append(message)
        await self.open.wait()
        self.taken.append(message)
        return self.reply(message)

    async def close(self) -> None:
        """Nothing is held."""

    @property
    def told(self) -> list[tuple[str, str]]:
        """Type and subject of each message, in order."""
        return [(told(message)["type"], told(message)["data"]["subject"]) for message in self.taken]


def told(message: Message) -> dict[str, Any]:
    """What a message says."""
    body: dict[str, Any] = json.loads(message.body)
    return body


class Hooked:
    """The delivery on a house's database, with a stand-in for each hook."""

    def __init__(
        self, house: House, clock: Clock, configs: Sequence[HookConfig], **hooks: Hook
    ) -> None:
        self.clock = clock
        self.hooks = {config.name: hooks.get(config.name) or Hook() for config in configs}
        self.truth = Truth(house.config.data.database)
        self.metrics = Metrics()
        self.delivery = HookDelivery(
            configs, self.truth, self.hooks, self.metrics, clock, chance=lambda: 0.5
        )
        self.fan_out = FanOut(configs, self.truth, clock, self.delivery.wake)

    async def __aenter__(self) -> Self:
        await self.truth.open()
        await self.spread()  # what is new begins here
        self._worker = asyncio.create_task(self.delivery.run())
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.delivery.stop()
        for hook in self.hooks.values():
            hook.open.set()
        await self._worker
        await self.truth.close()

    async def kill(self) -> None:
        """Ends as kill -9 would, as far as the database can tell: nothing is noted any more."""
        self._worker.cancel()
        tasks = [*self.delivery._dispatch.under_way.values()]  # noqa: SLF001  # there is no kind way
        for task in tasks:
            task.cancel()
        await asyncio.gather(self._worker, *tasks, return_exceptions=True)
        await self.truth.close()

    async def spread(self) -> None:
        """Fans out all there is."""
        while await self.fan_out.round():
            pass

    async def happen(self, *subjects: str, kind: events.EventKind = "listing.added") -> None:
        """Events in this order, fanned out."""

        def record(database: Database) -> None:
            for subject in subjects:
                events.record(
                    database, kind, subject, now=START, zone="bl.example", category="spam",
                    reason="spam trap",
                )  # fmt: skip

        await self.truth.write(record)
        await self.spread()

    async def deliveries(
        self, hook: str = "crm", state: DeliveryState | None = None
    ) -> list[Delivery]:
        """A hook's deliveries, the oldest first."""
        return (await self.truth.read(deliveries.browse, hook, state, 1000))[::-1]

    async def states(self, hook: str = "crm") -> list[str]:
        return [one.state for one in await self.deliveries(hook)]

    async def attempted(self, attempts: int, hook: str = "crm") -> Delivery:
        """A hook's first delivery, once so many attempts of it were noted."""

        async def noted() -> bool:
            return (await self.deliveries(hook))[0].attempts >= attempts

        await until(noted)
        return (await self.deliveries(hook))[0]

    async def settled(self, hook: str = "crm") -> None:
        """Returns once nothing of a hook is queued any more."""

        async def empty() -> bool:
            return not await self.deliveries(hook, "queued")

        await until(empty)

    def turn_to(self, at: int) -> None:
        """Turns the clock, and lets the delivery notice."""
        self.clock.at = at
        self.delivery.wake()


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    """Returns once it holds. No event tells a test of a commit, and asking takes its time."""
    async with asyncio.timeout(PATIENCE_S):
        while not await condition():  # noqa: ASYNC110  # the docstring says why
            await asyncio.sleep(0)
