"""The product as its users meet it: real processes, with their logs."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

START_S = 60  # generous: a loaded machine starts slowly, and a failure still ends


PROGRAM = (sys.executable, "-m", "dnsbl")
PURE = ("env", "DNSBL_PURE=1", *PROGRAM)  # it leaves what is compiled alone


class Running:
    """`dnsbl serve` as a process of its own, with its log at hand as it comes."""

    def __init__(
        self, config_file: Path, command: str = "serve", program: Sequence[str] = PROGRAM
    ) -> None:
        self.events: list[dict[str, Any]] = []
        self._arrived = threading.Condition()
        self.process = subprocess.Popen(
            [*program, command, "--config", str(config_file)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            try:
                event = json.loads(line)
            except ValueError:
                event = {"event": "not_json", "line": line}
            with self._arrived:
                self.events.append(event)
                self._arrived.notify_all()
        with self._arrived:
            self._arrived.notify_all()

    def wait_for(self, name: str, *, after: int = 0, timeout_s: float = START_S) -> dict[str, Any]:
        """The first event of that name from the given position of the log on."""

        def found() -> dict[str, Any] | None:
            return next((e for e in self.events[after:] if e.get("event") == name), None)

        with self._arrived:
            self._arrived.wait_for(lambda: found() or self._ended(), timeout_s)
            event = found()
        assert event is not None, f"no event {name!r} in {self.events[-20:]}"
        return event

    def _ended(self) -> bool:
        return self.process.poll() is not None and not self._reader.is_alive()

    @property
    def sidecar_pid(self) -> int | None:
        """The process id of the sidecar, from the kernel's own list of children."""
        pid = self.process.pid
        try:
            children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        except OSError:
            return None
        return int(children[0]) if children else None

    def kill(self) -> None:
        """Ends, by kill -9, the DNS process."""
        self.process.send_signal(signal.SIGKILL)
        self._end()

    def stop(self) -> int:
        """A clean stop; the exit status."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self._end()

    def _end(self) -> int:
        try:
            status = self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            status = self.process.wait()
        self._reader.join(30)
        assert self.process.stderr is not None
        self.process.stderr.close()
        return status


def run_dnsbl(config_file: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """One command of the operator's, to its end."""
    return subprocess.run(
        [sys.executable, "-m", "dnsbl", *arguments, "--config", str(config_file)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
