"""Runs rounds of a target, each from a seed of its own, and says how to see a failure again."""

from __future__ import annotations

import gc
import os
import statistics
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Final

from fuzz import answers, changes, framing, images, names, replies, rows

_STATM: Final = Path("/proc/self/statm")  # proc(5): in pages, the second is what is resident
ROUNDS_FLAT: Final = 100  # fewer say little: the heap settles
GROWTH_BYTES_MAX: Final = 8 << 20

Target = Callable[[Random], Counter[str]]

TARGETS: Final[dict[str, Target]] = {
    "answers": answers.round_,
    "changes": changes.round_,
    "framing": framing.round_,
    "images": images.round_,
    "names": names.round_,
    "packets": replies.round_,
    "rows": rows.round_,
}


class DisagreementError(AssertionError):
    """The twins differ, or a promise was broken. Says by what, and how to see it again."""


@dataclass(slots=True)
class Tally:
    """What a run did: rounds, and what was compared in them by kind."""

    rounds: int = 0
    compared: Counter[str] = field(default_factory=Counter)
    resident: list[int] = field(default_factory=list)  # bytes, after each round

    @property
    def total(self) -> int:
        """All that was compared."""
        return self.compared.total()

    @property
    def tenths(self) -> tuple[int, int]:
        """What was resident in the first tenth of the rounds and in the last, by the median."""
        tenth = max(1, len(self.resident) // 10)
        first, last = self.resident[:tenth] or [0], self.resident[-tenth:] or [0]
        return int(statistics.median(first)), int(statistics.median(last))

    @property
    def is_flat(self) -> bool:
        """Whether memory stayed as it was, as far as so many rounds can tell."""
        first, last = self.tenths
        return len(self.resident) < ROUNDS_FLAT or last - first <= GROWTH_BYTES_MAX


def resident_bytes() -> int:
    """The memory of this process that is resident; 0 where nothing tells."""
    try:
        return int(_STATM.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0


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

    Calls ``report`` after each. Raises DisagreementError, also where memory grew.
    """
    tally = Tally()
    gc.freeze()  # what is there already is none of a round's
    started = time.monotonic()
    while (count is None or tally.total < count) and (
        seconds is None or time.monotonic() < started + seconds
    ):
        tally.compared += run_round(name, seed, tally.rounds)
        tally.rounds += 1
        gc.collect()  # zones of a round refer to each other, and would go some time later
        tally.resident.append(resident_bytes())
        report(tally)
    if not tally.is_flat:
        first, last = (size >> 20 for size in tally.tenths)
        raise DisagreementError(f"{name}: memory grew from {first} MB to {last} MB, seed {seed}")
    return tally
