"""The built-in decisions: what a category's configuration says of a listing that is to go.

Each rule is a function that says something or, with None, has nothing to say;
`strictest` of what they say holds. Nothing here asks a database or a clock.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Self

from dnsbl.config.category import CategoryConfig
from dnsbl.config.policy import HISTORY_S, PROOF_MAX, PolicyConfig
from dnsbl.delist.case import Case
from dnsbl.delist.decision import Decision, Outcome, strictest

NEVER: Final = "never"
REVIEW: Final = "review"
NETWORK: Final = "network"
RELAPSE: Final = "relapse"
EVIDENCE: Final = "evidence"
PROOF: Final = "proof"
RULES: Final = (NEVER, REVIEW, NETWORK, RELAPSE, EVIDENCE, PROOF)

_THEN: Final = {"review": Outcome.REVIEW, "refuse": Outcome.REFUSE}
_SHORTFALL: Final = re.compile(r"proof (\d) of (\d)(?:: (.+))?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Shortfall:
    """What was asked for as proof of control, and what there was; `note` keeps it.

    ``domains`` are those whose mailboxes prove it: any of theirs for level 1,
    postmaster@ and abuse@ for level 2.
    """

    proven: int
    needed: int
    domains: tuple[str, ...]

    @property
    def note(self) -> str:
        """As the note of a decision has it."""
        of = f": {' '.join(self.domains)}" if self.domains else ""
        return f"proof {self.proven} of {self.needed}{of}"

    @classmethod
    def read(cls, note: str) -> Self | None:
        """What such a note says; None for another one."""
        found = _SHORTFALL.fullmatch(note)
        if found is None:
            return None
        return cls(int(found[1]), int(found[2]), tuple((found[3] or "").split()))


def policy(case: Case, category: CategoryConfig) -> list[Decision]:
    """What the rules of its category say of a listing; nothing where it goes at once.

    Times count from the first press of the button, so that to press again
    changes nothing: a deferral stays as it was, and is an acceptance once its
    time has come.
    """
    rules = category.policy
    if category.delist != "self":
        return [_way(category)]
    said = (
        _network(category, exact=case.exact),
        _relapse(rules, case.delistings, case.confirmed_at, case.now),
        _evidence(rules, case),
        _proof(rules, case),
    )
    return [decision for decision in said if decision is not None]


def forecast(
    category: CategoryConfig, *, exact: bool, delistings: Sequence[int], now: int
) -> Decision:
    """What a request would meet if its button were pressed now, by a sender who proves enough.

    ``exact`` and ``delistings`` as a `Case` has them. What has to be proven says
    `needed_proof`.
    """
    if category.delist != "self":
        return _way(category)
    said = (_network(category, exact=exact), _relapse(category.policy, delistings, now, now))
    return strictest(decision for decision in said if decision is not None)


def needed_proof(category: CategoryConfig, delistings: Sequence[int], at: int) -> int:
    """The level of control that is to be proven, 0 to 3, by a request confirmed at a time."""
    return _needed(category.policy, delistings, at) if category.delist == "self" else 0


def _way(category: CategoryConfig) -> Decision:
    """How the category leaves in any case: by an operator, or not at all."""
    if category.delist == "never":
        return Decision(Outcome.REFUSE, NEVER)
    return Decision(Outcome.REVIEW, REVIEW)


def _network(category: CategoryConfig, *, exact: bool) -> Decision | None:
    """Out of a listed network leads an exclusion only, and the category may allow none."""
    if exact or category.grace_s > 0:
        return None
    return Decision(Outcome.REVIEW, NETWORK)


def _relapse(
    rules: PolicyConfig, delistings: Sequence[int], confirmed_at: int, now: int
) -> Decision | None:
    """Whoever was delisted before waits, the longer the more often; in the end a person looks."""
    if not rules.relapse:
        return None
    lately = _within(delistings, rules.third_within_s, confirmed_at)
    if lately > 2:  # noqa: PLR2004  # the fourth time
        return Decision(_THEN[rules.then], RELAPSE, note=f"delisted {lately} times before")
    if lately == 2:  # noqa: PLR2004
        return _deferred(confirmed_at + rules.third_wait_s, now)
    if _within(delistings, rules.second_within_s, confirmed_at):
        return _deferred(confirmed_at + rules.second_wait_s, now)
    return None


def _deferred(until: int, now: int) -> Decision:
    if until <= now:
        return Decision(Outcome.ACCEPT, RELAPSE)
    return Decision(Outcome.DEFER, RELAPSE, until=until)


def _evidence(rules: PolicyConfig, case: Case) -> Decision | None:
    """What its sender called mended was seen after that: whoever asks anew says so anew."""
    if rules.newer_evidence == "ignore" or case.evidence_at <= case.asked_at:
        return None
    return Decision(Outcome.REFUSE, EVIDENCE)


def _proof(rules: PolicyConfig, case: Case) -> Decision | None:
    """Who proves too little control over the address is looked at by a person."""
    needed = _needed(rules, case.delistings, case.confirmed_at)
    if case.proven >= needed:
        return None
    shortfall = Shortfall(case.proven, needed, case.proof_domains)
    return Decision(Outcome.REVIEW, PROOF, note=shortfall.note)


def _needed(rules: PolicyConfig, delistings: Sequence[int], at: int) -> int:
    rise = _within(delistings, HISTORY_S, at) if rules.proof_rises else 0
    return min(PROOF_MAX, rules.proof + rise)


def _within(delistings: Sequence[int], span_s: int, at: int) -> int:
    """How many there were in the span before a time, and since."""
    return sum(1 for each in delistings if each > at - span_s)
