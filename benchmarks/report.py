"""RESULTS.md, written from the figures alone."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from benchmarks.aims import ECHO, PRODUCT, Verdict, verdicts
from benchmarks.figures import Figures, Spread
from benchmarks.lists import PLANS

COLUMNS: Final = (
    ("queries/s", "queries_per_s"),
    ("CPU µs per query", "cpu_us"),
    ("user", "user_us"),
    ("system", "system_us"),
    ("half load: CPU µs", "half_load_cpu_us"),
    ("median µs", "half_load_median_us"),
    ("p99 µs", "half_load_p99_us"),
    ("resident MB", "resident_mb"),
    ("most MB", "peak_mb"),
    ("start s", "start_s"),
)
CHANGED: Final = (
    ("start without an image, s", "start_cold_s"),
    ("files beside the database for the next start, MB", "image_mb"),
    ("commit to answer under full load: median, ms", "commit_median_ms"),
    ("the same: p99, ms", "commit_p99_ms"),
    ("latency at rest: median, µs", "rest_median_us"),
    ("the same: p99, µs", "rest_p99_us"),
    ("latency while changes are made: median, µs", "changing_median_us"),
    ("the same: p99, µs", "changing_p99_us"),
    ("changes made, a second", "changes_per_s"),
    ("import while serving: the command, s", "import_s"),
    ("the same: until DNS has it all, s", "import_served_s"),
    ("latency before the import: p99, µs", "import_rest_p99_us"),
    ("latency during the import: p99, µs", "importing_p99_us"),
    ("questions lost during the import, share", "importing_lost_share"),
    ("database, MB", "database_mb"),
    ("the same, octets a listing", "database_octets_each"),
    ("its write-ahead log after the import, MB", "log_mb"),
    ("radix read from SQLite, s", "radix_load_s"),
    ("a listing added to the radix: mean, µs", "added_mean_us"),
    ("the same: median, µs", "added_median_us"),
    ("the same: p99, µs", "added_p99_us"),
)
HOLDS: Final = {True: "yes", False: "**no**", None: "not measured"}
MANY: Final = 1000
TENS: Final = 10

INTRODUCTION: Final = """\
Written by `make bench BENCH_ARGS=--write`, which repeats it. That takes about half an hour, and
wants dnsperf, rbldnsd and a C compiler, from Debian's packages."""

NOTES: Final = """\
- The peers take turns on one machine, round by round, each round beginning with another. A turn
  starts the server, compares a sample of its answers with the list, warms it, loads it by
  `dnsperf` (10 clients, 100 questions open), and probes it under half of the rate it reached.
- CPU is the server's own, by the scheduler's accounting (`/proc/PID/task/*/schedstat`); user and
  system share it as the kernel's clock tick saw them. The server has a processor of its own, and
  load and probe the others: left to chance, cost varies by more than servers differ. With several
  workers nothing is pinned, nor for the one worker ("unpinned") that they are compared with.
- Queries a second are what the load and the server reach together. CPU per query falls as load
  rises, since a busy server finds more questions at each wake-up; half load shows what those cost.
- Latency is that of a client of its own, which asks 2,000 times a second, from its question to
  the kernel's stamp on the answer. "At rest" is that client alone.
- The echo receives and sends with `recvmmsg` and `sendmmsg` and does nothing else: what it costs,
  no server on this machine can do without. With two workers it has two threads and sockets, as the
  product has; under the same load each then finds fewer questions at a wake-up.
- Ratios are of one round's turns. A figure is the median over the rounds, with the lowest and the
  highest beside it. Half of the questions are about listed addresses.
"""


def number(value: float) -> str:
    """With as many places as mean something."""
    if abs(value) >= MANY:
        return f"{value:,.0f}"
    if abs(value) >= TENS:
        return f"{value:.1f}"
    return f"{value:.2f}"


def cell(spread: Spread | None, unit: str = "") -> str:
    """The median, and the extremes where there are any."""
    if spread is None:
        return "–"
    text = f"{number(spread.median)} {unit}".rstrip()
    if spread.lowest == spread.highest:
        return text
    return f"{text} ({number(spread.lowest)}–{number(spread.highest)})"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table in Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def peers_table(figures: Figures, bench_list: str) -> str:
    """A row for each peer."""
    peers = figures.peers(bench_list, "cpu_us")
    rows = [
        [peer, *(cell(figures.spread(bench_list, peer, name)) for _, name in COLUMNS)]
        for peer in peers
    ]
    return table(["", *(text for text, _ in COLUMNS)], rows)


def changed_table(figures: Figures, bench_list: str) -> str:
    """What else was measured, of the product and of the echo beside it."""
    rows = []
    for text, name in CHANGED:
        ours, limit = (figures.spread(bench_list, peer, name) for peer in (PRODUCT, ECHO))
        if ours is not None:
            rows.append([text, cell(ours), cell(limit)])
    return table(["", PRODUCT, ECHO], rows)


def aims_table(judged: Iterable[Verdict]) -> str:
    """A row for each aim."""
    return table(
        ["figure", "aim", "measured", "holds"],
        [
            [
                verdict.aim.text,
                f"≤ {verdict.aim.most:g} {verdict.aim.unit}",
                cell(verdict.spread, verdict.aim.unit),
                HOLDS[verdict.holds],
            ]
            for verdict in judged
        ],
    )


def section(figures: Figures, bench_list: str) -> str:
    """One list's tables."""
    plan = PLANS[bench_list]
    what = "ranges of mixed length, /12 to /32" if plan.ranges else "random addresses"
    parts = [
        f"## {plan.entries:,} {what}",
        aims_table(verdicts(figures, bench_list, ranges=plan.ranges)),
        peers_table(figures, bench_list),
        changed_table(figures, bench_list),
    ]
    return "\n\n".join(parts)


def markdown(figures: Figures) -> str:
    """The whole page. Lists stand in it from the largest down, as the aims are about large ones."""
    ordered = sorted(figures.lists, key=lambda name: (PLANS[name].ranges, -PLANS[name].entries))
    parts = [
        "# What a query costs",
        INTRODUCTION,
        "![CPU per query and resident memory by size of the list](cost.svg)",
        table(["", ""], [[name, value] for name, value in figures.about.items()]),
        *(section(figures, name) for name in ordered),
        "## How it is measured",
        NOTES.rstrip(),
    ]
    return "\n\n".join(parts) + "\n"
