"""The supervisor, with small programs in the sidecar's place."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import structlog.testing

from dnsbl.server.supervise import Supervisor, Times

QUICK = Times(backoff_first_s=0.01, backoff_max_s=0.04, steady_s=30.0, stop_s=20.0)
WAIT_S = 60

GOOD = """
import os, signal, sys
assert os.environ["DNSBL_SUPERVISED"] == "1"
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
print("ready", flush=True)
sys.stdin.read()
"""
SHORT_LIVED = "print('ready', flush=True); raise SystemExit(3)"
STUBBORN = """
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("ready", flush=True)
while True: time.sleep(60)
"""
TALKATIVE = """
import sys
print("x" * 1_000_000)
print("ready", flush=True)
sys.stdin.read()
"""


class Supervised:
    """A supervisor at work on a program, and the log of it."""

    def __init__(self, program: str, times: Times = QUICK, *, ready_wanted: int = 1) -> None:
        self.stop = asyncio.Event()
        self.ready = asyncio.Event()
        self.times_ready = 0
        self._ready_wanted = ready_wanted
        command = (
            [sys.executable, "-c", program] if "\n" in program or ";" in program else [program]
        )
        self.supervisor = Supervisor(command, self._on_ready, times)

    def _on_ready(self) -> None:
        self.times_ready += 1
        if self.times_ready == self._ready_wanted:
            self.ready.set()

    async def run(self) -> list[Any]:
        """Runs until it is ready as often as wanted, stops, and gives the log."""
        with structlog.testing.capture_logs() as logs:
            async with asyncio.timeout(WAIT_S):
                running = asyncio.create_task(self.supervisor.run(self.stop))
                await self.ready.wait()
                self.stop.set()
                await running
        return logs


def events(logs: list[Any]) -> list[str]:
    """The names of the events."""
    return [line["event"] for line in logs]


def alive(pid: int) -> bool:
    """Whether there is such a process, a zombie among them."""
    return Path(f"/proc/{pid}").exists()


async def test_child_is_started_and_stopped_in_order() -> None:
    """It is told to stop, ends with 0, and is reaped."""
    logs = await Supervised(GOOD).run()

    assert events(logs) == ["sidecar_started", "sidecar_ready", "sidecar_exited"]
    assert (logs[-1]["code"], logs[-1]["stopped"]) == (0, True)
    assert not alive(logs[0]["pid"])


async def test_child_that_dies_is_started_again() -> None:
    """Each time, with its exit code in the log, and more slowly."""
    supervised = Supervised(SHORT_LIVED, ready_wanted=4)

    logs = await supervised.run()

    exits = [line for line in logs if line["event"] == "sidecar_exited"]
    assert len(exits) >= 3
    assert all((line["code"], line["log_level"]) == (3, "warning") for line in exits[:3])
    assert len({line["pid"] for line in logs if line["event"] == "sidecar_started"}) >= 4


async def test_backoff_doubles_to_its_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    """0.01, 0.02, 0.04, 0.04 s; and from the start again after a steady life."""
    waits: list[float] = []

    async def wait(_: asyncio.Event, timeout_s: float) -> None:
        waits.append(timeout_s)
        await asyncio.sleep(0)

    monkeypatch.setattr("dnsbl.server.supervise._wait", wait)
    await Supervised(SHORT_LIVED, ready_wanted=5).run()
    assert waits[:4] == [0.01, 0.02, 0.04, 0.04]

    waits.clear()
    steady = Times(backoff_first_s=0.01, backoff_max_s=0.04, steady_s=0.0, stop_s=20.0)
    await Supervised(SHORT_LIVED, steady, ready_wanted=4).run()
    assert waits[:3] == [0.01, 0.01, 0.01]


async def test_child_that_will_not_stop_is_killed() -> None:
    """After its time, by force; and reaped."""
    times = Times(backoff_first_s=0.01, backoff_max_s=0.04, steady_s=30.0, stop_s=0.2)

    logs = await Supervised(STUBBORN, times).run()

    assert events(logs)[-2:] == ["sidecar_killed", "sidecar_exited"]
    assert logs[-1]["code"] == -signal.SIGKILL
    assert not alive(logs[0]["pid"])


async def test_child_that_writes_much_is_not_held_up() -> None:
    """Its output is taken as it comes, within bounds, and the one word is heard."""
    supervised = Supervised(TALKATIVE)

    await supervised.run()

    assert supervised.times_ready == 1


async def test_program_that_cannot_be_started_is_tried_again(tmp_path: Path) -> None:
    """It is logged each time; the DNS server goes on."""
    supervised = Supervised(str(tmp_path / "missing"))

    with structlog.testing.capture_logs() as logs:
        running = asyncio.create_task(supervised.supervisor.run(supervised.stop))
        async with asyncio.timeout(WAIT_S):
            while len(logs) < 3:  # noqa: ASYNC110  # it watches the log
                await asyncio.sleep(0.005)
            supervised.stop.set()
            await running

    assert set(events(logs)) == {"sidecar_not_started"}


async def test_cancelled_supervisor_leaves_no_child() -> None:
    """However it ends, the child ends with it."""
    supervised = Supervised(GOOD)

    with structlog.testing.capture_logs() as logs:
        running = asyncio.create_task(supervised.supervisor.run(supervised.stop))
        async with asyncio.timeout(WAIT_S):
            await supervised.ready.wait()
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)

    assert not alive(logs[0]["pid"])


PARENT = f"""
import asyncio, sys
from dnsbl.server.supervise import Supervisor
child = [sys.executable, "-c", {GOOD!r}]
asyncio.run(Supervisor(child, lambda: print("ready", flush=True)).run(asyncio.Event()))
"""


async def test_child_does_not_outlive_a_killed_parent() -> None:
    """Kill -9 of the parent closes the child's standard input, which ends it."""
    parent = subprocess.Popen(  # noqa: ASYNC220  # it is killed, and waited for, below
        [sys.executable, "-c", PARENT], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    with parent:
        assert parent.stdout is not None
        while await asyncio.to_thread(parent.stdout.readline) != b"ready\n":
            assert parent.poll() is None
        children = Path(f"/proc/{parent.pid}/task/{parent.pid}/children").read_text().split()  # noqa: ASYNC240
        (child,) = map(int, children)

        os.kill(parent.pid, signal.SIGKILL)

    async with asyncio.timeout(WAIT_S):
        while alive(child):  # noqa: ASYNC110  # not our child: there is nothing to wait on
            await asyncio.sleep(0.01)
