"""Fuzzes the twins against each other, and the whole of the server, for as long as is wished.

Prints the seed, and now and then what was done, at which rate and in how much
memory. Ends with 1 where they differ, a promise is broken or memory grows, and
the command that shows it again.
"""

from __future__ import annotations

import argparse
import secrets
import sys
import time
from typing import Final

from fuzz.rounds import TARGETS, DisagreementError, Tally, run, run_round

REPORT_S: Final = 10


class Reporter:
    """Prints how a run goes, every REPORT_S seconds and at its end."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._started = self._last = time.monotonic()

    def __call__(self, tally: Tally) -> None:
        if time.monotonic() >= self._last + REPORT_S:
            self.print(tally)

    def print(self, tally: Tally) -> None:
        """Prints it now."""
        self._last = time.monotonic()
        rate = tally.total / max(self._last - self._started, 1e-9)
        kinds = ", ".join(f"{kind}: {count:,}" for kind, count in sorted(tally.compared.items()))
        print(f"{self._name}: {tally.total:,} in {tally.rounds:,} rounds, {rate:,.0f}/s ({kinds})")
        first, last = (size / 1e6 for size in tally.tenths)
        seconds = f"{self._last - self._started:,.0f} s"
        print(
            f"    {seconds}, {first:.1f} MB resident in the first tenth, {last:.1f} MB in the last"
        )
        sys.stdout.flush()


def main(arguments: list[str] | None = None) -> int:
    """The exit status."""
    parser = argparse.ArgumentParser(prog="python -m fuzz", description=__doc__)
    parser.add_argument("targets", nargs="*", help=f"of {', '.join(TARGETS)}; all by default")
    parser.add_argument("--seed", type=int, help="where chance begins; by default by chance")
    parser.add_argument("--count", type=int, help="how much to compare of each; 100,000 by default")
    parser.add_argument("--seconds", type=float, help="for how long, each, instead")
    parser.add_argument("--round", type=int, help="one round alone, as a failure names it")
    asked = parser.parse_args(arguments)
    names = asked.targets or list(TARGETS)
    for name in names:
        if name not in TARGETS:
            parser.error(f"{name} is none of {', '.join(TARGETS)}")
    seed = secrets.randbits(32) if asked.seed is None else asked.seed
    count = asked.count or (None if asked.seconds else 100_000)
    print(f"seed {seed}")
    try:
        for name in names:
            reporter = Reporter(name)
            if asked.round is not None:
                print(f"{name}: {dict(run_round(name, seed, asked.round))}")
                continue
            reporter.print(run(name, seed, count=count, seconds=asked.seconds, report=reporter))
    except DisagreementError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
