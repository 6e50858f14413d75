"""A trial of a hook that decides: it is asked about a case that is none."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable

from api.hooks.calls import Calls
from api.hooks.deciding import open_adviser
from api.hooks.message import Message, Reply, one_line
from api.hooks.plugin import PluginError
from api.hooks.question import AnswerError
from dnsbl.config import HookConfig
from dnsbl.delist.case import Case
from dnsbl.delist.decision import Decision

_DAY_S = 86_400


class Trial:
    """Takes the place of the hook's transport: what it decides counts for nothing.

    A hook that was told what happened before it came to decide may have messages left.
    `now` gives Unix seconds.
    """

    def __init__(self, hook: HookConfig, now: Callable[[], float]) -> None:
        self._hook = hook
        self._now = now
        self._calls = Calls(f"hook-{hook.name}-trial")

    async def send(self, message: Message) -> Reply:
        """Asks about the zone and category of the message; what was decided is the detail."""
        data = json.loads(message.body)["data"]
        if "test" not in data:
            return Reply("failed", "it decides, and is told nothing any more")
        # For this once: a plugin that could not be loaded, and was mended, can. That runs its code.
        hook = await self._calls.run(functools.partial(open_adviser, self._hook))
        try:
            decision = await hook.ask(_case(data, int(self._now())))
        except (AnswerError, PluginError) as error:
            return Reply("failed", one_line(str(error)))
        finally:
            await hook.close()
        return Reply("done", one_line(_told(decision)))

    async def close(self) -> None:
        """Nothing is held between two trials."""


def _case(data: dict[str, str], now: int) -> Case:
    """Of an address and a mailbox of the documentation, and of the request number 0."""
    return Case(
        request_id=0,
        address="192.0.2.1",
        mailbox="postmaster@example.com",
        client="192.0.2.1/32",
        language="en",
        zone=data["zone"],
        category=data["category"],
        network="192.0.2.1/32",
        exact=True,
        reason="a test of this hook",
        source="",
        listed_at=now - _DAY_S,
        expires_at=None,
        evidence_at=now - _DAY_S,
        delistings=(),
        asked_at=now,
        confirmed_at=now,
        proven=0,
        proof_domains=(),
        now=now,
    )


def _told(decision: Decision | None) -> str:
    if decision is None:
        return "no opinion"
    parts = (
        decision.outcome.name.lower(),
        f"until {decision.until}" if decision.until is not None else "",
        f"reason: {decision.reason}" if decision.reason else "",
        f"note: {decision.note}" if decision.note else "",
    )
    return ", ".join(part for part in parts if part)
