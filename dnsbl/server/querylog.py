"""The query log: one line of JSON for each query, or for some of them.

The fields, which are never renamed or removed:

.. code-block:: text

    {"at": 1790000060.123,          Unix seconds
     "client": "192.0.2.7",         or "192.0.2.0/24", cut as the configuration says
     "transport": "udp",            or "tcp"
     "worker": 1,                   the thread that answered
     "name": "7.2.0.192.bl.example",  in lower case; a key reads KEY; "" where none could be read
     "type": "A",                   TYPE65280 where it has no name; "" where none could be read
     "zone": "bl.example",          "" where it is in none of ours
     "listed": ["spam"],            the categories that list, [] if none
     "rcode": "NOERROR",            null where nothing was said
     "octets": 132,                 of the reply; 0 where none left
     "sample": 1}                   the line stands for so many queries

A line is written whole or not at all. The file is opened anew once another
stands at its path, or none: a rotation needs to rename it, and no signal.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

import structlog

from dnsbl.config import QueryLogConfig
from dnsbl.network import IPV4, Network
from dnsbl.server.observation import Observation
from dnsbl.server.observe import Rates

FILE_MODE: Final = 0o640

_log = structlog.get_logger()


class QueryLog:
    """Writes the lines, in the observers' thread. `chance` is from 0 to 1, for samples."""

    def __init__(
        self, file: Path, config: QueryLogConfig, chance: Callable[[], float] = random.random
    ) -> None:
        self._path = file
        self._sample = config.sample
        self._only = config.only
        self._prefixes = (config.client_prefix_ipv4, config.client_prefix_ipv6)
        self._chance = chance
        self._file: int | None = None
        self._writable = True
        self._written = 0
        self._lost = 0

    @property
    def rates(self) -> Rates:
        """What it wants to see."""
        return Rates(self._sample, 0 if self._only == "listed" else self._sample)

    def counts(self) -> Mapping[str, int]:
        """Lines by what became of them."""
        return {"written": self._written, "lost": self._lost}

    def lost(self, count: int) -> None:
        """So many queries were not looked at, for want of time."""
        self._lost += count

    def take(self, observations: Sequence[Observation]) -> None:
        """Writes those that are to be written. A disk that is full costs lines and nothing more."""
        lines = [self._line(each) for each in observations if self._wants(each)]
        if not lines:
            return
        written, error = 0, None
        try:
            written, error = self._write(self._opened(), lines)
        except OSError as refused:
            error = refused
        if error is not None:
            if self._writable:
                _log.warning("query_log_unwritable", file=str(self._path), error=error.strerror)
            self.close()
        self._writable = error is None
        self._written += written
        self._lost += len(lines) - written

    def close(self) -> None:
        """Closes the file; it is opened again for the next line."""
        if self._file is not None:
            with contextlib.suppress(OSError):
                os.close(self._file)
            self._file = None

    def _wants(self, seen: Observation) -> bool:
        if self._only == "listed" and not seen.listed:
            return False
        if self._only == "answered" and seen.rcode == "NXDOMAIN":
            return False
        # Somebody else may want more than we do, and then all see those.
        return seen.weight >= self._sample or self._chance() * self._sample < seen.weight

    def _line(self, seen: Observation) -> bytes:
        document = {
            "at": round(seen.at, 3),
            "client": shortened(seen.client, *self._prefixes).text,
            "transport": seen.transport,
            "worker": seen.worker,
            "name": seen.name,
            "type": seen.qtype,
            "zone": seen.zone,
            "listed": seen.listed,
            "rcode": seen.rcode,
            "octets": seen.octets,
            "sample": max(seen.weight, self._sample),
        }
        return json.dumps(document, separators=(",", ":")).encode() + b"\n"

    def _opened(self) -> int:
        """The file, opened where it is not, or where another stands in its place."""
        if self._file is not None:
            with contextlib.suppress(FileNotFoundError):
                if os.path.samestat(os.fstat(self._file), self._path.stat()):
                    return self._file
            self.close()
        flags = os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC | os.O_NOCTTY
        try:
            self._file = os.open(self._path, flags | os.O_CREAT | os.O_EXCL, FILE_MODE)
            os.fchmod(self._file, FILE_MODE)  # whatever the umask: a group may read it
        except FileExistsError:
            # A pipe that nobody reads is an error rather than a thread that waits.
            self._file = os.open(self._path, flags | os.O_NONBLOCK)
        return self._file

    def _write(self, file: int, lines: Sequence[bytes]) -> tuple[int, OSError | None]:
        """How many lines were written, and what kept the others from it."""
        data = b"".join(lines)
        size = os.fstat(file).st_size
        at = 0
        try:
            while at < len(data):
                at += os.write(file, data[at:])
        except OSError as error:
            whole = data.rfind(b"\n", 0, at) + 1
            if whole < at:
                with contextlib.suppress(OSError):  # a pipe does not take it back
                    os.ftruncate(file, size + whole)
            return data.count(b"\n", 0, whole), error
        return len(lines), None


def shortened(client: Network, ipv4_prefix: int, ipv6_prefix: int) -> Network:
    """A client's address cut to so many bits."""
    prefix = ipv4_prefix if client.family == IPV4 else ipv6_prefix
    return client.widened(min(prefix, client.length))
