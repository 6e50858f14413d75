"""Runs rounds of a target, each from a seed of its own, and says how to see a failure again."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Final

from fuzz import answers, changes, images, names, rows

Target = Callable[[Random], Counter[str]]

TARGETS: Final[dict[str, Target]] = {
    "answers": answers.round_,
    "changes": changes.round_,
    "images": images.round_,
    "names": names.round_,
    "rows": rows.round_,
}


class DisagreementError(AssertionError):
    """The twins differ. Says about what, and which command shows it again."""


@dataclass(slots=True)
class Tally:
    """What a run did: rounds, and what was compared in them by kind."""

    rounds: int = 0
    compared: Counter[str] = field(default_factory=Counter)

    @property
    def total(self) -> int:
        """All that was compared."""
        return self.compared.total()


def run_round(name: str, seed: int, number: int) -> Counter[str]:
    """One round. Raises DisagreementError."""
    try:
        return TARGETS[name](Random(f"{seed} {name} {number}"))
    except Exception as error:
        raise DisagreementError(
            f"{type(error).__name__}: {error}\n"
            f"to see it again: python -m fuzz {name} --seed {seed} --round {number}"
        ) from error


def run(
    name: str,
    seed: int,
    *,
    count: int | None = None,
    seconds: float | None = None,
    report: Callable[[Tally], None] = lambda _: None,
) -> Tally:
    """Rounds until so much was compared, or so much time has passed.

    Calls ``report`` after each. Raises DisagreementError.
    """
    tally = Tally()
    started = time.monotonic()
    while (count is None or tally.total < count) and (
        seconds is None or time.monotonic() < started + seconds
    ):
        tally.compared += run_round(name, seed, tally.rounds)
        tally.rounds += 1
        report(tally)
    return tally
