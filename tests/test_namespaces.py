"""A namespace is a machine of its own, and leaves nothing behind."""

from __future__ import annotations

import os
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from internet import until
from namespaces import Namespace, namespace

PATIENCE_S = 90
ADDRESS = "192.0.2.99"

# Makes one, starts a program in it, says which that is, and waits to be killed.
VICTIM = """
import pathlib, signal, sys
from namespaces import Namespace
made = Namespace(pathlib.Path(sys.argv[1]))
made.start("sleep", "3600", log=pathlib.Path(sys.argv[1] + ".log"))
print(made.processes()[-1], flush=True)
signal.pause()
"""


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Namespace]:
    """A namespace with an address more."""
    with namespace(tmp_path / "mounts", ("/run",)) as made:
        made.add_addresses(ADDRESS)
        yield made


def ends(descriptor: int) -> bool:
    """Whether the process of a pidfd comes to its end."""
    return bool(select.select([descriptor], [], [], PATIENCE_S)[0])


def test_it_has_a_network_of_its_own(made: Namespace) -> None:
    """Its addresses and ports are there inside, and nowhere else; the thread comes out again."""
    with made.inside(), socket.socket() as server:
        server.bind((ADDRESS, 53))

    with socket.socket() as outside, pytest.raises(OSError, match="assign"):
        outside.bind((ADDRESS, 53))


def test_its_files_are_its_own(made: Namespace) -> None:
    """What is written to /etc and to an empty folder in there is not seen outside."""
    made.write("/etc/namespace.test", "inside")
    made.write("/run/namespace.test", "inside")

    assert made.run("cat", "/etc/namespace.test", "/run/namespace.test") == "insideinside"
    assert not Path("/etc/namespace.test").exists()
    assert not Path("/run/namespace.test").exists()


def test_its_processes_end_with_it(tmp_path: Path, made: Namespace) -> None:
    """Those that were started, and those that went into the background."""
    made.start("sleep", "3600", log=tmp_path / "log")
    made.run("sh", "-c", "setsid sleep 3600 >/dev/null 2>&1 &")
    until(lambda: len(made.processes()) == 3, "they are not there")  # with the first one
    descriptors = [os.pidfd_open(pid) for pid in made.processes()]

    made.close()
    assert all(ends(descriptor) for descriptor in descriptors)
    for descriptor in descriptors:
        os.close(descriptor)


def test_nothing_outlives_a_test_that_is_killed(tmp_path: Path, made: Namespace) -> None:
    """The kernel ends what is in there, whatever became of whoever made it."""
    del made  # its fixture says whether namespaces can be made here
    with subprocess.Popen(
        [sys.executable, "-c", VICTIM, str(tmp_path / "victim")],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parent)},
    ) as victim:
        assert victim.stdout is not None
        inside = os.pidfd_open(int(victim.stdout.readline()))
        victim.send_signal(signal.SIGKILL)

    assert ends(inside)
    os.close(inside)
