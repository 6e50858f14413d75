"""All that was measured: one value to a list, a peer, a name and a round; kept as JSON.

What is judged are ratios of two peers in the same round: machines that others
use too, as most are, grow slower and faster from minute to minute, and that
falls out of a ratio of neighbours.
"""

from __future__ import annotations

import json
import math
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path


def percentile(ordered: Sequence[float], percent: float) -> float:
    """The smallest value that so many per cent of the ordered values do not exceed."""
    assert ordered, "no values"
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)]


@dataclass(frozen=True, slots=True)
class Spread:
    """The median of some rounds, and their extremes."""

    median: float
    lowest: float
    highest: float

    @classmethod
    def of(cls, values: Iterable[float]) -> Spread | None:
        """Of some values; None of none."""
        held = list(values)
        return cls(statistics.median(held), min(held), max(held)) if held else None


@dataclass(frozen=True, slots=True)
class Figure:
    """One value, named after what it measures and its unit: `cpu_us`, `start_s`."""

    list: str
    peer: str
    name: str
    round: int
    value: float


@dataclass(slots=True)
class Figures:
    """Figures in the order in which they were measured, and what describes their run."""

    about: dict[str, str] = field(default_factory=dict)
    all: list[Figure] = field(default_factory=list)

    def add(self, bench_list: str, peer: str, turn: int, **values: float) -> None:
        """Takes some values of one peer in one round."""
        self.all += [Figure(bench_list, peer, name, turn, value) for name, value in values.items()]

    def values(self, bench_list: str, peer: str, name: str) -> dict[int, float]:
        """By round."""
        return {
            figure.round: figure.value
            for figure in self.all
            if (figure.list, figure.peer, figure.name) == (bench_list, peer, name)
        }

    def spread(self, bench_list: str, peer: str, name: str) -> Spread | None:
        """Over the rounds; None where it was not measured."""
        return Spread.of(self.values(bench_list, peer, name).values())

    def ratio(
        self, bench_list: str, upper: tuple[str, str], lower: tuple[str, str]
    ) -> Spread | None:
        """Of two values (peer and name each), round by round; None where none has both."""
        above = self.values(bench_list, *upper)
        below = self.values(bench_list, *lower)
        both = [turn for turn in above if below.get(turn)]
        return Spread.of(above[turn] / below[turn] for turn in both)

    @property
    def lists(self) -> list[str]:
        """The lists' names, in the order in which they were measured."""
        return list(dict.fromkeys(figure.list for figure in self.all))

    def peers(self, bench_list: str, name: str) -> list[str]:
        """The peers of which a name was measured on a list, in that order."""
        found = (f.peer for f in self.all if (f.list, f.name) == (bench_list, name))
        return list(dict.fromkeys(found))

    def save(self, file: Path) -> None:
        """Writes it all."""
        file.parent.mkdir(parents=True, exist_ok=True)
        held = {"about": self.about, "figures": [asdict(figure) for figure in self.all]}
        file.write_text(json.dumps(held, indent=1) + "\n")

    @classmethod
    def load(cls, file: Path) -> Figures:
        """Reads what `save` wrote."""
        held = json.loads(file.read_text())
        return cls(held["about"], [Figure(**figure) for figure in held["figures"]])
