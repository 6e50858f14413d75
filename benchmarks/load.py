"""Load by dnsperf."""

from __future__ import annotations

import contextlib
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.programs import program

# Ten clients with 100 questions open among them keep a server busy, and stay below what a socket's
# receive buffer holds by default (some 270 small datagrams): more would measure what is dropped.
CLIENTS: Final = 10
OPEN_QUESTIONS: Final = 100
LOST_AFTER_S: Final = 5
FOREVER_S: Final = 3600


class LoadError(Exception):
    """dnsperf said something unexpected."""


@dataclass(frozen=True, slots=True)
class Load:
    """What a run of dnsperf came to. ``rcodes``: the share of each, of those completed."""

    completed: int
    lost: int
    queries_per_s: float
    rcodes: dict[str, float]


def parse(text: str) -> Load:
    """Reads dnsperf's statistics."""

    def value(name: str) -> float:
        found = re.search(rf"^\s*{re.escape(name)}:\s+([0-9.]+)", text, re.MULTILINE)
        if found is None:
            raise LoadError(f"dnsperf gave no {name!r}:\n{text}")
        return float(found[1])

    codes = re.search(r"^\s*Response codes:(.*)$", text, re.MULTILINE)
    completed = int(value("Queries completed"))
    rcodes = re.findall(r"(\w+) (\d+) \(", codes[1]) if codes else []
    return Load(
        completed,
        int(value("Queries lost")),
        value("Queries per second"),
        {name: int(number) / completed for name, number in rcodes if completed},
    )


def command(port: int, questions: Path, seconds: float, rate: float | None = None) -> list[str]:
    """The command; the rate is in queries a second, None for as many as there can be."""
    limit = [] if rate is None else ["-Q", str(max(1, round(rate)))]
    return [
        program("dnsperf"), "-s", "127.0.0.1", "-p", str(port), "-d", str(questions), "-B",
        "-c", str(CLIENTS), "-q", str(OPEN_QUESTIONS), "-t", str(LOST_AFTER_S),
        "-l", f"{seconds:g}", *limit,
    ]  # fmt: skip


def run(port: int, questions: Path, seconds: float, rate: float | None = None) -> Load:
    """So many queries a second as there can be, or as are wanted, for so long."""
    done = subprocess.run(
        command(port, questions, seconds, rate), capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise LoadError(f"dnsperf failed: {done.stderr.strip() or done.stdout.strip()}")
    return parse(done.stdout)


@contextlib.contextmanager
def under(port: int, questions: Path) -> Iterator[None]:
    """As many queries as there can be, while something else is done."""
    process = subprocess.Popen(
        command(port, questions, FOREVER_S), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        yield
        if process.poll() is not None:
            raise LoadError(f"dnsperf ended early, with {process.returncode}")
    finally:
        process.terminate()
        process.wait()
