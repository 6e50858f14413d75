"""Latency, by the client in probe.c: paced, and timed by the kernel where answers arrive."""

from __future__ import annotations

import contextlib
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from benchmarks.figures import percentile

PROBES_PER_S: Final = 2000
NS_PER_US: Final = 1000
FOREVER_S: Final = 3600


@dataclass(frozen=True, slots=True)
class Latency:
    """Microseconds from a question to its answer, how many had one, and what share had none."""

    answered: int
    median_us: float
    p99_us: float
    lost: float


def parse(text: str) -> Latency:
    """Reads what the probe prints: how many were asked and answered, then nanoseconds."""
    head, *values = text.splitlines()
    asked, answered = map(int, head.split())
    ordered = sorted(int(value) / NS_PER_US for value in values)
    assert len(ordered) == answered
    if not ordered:
        return Latency(0, float("inf"), float("inf"), 1.0)
    lost = (asked - answered) / asked
    return Latency(answered, percentile(ordered, 50), percentile(ordered, 99), lost)


@dataclass(slots=True)
class Probing:
    """A probe under way; ``latency`` is there once it ended."""

    latency: Latency | None = field(default=None)

    @property
    def result(self) -> Latency:
        """What came of it."""
        assert self.latency is not None, "the probe is still under way"
        return self.latency


@contextlib.contextmanager
def probing(probe: str, port: int, questions: Path) -> Iterator[Probing]:
    """Probes while something else is done."""
    process = subprocess.Popen(
        [probe, str(port), str(questions), str(PROBES_PER_S), str(FOREVER_S)],
        stdout=subprocess.PIPE,
        text=True,
    )
    under_way = Probing()
    try:
        yield under_way
    finally:
        process.terminate()
        text, _ = process.communicate()
    under_way.latency = parse(text)


def run(probe: str, port: int, questions: Path, seconds: float) -> Latency:
    """Probes for so long."""
    with probing(probe, port, questions) as under_way:
        time.sleep(seconds)
    return under_way.result
