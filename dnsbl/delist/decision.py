"""A decision about a listing that is to go: what it says, and which of several holds."""

from __future__ import annotations

import enum
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

POLICY: Final = "policy"
OPERATOR: Final = "operator"


class Outcome(enum.IntEnum):
    """What may be decided, by strictness."""

    ACCEPT = 0
    DEFER = 1
    REVIEW = 2
    REFUSE = 3


@dataclass(frozen=True, slots=True)
class Decision:
    """What was decided, and by which rule.

    ``rule`` is one of the policy's, "hook:NAME" or "operator". ``reason`` is for
    the sender, ``note`` for operators; for a rule of the policy the page has
    words of its own. ``until`` goes with DEFER, in Unix seconds.
    """

    outcome: Outcome
    rule: str
    reason: str = ""
    note: str = ""
    until: int | None = None

    def __post_init__(self) -> None:
        assert (self.outcome is Outcome.DEFER) == (self.until is not None), "until goes with DEFER"


ACCEPTED: Final = Decision(Outcome.ACCEPT, POLICY)


def strictest(decisions: Iterable[Decision]) -> Decision:
    """The one that holds: the strictest, of deferrals the longest, of equals the first."""
    return max(
        decisions, key=lambda decision: (decision.outcome, decision.until or 0), default=ACCEPTED
    )
