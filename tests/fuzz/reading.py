"""A reader of messages of its own: what a query allows, and whether a reply is whole.

It shares no code with `dnsbl.wire`, since it judges what that wrote.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final

HEADER_OCTETS: Final = 12  # RFC 1035 §4.1.1
NAME_OCTETS_MAX: Final = 255  # §2.3.4
PLAIN_OCTETS: Final = 512  # §4.2.1
PAYLOAD_OCTETS_MAX: Final = 1232  # the most that the server says it sends
OPT: Final = 41  # RFC 6891 §6.1.2
QR: Final = 0x8000

_COUNTS = struct.Struct("!HHHHHH")
_FIXED = struct.Struct("!HHIH")
_ECHOED: Final = 0x7900  # opcode and RD

# Those whose data has names, with how many octets come before the first, and how many names.
_NAMES_IN: Final = {2: (0, 1), 6: (0, 2), 15: (2, 1)}


class LoopError(AssertionError):
    """A name whose pointers do not lead back, so that it may never end."""


class CutError(AssertionError):
    """A message that ends before what it says that it holds, or holds what cannot be read."""


@dataclass(frozen=True, slots=True)
class Allowed:
    """What the reply to a query over UDP may be: so long, with OPT or without."""

    octets: int
    opt: bool


def allowed(query: bytes) -> Allowed:
    """By the OPT record of the query, as far as that can be read before anything odd."""
    try:
        payload = _payload(query)
    except CutError:
        payload = None
    if payload is None:
        return Allowed(PLAIN_OCTETS, opt=False)
    # RFC 6891 §6.2.3: sizes under 512 are to be read as 512
    return Allowed(max(PLAIN_OCTETS, min(PAYLOAD_OCTETS_MAX, payload)), opt=True)


def _payload(query: bytes) -> int | None:
    _, _, questions, answers, authorities, additional = _COUNTS.unpack_from(query)
    if questions > 1:
        return None
    offset = HEADER_OCTETS
    if questions:
        offset = _passed(query, offset, pointers=False) + 4
        if offset > len(query):
            return None
    for number in range(answers + authorities + additional):
        start = offset
        offset = _passed(query, start, pointers=True)
        if offset + _FIXED.size > len(query):
            return None
        rtype, rclass, _, length = _FIXED.unpack_from(query, offset)
        offset += _FIXED.size + length
        if offset > len(query):
            return None
        if rtype == OPT:  # RFC 6891 §6.1.1: of the root, in the additional section
            return rclass if number >= answers + authorities and query[start] == 0 else None
    return None


def _passed(data: bytes, start: int, *, pointers: bool) -> int:
    """Where a name ends that is not followed. Raises CutError."""
    offset = start
    while offset < len(data):
        length = data[offset]
        if length >= 0xC0 and pointers:
            return offset + 2
        if length >= 0x40:
            break
        offset += 1 + length
        if offset - start > NAME_OCTETS_MAX:
            break
        if not length:
            return offset
    raise CutError(f"a name at octet {start}")


def check(query: bytes, reply: bytes, *, udp: bool) -> None:
    """The reply is to that query, no longer than it allows, and whole. Raises AssertionError.

    Whole: it holds as many records as it says and nothing else, and each name in
    it ends, by pointers that lead back.
    """
    assert len(reply) >= HEADER_OCTETS, "no whole header"
    may = allowed(query)
    limit = may.octets if udp else 0xFFFF
    assert len(reply) <= limit, f"{len(reply)} octets, {limit} allowed"
    message_id, flags, *counts = _COUNTS.unpack_from(reply)
    asked_id, asked_flags, asked_questions, *_ = _COUNTS.unpack_from(query)
    assert message_id == asked_id, "another ID"
    assert flags & QR, "no reply by its header"
    assert not (flags ^ asked_flags) & _ECHOED, "another opcode, or another RD"
    has_opt = _walk(reply, counts)
    assert has_opt == may.opt, "OPT without OPT" if has_opt else "no OPT to OPT"
    if counts[0]:
        assert asked_questions == 1
        end = _end_of_name(reply, HEADER_OCTETS) + 4
        assert reply[HEADER_OCTETS:end] == query[HEADER_OCTETS:end], "another question"


def _walk(reply: bytes, counts: list[int]) -> bool:
    """Reads all of a reply; whether it has OPT. Raises AssertionError."""
    offset = HEADER_OCTETS
    for _ in range(counts[0]):
        offset = _end_of_name(reply, offset) + 4
    opts = 0
    for _ in range(sum(counts[1:])):
        offset = _end_of_name(reply, offset)
        if offset + _FIXED.size > len(reply):
            raise CutError(f"a record at octet {offset}")
        rtype, _, _, length = _FIXED.unpack_from(reply, offset)
        offset += _FIXED.size
        if rtype in _NAMES_IN:
            before, names = _NAMES_IN[rtype]
            at = offset + before
            for _ in range(names):
                at = _end_of_name(reply, at)
            assert at <= offset + length, "a name beyond its record"
        opts += rtype == OPT
        offset += length
    assert offset == len(reply), f"{len(reply)} octets, of which {offset} are counted"
    assert opts <= 1, "two OPT"
    return opts == 1


def _end_of_name(data: bytes, start: int) -> int:
    """Where a name ends in its place; all of it is read, by its pointers. Raises AssertionError."""
    offset, end, octets = start, 0, 0
    lowest = start  # that was jumped from: each pointer leads to before it
    while True:
        if offset >= len(data):
            raise CutError(f"a name at octet {start}")
        length = data[offset]
        if length >= 0xC0:
            if offset + 2 > len(data):
                raise CutError(f"a pointer at octet {offset}")
            end = end or offset + 2
            target = (length & 0x3F) << 8 | data[offset + 1]
            if target >= lowest:
                raise LoopError(f"a pointer at octet {offset} that does not lead back")
            offset = lowest = target
            continue
        if length >= 0x40:
            raise CutError(f"a label of no kind at octet {offset}")
        octets += 1 + length
        assert octets <= NAME_OCTETS_MAX, f"a name of over {NAME_OCTETS_MAX} octets"
        offset += 1 + length
        if not length:
            return end or offset
