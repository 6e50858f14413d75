"""The servers that are compared, each a process of its own as its operator would start it."""

from __future__ import annotations

import contextlib
import re
import subprocess
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from benchmarks.answers import Asker
from benchmarks.ports import free_port
from benchmarks.prepared import Prepared
from benchmarks.programs import product, program
from benchmarks.questions import ORIGIN, BenchList
from dnsbl.zone.twin import COMPILED

START_S_MAX: Final = 1800  # the pure twin reads ten million rows in minutes
STOP_S_MAX: Final = 60
ASK_EVERY_S: Final = 0.005


class PeerError(Exception):
    """A server that ended, or did not begin to answer."""


class Peer(Protocol):
    """A kind of server. ``answers``: it knows the list, and can be held to it."""

    @property
    def name(self) -> str:
        """As the tables have it."""

    @property
    def answers(self) -> bool:
        """Whether it knows the list, and can be held to it."""

    @property
    def pinned(self) -> bool:
        """Whether it has a processor of its own under load."""

    def command(self, served: BenchList, port: int) -> Sequence[str]:
        """What starts it, in the foreground."""


def with_workers(name: str, workers: int) -> str:
    """A peer's name, and how many threads of it answer, if there are several."""
    return name if workers == 1 else f"{name}, {workers} workers"


@dataclass(frozen=True, slots=True)
class Echo:
    """The limit of the machine: echo.c, compiled."""

    path: str
    workers: int = 1
    answers: bool = False

    @property
    def name(self) -> str:
        """With the number of its workers, if there are several."""
        return with_workers("echo", self.workers)

    @property
    def pinned(self) -> bool:
        """With one worker; several need the processors that there are."""
        return self.workers == 1

    def command(self, served: BenchList, port: int) -> Sequence[str]:
        """It knows no list."""
        del served
        return [self.path, str(port), str(self.workers)]


@dataclass(frozen=True, slots=True)
class Rbldnsd:
    """Debian's rbldnsd, with one of its kinds of data set.

    ``-a``: as the product does, it names no name servers beside an answer. Root
    starts it as the user rbldns, who has to be able to read the list.
    """

    dataset: str
    answers: bool = True
    pinned: bool = True

    @property
    def name(self) -> str:
        """With the data set."""
        return f"rbldnsd {self.dataset}"

    def command(self, served: BenchList, port: int) -> Sequence[str]:
        """A zone of one file."""
        zone = f"{ORIGIN}:{self.dataset}:{served.rbldnsd}"
        return [program("rbldnsd"), "-n", "-a", "-b", f"127.0.0.1/{port}", zone]


@dataclass(frozen=True, slots=True)
class Product:
    """`dnsbl dns` on the list's prepared database.

    ``free``: one worker without a processor of its own, to compare several with.
    """

    prepared: Prepared
    workers: int = 1
    free: bool = False
    answers: bool = True

    @property
    def name(self) -> str:
        """With the number of its workers, if there are several."""
        return "dnsbl, unpinned" if self.free else with_workers("dnsbl", self.workers)

    @property
    def pinned(self) -> bool:
        """With one worker, unless it is to be free."""
        return self.workers == 1 and not self.free

    def command(self, served: BenchList, port: int) -> Sequence[str]:
        """Writes the configuration that it is started with."""
        del served
        self.prepared.configure(port, self.workers)
        return [product(), "dns", "--config", str(self.prepared.config_file)]


@dataclass(frozen=True, slots=True)
class Server:
    """A peer that runs. ``start_s``: from its start to its first right answer."""

    pid: int
    port: int
    start_s: float


def ended(peer: Peer, status: int, log: Path) -> str:
    """A sentence about a server that is gone, with its last words."""
    last = log.read_text(errors="replace").strip().rpartition("\n")[2]
    return f"{peer.name} ended with {status} ({last}); its log is {log}"


def check_path(log: Path) -> None:
    """A product that was built with the compiled path, and serves by the other, is no figure."""
    said = re.findall(r'"path": "(\w+)"', log.read_text(errors="replace"))
    if COMPILED and said and said[-1] != "compiled":
        raise PeerError("dnsbl does not serve by its compiled path: was it built anew meanwhile?")


@contextlib.contextmanager
def running(
    peer: Peer, served: BenchList, log: Path, first: tuple[str, bool] | None = None
) -> Iterator[Server]:
    """Starts a peer, waits for its first right answer, and stops it in the end.

    `first` is the address that is asked about until then, and whether it is
    listed; by default one that is.
    """
    port = free_port()
    command = peer.command(served, port)
    address, listed = first or (served.listed, True)
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as out:
        begun = time.perf_counter()
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT
        )
    try:
        with Asker(port, ASK_EVERY_S) as asker:
            while not asker.right(address, listed=listed, echo=not peer.answers):
                if process.poll() is not None:
                    raise PeerError(ended(peer, process.returncode, log))
                if time.perf_counter() - begun > START_S_MAX:
                    raise PeerError(f"{peer.name} did not answer in {START_S_MAX} s; see {log}")
        yield Server(process.pid, port, time.perf_counter() - begun)
        if isinstance(peer, Product):
            check_path(log)
        if process.poll() is not None:
            raise PeerError(ended(peer, process.returncode, log))
    finally:
        process.terminate()
        try:
            process.wait(STOP_S_MAX)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
