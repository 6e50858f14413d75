"""Batches off a socket, by several threads, while what they answer from changes."""

from __future__ import annotations

import contextlib
import select
import socket
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from random import Random
from types import ModuleType
from typing import Any, Final

import dns.message
import pytest
import twins
from fuzz.packets import CLIENTS, address_labels
from house import House

from dnsbl.network import Network, parse
from dnsbl.verdict import Entry
from dnsbl.zone.fast import FastPath, fast_paths
from dnsbl.zone.zone import Zone
from dnsbl.zone.zones import Zones

BATCH: Final = 64
CHANGES: Final = 30_000
SWAP_EVERY: Final = 3000
TIMEOUT_S: Final = 20


@pytest.fixture(scope="module")
def drains() -> ModuleType:
    """The compiled module."""
    return twins.compiled("drain")


@pytest.fixture
def zones(house: House) -> Zones:
    """The house's, with nothing listed."""
    return Zones(house.config.zones)


@pytest.fixture
def path(zones: Zones) -> FastPath:
    """The compiled path over them, for one thread."""
    return paths(zones, 1)[0]


def paths(zones: Zones, count: int) -> list[FastPath]:
    """Compiled paths over the same zones."""
    made = [path for path in fast_paths(zones, count) if path is not None]
    assert len(made) == count
    return made


@contextlib.contextmanager
def drained(drains: ModuleType, path: FastPath) -> Iterator[tuple[Any, socket.socket]]:
    """A drain of a socket of its own, and a client of it."""
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as bound,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client,
    ):
        bound.bind(("127.0.0.1", 0))
        bound.settimeout(0)
        client.connect(bound.getsockname())
        client.settimeout(TIMEOUT_S)
        yield drains.Drain(bound.fileno(), path.answerer, path.reader, False), client  # noqa: FBT003


def query(network: Network, qtype: int = 1) -> bytes:
    """As a stub asks."""
    return CLIENTS[0].ask(7, (*address_labels(network), b"bl", b"example"), qtype)


def test_a_drain_wants_a_reader_of_the_gate(drains: ModuleType, path: FastPath) -> None:
    """One that the gate does not have would go in unguarded."""
    with pytest.raises(ValueError, match="no such reader"):
        drains.Drain(0, path.answerer, 1, False)  # noqa: FBT003
    with pytest.raises(TypeError):
        drains.Drain(0, None, 0, False)  # noqa: FBT003


def test_only_what_was_left_is_handed_out(drains: ModuleType, path: FastPath) -> None:
    """Until the next run; anything else is an error, not memory of another message."""
    declined = query(parse("192.0.2.1"), 255)

    with drained(drains, path) as (drain, client):
        assert drain.run(1) == (0, False)
        client.send(declined)
        client.send(query(parse("192.0.2.1")))
        assert drain.run(1) == (1, False)
        assert drain.message(0) == declined
        for index in (1, BATCH, 2**31):
            with pytest.raises(IndexError):
                drain.message(index)
            with pytest.raises(IndexError):
                drain.reply(index, b"x")
        with pytest.raises(ValueError, match="empty"):
            drain.reply(0, b"")
        assert drain.reply(0, b"what Python says")
        assert len(client.recv(2000)) > 12
        assert client.recv(2000) == b"what Python says"
        assert drain.run(1) == (0, False)
        with pytest.raises(IndexError):
            drain.message(0)
        assert drain.counts()["declined"] == 1


def test_all_that_is_watched_is_kept(drains: ModuleType, path: FastPath) -> None:
    """A run ends before anything would have to be passed over; a long query is kept like others."""
    padded = dns.message.make_query("8.2.0.192.bl.example", "A", use_edns=0, pad=2048).to_wire(
        max_size=4096
    )
    asked = [*[query(parse("192.0.2.1"))] * 44, padded] * 5  # as many as a socket holds
    seen: list[tuple[bytes, bytes, bytes]] = []

    with drained(drains, path) as (drain, client):
        drain.watch(1, 1)
        for data in asked:
            client.send(data)
        replies = []
        while len(seen) < len(asked):
            drain.run(64)
            found = drain.observed()
            assert found
            seen += found
            replies += [client.recv(2000) for _ in found]
        drain.watch(0, 0)
        client.send(asked[0])
        drain.run(1)

        assert drain.observed() == []
    assert len(padded) > 1024
    assert [message for _, message, _ in seen] == asked
    assert [reply for _, _, reply in seen] == replies
    assert {address for address, _, _ in seen} == {b"\x7f\0\0\1"}


def test_a_full_batch_says_that_there_may_be_more(drains: ModuleType, path: FastPath) -> None:
    """And so many are taken as is said, at most."""
    with drained(drains, path) as (drain, client):
        for _ in range(2 * BATCH + 1):
            client.send(query(parse("192.0.2.1")))
        assert drain.run(1) == (0, True)
        assert drain.run(5) == (0, False)
        assert drain.counts()["batches"] == 3
        assert len([client.recv(2000) for _ in range(2 * BATCH + 1)]) == 2 * BATCH + 1


def test_a_socket_that_fails_is_counted(drains: ModuleType, path: FastPath) -> None:
    """What is no socket any more gives an error, and nothing is answered."""
    drain = drains.Drain(-1, path.answerer, path.reader, False)  # noqa: FBT003

    assert drain.run(3) == (0, False)
    assert drain.counts()["dropped"]["unreceived"] == 1


class _Reader:
    """Asks the same questions again and again, and has them answered in its thread."""

    def __init__(self, drains: ModuleType, path: FastPath, expected: dict[bytes, bytes]) -> None:
        self._drains = drains
        self._path = path
        self._expected = expected
        self.batches = 0
        self.begun = threading.Event()

    def run(self, stop: threading.Event) -> None:
        """Until it is told to stop. Raises AssertionError for a wrong answer."""
        with drained(self._drains, self._path) as (drain, client):
            while not stop.is_set():
                for data in self._expected:
                    client.send(data)
                for wanted in self._expected.values():
                    while not select.select([client], [], [], 0)[0]:
                        assert drain.run(8)[0] == 0
                    assert client.recv(2000) == wanted
                self.batches += 1
                self.begun.set()


@pytest.fixture
def _switching_often() -> Iterator[None]:
    """Threads that wait for the interpreter lock get it soon, so that more of them meet."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(before)


@pytest.mark.usefixtures("_switching_often")
def test_no_answer_is_wrong_while_the_radix_changes(drains: ModuleType, zones: Zones) -> None:
    """What never changes is answered alike by all threads, whatever happens beside it.

    Addresses of one /16 (8n + 4), in whose midst others come and go (8n + 1, 8n + 2); ranges
    about them; IPv6 blocks that are split and merged; whole radixes swapped.
    """
    rng = Random(7)
    (zone,) = zones
    names = zone.radix.categories
    steady = [
        Entry(network, "spam", excludes=False, expires_at=None)
        for network in (
            *(Network(4, 0xC6330000 | suffix, 32) for suffix in range(4, 65_536, 4104)),
            parse("198.51.7.0/27"),
            *(Network(6, 0x20010DB8 << 96 | number << 70, 128) for number in range(8)),
        )
    ]
    for entry in steady:
        zone.radix.put(entry)
    both = paths(zones, 2)
    listed = [query(Network(e.network.family, e.network.bits, 32 if e.network.family == 4 else 128))
              for e in steady]  # fmt: skip
    free = [query(Network(4, 0xC6330000 | 8 * number + 5, 32)) for number in range(20, 28)]
    expected = {data: both[0].answerer.respond(data, 0) for data in (*listed, *free)}
    assert all(expected[data][3] & 15 == 0 and expected[data][7] == 1 for data in listed)
    assert all(expected[data][3] & 15 == 3 for data in free)
    readers = [_Reader(drains, path, expected) for path in both]
    stop = threading.Event()

    with ThreadPoolExecutor(len(readers)) as pool:
        running = [pool.submit(reader.run, stop) for reader in readers]
        try:
            for reader in readers:
                assert reader.begun.wait(TIMEOUT_S)
            for number in range(CHANGES):
                with zones.lock:
                    _change(rng, zone, number)
                    if number % SWAP_EVERY == SWAP_EVERY - 1:
                        radix = twins.radix("compiled")(names)
                        for entry in zone.radix:
                            radix.put(entry)
                        zone.swap(radix, zone.serial)
        finally:
            stop.set()
        for each in running:
            each.result(TIMEOUT_S)

    assert min(reader.batches for reader in readers) > 1


def _change(rng: Random, zone: Zone, number: int) -> None:
    """Puts or takes out something beside what the readers ask about."""
    kind = rng.randrange(4)
    if kind == 0:
        network = Network(4, 0xC6330000 | 8 * rng.randrange(8192) + 1, 32)
    elif kind == 1:
        network = Network(4, 0xC6330000 | 8 * rng.randrange(8192) + 2, 31)
    elif kind == 2:
        network = Network(6, 0x20010DB8 << 96 | rng.randrange(1 << 10) << 64 | 1 << 20, 128)
    else:
        network = Network(4, rng.randrange(1, 8) << 29, 8) if number % 2 else parse("10.0.0.0/9")
    if zone.radix.discard(network, "spam", excludes=False):
        return
    zone.radix.put(Entry(network, "spam", excludes=False, expires_at=rng.choice((None, 5))))
    if rng.randrange(50) == 0:
        zone.radix.drop_expired(10, 100)
