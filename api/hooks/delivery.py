"""The delivery to hooks: hands over what is due, and notes what each hook made of it.

Nothing about a message in flight is kept in memory alone. Killed at any point,
the process finds it queued at its next start and sends it again, under the same
name. A hook that hangs holds up its own messages, never those of another.
"""

from __future__ import annotations

import asyncio
import functools
import random
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Final, Literal, get_args

import structlog

from api.dispatch import PAUSE_AFTER_ERROR_S, Dispatch
from api.hooks import payload
from api.hooks.message import MISTAKE, Reply
from api.hooks.schedule import next_attempt_at
from api.hooks.switch import switch_off
from api.hooks.transport import Transport
from api.metrics import Metrics
from api.truth import Truth
from dnsbl.config import HookConfig
from dnsbl.store import deliveries, hooks
from dnsbl.store.database import Database, StoreError
from dnsbl.store.deliveries import Delivery

CONCURRENT_MAX_OF_HOOK: Final = 8
CONCURRENT_MAX: Final = 32  # of all; a hook that has nothing under way may always begin
POLL_S: Final = 1.0  # for what the clock makes due, and for what the command line queues
GRACE_S: Final = 5.0  # a transport keeps its own time; beyond this it is a bug of ours

Outcome = Literal["delivered", "deferred", "dead", "disabled"]
OUTCOMES: Final = get_args(Outcome)


class HookDelivery:
    """Runs until it is stopped; `wake` makes it look at once.

    ``transports`` has one for each hook; ``now`` gives Unix seconds, ``chance``
    a number from 0 to 1.
    """

    def __init__(
        self,
        configs: Sequence[HookConfig],
        truth: Truth,
        transports: Mapping[str, Transport],
        metrics: Metrics,
        now: Callable[[], float],
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._configs = configs
        self._truth = truth
        self._transports = transports
        self._metrics = metrics
        self._now = now
        self._chance = chance
        self._dispatch = Dispatch(self._look)
        self._under_way: Counter[str] = Counter()  # of each hook
        for config in configs:
            for outcome in OUTCOMES:  # present from the start, so that a rate can be told
                metrics.hook_attempts.labels(config.name, outcome)

    def wake(self) -> None:
        """A message may be due."""
        self._dispatch.wake()

    def stop(self) -> None:
        """Starts nothing new; `run` returns once what is under way has ended."""
        self._dispatch.stop()

    async def run(self) -> None:
        """Sends what is due, until stopped."""
        await self._dispatch.run()

    async def _look(self) -> float | None:
        if not self._configs:
            return None
        try:
            await self._start_due()
        except StoreError as error:
            structlog.get_logger().error("round_delayed", worker="hooks", error=str(error))
        except Exception:  # noqa: BLE001  # a bug of ours must not end all delivery
            structlog.get_logger().exception("round_crashed", worker="hooks")
        return POLL_S

    async def _start_due(self) -> None:
        """Starts what may start now. The end of one wakes us for the next."""
        states = await self._truth.read(hooks.states)
        for config in self._configs:
            state = states.get(config.name)
            if self._dispatch.stopping or self._free(config.name) == 0 or (
                state is not None and state.disabled_at is not None
            ):  # fmt: skip
                continue
            # What ends while we read may stand there as queued still.
            under_way = set(self._dispatch.under_way)
            due = await self._truth.read(
                deliveries.due, config.name, int(self._now()), 2 * CONCURRENT_MAX_OF_HOOK
            )
            for delivery in [one for one in due if one.id not in under_way]:
                if self._free(config.name) == 0:
                    break
                self._start(config, delivery)

    def _free(self, name: str) -> int:
        """How many messages of a hook may begin now."""
        of_hook = self._under_way[name]
        free = min(CONCURRENT_MAX_OF_HOOK - of_hook, CONCURRENT_MAX - len(self._dispatch.under_way))
        return max(free, 1 if of_hook == 0 else 0)

    def _start(self, config: HookConfig, delivery: Delivery) -> None:
        self._under_way[config.name] += 1
        self._dispatch.begin(
            delivery.id, self._deliver(config, delivery), functools.partial(self._ended, delivery)
        )

    def _ended(self, delivery: Delivery, error: BaseException | None) -> None:
        self._under_way[delivery.hook] -= 1
        if error is not None:
            structlog.get_logger().error(
                "hook_crashed", hook=delivery.hook, delivery_id=delivery.id, exc_info=error
            )

    async def _deliver(self, config: HookConfig, delivery: Delivery) -> None:
        try:
            reply = await self._send(config, delivery)
        except StoreError as error:
            structlog.get_logger().error("round_delayed", worker="hooks", error=str(error))
            await asyncio.sleep(PAUSE_AFTER_ERROR_S)
            return
        log = structlog.get_logger().bind(hook=config.name, delivery_id=delivery.id)
        outcome = await self._dispatch.noted(
            lambda: self._truth.write(self._settle, delivery, reply),
            lambda error: log.error("hook_unsettled", error=str(error)),
        )
        if outcome is not None:
            self._report(delivery, reply, outcome)

    async def _send(self, config: HookConfig, delivery: Delivery) -> Reply:
        """The hook's reply. Raises StoreError before anything was sent."""
        try:
            message = await self._truth.read(payload.compose, delivery, mailbox=config.mailbox)
            async with asyncio.timeout(config.timeout_s + GRACE_S):
                return await self._transports[config.name].send(message)
        except StoreError:
            raise
        except Exception:  # noqa: BLE001  # a bug of ours: reported, and tried again as others are
            structlog.get_logger().exception("hook_crashed", hook=config.name)
            return Reply("failed", MISTAKE)

    def _settle(self, database: Database, delivery: Delivery, reply: Reply) -> Outcome:
        """Notes how it went, in one transaction; the outcome, as the log and metrics name it."""
        now = int(self._now())
        if reply.kind == "done":
            deliveries.settle(database, delivery, "delivered", reply.detail, now=now)
            return "delivered"
        is_trial = delivery.event.kind == hooks.TEST_EVENT
        if reply.kind == "gone" and not is_trial:
            deliveries.note(database, delivery, reply.detail)
            why = reply.detail or "it wants no more"
            switch_off(database, delivery.hook, why, now)
            return "disabled"
        attempts = delivery.attempts + 1
        again_at = next_attempt_at(attempts, now, reply.retry_after_s, self._chance)
        if again_at is None or is_trial:  # an operator looks on, and can try again
            deliveries.settle(database, delivery, "dead", reply.detail, now=now)
            return "dead"
        deliveries.settle(
            database, delivery, "queued", reply.detail, now=now, next_attempt_at=again_at
        )
        return "deferred"

    def _report(self, delivery: Delivery, reply: Reply, outcome: Outcome) -> None:
        self._metrics.hook_attempts.labels(delivery.hook, outcome).inc()
        log = structlog.get_logger().bind(
            hook=delivery.hook,
            delivery_id=delivery.id,
            kind=delivery.event.kind,
            attempt=delivery.attempts + 1,
            answer=reply.detail,
        )
        match outcome:
            case "delivered":
                log.info("hook_delivered")
            case "deferred":
                log.warning("hook_deferred")
            case "dead":
                log.error("hook_dead")
            case _:
                log.error("hook_disabled")
