"""The peers in turn, several rounds, each round beginning with another peer.

A peer's turn: it is started, its answers are compared with the list, it is
warmed, loaded with all that it takes, and probed under half of that rate. Load
and server have processors of their own; see `placement`.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks import accounting, answers, load, probe
from benchmarks.figures import Figures
from benchmarks.peers import Peer, Product, Server, running
from benchmarks.placement import apart
from benchmarks.questions import BenchList

WARM_SHARE: Final = 0.2  # of a measurement's seconds, before it
HALF: Final = 0.5
RCODE_SLACK: Final = 0.02  # the share of NXDOMAIN may differ from a half by so much in a run,
DEVIATIONS: Final = 4  # and by so many standard deviations of its draw
LOST_MAX: Final = 0.001  # dropped questions: more, and the figures are of something else


@dataclass(frozen=True, slots=True)
class Bench:
    """What every measurement needs.

    ``seconds``: of one measurement; ``probe``: the program; ``logs``, ``programs``: folders.
    """

    seconds: float
    rounds: int
    probe: str
    logs: Path
    programs: Path

    def log(self, peer: Peer) -> Path:
        """Where a peer's log goes."""
        return self.logs / f"{peer.name.replace(', ', '-').replace(' ', '-')}.log"


def in_turn(peers: Sequence[Peer], rounds: int) -> list[tuple[int, Peer]]:
    """Every peer in every round; a round begins where the one before it went on second."""
    return [
        (turn, peers[(turn + place) % len(peers)])
        for turn in range(rounds)
        for place in range(len(peers))
    ]


def check_load(done: load.Load, peer: Peer) -> None:
    """Half of the answers are NXDOMAIN, and the rest are not SERVFAIL; few are lost."""
    if done.lost > LOST_MAX * done.completed:
        raise load.LoadError(f"{peer.name} lost {done.lost} of {done.completed} questions.")
    slack = RCODE_SLACK + DEVIATIONS * HALF / math.sqrt(max(1, done.completed))
    shares = [done.rcodes.get(rcode, 0.0) for rcode in ("NOERROR", "NXDOMAIN")]
    if peer.answers and any(abs(share - HALF) > slack for share in shares):
        raise answers.WrongAnswerError(f"{peer.name} answers wrongly under load: {done.rcodes}.")


def placed(peer: Peer, server: Server) -> contextlib.AbstractContextManager[None]:
    """Server and load apart, if the peer is to have that."""
    return apart(server.pid) if peer.pinned else contextlib.nullcontext()


def half_load(
    bench: Bench, server: Server, served: BenchList, rate: float
) -> tuple[load.Load, accounting.Cpu, probe.Latency]:
    """Load at half of what the server takes, probed; the processor time is for each query."""
    before = accounting.cpu(server.pid)
    with probe.probing(bench.probe, server.port, served.questions) as probed:
        done = load.run(server.port, served.questions, bench.seconds, rate)
    used = accounting.cpu(server.pid)
    answered = done.completed + probed.result.answered
    return done, used.since(before, answered), probed.result


def take_turn(bench: Bench, peer: Peer, served: BenchList) -> dict[str, float]:
    """One peer's turn; its figures by name."""
    image = isinstance(peer, Product) and bool(peer.prepared.extras())
    with running(peer, served, bench.log(peer)) as server, placed(peer, server):
        answers.check(server.port, served, peer.name, echo=not peer.answers)
        load.run(server.port, served.questions, bench.seconds * WARM_SHARE)
        before = accounting.cpu(server.pid)
        done = load.run(server.port, served.questions, bench.seconds)
        used = accounting.cpu(server.pid).since(before, done.completed)
        check_load(done, peer)
        half, half_used, latency = half_load(bench, server, served, done.queries_per_s * HALF)
        held = accounting.memory(server.pid)
    return {
        "start_s": server.start_s,
        **({"start_image_s": server.start_s} if image else {}),
        "queries_per_s": done.queries_per_s,
        "lost_share": done.lost / max(1, done.lost + done.completed),
        "cpu_us": used.total_us,
        "user_us": used.user_us,
        "system_us": used.system_us,
        "half_load_queries_per_s": half.queries_per_s,
        "half_load_cpu_us": half_used.total_us,
        "half_load_median_us": latency.median_us,
        "half_load_p99_us": latency.p99_us,
        "half_load_lost_share": latency.lost,
        "resident_mb": held.resident_mb,
        "peak_mb": held.peak_mb,
    }


def start_cold(bench: Bench, peer: Product, served: BenchList) -> float:
    """Seconds to the first right answer with nothing but the database; the next start has more."""
    for file in peer.prepared.extras():
        file.unlink()
    with running(peer, served, bench.log(peer)) as server:
        return server.start_s


def measure(bench: Bench, figures: Figures, peers: Sequence[Peer], served: BenchList) -> None:
    """All rounds of one list."""
    for turn, peer in in_turn(peers, bench.rounds):
        values = take_turn(bench, peer, served)
        figures.add(served.name, peer.name, turn, **values)
        print(
            f"{served.name}, round {turn + 1}: {peer.name}:"
            f" {values['queries_per_s']:,.0f} queries/s,"
            f" {values['cpu_us']:.2f} µs each ({values['user_us']:.2f} user),"
            f" {values['resident_mb']:.0f} MB, start {values['start_s']:.2f} s",
            flush=True,
        )
