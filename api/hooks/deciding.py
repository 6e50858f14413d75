"""The decisions about a delisting: the policy's, then those of all hooks at once; the strictest.

Nothing of a request is changed here: a press of the button asks first, outside of
any transaction, and then carries out what was decided. But a hook that wants to be
asked no more is switched off for everybody, until an operator switches it on.
"""

from __future__ import annotations

import asyncio
import dataclasses
import functools
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, Protocol, TypeAlias

import structlog
from structlog.typing import FilteringBoundLogger

from api.hooks.message import MISTAKE, one_line
from api.hooks.plugin import Plugin, PluginError, PluginTransport
from api.hooks.question import AnswerError, GoneError, checked, question, read_answer
from api.hooks.spec import hookimpl
from api.hooks.switch import switch_off
from api.hooks.transport import Transport, load_plugin, open_transport
from api.metrics import Metrics
from api.truth import Truth
from dnsbl.config import Config, HookConfig, PluginTarget, ProgramTarget
from dnsbl.delist.case import Case, Key, Matter
from dnsbl.delist.decision import Decision, Outcome, strictest
from dnsbl.delist.policy import policy
from dnsbl.network import parse_address
from dnsbl.store import audit, hooks
from dnsbl.store.audit import Act
from dnsbl.store.database import StoreError
from dnsbl.store.hooks import HookState

DRY_RUN_ACT: Final = "hook.dry_run"

_ON_ERROR: Final = {
    "accept": Outcome.ACCEPT,
    "review": Outcome.REVIEW,
    "refuse": Outcome.REFUSE,
}

_Matters: TypeAlias = tuple[Matter, ...]


class BuiltIn:
    """The policy of the configuration, by the same interface as everybody's plugins."""

    def __init__(self, config: Config) -> None:
        self._config = config

    @hookimpl
    def dnsbl_decide(self, case: Case) -> Decision:
        """What the rules of the listing's category come to."""
        zone = self._config.zone(case.zone)
        category = zone.category(case.category) if zone is not None else None
        assert category is not None, "a case is of a category that is served"
        return strictest(policy(case, category))


class Adviser(Protocol):
    """A hook that decides, whatever its transport."""

    async def ask(self, case: Case) -> Decision | None:
        """What it decides; None where it has no opinion. Raises AnswerError or PluginError."""

    async def close(self) -> None:
        """Lets go of what it holds."""


class _Correspondent:
    """A hook that is sent a question in JSON, and answers in kind."""

    def __init__(self, hook: HookConfig, transport: Transport) -> None:
        self._hook = hook
        self._transport = transport

    async def ask(self, case: Case) -> Decision | None:
        reply = await self._transport.send(question(case, mailbox=self._hook.mailbox))
        silence_accepts = isinstance(self._hook.target, ProgramTarget)
        return read_answer(reply, _rule(self._hook), case.now, silence_accepts=silence_accepts)

    async def close(self) -> None:
        await self._transport.close()


class _Colleague:
    """A hook that is a plugin, and is given the case itself."""

    def __init__(self, hook: HookConfig, transport: PluginTransport) -> None:
        self._hook = hook
        self._transport = transport

    async def ask(self, case: Case) -> Decision | None:
        if not self._hook.mailbox:
            case = dataclasses.replace(case, mailbox="")
        said = [
            checked(value, _rule(self._hook), case.now)
            for value in await self._transport.decide(case)
        ]
        decisions = [decision for decision in said if decision is not None]
        return strictest(decisions) if decisions else None

    async def close(self) -> None:
        await self._transport.close()


class Deciding:
    """The policy and the hooks of a configuration. For one event loop; to be closed in the end."""

    def __init__(self, config: Config, truth: Truth, metrics: Metrics) -> None:
        self._truth = truth
        self._metrics = metrics
        self._policy = Plugin("policy", BuiltIn(config), "dnsbl_decide")
        self._hooks = [(hook, open_adviser(hook)) for hook in config.hooks if hook.on == "decide"]
        self._under_way: dict[_Matters, asyncio.Task[dict[Key, Decision]]] = {}

    async def decide(self, cases: Sequence[Case]) -> dict[Key, Decision]:
        """What holds for each case of a request, by zone and category.

        One that is switched off counts as its `on_error` says. All other hooks are
        asked about all cases at once, so it takes as long as the slowest of them
        may. What the policy refuses is no hook's matter. Whoever asks the same
        meanwhile, by pressing a button again and again, waits for the same answer.
        Raises StoreError.
        """
        matter = tuple(case.matter for case in cases)
        task = self._under_way.get(matter)
        if task is None:
            task = self._under_way[matter] = asyncio.create_task(self._decide(cases))
            task.add_done_callback(functools.partial(self._ended, matter))
        return await asyncio.shield(task)

    def _ended(self, matter: _Matters, task: asyncio.Task[dict[Key, Decision]]) -> None:
        self._under_way.pop(matter)
        if not task.cancelled():
            task.exception()  # taken note of, though everybody who asked may be gone

    async def _decide(self, cases: Sequence[Case]) -> dict[Key, Decision]:
        said = {case.key: self._by_policy(case) for case in cases}
        asked = [
            (case, hook, adviser)
            for case in cases
            if strictest(said[case.key]).outcome is not Outcome.REFUSE
            for hook, adviser in self._hooks
            if hook.covers(case.zone, case.category)
        ]
        states = await self._truth.read(hooks.states) if asked else {}
        answers = await asyncio.gather(*(self._answer(*each, states) for each in asked))
        dry: list[Act] = []
        for (case, hook, _), decision in zip(asked, answers, strict=True):
            if decision is None:
                continue
            if hook.dry_run:
                dry.append(_would_have(case, hook, decision))
            else:
                said[case.key].append(decision)
        await self._note(dry)
        return {key: strictest(decisions) for key, decisions in said.items()}

    async def close(self) -> None:
        """Gives up on what is under way; ends connections and calls."""
        tasks = list(self._under_way.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for _, adviser in self._hooks:
            await adviser.close()

    def _by_policy(self, case: Case) -> list[Decision]:
        return [item for item in self._policy.decide(case) if isinstance(item, Decision)]

    async def _answer(
        self, case: Case, hook: HookConfig, adviser: Adviser, states: Mapping[str, HookState]
    ) -> Decision | None:
        """What a hook says of a case, or what counts as said where it is off."""
        log = structlog.get_logger().bind(
            hook=hook.name, request_id=case.request_id, address=case.address, zone=case.zone,
            category=case.category, dry_run=hook.dry_run,
        )  # fmt: skip
        state = states.get(hook.name)
        if state is None or state.disabled_at is None:
            return await self._ask(case, hook, adviser, log)
        log.warning("hook_off", detail=state.disabled_why, counted_as=hook.on_error)
        self._metrics.hook_decisions.labels(hook.name, "off").inc()
        return _in_place(hook, one_line(f"it is off: {state.disabled_why}"))

    async def _ask(
        self, case: Case, hook: HookConfig, adviser: Adviser, log: FilteringBoundLogger
    ) -> Decision | None:
        """What a hook says of a case, or what counts as said where it broke."""
        asked_at = time.monotonic()
        try:
            decision = await adviser.ask(case)
        except (AnswerError, PluginError) as error:
            detail = one_line(str(error))
            log.warning("hook_failed", detail=detail, counted_as=hook.on_error)
            self._metrics.hook_decisions.labels(hook.name, "error").inc()
            if isinstance(error, GoneError):
                await self._switch_off(hook, detail, case.now)
            return _in_place(hook, detail)
        except Exception:  # a bug of ours, or no thread to be had
            log.exception("hook_crashed")
            self._metrics.hook_decisions.labels(hook.name, "error").inc()
            return _in_place(hook, MISTAKE)
        finally:
            self._metrics.hook_seconds.labels(hook.name).observe(time.monotonic() - asked_at)
        outcome = "none" if decision is None else decision.outcome.name.lower()
        self._metrics.hook_decisions.labels(hook.name, outcome).inc()
        after_ms = round((time.monotonic() - asked_at) * 1000)
        log.info("hook_decided", outcome=outcome, after_ms=after_ms)
        return decision

    async def _switch_off(self, hook: HookConfig, why: str, now: int) -> None:
        """Asks the hook no more. Where that cannot be noted, it is asked once more."""
        try:
            changed = await self._truth.write(switch_off, hook.name, why, now)
        except StoreError as error:
            structlog.get_logger().error("hook_not_disabled", hook=hook.name, error=str(error))
            return
        if changed:  # it may be about several listings at once
            structlog.get_logger().error(
                "hook_disabled", hook=hook.name, answer=why, counted_as=hook.on_error
            )

    async def _note(self, acts: Sequence[Act]) -> None:
        """Into the audit. Where that cannot be, a dry run stops nothing: the log has it."""
        if not acts:
            return
        try:
            await self._truth.write(audit.record, acts)
        except StoreError as error:
            structlog.get_logger().error("hook_dry_run_not_noted", error=str(error))


def open_adviser(hook: HookConfig) -> Adviser:
    """The way to a hook that decides, to be closed in the end."""
    if isinstance(hook.target, PluginTarget):
        return _Colleague(hook, load_plugin(hook, hook.target))
    return _Correspondent(hook, open_transport(hook))


def _in_place(hook: HookConfig, note: str) -> Decision:
    """What counts as the decision of a hook that gave none."""
    return Decision(_ON_ERROR[hook.on_error], _rule(hook), note=note)


def _rule(hook: HookConfig) -> str:
    return f"hook:{hook.name}"


def _would_have(case: Case, hook: HookConfig, decision: Decision) -> Act:
    parts: Iterable[str] = (
        f"would have decided: {decision.outcome.name.lower()}",
        f"until {decision.until}" if decision.until is not None else "",
        decision.reason,
        decision.note,
    )
    return Act(
        case.now, _rule(hook), DRY_RUN_ACT, case.zone, str(parse_address(case.address)),
        case.category, case.request_id, "; ".join(part for part in parts if part),
    )  # fmt: skip
