"""What goes on, told each second to whoever watches: `dnsbl top`, on this machine.

Watchers connect to a Unix socket beside the database, which is for the user of
the process alone, and read lines of JSON; they send nothing:

.. code-block:: text

    {"format": 1,
     "at": 1790000060.12,                  Unix seconds
     "started_at": 1790000000.0,
     "path": "compiled",                   or "python"
     "counters": {…},                      since the start, as in `dnsbl.server.status`
     "sample": {"listed": 1, "other": 16}, the tops are of one query of so many just now
     "span_s": 43.3,                       count over span is queries a second of late
     "top_listed": [{"subject": "192.0.2.7", "zone": "bl.example", "categories": ["spam"],
                     "count": 812.5, "error": 0.0}],
     "top_clients": [{"client": "198.51.100.53", "count": 90.0, "error": 0.5}]}

Or, once, ``{"format": 1, "error": "…"}`` where too many watch already. Counts of
the tops are weighed by age, half after each 30 s, and too high by ``error`` at
most. While nobody watches, none of it is counted.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import structlog

from dnsbl.network import Network
from dnsbl.server.counters import Tally
from dnsbl.server.observation import Observation
from dnsbl.server.observe import NOTHING, Observers, Rates
from dnsbl.server.querylog import shortened
from dnsbl.server.sketch import Frequent, Sketch

FORMAT: Final = 1
TELL_S: Final = 1.0
WATCHERS_MAX: Final = 8
UNREAD_OCTETS_MAX: Final = 1 << 20  # of one watcher; then it is cut off
ROOM: Final = 1_000  # of each sketch: an error is at most a thousandth of all
HALF_LIFE_S: Final = 30.0
TOP_MAX: Final = 50
SEEN_PER_S: Final = 500  # of those that list, and of the others; each costs some 50 µs
FIRST_LOOK_S: Final = 0.1  # how much there is to see has to be known before it is looked at

_TAKEN = "so many watch already"

_log = structlog.get_logger()


class Tops:
    """The most frequent of late; fed by the observers' thread, told by the main one."""

    def __init__(self, client_prefix_ipv4: int, client_prefix_ipv6: int) -> None:
        self._prefixes = (client_prefix_ipv4, client_prefix_ipv6)
        self._lock = threading.Lock()
        self.begin(0.0)

    def begin(self, now: float) -> None:
        """Forgets all, and begins anew."""
        with self._lock:
            self._listed: Sketch[tuple[str, str, tuple[str, ...]]] = Sketch(
                ROOM, HALF_LIFE_S, begun_at=now
            )
            self._clients: Sketch[Network] = Sketch(ROOM, HALF_LIFE_S, begun_at=now)

    def take(self, observations: Sequence[Observation]) -> None:
        """Counts those."""
        with self._lock:
            for seen in observations:
                client = shortened(seen.client, *self._prefixes)
                self._clients.add(client, seen.at, seen.weight)
                if seen.listed and seen.subject:
                    key = (seen.subject, seen.zone, seen.listed)
                    self._listed.add(key, seen.at, seen.weight)

    def lost(self, count: int) -> None:
        """Those that were not seen are missing: what is frequent is so all the same."""

    def document(self, now: float) -> dict[str, object]:
        """The tops, as a line holds them."""
        with self._lock:
            return {
                "span_s": round(self._clients.span_s(now), 3),
                "top_listed": [
                    {"subject": each.key[0], "zone": each.key[1], "categories": each.key[2]}
                    | _counted(each)
                    for each in self._listed.top(TOP_MAX, now)
                ],
                "top_clients": [
                    {"client": each.key.text} | _counted(each)
                    for each in self._clients.top(TOP_MAX, now)
                ],
            }


class LiveView:
    """The socket, and the lines. `facts` are what a line says that never changes."""

    def __init__(
        self,
        path: Path,
        tally: Tally,
        observers: Observers,
        tops: Tops,
        facts: Mapping[str, object],
        now: Callable[[], float] = time.time,
    ) -> None:
        self._path = path
        self._tally = tally
        self._observers = observers
        self._tops = tops
        self._facts = facts
        self._now = now
        self._watchers: set[asyncio.StreamWriter] = set()
        self._watched = asyncio.Event()
        self._rates = NOTHING

    async def run(self) -> None:
        """Tells until it is cancelled. Where there can be no socket, says so and does nothing."""
        try:
            listening, made = bound_privately(self._path)
        except OSError as error:
            _log.warning("live_view_off", file=str(self._path), error=error.strerror or str(error))
            await asyncio.Event().wait()
            return
        server = await asyncio.start_unix_server(self._accept, sock=listening)
        try:
            while True:
                await self._watched.wait()
                await self._tell_while_watched()
        finally:
            server.close()
            for watcher in self._watchers:
                watcher.transport.abort()
            with contextlib.suppress(OSError):
                if self._path.stat().st_ino == made:
                    self._path.unlink()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(self._watchers) >= WATCHERS_MAX:
            writer.write(_line({"format": FORMAT, "error": _TAKEN}))
            writer.close()
            return
        self._watchers.add(writer)
        self._watched.set()
        try:
            while await reader.read(4096):
                pass  # nothing is expected from there but its end
        except OSError:
            pass  # which may be an abrupt one
        finally:
            self._watchers.discard(writer)
            writer.transport.abort()

    async def _tell_while_watched(self) -> None:
        before, at = self._tally.document(), self._now()
        await asyncio.sleep(FIRST_LOOK_S)
        self._tops.begin(self._now())
        while self._watchers:
            counters, now = self._tally.document(), self._now()
            self._want(rates_for(before, counters, now - at))
            before, at = counters, now
            self._tell(counters, now)
            await asyncio.sleep(TELL_S)
        self._want(NOTHING)
        self._watched.clear()

    def _want(self, rates: Rates) -> None:
        if rates != self._rates:
            self._rates = rates
            self._observers.want(self._tops, rates)

    def _tell(self, counters: dict[str, object], now: float) -> None:
        line = _line(
            {"format": FORMAT, "at": round(now, 3)}
            | dict(self._facts)
            | {"counters": counters}
            | {"sample": {"listed": self._rates.listed, "other": self._rates.other}}
            | self._tops.document(now)
        )
        for watcher in list(self._watchers):
            if watcher.transport.get_write_buffer_size() > UNREAD_OCTETS_MAX:
                watcher.transport.abort()
            else:
                watcher.write(line)


def bound_privately(path: Path) -> tuple[socket.socket, int]:
    """A listening Unix socket for this user alone, in the place of one that was left there.

    With the number of its inode, by which it is known again. Raises OSError; a path of over 107
    octets is one that no socket can have.
    """
    # Made beside it and renamed: nobody finds one that is not listened on, nor one of a wider mode.
    beside = path.with_name(".top.new")
    bound = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        bound.settimeout(0)
        beside.unlink(missing_ok=True)
        bound.bind(str(beside))
        beside.chmod(0o600)
        bound.listen()
        made = beside.stat().st_ino
        beside.replace(path)
    except OSError:
        bound.close()
        raise
    return bound, made


def rates_for(before: Mapping[str, Any], after: Mapping[str, Any], seconds: float) -> Rates:
    """How fine a sample can be looked at, by what was counted meanwhile."""

    def risen(name: str) -> int:
        then, now = (sum(each["count"] for each in counters[name]) for counters in (before, after))
        return int(now - then)

    hits = risen("hits")
    return Rates(listed=_one_of(hits, seconds), other=_one_of(risen("replies") - hits, seconds))


def _one_of(count: int, seconds: float) -> int:
    """A power of two, so that it does not change with every breath."""
    every = 1
    while count > every * SEEN_PER_S * seconds:
        every *= 2
    return every


def _counted(each: Frequent[Any]) -> dict[str, object]:
    return {"count": round(each.count, 2), "error": round(each.error, 2)}


def _line(document: Mapping[str, object]) -> bytes:
    return json.dumps(document, separators=(",", ":")).encode() + b"\n"
