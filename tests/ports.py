"""Ports of the loopback that a test has to itself, from the choice to the end of its process.

The kernel gives a port of its ephemeral range to any socket that asks for none; so ours lie below
that range. Among the processes of tests, on whatever checkout, a port belongs to whoever holds the
lock on its byte of one file. The kernel takes the lock back when the process ends.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import socket
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

LOWEST: Final = 10_000  # what is below, services of this machine may want
EPHEMERAL_LOW: Final = 32_768  # of Linux, where it does not say otherwise
EPHEMERAL: Final = Path("/proc/sys/net/ipv4/ip_local_port_range")
ROOM_LEAST: Final = 5_000  # with less there is no point in keeping to that side of the range


def ephemeral_low() -> int:
    """Where the kernel's own ports begin."""
    try:
        return int(EPHEMERAL.read_text().split()[0])
    except OSError:
        return EPHEMERAL_LOW


def ours(low: int) -> range:
    """The ports below the kernel's; or the usual ones where it leaves too few."""
    return range(LOWEST, low if low - LOWEST >= ROOM_LEAST else EPHEMERAL_LOW)


class Ports:
    """Gives each port of a choice once before it gives any a second time.

    It begins anywhere, and leaves out those that are bound, and those that
    other processes hold in the same file of locks.
    """

    def __init__(self, choice: Sequence[int], locks: Path) -> None:
        self._choice = choice
        self._next = secrets.randbelow(len(choice))
        self._locks = os.open(locks, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def take(self) -> int:
        """A port that is free, for UDP and TCP alike, on every address."""
        for port in self._round():
            if self._locked(port) and _unbound(port):
                return port
        raise AssertionError(f"none of {len(self._choice)} ports is free")

    def _round(self) -> Iterator[int]:
        for _ in self._choice:
            self._next = (self._next + 1) % len(self._choice)
            yield self._choice[self._next]

    def _locked(self, port: int) -> bool:
        try:
            fcntl.lockf(self._locks, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, port)
        except OSError:
            return False
        return True


def _unbound(port: int) -> bool:
    """Whether nobody has the port on any address of IPv4."""
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
        with socket.socket(socket.AF_INET, kind) as probe:
            try:
                probe.bind(("0.0.0.0", port))
            except OSError:
                return False
    return True


_PORTS: Final = Ports(
    ours(ephemeral_low()), Path(tempfile.gettempdir()) / f"dnsbl-test-ports-{os.getuid()}"
)


def free_port() -> int:
    """A port of 127.0.0.1 that no other test has and no socket is given by the kernel."""
    return _PORTS.take()
