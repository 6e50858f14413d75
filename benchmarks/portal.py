"""`python -m benchmarks.portal`: how quick a removal is, and what visitors cost the DNS server.

Two measurements of the whole product, `dnsbl serve` with a list of addresses:

- Presses of **Delist IP**, one after the other: from the moment when the form is
  sent to the first answer over UDP that does not have the address any more.
- Visitors of the look-up page, so many a second, while DNS answers half of what
  it can. DNS is probed with and without them in turn; what is judged is the
  ratio of its 99th percentiles in neighbouring turns. Both with the ordinary
  priority of its threads and with `dns.priority = "realtime"`: server, portal,
  load and visitors are more than two processors have turns for.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import json
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from benchmarks import accounting, load, machine, probe, questions, report
from benchmarks.figures import Figures, percentile
from benchmarks.lists import PLANS
from benchmarks.programs import FOLDER, PROJECT, compiled
from benchmarks.propagation import LIMIT_NAMES, Watcher, addresses
from benchmarks.questions import BenchList
from dnsbl.config import Priority

sys.path[:0] = [str(PROJECT / "tests")]

import visitor  # noqa: E402  # the tests' own sender and house serve here too
from house import ZONE_TEXT, House, free_port  # noqa: E402
from mailserver import link_in_file  # noqa: E402
from running import Running, run_dnsbl  # noqa: E402

PAGE: Final = FOLDER / "PORTAL.md"
CACHE: Final = PROJECT / "build" / "bench" / "lists"
LIST: Final = PLANS["100k"]
THIRD: Final = 53  # of the second octets of addresses that are listed for this

PRESSES: Final = "presses"
VISITS: Final = "visits"
PRIORITIES: Final[tuple[Priority, ...]] = ("normal", "realtime")  # those of `dns.priority`

SHARE: Final = 0.5  # of what DNS can do
FULL_LOAD_S: Final = 3.0
OBSERVED_S: Final = 10.0  # a turn; visits go on for all visited turns together


@dataclass(frozen=True, slots=True)
class Portal:
    """A product that runs, and what is asked of it."""

    house: House
    running: Running
    served: BenchList
    priority: Priority

    @property
    def sidecar(self) -> int:
        """The process id of the portal."""
        pid = self.running.sidecar_pid
        assert pid is not None, "the sidecar is not there"
        return pid


def idle(priority: Priority) -> str:
    """The name of turns without visitors."""
    return f"{priority}, portal idle"


def visited(priority: Priority) -> str:
    """The name of turns with them."""
    return f"{priority}, portal visited"


def press_ms(watcher: Watcher, link: str, address: str) -> float:
    """Presses; milliseconds from sending the form to the first answer without the address."""
    page = visitor.fetch(link)
    form = next(form for form in page.forms if "Delist IP" in form.buttons)
    parts = urlsplit(link)
    target = f"{parts.scheme}://{parts.netloc}{form.action or parts.path}"
    gone_at: list[float] = []

    def watch() -> None:
        while watcher.answered(address):
            time.sleep(0.0002)  # leaves the processor to those who are measured
        gone_at.append(time.monotonic())

    watching = threading.Thread(target=watch)
    watching.start()
    sent_at = time.monotonic()
    done = visitor.fetch(target, form.fields | form.buttons["Delist IP"])
    watching.join()
    assert "Delisted" in done.text
    return (gone_at[0] - sent_at) * 1000


def presses(portal: Portal, figures: Figures, count: int) -> None:
    """A whole visit each; the last press is timed."""
    house = portal.house
    listed = list(itertools.islice(addresses(THIRD), count))
    assert run_dnsbl(house.file, "add", *listed).returncode == 0
    outbox = house.config.data.outbox
    watcher = Watcher(house)
    for number, address in enumerate(listed, 1):
        asked = visitor.request(house.portal_url, address, f"postmaster@{address}.example")
        assert asked.location, asked.text
        while len(list(outbox.glob("*.eml"))) < number:
            time.sleep(0.002)
        figures.add(PRESSES, "dnsbl", number, ms=press_ms(watcher, link_in_file(outbox), address))
    watcher.close()


def observed(
    portal: Portal, figures: Figures, turn: int, peer: str, tool: str, rate: float
) -> None:
    """DNS under half load for a turn: its latency, and what it lost."""
    port, asked = portal.house.dns_port, portal.served.questions
    with probe.probing(tool, port, asked) as under_way:
        done = load.run(port, asked, OBSERVED_S, rate)
    latency = under_way.result
    figures.add(
        VISITS, peer, turn,
        median_us=latency.median_us, p99_us=latency.p99_us, lost=done.lost + latency.lost,
    )  # fmt: skip


def visits(portal: Portal, figures: Figures, tool: str, rate: float, seconds: float) -> None:
    """Turns with and without visitors, until these were there for so long in all."""
    port, asked = portal.house.dns_port, portal.served.questions
    most = load.run(port, asked, FULL_LOAD_S).queries_per_s
    figures.about[f"half load, {portal.priority}"] = f"{most * SHARE:,.0f} queries a second"
    for turn in range(max(1, round(seconds / OBSERVED_S))):
        observed(portal, figures, turn, idle(portal.priority), tool, most * SHARE)
        before = accounting.cpu(portal.sidecar)
        visiting = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.visits", f"{portal.house.portal_url}/",
             str(rate), str(OBSERVED_S)],
            cwd=PROJECT, stdout=subprocess.PIPE,
        )  # fmt: skip
        observed(portal, figures, turn, visited(portal.priority), tool, most * SHARE)
        text, _ = visiting.communicate()
        came = json.loads(text)
        ordered = sorted(came["ms"])
        figures.add(
            VISITS, visited(portal.priority), turn,
            asked=came["asked"], failed=came["failed"],
            page_median_ms=percentile(ordered, 50), page_p99_ms=percentile(ordered, 99),
            page_cpu_ms=accounting.cpu(portal.sidecar).since(before, came["asked"]).total_us / 1000,
        )  # fmt: skip


INTRODUCTION: Final = """\
Written by `make bench BENCH_ARGS=--write`. Presses are timed from the moment when the form is
sent to the first answer over UDP without the address. Visitors fetch the look-up page of an
address each, while DNS answers half of what it can: server, portal, load and visitors then want
more than this machine has, so that ordinary threads wait for a turn. Those of
`dns.priority = "realtime"` do not."""


def page(figures: Figures) -> str:
    """PORTAL.md, from the figures alone."""
    ordered = sorted(figures.values(PRESSES, "dnsbl", "ms").values())
    p99 = percentile(ordered, 99)
    parts = [
        "# What the portal costs, and how quick it is",
        INTRODUCTION,
        report.table(["", ""], [[name, value] for name, value in figures.about.items()]),
        report.table(
            ["figure", "aim", "measured"],
            [
                ["from the press to NXDOMAIN, 99th percentile", "≤ 50 ms", f"{p99:.1f} ms"],
                ["median, largest", "",
                 f"{percentile(ordered, 50):.1f} ms, {ordered[-1]:.1f} ms of {len(ordered)}"],
                *(row for priority in PRIORITIES for row in _visit_rows(figures, priority)),
            ],
        ),
    ]  # fmt: skip
    return "\n\n".join(parts) + "\n"


def _visit_rows(figures: Figures, priority: Priority) -> list[list[str]]:
    """What visitors and DNS were to each other, with a priority of the threads of DNS."""
    alone, beside = idle(priority), visited(priority)
    failed, asked = (sum(figures.values(VISITS, beside, name).values()) for name in _PAGES)
    ratio = figures.ratio(VISITS, (beside, "p99_us"), (alone, "p99_us"))
    aim = "within noise" if priority == "realtime" else ""
    return [
        [f"{priority}: DNS, 99th percentile, to the portal idle", aim, report.cell(ratio, "×")],
        [f"{alone}: median, 99th percentile", "", _us(figures, alone)],
        [f"{beside}: median, 99th percentile", "", _us(figures, beside)],
        [f"{priority}: pages that failed", "0", f"{failed:.0f} of {asked:,.0f}"],
        *(
            [f"{priority}: {what}", "", report.cell(figures.spread(VISITS, beside, name), "ms")]
            for what, name in (
                ("page, median", "page_median_ms"),
                ("page, 99th percentile", "page_p99_ms"),
                ("CPU per page", "page_cpu_ms"),
            )
        ),
    ]


_PAGES: Final = ("failed", "asked")


def _us(figures: Figures, peer: str) -> str:
    return ", ".join(
        report.cell(figures.spread(VISITS, peer, name), "µs") for name in ("median_us", "p99_us")
    )


@contextlib.contextmanager
def running(folder: Path, served: BenchList, priority: Priority) -> Iterator[Portal]:
    """A product of its own, with the list."""
    folder.mkdir()
    house = House(folder, free_port(), free_port())
    house.write_zone(ZONE_TEXT)
    limits = "\n".join(f"{name} = 1000000" for name in LIMIT_NAMES)
    house.write_config(f"[portal.limits]\n{limits}\n[mail]\nper_minute = 100000\n")
    text = house.file.read_text()
    house.file.write_text(text.replace("[dns]", f'[dns]\npriority = "{priority}"'))
    product = Running(house.file)
    try:
        assert _priority(product) == priority, "leave is missing: LimitRTPRIO"
        imported = run_dnsbl(house.file, "import", str(served.feed), "--force")
        assert imported.returncode == 0, imported.stderr
        yield Portal(house, product, served, priority)
    finally:
        product.stop()


def _priority(product: Running) -> object:
    """As the DNS process says that it has it; the portal may be ready before that."""
    event = product.wait_for("ready")
    if "priority" not in event:
        event = product.wait_for("ready", after=product.events.index(event) + 1)
    return event["priority"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs both."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.portal", description=__doc__)
    parser.add_argument("--presses", type=int, default=200)
    parser.add_argument("--visits-per-s", type=float, default=200)
    parser.add_argument("--visit-seconds", type=float, default=60)
    parser.add_argument("--write", action="store_true", help="renews PORTAL.md")
    chosen, _ = parser.parse_known_args(arguments)  # others are of `python -m benchmarks`
    figures = Figures(machine.about())
    figures.about["visits"] = f"{chosen.visits_per_s:g} a second for {chosen.visit_seconds:g} s"
    with tempfile.TemporaryDirectory() as folder:
        tool = compiled("probe", Path(folder))
        served = questions.prepare(LIST, CACHE)
        for priority in PRIORITIES:
            with running(Path(folder) / priority, served, priority) as portal:
                if priority == "normal":
                    presses(portal, figures, chosen.presses)
                visits(portal, figures, tool, chosen.visits_per_s, chosen.visit_seconds)
    print(page(figures))
    if chosen.write:
        PAGE.write_text(page(figures))
    return 0


if __name__ == "__main__":
    sys.exit(main())
