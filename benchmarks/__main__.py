"""`python -m benchmarks`: measures, prints, and with --write renews RESULTS.md and cost.svg."""

from __future__ import annotations

import argparse
import json
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from benchmarks import (
    added,
    aims,
    changes,
    machine,
    peers,
    plot,
    prepared,
    questions,
    report,
    rounds,
)
from benchmarks.answers import WrongAnswerError
from benchmarks.figures import Figures
from benchmarks.lists import PLANS
from benchmarks.load import LoadError
from benchmarks.programs import FOLDER, PROJECT, MissingProgramError, compiled, program
from benchmarks.questions import BenchList

CACHE: Final = PROJECT / "build" / "bench"
PARTS: Final = ("import", "peers", "start", "commits", "changes", "added", "propagation")
QUICK_S: Final = 0.6
OCTETS_PER_MB: Final = 1 << 20


def options(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="the smallest list, in a minute")
    parser.add_argument("--lists", metavar="NAMES", help=f"of {','.join(PLANS)}")
    parser.add_argument("--rounds", type=int, help="turns of each peer (5; quick: 2)")
    parser.add_argument("--seconds", type=float, help="of one measurement (5; quick: 0.6)")
    parser.add_argument("--only", metavar="PARTS", help=f"of {','.join(PARTS)}")
    parser.add_argument("--workers", default="1,2", help="the product's, one peer each (1,2)")
    parser.add_argument("--fresh", action="store_true", help="imports again what was imported")
    parser.add_argument("--write", action="store_true", help="renews RESULTS.md and cost.svg")
    parser.add_argument(
        "--cache", type=Path, default=CACHE, help="lists and databases (build/bench)"
    )
    parser.add_argument("--from", dest="kept", type=Path, metavar="FILE",
                        help="measures nothing: reports the figures of an earlier run")  # fmt: skip
    chosen = parser.parse_args(arguments)
    chosen.lists = _names(parser, "--lists", chosen.lists, PLANS, quick=chosen.quick)
    chosen.only = _names(parser, "--only", chosen.only, PARTS, quick=False)
    chosen.rounds = chosen.rounds or (2 if chosen.quick else 5)
    chosen.seconds = chosen.seconds or (QUICK_S if chosen.quick else 5.0)
    chosen.workers = [int(number) for number in chosen.workers.split(",")]
    return chosen


def _names(
    parser: argparse.ArgumentParser,
    option: str,
    text: str | None,
    known: Iterable[str],
    *,
    quick: bool,
) -> list[str]:
    every = list(known)
    names = text.split(",") if text else every[:1] if quick else every
    for name in names:
        if name not in every:
            parser.error(f"{option}: there is no {name!r}; expected some of {','.join(every)}")
    return names


def measure_list(
    chosen: argparse.Namespace, bench: rounds.Bench, figures: Figures, served: BenchList
) -> None:
    """All that was chosen, on one list."""
    kept = prepared.place(served, chosen.cache / "databases")
    products = [peers.Product(kept, workers) for workers in chosen.workers]
    product = products[0]
    if chosen.fresh or not kept.imported.exists():
        print(f"{served.name}: importing …", flush=True)
        changes.import_while_serving(bench, product, served)
    if "import" in chosen.only:
        figures.add(served.name, aims.PRODUCT, 0, **json.loads(kept.imported.read_text()))
    if "start" in chosen.only:
        start_cold_s = rounds.start_cold(bench, product, served)
        image_mb = sum(file.stat().st_size for file in kept.extras()) / OCTETS_PER_MB
        figures.add(served.name, aims.PRODUCT, 0, start_cold_s=start_cold_s, image_mb=image_mb)
    echo_program = compiled("echo", bench.programs)
    echoes = [peers.Echo(echo_program, workers) for workers in chosen.workers]
    if "peers" in chosen.only:
        rbldnsds = [peers.Rbldnsd("ip4set"), peers.Rbldnsd("ip4trie")]
        free = [peers.Product(kept, free=True)] if max(chosen.workers) > 1 else []
        rounds.measure(bench, figures, [*echoes, *rbldnsds, *products, *free], served)
    if "commits" in chosen.only:
        changes.commits_under_load(bench, figures, product, served)
    if "changes" in chosen.only:
        changes.latency_while_changing(bench, figures, [echoes[0], product], product, served)
    if "added" in chosen.only:
        added.measure(figures, aims.PRODUCT, kept, served)


def measure(chosen: argparse.Namespace) -> Figures:
    """All that was chosen; the figures are kept as they come."""
    for name in ("dnsperf", "rbldnsd", "cc"):
        program(name)  # says what is missing before anything is begun
    chosen.cache.mkdir(parents=True, exist_ok=True)
    figures = Figures(machine.about())
    with tempfile.TemporaryDirectory() as folder:
        programs = Path(folder)
        probe = compiled("probe", programs)
        bench = rounds.Bench(chosen.seconds, chosen.rounds, probe, chosen.cache / "logs", programs)
        for name in chosen.lists:
            served = questions.prepare(PLANS[name], chosen.cache / "lists")
            measure_list(chosen, bench, figures, served)
            figures.save(chosen.cache / "figures.json")
            print(f"\n{report.section(figures, name)}\n", flush=True)
    return figures


def main() -> int:
    """Runs it all."""
    chosen = options()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # servers are stopped on the way out
    try:
        figures = Figures.load(chosen.kept) if chosen.kept else measure(chosen)
    except (LoadError, MissingProgramError, peers.PeerError, WrongAnswerError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    if chosen.kept:
        print(report.markdown(figures))
    if chosen.write:
        (FOLDER / "RESULTS.md").write_text(report.markdown(figures))
        plot.draw(figures, FOLDER / "cost.svg")
    if "propagation" in chosen.only and not chosen.kept:
        extra = ["--quick"] if chosen.quick else []
        command = [sys.executable, "-m", "benchmarks.propagation", *extra]
        return subprocess.run(command, cwd=PROJECT, check=False).returncode
    return 0


if __name__ == "__main__":
    sys.exit(main())
