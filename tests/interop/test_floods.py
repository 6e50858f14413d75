"""Honest clients while others flood: they get all that they ask for, whatever is limited."""

from __future__ import annotations

import json
import re
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from socket import create_connection, socket
from typing import Any

import dns.message
import dns.rcode
import pytest
from house import ZONE_TEXT, House
from internet import Internet, Plan
from resolvers import unbound
from running import Running, run_dnsbl

WAIT_S = 30  # generous: a failure still ends, and a loaded machine is slow
COUNT = 50
NAMES = [f"{number}.100.51.198.bl.example" for number in range(1, COUNT + 1)]

CONNECTIONS_MAX, PER_CLIENT_MAX = 64, 4
FLOODERS = [f"127.0.1.{number}" for number in range(1, 17)]
HONEST = "127.0.2.1"

LIMITS = """\
[dns.rate_limit]
listed_per_s = 1
burst_s = 1
slip = 1
"""

Serve = Callable[..., Running]


@dataclass(frozen=True)
class Asked:
    """What dig saw of some questions in a row."""

    listed: int
    truncated: int
    cookie: str  # the server's and ours, of the last reply

    @classmethod
    def by_dig(cls, house: House, *options: str, source: str = "127.0.0.1") -> Asked:
        """All names are asked for once; a reply that was cut short counts as well."""
        done = subprocess.run(
            ["dig", "@127.0.0.1", "-p", str(house.dns_port), "-b", source,
             "+tries=1", "+timeout=5", *options, *NAMES],
            capture_output=True, text=True, timeout=COUNT * 5, check=False,
        )  # fmt: skip
        cookies = re.findall(r"^; COOKIE: ([0-9a-f]+) \(good\)", done.stdout, re.MULTILINE)
        return cls(
            len(re.findall(r"\sA\s+127\.0\.0\.2$", done.stdout, re.MULTILINE)),
            len(re.findall(r"^;; flags:[a-z ]* tc[ ;]", done.stdout, re.MULTILINE)),
            cookies[-1] if cookies else "",
        )


def counted(house: House) -> dict[str, Any]:
    """The server's counters, once they tell of replies over the limit."""
    ends_at = time.monotonic() + WAIT_S
    while True:
        found: dict[str, Any] = json.loads(house.config.data.dns_status.read_text())["counters"]
        if found["rate_limited"]:
            return found
        assert time.monotonic() < ends_at, "no reply was over the limit"
        time.sleep(0.1)


@pytest.fixture
def limited(
    house: House, serve: Serve, tool: Callable[[str], str]
) -> Callable[[str], tuple[House, Running]]:
    """Starts a server that lets each network have one reply a second that lists."""
    tool("dig")

    def start(more: str = "") -> tuple[House, Running]:
        house.write_zone(ZONE_TEXT)
        house.write_config(LIMITS + more)
        assert run_dnsbl(house.file, "add", "198.51.100.0/24").returncode == 0
        return house, serve(house.file, "dns")

    return start


def test_a_client_over_its_limit_gets_every_answer_by_tcp(
    limited: Callable[..., tuple[House, Running]],
) -> None:
    """`slip = 1`: each reply over the limit asks for TCP, and dig follows it."""
    house, _ = limited()

    udp = Asked.by_dig(house, "+nocookie", "+ignore")
    assert udp.truncated >= COUNT / 2
    assert udp.listed + udp.truncated == COUNT
    assert Asked.by_dig(house, "+nocookie").listed == COUNT


def test_a_client_with_a_cookie_is_not_limited(
    limited: Callable[..., tuple[House, Running]],
) -> None:
    """RFC 7873 §5.2.4: who brings our cookie back is who it says, and is answered over UDP."""
    house, _ = limited()
    cookie = Asked.by_dig(house, "+cookie").cookie

    good = Asked.by_dig(house, f"+cookie={cookie}", "+ignore")
    forged = Asked.by_dig(house, f"+cookie={cookie[:-8]}00000000", "+ignore")

    assert (good.listed, good.truncated) == (COUNT, 0)
    assert forged.truncated >= COUNT / 2


def test_an_exempt_network_is_not_limited(limited: Callable[..., tuple[House, Running]]) -> None:
    """Its neighbour is."""
    house, _ = limited(f'exempt = ["{HONEST}/32"]\n')

    exempt = Asked.by_dig(house, "+nocookie", "+ignore", source=HONEST)
    other = Asked.by_dig(house, "+nocookie", "+ignore", source="127.0.2.2")

    assert (exempt.listed, exempt.truncated) == (COUNT, 0)
    assert other.truncated >= COUNT / 2


def test_log_only_limits_nobody_and_says_whom_it_would_have(
    limited: Callable[..., tuple[House, Running]],
) -> None:
    """All are answered over UDP; the log has the network."""
    house, running = limited("log_only = true\n")

    asked = Asked.by_dig(house, "+nocookie", "+ignore")

    assert (asked.listed, asked.truncated) == (COUNT, 0)
    event = running.wait_for("rate_limited")
    assert (event["network"], event["kind"]) == ("127.0.0.0/24", "listed")
    assert event["log_only"]
    assert event["slipped"] > 0
    told = [{**each, "count": each["count"] > 0} for each in counted(house)["rate_limited"]]
    assert told == [{"kind": "listed", "verdict": "slipped", "count": True}]


def test_a_resolver_behind_a_limit_learns_all_that_is_listed(
    internet: Callable[..., Internet], tool: Callable[[str], str]
) -> None:
    """Unbound asks again by TCP, and tells its mail servers the truth."""
    tool("unbound")
    made = internet(Plan(hidden=True, config=LIMITS))
    unbound(made, told=True)
    made.until_answered("mx.example", "A")

    replies = [made.ask(name, timeout_s=WAIT_S) for name in NAMES]

    assert [reply.rcode() for reply in replies] == [dns.rcode.NOERROR] * COUNT
    assert all(str(reply.answer[0][0]) == "127.0.0.2" for reply in replies)

    assert counted(made.house)["slipped"]


@dataclass
class Flood:
    """Holds as many TCP connections as the server lets a few clients have, for ever.

    Those that are closed are opened anew; each says something whenever its turn
    comes, so that none is ever silent for as long as the server would wait.
    """

    port: int
    filled: threading.Event = field(default_factory=threading.Event)
    ended: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        query = dns.message.make_query("bl.example", "SOA").to_wire()
        framed = len(query).to_bytes(2, "big") + query
        held: dict[tuple[str, int], socket] = {}
        rounds = 0
        while not self.ended.is_set():
            for seat in [(source, n) for source in FLOODERS for n in range(PER_CLIENT_MAX)]:
                try:
                    if seat not in held:
                        held[seat] = create_connection(
                            ("127.0.0.1", self.port), WAIT_S, source_address=(seat[0], 0)
                        )
                    held[seat].sendall(framed)
                    if not held[seat].recv(4096):
                        raise ConnectionResetError
                except OSError:
                    with suppress(KeyError):
                        held.pop(seat).close()
            rounds += 1
            if rounds > 1:  # all of them have been answered once
                self.filled.set()
        for each in held.values():
            each.close()


@contextmanager
def flooded(port: int) -> Iterator[None]:
    """The table of TCP connections is full of others' inside the block."""
    flood = Flood(port)
    thread = threading.Thread(target=flood.run)
    thread.start()
    try:
        assert flood.filled.wait(WAIT_S)
        yield
    finally:
        flood.ended.set()
        thread.join(WAIT_S)


def test_a_newcomer_is_served_while_sixteen_addresses_hold_all_connections(
    house: House, serve: Serve, tool: Callable[[str], str]
) -> None:
    """They speak often enough never to be idle; whoever comes is answered, at once."""
    tool("dig")
    house.write_zone(ZONE_TEXT)
    house.write_config()
    limits = (
        f"tcp_connections_max = {CONNECTIONS_MAX}\n"
        f"tcp_connections_per_client_max = {PER_CLIENT_MAX}\n"
    )
    house.file.write_text(house.file.read_text().replace("[dns]\n", f"[dns]\n{limits}"))
    assert run_dnsbl(house.file, "add", "198.51.100.0/24").returncode == 0
    assert len(FLOODERS) * PER_CLIENT_MAX == CONNECTIONS_MAX
    serve(house.file, "dns")

    with flooded(house.dns_port):
        asked = Asked.by_dig(house, "+tcp", source=HONEST)

    assert asked.listed == COUNT
