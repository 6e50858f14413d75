"""The plain feed: one network or address a line.

``#`` and ``;`` begin a comment, anywhere in a line. Whatever follows a tab or a
comma is a column of the feed's own, and passed over, as are blank lines. CRLF
and a byte order mark do no harm. Bytes that are no text matter only where an
address should be.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, Final

from dnsbl.network import Network, NetworkError, parse

LINE_OCTETS_MAX: Final = 4096  # addresses take 50; a line of this length is another kind of file

_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
_FIELD_END: Final = re.compile(rb"[\t,#;]")


@dataclass(frozen=True, slots=True)
class Line:
    """A line that names a network; lines are counted from 1."""

    number: int
    network: Network


@dataclass(frozen=True, slots=True)
class BadLine:
    """A line that should name a network and does not, with a sentence that says why."""

    number: int
    fault: str


def read(stream: IO[bytes]) -> Iterator[Line | BadLine]:
    """The lines of a feed that say something, in their order; holds one of them at a time."""
    number = 0
    while octets := stream.readline(LINE_OCTETS_MAX + 1):
        number += 1
        if len(octets) > LINE_OCTETS_MAX:
            _skip_line(stream, octets)
            yield BadLine(number, f"the line is longer than {LINE_OCTETS_MAX} octets")
            continue
        if number == 1:
            octets = octets.removeprefix(_BYTE_ORDER_MARK)
        line = octets.strip()
        end = _FIELD_END.search(line)
        field = line[: end.start()].rstrip() if end else line
        if field:
            yield _network(number, field)
        elif end and end[0] == b",":
            yield BadLine(number, "there is no address before the first comma")


def _network(number: int, field: bytes) -> Line | BadLine:
    try:
        return Line(number, parse(field.decode("ascii")))
    except UnicodeDecodeError:
        return BadLine(number, f"{field[:40]!r} is not an address: it is no ASCII text")
    except NetworkError as error:
        return BadLine(number, str(error))


def _skip_line(stream: IO[bytes], octets: bytes) -> None:
    while octets and not octets.endswith(b"\n"):
        octets = stream.readline(LINE_OCTETS_MAX)
