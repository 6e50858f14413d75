"""Threads that answer beside the main one, over real sockets."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import AsyncIterator, Callable, Iterator

import dns.message
import dns.rcode
import pytest
import twins
import uvloop

from dnsbl.config import Endpoint
from dnsbl.network import parse
from dnsbl.server import workers
from dnsbl.server.background import in_background
from dnsbl.server.endpoint import bind_udp_shared
from dnsbl.server.respond import Responder
from dnsbl.server.udp import UdpServer
from dnsbl.server.workers import Worker
from dnsbl.verdict import Entry
from dnsbl.zone.zones import Zones

LISTED = "7.2.0.192.bl.example"
UNLISTED = "8.2.0.192.bl.example"
# The kernel chooses the worker by the client's port: that none of three is chosen by any of so many
# happens once in 10^11 times.
CLIENTS = 64
TIMEOUT_S = 20


@pytest.fixture(
    params=[asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"], autouse=True
)
def _loop(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every promise holds on either loop."""
    monkeypatch.setattr(workers, "new_loop", request.param)


@pytest.fixture(autouse=True)
def _no_thread_is_left() -> Iterator[None]:
    """Whatever becomes of a worker, its thread ends."""
    before = set(threading.enumerate())
    yield
    left = {each.name for each in set(threading.enumerate()) - before}
    assert not {name for name in left if name.startswith("worker")}


class Serving:
    """Workers that share a port of an address, and what they counted."""

    def __init__(self, responders: list[Responder], address: str) -> None:
        self.sockets = bind_udp_shared(Endpoint(address, 0), len(responders))
        self.address: tuple[str, int] = self.sockets[0].getsockname()[:2]
        self.counters = [responder.counters for responder in responders]
        self.stop = asyncio.Event()
        self.workers = [
            Worker(number, [bound], responder)
            for number, (bound, responder) in enumerate(
                zip(self.sockets, responders, strict=True), 1
            )
        ]

    @contextlib.asynccontextmanager
    async def answering(self) -> AsyncIterator[None]:
        """All of them answer inside the block."""
        async with contextlib.AsyncExitStack() as stack:
            for worker in self.workers:
                await stack.enter_async_context(in_background(worker.run(), self.stop))
                await worker.wait_answering()
            yield

    def replies(self) -> list[int]:
        """How many replies each of them made."""
        return [counters.replies() for counters in self.counters]


Serve = Callable[..., Serving]


@pytest.fixture
def serve(zones: Zones) -> Iterator[Serve]:
    """Makes workers; their sockets are closed at the end whatever came of it."""
    made: list[Serving] = []

    def make(count: int = 2, address: str = "127.0.0.1", twin: str = "pure") -> Serving:
        made.append(Serving(twins.responders(twin, zones, count), address))
        return made[-1]

    yield make
    for serving in made:
        assert [bound.fileno() for bound in serving.sockets] == [-1] * len(serving.sockets)


class Clients:
    """Many clients, each with a port of its own."""

    def __init__(self, serving: Serving, name: str) -> None:
        self._query = dns.message.make_query(name, "A")
        family = socket.AF_INET6 if ":" in serving.address[0] else socket.AF_INET
        self._sockets = [socket.socket(family, socket.SOCK_DGRAM) for _ in range(CLIENTS)]
        for each in self._sockets:
            each.settimeout(TIMEOUT_S)
            each.connect(serving.address)
            each.send(self._query.to_wire())

    def rcodes(self) -> set[dns.rcode.Rcode]:
        """What they are all told."""
        found = set()
        for each in self._sockets:
            with each:
                reply = dns.message.from_wire(each.recv(2000))
            assert self._query.is_response(reply)
            found.add(reply.rcode())
        return found


def ask(serving: Serving, name: str) -> set[dns.rcode.Rcode]:
    """What a name is answered, by whichever worker."""
    return Clients(serving, name).rcodes()


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "0.0.0.0", "::"])
@pytest.mark.parametrize("count", [2, 3])
@pytest.mark.parametrize("twin", twins.SERVERS)
async def test_all_workers_serve(serve: Serve, twin: str, count: int, address: str) -> None:
    """The kernel spreads clients among them, over IPv4 and IPv6; every query is answered once."""
    serving = serve(count, address, twin)

    async with serving.answering():
        assert await asyncio.to_thread(ask, serving, LISTED) == {dns.rcode.NOERROR}

    assert sum(serving.replies()) == CLIENTS
    assert min(serving.replies()) > 0


@pytest.mark.parametrize("twin", twins.SERVERS)
async def test_change_shows_in_all_workers(serve: Serve, zones: Zones, twin: str) -> None:
    """They share the zones: what is listed, or no more, is so for every client at once."""
    serving = serve(3, twin=twin)
    entry = Entry(parse("192.0.2.8"), "spam", excludes=False, expires_at=None)
    (zone,) = zones

    async with serving.answering():
        before = await asyncio.to_thread(ask, serving, UNLISTED)
        zone.radix.put(entry)
        listed = await asyncio.to_thread(ask, serving, UNLISTED)
        zone.radix.discard(entry.network, entry.category, excludes=False)
        after = await asyncio.to_thread(ask, serving, UNLISTED)

    assert (before, listed, after) == (
        {dns.rcode.NXDOMAIN}, {dns.rcode.NOERROR}, {dns.rcode.NXDOMAIN},
    )  # fmt: skip


@pytest.mark.parametrize("twin", twins.SERVERS)
async def test_what_waits_at_each_socket_is_answered_at_the_stop(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, twin: str
) -> None:
    """Queries that no worker has had a turn to read get their replies."""
    serving = serve(3, twin=twin)
    server = "dnsbl.server.udp.UdpServer" if twin == "pure" else "dnsbl.server.drain.DrainServer"
    monkeypatch.setattr(f"{server}.start", lambda _: None)

    async with serving.answering():
        clients = Clients(serving, LISTED)
        assert sum(serving.replies()) == 0

    assert clients.rcodes() == {dns.rcode.NOERROR}
    assert min(serving.replies()) > 0


class _BreakingError(Exception):
    """What is wrong with a worker."""


def _break(*_: object) -> None:
    raise _BreakingError


async def test_worker_that_cannot_start_is_an_error(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The service is told to stop, and why; what the worker had is closed."""
    monkeypatch.setattr(UdpServer, "start", _break)
    serving = serve(1)

    with pytest.raises(_BreakingError):
        async with in_background(serving.workers[0].run(), serving.stop):
            await serving.stop.wait()


async def test_worker_that_cannot_stop_is_an_error(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The others stop in order all the same."""
    stop = UdpServer.stop

    def stop_badly(server: UdpServer) -> None:
        stop(server)
        if threading.current_thread().name.startswith("worker-2"):
            raise _BreakingError

    monkeypatch.setattr(UdpServer, "stop", stop_badly)
    serving = serve(3)

    with pytest.raises(_BreakingError):
        async with serving.answering():
            pass


async def test_worker_that_ends_ends_the_service(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A loop that stops by itself once it answers, in one of them, and its thread with it."""
    start = UdpServer.start

    def start_briefly(server: UdpServer) -> None:
        start(server)
        if threading.current_thread().name.startswith("worker-2"):
            loop = asyncio.get_running_loop()
            loop.call_soon(loop.stop)

    monkeypatch.setattr(UdpServer, "start", start_briefly)
    serving = serve(3)

    async def wait_for_the_end() -> None:
        async with serving.answering(), asyncio.timeout(TIMEOUT_S):
            await serving.stop.wait()

    with pytest.raises(RuntimeError, match="stopped"):
        await wait_for_the_end()
