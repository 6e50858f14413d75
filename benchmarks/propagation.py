"""From commit to answer: how long a change takes to show in DNS, by writer; and a feed's import.

    python -m benchmarks.propagation [--changes 200] [--quick]

A server runs as a process of its own. Each change is made by one of three
writers (the portal, the command line, a plain SQLite connection), alternately
adding and removing, but for the portal, which only removes. A watcher notes
when the row is committed, as another reader of the database sees it, and when
DNS answers accordingly; the time between is the figure. What is printed is the
median, the 99th percentile and the largest, in milliseconds.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import socket
import sqlite3
import statistics
import struct
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(PROJECT), str(PROJECT / "tests")]

import visitor  # noqa: E402  # the tests' own sender and house serve here too
from house import ZONE_TEXT, House, free_port  # noqa: E402
from mailserver import link_in_file  # noqa: E402
from running import Running, run_dnsbl  # noqa: E402

FEED = PROJECT / "tests" / "data" / "ipsum.txt"
LIMIT_NAMES = (
    "client_per_hour", "client_per_day", "mailbox_per_hour", "mailbox_per_day",
    "domain_per_hour", "address_per_day",
)  # fmt: skip
PATIENCE_S = 30
ASK_AGAIN_S = 1  # a datagram may be lost where a server has more to do than it can
NXDOMAIN = 3

__all__ = ["House", "Watcher", "addresses"]


class Watcher:
    """Sees an address in the database and in DNS, each as soon as it can be seen."""

    def __init__(self, house: House) -> None:
        self._database = sqlite3.connect(
            house.config.data.database, isolation_level=None, check_same_thread=False
        )
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.connect(("127.0.0.1", house.dns_port))
        self._socket.settimeout(ASK_AGAIN_S)
        self._id = 0

    def close(self) -> None:
        """Gives both back."""
        self._database.close()
        self._socket.close()

    def committed(self, address: str) -> bool:
        """Whether another reader sees the listing."""
        sql = "SELECT 1 FROM listings WHERE network = ?"
        return self._database.execute(sql, (f"{address}/32",)).fetchone() is not None

    def answered(self, address: str) -> bool:
        """Whether DNS answers that the address is listed."""
        labels = [*(octet.encode() for octet in reversed(address.split("."))), b"bl", b"example"]
        name = b"".join(bytes([len(label)]) + label for label in labels) + b"\0"
        for _ in range(PATIENCE_S // ASK_AGAIN_S):
            self._id = (self._id + 1) % 0x10000
            head = struct.pack("!6H", self._id, 0, 1, 0, 0, 0)
            self._socket.send(head + name + b"\0\1\0\1")
            with contextlib.suppress(TimeoutError):
                while (reply := self._socket.recv(512))[:2] != head[:2]:
                    pass  # late, to a question that was asked again
                return reply[3] & 15 != NXDOMAIN
        raise TimeoutError(f"no answer in {PATIENCE_S} s")

    def latency_ms(self, address: str, change: Callable[[], None], *, listed: bool) -> float:
        """Makes a change while watching both; milliseconds from the commit to the answer."""
        seen: dict[str, float] = {}

        def watch(what: str, see: Callable[[str], bool]) -> None:
            deadline = time.monotonic() + PATIENCE_S
            while see(address) != listed:
                if time.monotonic() > deadline:
                    return
                time.sleep(0.0002)  # leaves the processor to those who are measured
            seen[what] = time.monotonic()

        threads = [
            threading.Thread(target=watch, args=("commit", self.committed)),
            threading.Thread(target=watch, args=("answer", self.answered)),
        ]
        for thread in threads:
            thread.start()
        change()
        for thread in threads:
            thread.join()
        return max(0.0, seen["answer"] - seen["commit"]) * 1000


def addresses(third: int) -> Iterator[str]:
    """Addresses of their own for each writer."""
    for number in itertools.count(1):
        yield f"198.{third}.{number >> 8 & 255}.{number & 255}"


def by_command(house: House, watcher: Watcher, changes: int) -> Iterator[float]:
    """`dnsbl add`, then `dnsbl remove`."""
    for address in itertools.islice(addresses(51), changes // 2):
        for verb in ("add", "remove"):

            def change(verb: str = verb, address: str = address) -> None:
                assert run_dnsbl(house.file, verb, address).returncode == 0

            yield watcher.latency_ms(address, change, listed=verb == "add")


def by_sqlite(house: House, watcher: Watcher, changes: int) -> Iterator[float]:
    """A plain connection of the sqlite3 module, as the sqlite3 shell has."""
    insert = "INSERT INTO listings (zone, network, category) VALUES ('bl.example', ?, 'spam')"
    delete = "DELETE FROM listings WHERE network = ?"
    path = house.config.data.database
    with closing(sqlite3.connect(path, isolation_level=None, timeout=30)) as database:
        for address in itertools.islice(addresses(52), changes // 2):
            for listed, sql in ((True, insert), (False, delete)):

                def change(sql: str = sql, address: str = address) -> None:
                    database.execute(sql, (f"{address}/32",))

                yield watcher.latency_ms(address, change, listed=listed)


def by_portal(house: House, watcher: Watcher, changes: int) -> Iterator[float]:
    """The whole visit; what is timed is the last press."""
    listed = list(itertools.islice(addresses(53), changes))
    assert run_dnsbl(house.file, "add", *listed).returncode == 0
    outbox = house.config.data.outbox
    for number, address in enumerate(listed, 1):
        answer = visitor.request(house.portal_url, address, f"postmaster@{address}.example")
        assert answer.status == 303, answer.text  # noqa: PLR2004
        while len(list(outbox.glob("*.eml"))) < number:
            time.sleep(0.002)
        link = link_in_file(outbox)

        def change(link: str = link) -> None:
            visitor.press(link)

        yield watcher.latency_ms(address, change, listed=False)


def report(name: str, values_ms: list[float]) -> None:
    """One line of the table."""
    ordered = sorted(values_ms)
    p99 = ordered[min(len(ordered) - 1, -(-len(ordered) * 99 // 100) - 1)]
    median = statistics.median(ordered)
    print(f"| {name} | {len(ordered)} | {median:.1f} | {p99:.1f} | {ordered[-1]:.1f} |", flush=True)


def main() -> None:
    """Prints a table for each writer, and the time of an import."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--changes", type=int, default=200, help="changes by each writer")
    parser.add_argument("--quick", action="store_true", help="20 changes by each writer")
    options = parser.parse_args()
    changes = 20 if options.quick else options.changes
    with tempfile.TemporaryDirectory() as folder:
        house = House(Path(folder), free_port(), free_port())
        house.write_zone(ZONE_TEXT)
        limits = "\n".join(f"{name} = 1000000" for name in LIMIT_NAMES)
        house.write_config(f"[portal.limits]\n{limits}\n[mail]\nper_minute = 100000\n")
        running = Running(house.file)
        running.wait_for("ready")
        watcher = Watcher(house)
        print("From commit to answer, in milliseconds\n")
        print("| writer | changes | median | 99th percentile | largest |\n|---|---|---|---|---|")
        report("plain SQLite connection", list(by_sqlite(house, watcher, changes)))
        report("command line", list(by_command(house, watcher, changes)))
        report("portal", list(by_portal(house, watcher, changes)))
        begun = time.monotonic()
        done = run_dnsbl(house.file, "import", str(FEED))
        assert done.returncode == 0, done.stderr
        print(f"\nImport of {FEED.name} while serving: {time.monotonic() - begun:.1f} s")
        watcher.close()
        running.stop()


if __name__ == "__main__":
    main()
