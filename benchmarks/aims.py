"""What should hold: figures of the product, most of them beside a peer's in the same round."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from benchmarks.figures import Figures, Spread

PRODUCT: Final = "dnsbl"
UNPINNED: Final = "dnsbl, unpinned"
TWO_WORKERS: Final = "dnsbl, 2 workers"
ECHO: Final = "echo"
IP4SET: Final = "rbldnsd ip4set"
IP4TRIE: Final = "rbldnsd ip4trie"

Measured = Callable[[Figures, str], Spread | None]


@dataclass(frozen=True, slots=True)
class Aim:
    """A figure that is to be at most so large; `measured` finds it for a list."""

    text: str
    most: float
    unit: str
    measured: Measured


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of an aim. ``holds``: None where nothing was measured."""

    aim: Aim
    spread: Spread | None

    @property
    def holds(self) -> bool | None:
        """By the median."""
        return None if self.spread is None else self.spread.median <= self.aim.most


def _value(name: str) -> Measured:
    return lambda figures, bench_list: figures.spread(bench_list, PRODUCT, name)


def _beside(peer: str, name: str, of: str = PRODUCT) -> Measured:
    return lambda figures, bench_list: figures.ratio(bench_list, (of, name), (peer, name))


def _within(name: str, other: str) -> Measured:
    return lambda figures, bench_list: figures.ratio(bench_list, (PRODUCT, name), (PRODUCT, other))


_MORE_WORKERS: Final = Aim(
    "CPU per query with two workers, to one", 1.10, "×", _beside(UNPINNED, "cpu_us", TWO_WORKERS)
)
_ADDRESS_AIMS: Final = (
    Aim("CPU per query, to rbldnsd ip4set", 0.85, "×", _beside(IP4SET, "cpu_us")),
    Aim("user part of it, to rbldnsd ip4set", 0.35, "×", _beside(IP4SET, "user_us")),
    Aim("CPU per query, to the echo", 1.10, "×", _beside(ECHO, "cpu_us")),
    Aim("resident memory", 80, "MB", _value("resident_mb")),
    Aim("resident memory, to rbldnsd ip4set", 0.5, "×", _beside(IP4SET, "resident_mb")),
    Aim("start to first right answer, with an image", 1, "s", _value("start_image_s")),
    Aim("start without an image, from SQLite", 15, "s", _value("start_cold_s")),
    Aim("commit to answer under full load, 99th percentile", 50, "ms", _value("commit_p99_ms")),
    Aim("one listing added to the radix, median", 20, "µs", _value("added_median_us")),
    Aim("import while serving", 120, "s", _value("import_s")),
    Aim(
        "99th percentile during the import, to rest",
        2.0, "×", _within("importing_p99_us", "import_rest_p99_us"),
    ),
    Aim(
        "99th percentile under 1,000 changes a second, to rest",
        1.5, "×", _within("changing_p99_us", "rest_p99_us"),
    ),
    _MORE_WORKERS,
)  # fmt: skip
_RANGE_AIMS: Final = (
    Aim("CPU per query, to rbldnsd ip4trie", 1.0, "×", _beside(IP4TRIE, "cpu_us")),
    Aim("resident memory, to rbldnsd ip4trie", 1.0, "×", _beside(IP4TRIE, "resident_mb")),
    *_ADDRESS_AIMS[5:],
)


def verdicts(figures: Figures, bench_list: str, *, ranges: bool) -> list[Verdict]:
    """What became of each aim on a list."""
    aims = _RANGE_AIMS if ranges else _ADDRESS_AIMS
    return [Verdict(aim, aim.measured(figures, bench_list)) for aim in aims]
