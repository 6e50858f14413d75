"""Runs the sidecar beside the DNS server, and starts it again when it dies.

The child's standard input stays open for as long as this process lives, and
the child stops when it closes: no kill of the parent leaves it behind. On its
standard output the child says ``ready``; its log goes to the same standard
error as ours.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import structlog

READY_LINE: Final = b"ready"
SUPERVISED_VARIABLE: Final = "DNSBL_SUPERVISED"

_OUTPUT_BYTES = 4096

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Times:
    """How patient the supervisor is, in seconds."""

    backoff_first_s: float = 0.2
    backoff_max_s: float = 10.0  # doubled up to here, while the child dies young
    steady_s: float = 30.0  # a child that lived this long begins the backoff anew
    stop_s: float = 15.0  # from SIGTERM to SIGKILL


class Supervisor:
    """Keeps one child process running. `on_ready` is called each time that the child answers."""

    def __init__(
        self, command: Sequence[str], on_ready: Callable[[], None], times: Times | None = None
    ) -> None:
        self._command = command
        self._on_ready = on_ready
        self._times = times or Times()

    async def run(self, stop: asyncio.Event) -> None:
        """Runs the child until the event is set, then stops it. Leaves no child behind."""
        backoff_s = self._times.backoff_first_s
        while not stop.is_set():
            started_at = time.monotonic()
            await self._run_once(stop)
            if stop.is_set():
                break
            if time.monotonic() - started_at >= self._times.steady_s:
                backoff_s = self._times.backoff_first_s
            await _wait(stop, backoff_s)
            backoff_s = min(2 * backoff_s, self._times.backoff_max_s)

    async def _run_once(self, stop: asyncio.Event) -> None:
        try:
            child = await asyncio.create_subprocess_exec(
                *self._command,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                env={**os.environ, SUPERVISED_VARIABLE: "1"},
                # Ctrl-C in a terminal is for us; the child is told to stop in order.
                start_new_session=True,
            )
        except OSError as error:  # no memory for a process, say; that passes
            _log.error("sidecar_not_started", error=str(error))
            return
        _log.info("sidecar_started", pid=child.pid)
        try:
            await self._watch(child, stop)
        finally:
            await self._end(child)
        if stop.is_set():
            _log.info("sidecar_exited", pid=child.pid, code=child.returncode, stopped=True)
        else:
            _log.warning("sidecar_exited", pid=child.pid, code=child.returncode, stopped=False)

    async def _watch(self, child: asyncio.subprocess.Process, stop: asyncio.Event) -> None:
        """Returns when the child has exited, or is to."""
        waits = [
            asyncio.create_task(self._listen(child)),
            asyncio.create_task(child.wait()),
            asyncio.create_task(stop.wait()),
        ]
        try:
            await asyncio.wait(waits[1:], return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
            await asyncio.gather(*waits, return_exceptions=True)

    async def _listen(self, child: asyncio.subprocess.Process) -> None:
        """Takes all that the child writes, so that it never waits for us."""
        assert child.stdout is not None
        line = b""
        while output := await child.stdout.read(_OUTPUT_BYTES):
            *lines, line = (line + output).split(b"\n")
            line = line[-_OUTPUT_BYTES:]
            if READY_LINE in lines:
                _log.info("sidecar_ready", pid=child.pid)
                self._on_ready()

    async def _end(self, child: asyncio.subprocess.Process) -> None:
        """Stops the child if it runs: in order, and with force where that takes too long."""
        if child.returncode is None:
            child.terminate()
            assert child.stdin is not None
            child.stdin.close()
            try:
                async with asyncio.timeout(self._times.stop_s):
                    await child.wait()
            except TimeoutError:
                _log.warning("sidecar_killed", pid=child.pid, after_s=self._times.stop_s)
        if child.returncode is None:
            child.kill()
        await child.wait()


async def _wait(event: asyncio.Event, timeout_s: float) -> None:
    """Waits for the event, no longer than the timeout."""
    try:
        async with asyncio.timeout(timeout_s):
            await event.wait()
    except TimeoutError:
        return
