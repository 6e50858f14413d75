"""The process: how it starts, what keeps it from starting, how it ends."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import IO

import pytest
from house import House
from visitor import fetch

PATIENCE_S = 60

Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def start(house: House) -> Iterator[Start]:
    """Starts the sidecar's process; what still runs at the end is killed."""
    processes: list[subprocess.Popen[str]] = []

    def started(*, supervised: bool = False) -> subprocess.Popen[str]:
        environment = os.environ | {"DNSBL_SUPERVISED": "1" if supervised else ""}
        process = subprocess.Popen(
            [sys.executable, "-m", "api", "--config", str(house.file)],
            stdin=subprocess.PIPE if supervised else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment,
        )
        processes.append(process)
        return process

    yield started
    for process in processes:
        if process.poll() is None:
            process.kill()
        process.wait(PATIENCE_S)
        for stream in (process.stdin, process.stdout, process.stderr):
            if stream is not None:
                stream.close()


def wait_for(event: str, stream: IO[str] | None) -> dict[str, object]:
    """Reads log lines until that event."""
    assert stream is not None
    for line in stream:
        if (found := json.loads(line))["event"] == event:
            assert isinstance(found, dict)
            return found
    pytest.fail(f"the log ended without {event}")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_cleanly(house: House, start: Start, number: int) -> None:
    """`ready` once it answers; 0 at the end; no word on standard output."""
    process = start()

    ready = wait_for("ready", process.stderr)
    alive = fetch(f"{house.portal_url}/healthz")
    process.send_signal(number)
    output, log = process.communicate(timeout=PATIENCE_S)

    assert (ready["component"], ready["listen"]) == ("portal", f"127.0.0.1:{house.portal_port}")
    assert alive.status == 200
    assert (process.returncode, output) == (0, "")
    assert '"stopped"' in log


def test_a_supervised_one_says_ready_and_follows_its_supervisor(start: Start) -> None:
    """One line when it answers; the end of standard input is its own end."""
    process = start(supervised=True)
    assert process.stdin is not None
    assert process.stdout is not None

    line = process.stdout.readline()
    process.stdin.close()

    assert line == "ready\n"
    assert process.wait(PATIENCE_S) == 0


@pytest.mark.parametrize("unbuffered", ["1", ""])
def test_a_supervisor_that_is_gone_is_no_failure(
    start: Start, monkeypatch: pytest.MonkeyPatch, unbuffered: str
) -> None:
    """Neither `ready` nor the log has a reader any more: the end is as clean, however Python
    writes.
    """
    monkeypatch.setenv("PYTHONUNBUFFERED", unbuffered)
    process = start(supervised=True)
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stderr is not None

    process.stdout.close()
    wait_for("ready", process.stderr)
    process.stderr.close()
    process.stdin.close()

    assert process.wait(PATIENCE_S) == 0


def test_a_second_one_stays_away(house: House, start: Start) -> None:
    """Two on one data directory would send every mail twice: the second says so and ends with 2."""
    first = start()
    wait_for("ready", first.stderr)

    second = start()
    _, log = second.communicate(timeout=PATIENCE_S)

    assert second.returncode == 2
    assert log.count("\n") == 1
    assert f"another portal (process {first.pid})" in log
    assert fetch(f"{house.portal_url}/readyz").status == 200


def test_a_port_in_use_is_said_in_one_line(house: House, start: Start) -> None:
    """Exit status 2, and what to look at."""
    with socket.create_server(("127.0.0.1", house.portal_port)):
        process = start()
        _, log = process.communicate(timeout=PATIENCE_S)

    assert process.returncode == 2
    assert log.count("\n") == 1
    assert f"portal.listen: 127.0.0.1:{house.portal_port}" in log


@pytest.mark.parametrize("what", ["configuration", "database"])
def test_what_cannot_be_used_is_said_in_one_line(house: House, start: Start, what: str) -> None:
    """A wrong configuration or a damaged database: exit status 2, the file named, no traceback."""
    if what == "configuration":
        house.write_config("[mial]\n")
        named = f"{house.file}: mial: is not a known key"
    else:
        path = house.config.data.database
        path.parent.mkdir()
        path.write_bytes(b"not a database " * 1000)
        named = f"{path}: is not an SQLite database"

    process = start()
    _, log = process.communicate(timeout=PATIENCE_S)

    assert process.returncode == 2
    assert log.count("\n") == 1
    assert log.startswith(f"dnsbl: {named}")
