"""The product while it is changed: by single commits under full load, by a thousand a second,
and by an import.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import random
import sqlite3
import subprocess
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import closing
from typing import Final

from benchmarks import load, probe
from benchmarks.answers import Asker
from benchmarks.figures import Figures, percentile
from benchmarks.lists import SEED
from benchmarks.peers import Peer, PeerError, Product, running
from benchmarks.programs import product
from benchmarks.propagation import House, Watcher, addresses
from benchmarks.questions import ORIGIN, BenchList
from benchmarks.rounds import Bench, in_turn

CHANGES_PER_S: Final = 1000
LIVES: Final = 500  # a listing is removed when so many more were added: after a second
COMMITS: Final = 200
COMMITS_QUICK: Final = 40
QUICK_S: Final = 2  # measurements shorter than that are for a look
PAUSE_S_MAX: Final = 0.04
PATIENCE_S: Final = 60
OCTETS_PER_MB: Final = 1 << 20

_INSERT: Final = "INSERT INTO listings (zone, network, category) VALUES (?, ?, 'spam')"
_DELETE: Final = "DELETE FROM listings WHERE zone = ? AND network = ?"
_CLEAN: Final = "DELETE FROM listings WHERE zone = ? AND network >= '198.' AND network < '198/'"


@contextlib.contextmanager
def changing(product: Product) -> Iterator[sqlite3.Connection]:
    """A plain connection; it waits for the disk as seldom as the product's own."""
    path = product.prepared.database
    with closing(sqlite3.connect(path, isolation_level=None, timeout=60)) as database:
        database.execute("PRAGMA synchronous = NORMAL")
        database.execute(_CLEAN, (ORIGIN,))  # what a run that was stopped left behind
        yield database


def commit_ms(database: sqlite3.Connection, watcher: Watcher, count: int) -> Iterator[float]:
    """Milliseconds from before a commit to the answer that shows it: adds and removes in turn."""
    chance = random.Random(SEED)
    for address in itertools.islice(addresses(52), count // 2):
        for listed in (True, False):
            time.sleep(chance.random() * PAUSE_S_MAX)  # at any moment of the follower's interval
            begun = time.monotonic()
            database.execute(_INSERT if listed else _DELETE, (ORIGIN, f"{address}/32"))
            while watcher.answered(address) != listed:
                if time.monotonic() - begun > PATIENCE_S:
                    raise PeerError(f"a commit was not answered for {PATIENCE_S} s.")
                time.sleep(0.0002)  # leaves the processor to those who are measured
            yield (time.monotonic() - begun) * 1000


def commits_under_load(bench: Bench, figures: Figures, peer: Product, served: BenchList) -> None:
    """From commit to answer, while dnsperf asks all that it can."""
    count = COMMITS if bench.seconds >= QUICK_S else COMMITS_QUICK
    with changing(peer) as database, running(peer, served, bench.log(peer)) as server:
        watcher = Watcher(House(peer.prepared.folder, server.port, 0))
        with load.under(server.port, served.questions):
            values = sorted(commit_ms(database, watcher, count))
        watcher.close()
    figures.add(
        served.name,
        peer.name,
        0,
        commit_median_ms=percentile(values, 50),
        commit_p99_ms=percentile(values, 99),
    )


def change(database: sqlite3.Connection, seconds: float) -> float:
    """Makes changes at an even pace, one to a transaction; how many a second there were."""
    lives: deque[str] = deque()
    begun = time.monotonic()
    made = 0
    for number in itertools.count():
        while (due := begun + made / CHANGES_PER_S) > time.monotonic():
            time.sleep(min(0.001, due - time.monotonic() + 1e-5))
        if time.monotonic() - begun > seconds:
            break
        if len(lives) < LIVES or number % 2 == 0:
            network = f"198.53.{number >> 8 & 255}.{number & 255}/32"
            database.execute(_INSERT, (ORIGIN, network))
            lives.append(network)
        else:
            database.execute(_DELETE, (ORIGIN, lives.popleft()))
        made += 1
    rate = made / (time.monotonic() - begun)
    for network in lives:
        database.execute(_DELETE, (ORIGIN, network))
    return rate


def latency_while_changing(
    bench: Bench, figures: Figures, peers: Sequence[Peer], product: Product, served: BenchList
) -> None:
    """Latency at rest and while the product's database takes a thousand changes a second.

    Of the product, which follows them, and of a server that does not: how much
    the writer takes from whoever else is on the machine.
    """
    for turn, peer in in_turn(peers, bench.rounds):
        with changing(product) as database, running(peer, served, bench.log(peer)) as server:
            rest = probe.run(bench.probe, server.port, served.questions, bench.seconds)
            with probe.probing(bench.probe, server.port, served.questions) as busy:
                rate = change(database, bench.seconds)
        figures.add(
            served.name,
            peer.name,
            turn,
            rest_median_us=rest.median_us,
            rest_p99_us=rest.p99_us,
            changes_per_s=rate,
            changing_median_us=busy.result.median_us,
            changing_p99_us=busy.result.p99_us,
        )


def import_while_serving(bench: Bench, peer: Product, served: BenchList) -> None:
    """Fills an empty database by the product's own import, while it serves; keeps the figures.

    An import ends for its operator with the command, and for everybody else
    with the first right answer; the latency is measured until then.
    """
    prepared = peer.prepared
    prepared.make_empty()
    with running(peer, served, bench.log(peer), first=(served.listed, False)) as server:
        rest = probe.run(bench.probe, server.port, served.questions, bench.seconds)
        begun = time.monotonic()
        with probe.probing(bench.probe, server.port, served.questions) as busy:
            done = subprocess.run(
                [product(), "import", str(served.feed), "--config", str(prepared.config_file)],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                check=False,
            )
            if done.returncode:
                raise PeerError(f"dnsbl import failed: {done.stderr.strip()}")
            import_s = time.monotonic() - begun
            with Asker(server.port, 0.05) as asker:
                while not asker.right(served.listed, listed=True):
                    time.sleep(0.05)
            served_s = time.monotonic() - begun
    values = {
        "import_s": import_s,
        "import_served_s": served_s,
        "import_rest_p99_us": rest.p99_us,
        "importing_p99_us": busy.result.p99_us,
        "importing_lost_share": busy.result.lost,
        "database_mb": prepared.octets() / OCTETS_PER_MB,
        "database_octets_each": prepared.octets() / served.plan.entries,
        "log_mb": prepared.octets("-wal") / OCTETS_PER_MB,
    }
    prepared.imported.write_text(json.dumps(values, indent=1) + "\n")
