"""The model: what a request, its links and its listings come to, told without a database."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Final

from api.portal.delisting import Standing
from dnsbl.delist.case import Key
from dnsbl.delist.decision import Decision
from dnsbl.delist.decision import Outcome as Says
from dnsbl.store.request_items import ItemOutcome
from dnsbl.store.request_states import State
from dnsbl.store.requests import COOLDOWN_OPEN_S

WAITING: Final = frozenset({State.MAIL_QUEUED, State.MAIL_SENT})
OPEN: Final = WAITING | {State.MAIL_FAILED, State.COOLDOWN}
ENDS: Final = frozenset(
    {State.MAIL_FAILED, State.EXPIRED, State.CANCELLED, State.DELISTED, State.REFUSED,
     State.RELISTED}
)  # fmt: skip


@dataclass
class Link:
    """A link that a mail carries: whether it was used, and until when it is good."""

    used: bool
    expires_at: int


@dataclass
class Petition:
    """What the model knows of a request."""

    id: int
    address: str
    mailbox: str
    state: State
    expires_at: int
    way: list[State] = field(default_factory=lambda: [State.REQUESTED, State.MAIL_QUEUED])
    until: int | None = None
    items: dict[Key, tuple[ItemOutcome, int | None, str]] = field(default_factory=dict)
    links: dict[str, Link] = field(default_factory=dict)
    taken_off: Counter[Key] = field(default_factory=Counter)

    def move(self, to: State) -> None:
        self.state = to
        self.way.append(to)
        if to is not State.COOLDOWN:
            self.until = None

    def use_links(self) -> None:
        for link in self.links.values():
            link.used = True

    def standing(self, token: str, now: int) -> Standing:
        link = self.links[token]
        if link.used or self.state not in OPEN | {State.EXPIRED}:
            return Standing.USED
        if link.expires_at <= now or self.state is State.EXPIRED:
            return Standing.EXPIRED
        if self.until is not None and self.until > now:
            return Standing.WAITING
        return Standing.OPEN

    def note(
        self, decisions: dict[Key, Decision], before: set[Key], after: set[Key], now: int
    ) -> None:
        """What decisions come to, where these listings were there before, and those are now."""
        for key in sorted(before & decisions.keys()):
            decision = decisions[key]
            outcome, _, by = self.items.get(key, (None, None, ""))
            if outcome is ItemOutcome.REFUSED and by == "operator" and decision.rule != "operator":
                continue
            had_its_time = decision.until is not None and decision.until <= now
            may_go = decision.outcome is Says.ACCEPT or had_its_time
            if may_go:
                self.taken_off.update({key} - after)
                came_to = ItemOutcome.REVIEW if key in after else ItemOutcome.DELISTED
                self.items[key] = (came_to, None, decision.rule)
            else:
                self.items[key] = {
                    Says.DEFER: (ItemOutcome.COOLDOWN, decision.until, decision.rule),
                    Says.REVIEW: (ItemOutcome.REVIEW, None, decision.rule),
                    Says.REFUSE: (ItemOutcome.REFUSED, None, decision.rule),
                }[decision.outcome]
        for key in self.items.keys() - after:
            self.items[key] = (ItemOutcome.DELISTED, None, "gone")
        outcomes = {outcome for outcome, _, _ in self.items.values()}
        if ItemOutcome.REVIEW in outcomes:
            self.move(State.REVIEW)
        elif ItemOutcome.COOLDOWN in outcomes:
            waits = [until for _, until, _ in self.items.values() if until is not None]
            self.move(State.COOLDOWN)
            self.until = min(waits)
            self.expires_at = max(now, *waits) + COOLDOWN_OPEN_S
            for link in self.links.values():
                if not link.used:
                    link.expires_at = max(link.expires_at, self.expires_at)
        elif ItemOutcome.REFUSED in outcomes and ItemOutcome.DELISTED not in outcomes:
            self.move(State.REFUSED)
        else:
            self.move(State.DELISTED)
