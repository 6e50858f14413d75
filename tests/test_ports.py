"""A port that was given to a test is nobody else's."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from ports import LOWEST, Ports, ephemeral_low, free_port, ours

TESTS = Path(__file__).parent

# Takes one port of a choice of so many, says which, and holds it until it is told to end.
OTHER = """
import pathlib, sys
from ports import Ports
print(Ports([*map(int, sys.argv[2:])], pathlib.Path(sys.argv[1])).take(), flush=True)
sys.stdin.read()
"""


@pytest.fixture
def choice() -> list[int]:
    """A few ports that no other test has."""
    return [free_port() for _ in range(3)]


def test_ports_lie_below_those_that_the_kernel_gives() -> None:
    """No outgoing connection can take one between its choice and its use."""
    assert all(LOWEST <= free_port() < ephemeral_low() for _ in range(50))


@pytest.mark.parametrize(("low", "end"), [(32768, 32768), (16384, 16384), (1024, 32768)])
def test_a_kernel_that_leaves_no_room_gets_the_usual_range(low: int, end: int) -> None:
    """Where an administrator has its range begin at 1024, there is nothing below."""
    assert ours(low) == range(LOWEST, end)


def test_no_port_is_given_twice(choice: list[int], tmp_path: Path) -> None:
    """Not before each was given once; then from the beginning."""
    ports = Ports(choice, tmp_path / "locks")

    first = [ports.take() for _ in choice]
    assert sorted(first) == sorted(choice)
    assert [ports.take() for _ in choice] == first


def test_processes_share_no_port(choice: list[int], tmp_path: Path) -> None:
    """What one holds, the other leaves out; when it ends, the port is to be had again."""
    locks = tmp_path / "locks"
    words = [sys.executable, "-c", OTHER, str(locks), *map(str, choice)]
    with subprocess.Popen(
        words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        env=os.environ | {"PYTHONPATH": str(TESTS)},
    ) as other:  # fmt: skip
        assert other.stdout is not None
        theirs = int(other.stdout.readline())
        ports = Ports(choice, locks)

        held = {ports.take() for _ in range(6)}
        other.communicate("")
        afterwards = {ports.take() for _ in range(6)}

    assert held == {*choice} - {theirs}
    assert afterwards == {*choice}


@pytest.mark.parametrize("kind", [socket.SOCK_STREAM, socket.SOCK_DGRAM])
@pytest.mark.parametrize("address", ["127.0.0.1", "127.0.0.2"])
def test_a_port_in_use_is_left_out(
    choice: list[int], tmp_path: Path, kind: socket.SocketKind, address: str
) -> None:
    """Over UDP or TCP, on whichever address."""
    ports = Ports(choice, tmp_path / "locks")
    with socket.socket(socket.AF_INET, kind) as taken:
        taken.bind((address, choice[0]))

        assert {ports.take() for _ in range(6)} == {*choice[1:]}


def test_where_none_is_free_that_is_said(choice: list[int], tmp_path: Path) -> None:
    """No loop without end."""
    ports = Ports(choice[:1], tmp_path / "locks")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", choice[0]))

        with pytest.raises(AssertionError, match="none of 1"):
            ports.take()
