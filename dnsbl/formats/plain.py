"""The plain feed: one network or address a line, or one domain name.

``#`` and ``;`` begin a comment, anywhere in a line. Whatever follows a space, a
tab or a comma is a column of the feed's own, and passed over, as are blank
lines. CRLF and a byte order mark do no harm. Bytes that are no text matter only
where an address should be. A range or a netmask set apart by a space
(``192.0.2.1 - 192.0.2.9``) is no such column: to list its first address alone
would be wrong, so the line is bad. So is one with a value of its own, as files of
rbldnsd have it (``192.0.2.1 :127.0.0.10:why``): it would be listed with another. A
line that begins with one gives it to all that follow, up to the next such line:
then nothing of the feed is to be listed. Both hold whatever stands behind the
value: a text, a column or a comment. A value that the category answers anyway
does no harm in either place.

``!`` before an address, a network or a name says that it is not to be listed, as
in those files. ``*.`` or ``.`` before a name means what lies below it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import IO, Final

from dnsbl.config import Lists
from dnsbl.errors import DnsblError
from dnsbl.name import parse_name
from dnsbl.network import NotListableError, parse
from dnsbl.subject import Subject, check_listable

LINE_OCTETS_MAX: Final = 4096  # addresses take 50; a line of this length is another kind of file

_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
_FIELD_END: Final = re.compile(rb"[ \t,#;]")
# What goes on with the network rather than following it: a range's end, a length, a netmask.
_MORE_OF_IT: Final = re.compile(rb"[ \t]+(?:[-/][ \t]*[0-9]|255\.)")
_INSTEAD: Final = "write prefixes, such as 192.0.2.0/24"
# A value: an address, or the last number of one in 127.0.0. Whatever looks like one counts as one,
# for what is taken for mere text would be listed, maybe with another value than was meant.
_VALUE: Final = re.compile(rb"[ \t]*:[ \t]*([0-9][0-9.]{,14})(?=[\s:#;,]|$)")
_LOOPBACK: Final = "127.0.0."
_NO_VALUES: Final = "take it out, and import the line into the category that answers so"
_NO_DEFAULTS: Final = (
    "split the feed by value, and import each part into a category that answers so"
)
_EXCLUDES: Final = b"!"
_SHOWN_OCTETS_MAX: Final = 16  # of what may be no text


@dataclass(frozen=True, slots=True)
class Line:
    """A line that names a network or a name; lines are counted from 1.

    ``excludes``: it is not to be listed.
    """

    number: int
    network: Subject
    excludes: bool = False


@dataclass(frozen=True, slots=True)
class BadLine:
    """A line that should name something and does not, with a sentence that says why.

    ``spoils``: it makes those after it mean something else, so that nothing of
    the feed may be listed.
    """

    number: int
    fault: str
    spoils: bool = False


def read(
    stream: IO[bytes], answer: IPv4Address, lists: Lists = "addresses"
) -> Iterator[Line | BadLine]:
    """The lines of a feed that say something, in their order; holds one of them at a time.

    ``answer`` is that of the category into which they go.
    """
    number = 0
    while octets := stream.readline(LINE_OCTETS_MAX + 1):
        number += 1
        if len(octets) > LINE_OCTETS_MAX:
            skip_line(stream, octets)
        said = read_line(number, octets, answer, lists)
        if said is not None:
            yield said


def read_line(
    number: int, octets: bytes, answer: IPv4Address, lists: Lists = "addresses"
) -> Line | BadLine | None:
    """What a line of that number says, its line feed included; None if it is nothing."""
    if len(octets) > LINE_OCTETS_MAX:
        return BadLine(number, f"the line is longer than {LINE_OCTETS_MAX} octets")
    if number == 1:
        octets = octets.removeprefix(_BYTE_ORDER_MARK)
    line = octets.strip()
    if value := _VALUE.match(line):
        return _default(number, value[1], answer)
    end = _FIELD_END.search(line)
    field = line[: end.start()] if end else line
    if field:
        fault = _rest_fault(line, field, end.start(), answer, lists) if end else None
        if fault is not None:
            return BadLine(number, fault)
        return _name(number, field) if lists == "names" else _network(number, field)
    if end and end[0] == b",":
        missing = "name" if lists == "names" else "address"
        return BadLine(number, f"there is no {missing} before the first comma")
    return None


def skip_line(stream: IO[bytes], octets: bytes) -> None:
    """Goes to the end of a line of which these octets were read last."""
    while octets and not octets.endswith(b"\n"):
        octets = stream.readline(LINE_OCTETS_MAX)


def unlistable(line: Line, *, force: bool) -> BadLine | None:
    """The line as a bad one, if what it names may not be listed. All may be excluded."""
    if line.excludes:
        return None
    try:
        check_listable(line.network, force=force)
    except NotListableError as error:
        return BadLine(line.number, str(error))
    return None


def _default(number: int, value: bytes, answer: IPv4Address) -> BadLine | None:
    """What a line that begins with a value says, which is that of all after it."""
    if _is_answer(value, answer):
        return None
    said = value.decode("ascii")
    fault = f"all lines below it have the value :{said}:, not the category's {answer}"
    return BadLine(number, f"{fault}; {_NO_DEFAULTS}", spoils=True)


def _is_answer(value: bytes, answer: IPv4Address) -> bool:
    """Whether a value is what the category answers."""
    text = value.decode("ascii")
    return str(answer) in (text, _LOOPBACK + text)


def _rest_fault(
    line: bytes, field: bytes, end: int, answer: IPv4Address, lists: Lists
) -> str | None:
    """Why what stands after the field, which ends there, is no column to be passed over."""
    # An exclusion answers nothing, so a value does it no harm.
    if not field.startswith(_EXCLUDES) and (value := _VALUE.match(line, end)):
        if _is_answer(value[1], answer):
            return None
        own = value[1].decode("ascii")
        return f"{_shown(field)} has a value of its own (:{own}:); {_NO_VALUES}"
    if lists == "addresses" and _MORE_OF_IT.match(line, end):
        return f"{_shown(field)} begins a range, or has a netmask; {_INSTEAD}"
    return None


def _network(number: int, field: bytes) -> Line | BadLine:
    excludes = field.startswith(_EXCLUDES)
    if field == _EXCLUDES:
        return BadLine(number, "there is no address right after the exclamation mark")
    try:
        text = field.removeprefix(_EXCLUDES).decode("ascii")
        network = parse(text)
    except UnicodeDecodeError:
        pass
    except DnsblError as error:
        if text.isprintable():
            return BadLine(number, str(error))
    else:
        if excludes and network.length == 0:
            fault = f"{network} is the whole of IPv{network.family}; it is never excluded"
            return BadLine(number, fault)
        return Line(number, network, excludes)
    return BadLine(number, f"{_shown(field)} is not an address: it is no plain text")


def _name(number: int, field: bytes) -> Line | BadLine:
    try:
        text = field.removeprefix(_EXCLUDES).decode("ascii")
        return Line(number, parse_name(text), field.startswith(_EXCLUDES))
    except UnicodeDecodeError:
        pass
    except DnsblError as error:
        if text.isprintable():
            return BadLine(number, str(error))
    return BadLine(number, f"{_shown(field)} is not a name: it is no plain text, or not in ASCII")


def _shown(octets: bytes) -> str:
    """The first of them, escaped as in Python's source; no more, for they may be of any kind."""
    cut = octets[:_SHOWN_OCTETS_MAX]
    return f"{cut!r}{'…' if len(cut) < len(octets) else ''}"
