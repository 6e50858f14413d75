"""The DNS process, from the first load to a clean stop."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import os
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from typing import Any, Final

import structlog

from dnsbl.config import Config, QueryLogConfig
from dnsbl.config.zones import unaddressed
from dnsbl.server.background import StoppedEarlyError, in_background, looking_on, unless_stopped
from dnsbl.server.cookies import CookieSecrets
from dnsbl.server.counters import FIRST_WORKER, Counters, Tally
from dnsbl.server.descriptors import connections_max
from dnsbl.server.endpoint import bound_sockets, check_free
from dnsbl.server.live import LiveView, Tops
from dnsbl.server.loop import loop_name, new_loop
from dnsbl.server.observation import Decide, Narrator
from dnsbl.server.observe import Observers
from dnsbl.server.priority import prioritised
from dnsbl.server.querylog import QueryLog
from dnsbl.server.ratelimit import LimitReporter, Limits, new_rate_limiter, over_limits
from dnsbl.server.respond import Manners, Responder
from dnsbl.server.resumption import resume_key_counts
from dnsbl.server.status import StatusFile
from dnsbl.server.supervise import Supervisor
from dnsbl.server.tcp import TcpServer
from dnsbl.server.workers import Worker, answering, worker_count
from dnsbl.store.database import DatabaseMissingError, SchemaError, open_reader, open_writer
from dnsbl.zone.answer import answer
from dnsbl.zone.chaos import ChaosConfig
from dnsbl.zone.fast import FastPath, fast_paths
from dnsbl.zone.follow import Follower
from dnsbl.zone.twin import MISSING
from dnsbl.zone.zones import Zones

# The follower's thread and the loop share the interpreter: this is how long an answer waits for it
# while the thread reads rows. Python's default of 5 ms is felt.
SWITCH_INTERVAL_S: Final = 0.0005

COOKIE_SECRETS_S: Final = 5.0  # between two looks at their file

_log = structlog.get_logger()


def run(main: Coroutine[Any, Any, None]) -> None:
    """Runs a service to its end, on uvloop where that can be imported."""
    with (
        contextlib.suppress(StoppedEarlyError),
        asyncio.Runner(loop_factory=new_loop) as runner,
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
    workers = worker_count(config.dns)
    if workers < config.dns.workers:
        _log.warning("workers_limited", configured=config.dns.workers, workers=workers)
    for unserved, name in unaddressed(config.zones):
        _log.warning("nameserver_without_address", zone=unserved.origin, nameserver=name)
    # Before anything is read or written, so that a second server does neither. What is bound stays
    # unbound meanwhile: a resolver that is told so asks the next server, and does not wait for us.
    check_free(config.dns.listen, workers)
    await asyncio.to_thread(_ensure_database, config)
    dns = config.dns
    zones = Zones(config.zones, dns.access, ChaosConfig(dns.identity, dns.version))
    cookies = await asyncio.to_thread(_cookie_secrets, config)
    limiter = new_rate_limiter(dns.rate_limit)
    manners = Manners(dns.identity.encode(), cookies, limiter)
    fast = fast_paths(zones, workers, None if cookies is None else cookies.secrets.keys)
    if MISSING:
        _log.warning("compiled_path_missing", reason=MISSING)
    observers = Observers(
        Narrator(zones, _decide(zones)), range(FIRST_WORKER, FIRST_WORKER + workers)
    )
    responders = [
        Responder(zones, Counters(), fast=fast[number], observer=observer, manners=manners)
        for number, observer in enumerate(observers.workers)
    ]
    path = "python" if fast[0] is None else "compiled"
    query_log = _query_log(config.dns.query_log, observers)
    tally = Tally(
        [responder.counters for responder in responders],
        dict if query_log is None else query_log.counts,
        list if limiter is None else functools.partial(over_limits, limiter),
    )
    follower = Follower(config.data.database, zones, image=config.data.image)
    status = StatusFile(
        config.data.dns_status,
        zones,
        follower,
        tally,
        loop_name=loop_name(),
    )
    async with contextlib.AsyncExitStack() as stack:
        stack.push_async_callback(follower.close)
        await asyncio.to_thread(resume_key_counts, config.data.dns_status, zones)
        await unless_stopped(follower.load(), stop)
        connections = connections_max(config.dns, workers)
        sockets = stack.enter_context(bound_sockets(config.dns.listen, workers))
        await stack.enter_async_context(in_background(follower.run(), stop))
        await stack.enter_async_context(in_background(status.run(), stop))
        if query_log is not None:
            stack.callback(query_log.close)
        await stack.enter_async_context(looking_on(observers.run(), "observers"))
        if cookies is not None:
            await stack.enter_async_context(
                looking_on(_refresh(cookies, fast[0]), "cookie secrets")
            )
        if limiter is not None:
            reporter = LimitReporter(limiter, Limits.of(dns.rate_limit))
            await stack.enter_async_context(looking_on(reporter.run(), "rate limits"))
        for number in range(1, workers):
            worker = Worker(
                FIRST_WORKER + number, sockets.udp[number], responders[number], dns.priority
            )
            await stack.enter_async_context(in_background(worker.run(), stop))
            await unless_stopped(worker.wait_answering(), stop)
        is_prioritised = stack.enter_context(prioritised(dns.priority))
        stack.enter_context(answering(sockets.udp[0], responders[0]))
        await stack.enter_async_context(_tcp(config, responders[0], sockets.tcp, connections))
        live = _live_view(config, tally, observers, path)
        await stack.enter_async_context(looking_on(live.run(), "live view"))
        yield {
            "pid": os.getpid(),
            "listen": [str(endpoint) for endpoint in config.dns.listen],
            "loop": loop_name(),
            "workers": workers,
            "path": path,
            "priority": dns.priority if is_prioritised else "normal",
            "seq": follower.applied_seq,
            "entries": sum(len(zone.radix) for zone in zones),
        }


def _decide(zones: Zones) -> Decide:
    """What answers the observers, who have to know of a reply why it is as it is."""
    return lambda query, now, client: answer(zones, query, now, client)


def _query_log(config: QueryLogConfig, observers: Observers) -> QueryLog | None:
    """The query log where there is to be one; it hears of queries from now on."""
    if config.file is None:
        return None
    query_log = QueryLog(config.file, config)
    observers.want(query_log, query_log.rates)
    return query_log


def _live_view(config: Config, tally: Tally, observers: Observers, path: str) -> LiveView:
    log = config.dns.query_log
    tops = Tops(log.client_prefix_ipv4, log.client_prefix_ipv6)
    facts = {"started_at": round(time.time(), 3), "path": path}
    return LiveView(config.data.live_view, tally, observers, tops, facts)


def _cookie_secrets(config: Config) -> CookieSecrets | None:
    """Those of server cookies, where there are any. Raises SecretsError."""
    cookies = config.dns.cookies
    if not cookies.enabled:
        return None
    return CookieSecrets(cookies.secrets_file, config.data.directory)


async def _refresh(cookies: CookieSecrets, fast: FastPath | None) -> None:
    """Keeps the secrets of cookies in step with their file, and with the clock."""
    while True:
        await asyncio.sleep(COOKIE_SECRETS_S)
        changed = await asyncio.to_thread(cookies.refresh)
        if changed and fast is not None and fast.cookies is not None:
            fast.cookies.set_keys(cookies.secrets.keys)


def _ensure_database(config: Config) -> None:
    """Creates the database where it is missing, migrates it where it is of an older version."""
    try:
        open_reader(config.data.database).close()
    except (DatabaseMissingError, SchemaError):
        open_writer(config.data.database).close()


@contextlib.asynccontextmanager
async def _tcp(
    config: Config, responder: Responder, listening: Sequence[socket.socket], connections: int
) -> AsyncIterator[None]:
    """TCP is answered inside the block; what has arrived by its end still is."""
    server = TcpServer(
        responder,
        config.dns.tcp_idle_timeout_s,
        connections,
        config.dns.tcp_connections_per_client_max,
    )
    try:
        for each in listening:
            await server.start(each)
        yield
    finally:
        await server.stop()
