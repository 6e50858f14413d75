"""The threads that answer.

The first worker is the main thread: it answers on the loop that also does TCP,
follows the journal and hears signals. Each further one is a thread with an
event loop and UDP sockets of its own, among which the kernel spreads what
arrives. Workers share the zones and nothing else.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

from dnsbl.config import DnsConfig, Priority
from dnsbl.server.datagrams import udp_server
from dnsbl.server.endpoint import PORTS_ARE_SHARED
from dnsbl.server.loop import new_loop
from dnsbl.server.priority import prioritised
from dnsbl.server.respond import Responder


def cpu_count() -> int:
    """How many CPUs this process may use: a container or `taskset` may leave it fewer."""
    if hasattr(os, "sched_getaffinity"):  # not on every platform
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def worker_count(dns: DnsConfig) -> int:
    """How many threads answer here by that configuration."""
    # One is left to all else where these threads go before it, or a flood would take them all.
    left_out = 1 if dns.priority == "realtime" else 0
    wanted = dns.workers or max(1, cpu_count() - left_out)
    return wanted if PORTS_ARE_SHARED else 1


@contextlib.contextmanager
def answering(sockets: Sequence[socket.socket], responder: Responder) -> Iterator[None]:
    """Inside the block, and on the running loop, what arrives at the sockets is answered.

    At its end, what has arrived by then still is; the sockets are closed.
    """
    with contextlib.ExitStack() as started:
        for bound in sockets:
            server = udp_server(bound, responder)
            started.callback(server.stop)
            server.start()
        yield


class Worker:
    """A thread that answers what arrives at its sockets, which it closes in the end.

    Nobody else may use the responder while it runs; its counters may be read.
    """

    def __init__(
        self,
        number: int,
        sockets: Sequence[socket.socket],
        responder: Responder,
        priority: Priority = "normal",
    ) -> None:
        self._name = f"worker-{number}"
        self._sockets = sockets
        self._responder = responder
        self._priority: Priority = priority
        self._answers = asyncio.Event()  # of the main loop
        self._stop = asyncio.Event()  # of the thread's loop

    async def run(self) -> None:
        """Answers until it is cancelled, then what has arrived; the thread has then ended.

        Raises whatever ends the thread before that.
        """
        main = asyncio.get_running_loop()
        # The loop is made here, so that it can be told to stop whatever the thread has come to.
        with (
            contextlib.closing(new_loop()) as loop,
            ThreadPoolExecutor(max_workers=1, thread_name_prefix=self._name) as thread,
        ):
            ended = main.run_in_executor(thread, self._run_thread, loop, main)
            try:
                await asyncio.wait([ended])
            finally:
                with contextlib.suppress(RuntimeError):  # closed: the thread has ended by itself
                    loop.call_soon_threadsafe(self._stop.set)
                await ended

    async def wait_answering(self) -> None:
        """Returns once the thread answers."""
        await self._answers.wait()

    def _run_thread(self, loop: asyncio.AbstractEventLoop, main: asyncio.AbstractEventLoop) -> None:
        with asyncio.Runner(loop_factory=lambda: loop) as runner:
            runner.run(self._answer(main))

    async def _answer(self, main: asyncio.AbstractEventLoop) -> None:
        with prioritised(self._priority), answering(self._sockets, self._responder):
            main.call_soon_threadsafe(self._answers.set)
            await self._stop.wait()
