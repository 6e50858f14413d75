"""A machine inside the machine: a network, a process table and configuration files of its own.

All of it hangs on one process, the first of the new process table, which reads from a pipe of the
test's. When the pipe closes, because the test ends or because it was killed, that process ends, and
the kernel ends all others in there and frees the network and the mounts. Nothing has a name that
others could trip over, so that tests run beside each other.
"""

from __future__ import annotations

import ctypes
import os
import subprocess
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Self

import pytest

CLONE_NEWNET = 0x40000000  # <sched.h>
COMMAND_S = 60

# The shell's arguments: a folder to mount on, then the folders that begin empty.
BEGIN = """\
set -e
ip link set lo up
mount -t tmpfs -o mode=0755 tmpfs "$1"
cp -a /etc "$1/etc"
mount --bind "$1/etc" /etc
own=$1; shift
for folder; do
    [ -d "$folder" ] || continue
    mkdir -p "$own$folder"
    chown --reference="$folder" "$own$folder"
    chmod --reference="$folder" "$own$folder"
    mount --bind "$own$folder" "$folder"
done
trap '' CHLD  # so that the kernel buries whoever is left to the first process
echo ready
exec cat >/dev/null
"""


class UnavailableError(Exception):
    """Namespaces cannot be made here; the text is the system's."""


class Namespace:
    """Makes one, with its loopback up, a copy of /etc, and `empty` folders in place of those.

    `folder` is an empty one to mount on. Raises UnavailableError where that is not allowed.
    """

    def __init__(self, folder: Path, empty: Sequence[str] = ()) -> None:
        folder.mkdir(exist_ok=True)
        self._holder = subprocess.Popen(
            ["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc",
             "sh", "-c", BEGIN, "sh", str(folder), *empty],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
        assert self._holder.stdout is not None
        line = self._holder.stdout.readline()
        if line != "ready\n":
            text = line + self._holder.stdout.read()
            self.close()
            raise UnavailableError(text.strip())
        holder = self._holder.pid
        self._first = int(Path(f"/proc/{holder}/task/{holder}/children").read_text())
        self._started: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Ends every process in there; the kernel frees the rest. The second time, nothing."""
        assert self._holder.stdin is not None
        assert self._holder.stdout is not None
        self._holder.stdin.close()
        self._holder.wait(COMMAND_S)
        self._holder.stdout.close()
        for process in getattr(self, "_started", []):
            process.wait(COMMAND_S)

    @property
    def root(self) -> Path:
        """The file system as the programs in there see it. Absolute links in it lead outside."""
        return Path(f"/proc/{self._first}/root")

    def processes(self) -> list[int]:
        """The processes in there, by the numbers that they have outside; the first one first."""
        own = Path(f"/proc/{self._first}/ns/pid").readlink()
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                if (folder / "ns/pid").readlink() == own:
                    found.append(int(folder.name))
            except OSError:  # it has just ended
                continue
        return sorted(found)

    def within(self, *command: str) -> list[str]:
        """The command line that runs another one in there."""
        return ["nsenter", f"--target={self._first}", "--net", "--mount", "--pid", "--", *command]

    def add_addresses(self, *addresses: str) -> None:
        """Gives the loopback further addresses."""
        for address in addresses:
            words = [f"{address}/128", "nodad"] if ":" in address else [f"{address}/32"]
            self.run("ip", "address", "add", *words, "dev", "lo")

    def write(self, path: str, text: str) -> None:
        """Writes a file of /etc or of an empty folder; one that was there is replaced."""
        file = self.root / path.lstrip("/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.unlink(missing_ok=True)
        file.write_text(text)

    def clear(self, path: str) -> None:
        """Empties a folder of configuration files."""
        for file in (self.root / path.lstrip("/")).iterdir():
            file.unlink()

    def run(self, *command: str, text: str = "", check: bool = True) -> str:
        """One command to its end, with `text` as its input; what it wrote, errors as well."""
        done = subprocess.run(
            self.within(*command), input=text, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            text=True, timeout=COMMAND_S, check=False,
        )  # fmt: skip
        assert not check or done.returncode == 0, f"{command}: {done.stdout}"
        return done.stdout

    def start(self, *command: str, log: Path) -> None:
        """A command that goes on until the namespace is closed; `log` is what it writes."""
        with log.open("wb") as output:
            process = subprocess.Popen(
                self.within(*command), stdin=subprocess.DEVNULL, stdout=output, stderr=output
            )
        self._started.append(process)

    @contextmanager
    def inside(self) -> Iterator[None]:
        """Sockets that this thread makes meanwhile are of the network in there."""
        own = f"/proc/self/task/{threading.get_native_id()}/ns/net"
        before = os.open(own, os.O_RDONLY)
        there = os.open(f"/proc/{self._first}/ns/net", os.O_RDONLY)
        try:
            _enter(there)
            try:
                yield
            finally:
                _enter(before)
        finally:
            os.close(there)
            os.close(before)


def _enter(descriptor: int) -> None:
    """Moves the thread to a network namespace (setns(2)); os.setns came with Python 3.12."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.setns(descriptor, CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "setns")


@contextmanager
def namespace(folder: Path, empty: Sequence[str] = ()) -> Iterator[Namespace]:
    """A namespace for a test; where none can be made, a laptop skips the test and CI fails."""
    try:
        made = Namespace(folder, empty)
    except (UnavailableError, FileNotFoundError) as error:
        if os.environ.get("CI"):
            pytest.fail(f"no namespaces: {error}")
        pytest.skip(f"no namespaces: {error}")
    with made:
        yield made
