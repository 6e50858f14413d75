"""`dnsbl top`: against a server that says what a test wants, and on a terminal of its own."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import pty
import select
import signal
import socket
import struct
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import click.testing
import pytest
from house import House

from dnsbl.cli import top

Run = Callable[..., click.testing.Result]

PATIENCE_S = 30
START = 1_800_000_000.0

# So that Ctrl-C there becomes a signal, also where the tests run in the background of a script,
# which has it ignored.
TAKES_ITS_TERMINAL = """
import fcntl, os, signal, sys, termios
signal.signal(signal.SIGINT, signal.SIG_DFL)
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execv(sys.executable, [sys.executable, *sys.argv[1:]])
"""


def line(second: int) -> dict[str, Any]:
    """What a server says that answers 10 queries a second, the third of them listed."""
    labels = {"transport": "udp", "zone": "bl.example", "qtype": "A", "rcode": "NOERROR"}
    return {
        "format": 1,
        "at": START + second,
        "started_at": START - 60.5,
        "path": "python",
        "counters": {
            "replies": [labels | {"count": 10 * second}],
            "hits": [{"zone": "bl.example", "count": 3 * second}],
            "listed": [{"zone": "bl.example", "category": "spam", "count": 3 * second}],
            "worker_replies": [{"worker": 1, "count": 10 * second}],
            "dropped": [],
            "truncated": [],
            "tcp_connections": [],
            "slipped": 0,
            "query_log": [],
            "failed": 0,
        },
        "sample": {"listed": 1, "other": 1},
        "span_s": 1.0,
        "top_listed": [],
        "top_clients": [],
    }


class Teller:
    """What stands at the socket: says its lines to one who connects, and then keeps silent."""

    def __init__(self, listening: socket.socket) -> None:
        self.lines: list[dict[str, Any]] = [line(second) for second in range(5)]
        self.hangs_up = False
        self._listening = listening
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._tell)
        self._thread.start()

    def _tell(self) -> None:
        with contextlib.suppress(OSError):
            watcher, _ = self._listening.accept()
            with watcher:
                for each in self.lines:
                    watcher.sendall(json.dumps(each).encode() + b"\n")
                if not self.hangs_up:
                    self._end.wait()

    def stop(self) -> None:
        self._end.set()
        self._listening.shutdown(socket.SHUT_RDWR)
        self._thread.join()


@pytest.fixture
def teller(house: House) -> Iterator[Teller]:
    """One that tells what `line` has of seconds 0 to 4."""
    path = house.config.data.live_view
    path.parent.mkdir()
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))
        listening.listen()
        teller = Teller(listening)
        yield teller
        teller.stop()


@pytest.mark.usefixtures("teller")
@pytest.mark.parametrize(("interval", "at"), [("1", 1), ("2", 2), ("3.5", 4)])
def test_json_tells_paces_over_an_interval(
    run_json: Callable[..., Any], interval: str, at: int
) -> None:
    """One object, with times in whole seconds."""
    seen = run_json("top", "--once", "--interval", interval)

    assert (seen["at"], seen["started_at"], seen["seconds"]) == (START + at, START - 61, float(at))
    assert (seen["replies_per_s"], seen["hit_rate"]) == (10.0, 0.3)
    assert seen["categories"] == {"bl.example": {"spam": 3.0}}
    assert (seen["top_listed"], seen["top_clients"]) == ([], [])


@pytest.mark.usefixtures("teller")
def test_once_prints_one_view(run: Run) -> None:
    """Without a single control character."""
    result = run("top", "--once", "--interval", "1")

    assert result.exit_code == 0
    assert "10 replies/s   30.0 % listed" in result.stdout
    assert result.stdout.count("RCODE") == 1
    assert "\x1b" not in result.stdout


def test_views_stand_one_below_the_other_until_the_server_ends(run: Run, teller: Teller) -> None:
    """Where no terminal is; the end of the server is exit code 1, and one line."""
    teller.hangs_up = True

    result = run("top", "--interval", "2")

    assert result.stdout.count("10 replies/s") == 2
    assert (result.exit_code, result.stderr) == (1, "dnsbl: the DNS server has ended\n")


def test_what_the_server_says_of_itself_is_passed_on(run: Run, teller: Teller) -> None:
    """Such as that so many watch already."""
    teller.lines = [{"format": 1, "error": "so many watch already"}]

    result = run("top")

    assert (result.exit_code, result.stderr) == (
        1, "dnsbl: the DNS server says: so many watch already\n",
    )  # fmt: skip


@pytest.mark.usefixtures("teller")
def test_silence_is_not_waited_for_without_end(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that was stopped says nothing."""
    monkeypatch.setattr(top, "SILENCE_S", 0.05)

    result = run("top", "--once", "--interval", "60")

    assert (result.exit_code, "says nothing" in result.stderr) == (1, True)


@pytest.mark.parametrize("left", [False, True])
def test_no_server_is_one_line(run: Run, house: House, *, left: bool) -> None:
    """Whether or not one that was killed has left its socket."""
    path = house.config.data.live_view
    if left:
        path.parent.mkdir()
        with socket.socket(socket.AF_UNIX) as bound:
            bound.bind(str(path))

    result = run("top")

    assert result.exit_code == 1
    assert result.stderr == f"dnsbl: {path}: nobody answers there; is the DNS server running?\n"


class Terminal:
    """A terminal with `dnsbl top` on it."""

    def __init__(self, house: House, rows: int = 24, columns: int = 80) -> None:
        self.master, self.slave = pty.openpty()
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self.before = termios.tcgetattr(self.slave)
        self.shown = ""
        command = ["-m", "dnsbl", "top", "--interval", "1", "--config", str(house.file)]
        self.process = subprocess.Popen(
            [sys.executable, "-c", TAKES_ITS_TERMINAL, *command],
            stdin=self.slave,
            stdout=self.slave,
            stderr=self.slave,
            env={**os.environ, "PYTHONIOENCODING": "utf-8", "TERM": "xterm"},
            start_new_session=True,
        )

    def read_until(self, text: str) -> None:
        """Reads what is drawn until that is there."""
        until = time.monotonic() + PATIENCE_S
        while text not in self.shown:
            ready, _, _ = select.select([self.master], [], [], until - time.monotonic())
            assert ready, self.shown
            self.shown += os.read(self.master, 65_536).decode(errors="replace")

    def press(self, keys: bytes) -> None:
        os.write(self.master, keys)

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        os.close(self.master)
        os.close(self.slave)


@pytest.fixture
def terminal(house: House, teller: Teller) -> Iterator[Terminal]:
    """A terminal of 80 columns and 24 rows."""
    assert teller.lines
    terminal = Terminal(house)
    yield terminal
    terminal.close()


ENDINGS: dict[str, tuple[Callable[[Terminal], None], int]] = {
    "q": (lambda terminal: terminal.press(b"q"), 0),
    "ctrl-c": (lambda terminal: terminal.press(b"\x03"), 0),
    "sigterm": (lambda terminal: terminal.process.send_signal(signal.SIGTERM), 143),
}


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_terminal_is_left_as_it_was(terminal: Terminal, ending: str) -> None:
    """However the view ends: the screen, the cursor and the way keys are read."""
    end, code = ENDINGS[ending]
    terminal.read_until("10 replies/s")
    terminal.read_until("q quits")

    end(terminal)

    terminal.read_until("\x1b[?25h\x1b[?1049l")
    assert terminal.process.wait(PATIENCE_S) == code
    assert "\x1b[?1049h\x1b[?25l" in terminal.shown
    assert termios.tcgetattr(terminal.slave) == terminal.before


def test_the_end_of_the_server_ends_the_view(house: House, teller: Teller) -> None:
    """The terminal is as it was, and one line says why."""
    teller.hangs_up = True
    terminal = Terminal(house)
    try:
        terminal.read_until("dnsbl: the DNS server has ended")

        assert terminal.process.wait(PATIENCE_S) == 1
        assert termios.tcgetattr(terminal.slave) == terminal.before
    finally:
        terminal.close()
