"""The DNS process, from the first load to a clean stop."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from typing import Any, Final

import structlog

from dnsbl.config import Config
from dnsbl.server.counters import Counters
from dnsbl.server.descriptors import connections_max
from dnsbl.server.endpoint import bind_tcp, bind_udp
from dnsbl.server.respond import Responder
from dnsbl.server.status import StatusFile
from dnsbl.server.supervise import Supervisor
from dnsbl.server.tcp import TcpServer
from dnsbl.server.udp import UdpServer
from dnsbl.store.database import DatabaseMissingError, SchemaError, open_reader, open_writer
from dnsbl.zone.follow import Follower
from dnsbl.zone.zone import Zones

# The follower's thread and the loop share the interpreter: this is how long an answer waits for it
# while the thread reads rows. Python's default of 5 ms is felt.
SWITCH_INTERVAL_S: Final = 0.0005

_log = structlog.get_logger()

_new_loop: Callable[[], asyncio.AbstractEventLoop] = asyncio.new_event_loop
with contextlib.suppress(ImportError):  # not on every platform; asyncio's own loop serves, slower
    import uvloop

    _new_loop = uvloop.new_event_loop


class StoppedEarlyError(Exception):
    """A signal came before the service was ready."""


def run(main: Coroutine[Any, Any, None]) -> None:
    """Runs a service to its end, on uvloop where that can be imported."""
    with (
        contextlib.suppress(StoppedEarlyError),
        asyncio.Runner(loop_factory=_new_loop) as runner,
    ):
        runner.run(main)
    _log.info("stopped")


async def serve_dns(config: Config, on_ready: Callable[[], None] | None = None) -> None:
    """Answers until SIGTERM or SIGINT; `on_ready` is called once it does.

    Raises StoreError where the database cannot be read at the start, and
    ListenError where an endpoint cannot be bound.
    """
    stop = _stop_on_signals()
    async with _answering(config, stop) as facts:
        _log.info("ready", **facts)
        if on_ready is not None:
            on_ready()
        await stop.wait()


async def serve_all(
    config: Config,
    on_ready: Callable[[], None] | None = None,
    sidecar: Sequence[str] | None = None,
) -> None:
    """As `serve_dns`, with the sidecar beside it; `on_ready` is called once both answer.

    ``sidecar`` is the command that runs it, where it is not the usual one.
    """
    stop = _stop_on_signals()
    async with _answering(config, stop) as facts:
        _log.info("dns_ready", **facts)
        was_ready = False

        def sidecar_ready() -> None:
            nonlocal was_ready
            if was_ready:
                return  # it died, and is back
            was_ready = True
            _log.info("ready", portal=config.portal.public_url, **facts)
            if on_ready is not None:
                on_ready()

        await Supervisor(sidecar or sidecar_command(config), sidecar_ready).run(stop)


def sidecar_command(config: Config) -> list[str]:
    """The command that runs the sidecar, as a module of the same interpreter."""
    # -P: not what happens to be called `api` in the folder that this was started in
    return [sys.executable, "-P", "-m", "api", "--config", str(config.file)]


def _stop_on_signals() -> asyncio.Event:
    """An event that SIGTERM and SIGINT set, from now on."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    return stop


@contextlib.asynccontextmanager
async def _answering(config: Config, stop: asyncio.Event) -> AsyncIterator[dict[str, object]]:
    """The DNS server answers inside the block; gives what there is to say of it when it is ready.

    Sets the event if it cannot go on, and then raises why at the end of the block. Raises
    StoppedEarlyError where the event is set before it is ready.
    """
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    loop_name = type(asyncio.get_running_loop()).__module__.partition(".")[0]
    if config.dns.workers != 1:
        _log.warning("workers_limited", configured=config.dns.workers, workers=1)
    await asyncio.to_thread(_ensure_database, config)
    zones = Zones(config.zones)
    counters = Counters()
    follower = Follower(config.data.database, zones)
    status = StatusFile(config.data.dns_status, zones, follower, counters, loop_name=loop_name)
    async with contextlib.AsyncExitStack() as stack:
        stack.push_async_callback(follower.close)
        await _unless_stopped(follower.load(), stop)
        sockets = _bind_all(config)
        await stack.enter_async_context(_in_background(follower.run(), stop))
        await stack.enter_async_context(_in_background(status.run(), stop))
        await stack.enter_async_context(_listening(config, Responder(zones, counters), sockets))
        yield {
            "pid": os.getpid(),
            "listen": [str(endpoint) for endpoint in config.dns.listen],
            "loop": loop_name,
            "seq": follower.applied_seq,
            "entries": sum(len(zone.radix) for zone in zones),
        }


async def _unless_stopped(work: Coroutine[Any, Any, None], stop: asyncio.Event) -> None:
    """Waits for the work to be done. Raises StoppedEarlyError where the event comes first."""
    tasks = (asyncio.create_task(work), asyncio.create_task(stop.wait()))
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        if not tasks[0].done():
            raise StoppedEarlyError
        await tasks[0]
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _ensure_database(config: Config) -> None:
    """Creates the database where it is missing, migrates it where it is of an older version."""
    try:
        open_reader(config.data.database).close()
    except (DatabaseMissingError, SchemaError):
        open_writer(config.data.database).close()


_Sockets = tuple[list[socket.socket], list[socket.socket]]


def _bind_all(config: Config) -> _Sockets:
    """The UDP and TCP sockets of all endpoints, or none. Raises ListenError."""
    with contextlib.ExitStack() as bound:
        udp = [bound.enter_context(bind_udp(endpoint)) for endpoint in config.dns.listen]
        tcp = [bound.enter_context(bind_tcp(endpoint)) for endpoint in config.dns.listen]
        bound.pop_all()  # all went well: they stay open
    return udp, tcp


@contextlib.asynccontextmanager
async def _listening(
    config: Config, responder: Responder, sockets: _Sockets
) -> AsyncIterator[None]:
    tcp = TcpServer(responder, config.dns.tcp_idle_timeout_s, connections_max(config.dns))
    udp = [UdpServer(bound, responder) for bound in sockets[0]]
    try:
        for server in udp:
            server.start()
        for listening in sockets[1]:
            await tcp.start(listening)
        yield
    finally:
        await tcp.stop()
        for server in udp:
            server.stop()


@contextlib.asynccontextmanager
async def _in_background(
    work: Coroutine[Any, Any, None], stop: asyncio.Event
) -> AsyncIterator[None]:
    """Works while the block runs. Work that breaks sets the event, and its error is raised here."""
    task = asyncio.create_task(work)
    task.add_done_callback(lambda _: stop.set())
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
