"""The live view: lines of JSON for whoever connects, and no work while nobody does."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import stat
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import dns.message
import pytest
import structlog.testing

from dnsbl.network import parse
from dnsbl.server import live
from dnsbl.server.background import in_background
from dnsbl.server.counters import Counters, Tally
from dnsbl.server.live import LiveView, Tops, rates_for
from dnsbl.server.observation import Narrator, Observation
from dnsbl.server.observe import NOTHING, Observers, Rates
from dnsbl.wire.message import Query, decode
from dnsbl.wire.numbers import Rcode
from dnsbl.wire.record import Answer
from dnsbl.zone.zones import Zones

PATIENCE_S = 20
LISTED = Answer(Rcode.NOERROR, zone="bl.example", listed=("spam",))
SEEN = Observation(
    at=100.0,
    weight=1,
    client=parse("198.51.100.53"),
    transport="udp",
    worker=1,
    name="7.2.0.192.bl.example",
    qtype="A",
    subject="192.0.2.7",
    zone="bl.example",
    listed=("spam",),
    rcode="NOERROR",
    octets=132,
)


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """A line each 20 ms."""
    monkeypatch.setattr(live, "TELL_S", 0.02)
    monkeypatch.setattr(live, "FIRST_LOOK_S", 0.01)


class Shown:
    """A live view that runs, and all that is behind it."""

    def __init__(self, path: Path, zones: Zones) -> None:
        self.path = path
        self.counters = Counters()
        narrator = Narrator(zones, lambda _query, _now, _client: LISTED)
        self.observers = Observers(narrator, (1,))
        self.view = LiveView(
            path,
            Tally([self.counters]),
            self.observers,
            Tops(24, 56),
            {"started_at": 7.0, "path": "python"},
        )

    @property
    def watching(self) -> bool:
        return self.observers.workers[0].watching

    async def until(self, *, watching: bool) -> None:
        """Returns once queries are seen, or are no more."""
        async with asyncio.timeout(PATIENCE_S):
            while self.watching != watching:  # noqa: ASYNC110  # as an onlooker would
                await asyncio.sleep(0.005)

    def ask(self) -> None:
        """A query comes, and is answered."""
        query = decode(dns.message.make_query("7.2.0.192.bl.example", "A").to_wire())
        assert isinstance(query, Query)
        self.counters.reply("udp", 1, LISTED, truncated=False)
        self.observers.workers[0].saw("udp", SEEN.client, query, LISTED, 80)


@pytest.fixture
async def shown(tmp_path: Path, zones: Zones) -> AsyncIterator[Shown]:
    """A live view, running."""
    shown = Shown(tmp_path / "top.sock", zones)
    stop = asyncio.Event()
    async with (
        in_background(shown.observers.run(), stop),
        in_background(shown.view.run(), stop),
    ):
        async with asyncio.timeout(PATIENCE_S):
            while not shown.path.exists():  # noqa: ASYNC110  # as a watcher would
                await asyncio.sleep(0.005)
        yield shown


async def read(reader: asyncio.StreamReader) -> dict[str, Any]:
    """The next line."""
    async with asyncio.timeout(PATIENCE_S):
        document: dict[str, Any] = json.loads(await reader.readline())
    return document


@contextlib.asynccontextmanager
async def watching(shown: Shown) -> AsyncIterator[asyncio.StreamReader]:
    """A watcher, connected inside the block."""
    reader, writer = await asyncio.open_unix_connection(str(shown.path), limit=1 << 20)
    try:
        yield reader
    finally:
        writer.close()


async def test_a_watcher_is_told_what_goes_on(shown: Shown) -> None:
    """The counters of the moment, and the tops of what was asked since somebody watches."""
    async with watching(shown) as reader:
        first = await read(reader)
        await shown.until(watching=True)
        shown.ask()
        line = await read(reader)
        while not line["top_listed"]:
            line = await read(reader)

    assert first["top_listed"] == []
    assert set(line) == {
        "format", "at", "started_at", "path", "counters", "sample", "span_s", "top_listed",
        "top_clients",
    }  # fmt: skip
    assert (line["format"], line["started_at"], line["path"]) == (1, 7.0, "python")
    assert line["sample"] == {"listed": 1, "other": 1}
    assert line["counters"] == Tally([shown.counters]).document()
    assert [{**each, "count": round(each["count"])} for each in line["top_listed"]] == [
        {
            "subject": "192.0.2.7",
            "zone": "bl.example",
            "categories": ["spam"],
            "count": 1,
            "error": 0.0,
        }
    ]
    assert [each["client"] for each in line["top_clients"]] == ["198.51.100.0/24"]


async def test_nothing_is_looked_at_while_nobody_watches(shown: Shown) -> None:
    """It begins with the first watcher and ends with the last; a later one begins anew."""
    assert not shown.watching
    async with watching(shown), watching(shown) as reader:
        await shown.until(watching=True)
        shown.ask()
        while not (await read(reader))["top_listed"]:
            pass
    await shown.until(watching=False)

    async with watching(shown) as reader:
        assert (await read(reader))["top_listed"] == []


async def test_watchers_are_few(shown: Shown, monkeypatch: pytest.MonkeyPatch) -> None:
    """One too many is told so."""
    monkeypatch.setattr(live, "WATCHERS_MAX", 2)

    async with watching(shown) as one, watching(shown) as two, watching(shown) as three:
        told = [await read(reader) for reader in (one, two, three)]

    assert ["error" in line for line in told] == [False, False, True]


async def test_a_watcher_that_does_not_read_is_cut_off(
    shown: Shown, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What waits for it is bounded."""
    monkeypatch.setattr(live, "UNREAD_OCTETS_MAX", 1000)
    monkeypatch.setattr(live, "TELL_S", 0.0001)
    with socket.socket(socket.AF_UNIX) as idle:
        idle.connect(str(shown.path))
        await shown.until(watching=True)

        await shown.until(watching=False)


async def test_the_socket_is_for_its_user_alone(shown: Shown) -> None:
    """Mode 0600."""
    assert stat.S_IMODE(shown.path.stat().st_mode) == 0o600


async def test_a_socket_that_was_left_is_replaced(tmp_path: Path, zones: Zones) -> None:
    """As after kill -9; and the file is gone after a stop."""
    path = tmp_path / "top.sock"
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(path))
    shown = Shown(path, zones)

    async with in_background(shown.view.run(), asyncio.Event()):
        line = await first_line(shown)

    assert line["format"] == 1
    assert sockets(tmp_path) == []


async def test_the_socket_of_another_is_left_alone(tmp_path: Path, zones: Zones) -> None:
    """A process that started later has its own there; the stop of ours takes nothing away."""
    shown = Shown(tmp_path / "top.sock", zones)

    async with in_background(shown.view.run(), asyncio.Event()):
        await first_line(shown)
        live.bound_privately(shown.path)[0].close()

    assert sockets(tmp_path) == ["top.sock"]


async def first_line(shown: Shown) -> dict[str, Any]:
    """What the view says once somebody can connect."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            with contextlib.suppress(ConnectionRefusedError, FileNotFoundError):
                async with watching(shown) as reader:
                    return await read(reader)
            await asyncio.sleep(0.005)


def sockets(folder: Path) -> list[str]:
    """The names of sockets there, under whatever name."""
    return [each.name for each in folder.iterdir() if each.is_socket()]


async def test_a_path_that_no_socket_can_have_turns_it_off(tmp_path: Path, zones: Zones) -> None:
    """It is said once; everything else goes on."""
    shown = Shown(tmp_path / ("deep" * 40) / "top.sock", zones)
    shown.path.parent.mkdir()
    stop = asyncio.Event()

    with structlog.testing.capture_logs() as logs:
        async with in_background(shown.view.run(), stop), asyncio.timeout(PATIENCE_S):
            while not logs:  # noqa: ASYNC110  # as a reader of the log would
                await asyncio.sleep(0.005)

    assert [line["event"] for line in logs] == ["live_view_off"]


def test_tops_tell_the_most_frequent_first() -> None:
    """Weighed by what each stands for; what lists nothing is no listed address."""
    tops = Tops(32, 128)
    tops.begin(99.0)

    tops.take([replace(SEEN, subject="192.0.2.8", weight=16), SEEN, SEEN, replace(SEEN, listed=())])
    document = tops.document(100.0)

    assert [each["subject"] for each in document["top_listed"]] == ["192.0.2.8", "192.0.2.7"]  # type: ignore[attr-defined]
    assert document["top_clients"] == [{"client": "198.51.100.53", "count": 19.0, "error": 0.0}]
    assert document["span_s"] == pytest.approx(1.0, rel=0.02)


@pytest.mark.parametrize(
    ("hits", "replies", "seconds", "rates"),
    [
        (0, 0, 1.0, Rates(1, 1)),
        (10, 500, 1.0, Rates(1, 1)),
        (450, 10_000, 1.0, Rates(1, 32)),
        (450, 10_000, 0.1, Rates(16, 256)),
    ],
)
def test_a_busy_server_is_looked_at_in_samples(
    hits: int, replies: int, seconds: float, rates: Rates
) -> None:
    """Some five hundred of each kind a second at most, in powers of two."""
    before = {"hits": [], "replies": []}
    after = {
        "hits": [{"zone": "bl.example", "count": hits}],
        "replies": [{"count": replies - hits}, {"count": hits}],
    }

    assert rates_for(before, after, seconds) == rates
    assert rates != NOTHING
