"""A DNS message ↔ values: a query out of bytes, an answer into bytes.

Decoding is our own and strictly bounded: every byte is looked at once, names
are skipped without following their pointers, and nothing recurses. dnslib's
decoder is not used on what strangers send, since it recurses on chains of
pointers and refuses labels that are not UTF-8; its encoder makes the replies.

Every message ends as a Query, which may be a malformed one that is answered so,
or as Dropped, with its cause.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

import dnslib

from dnsbl.wire.edns import (
    EDNS_VERSION,
    NO_OPTIONS,
    UDP_PAYLOAD_BYTES_MAX,
    UDP_PLAIN_BYTES_MAX,
    Edns,
    ReplyOptions,
    read_edns,
    read_options,
    write_opt,
)
from dnsbl.wire.malformed import MalformedError
from dnsbl.wire.numbers import OPCODE_QUERY, Type
from dnsbl.wire.rdata import resource_record
from dnsbl.wire.record import Answer, ExtendedError, Labels

TCP_BYTES_MAX: Final = 65_535  # RFC 1035 §4.2.2: a length of two octets

HEADER_BYTES: Final = 12  # RFC 1035 §4.1.1
NAME_BYTES_MAX: Final = 255  # RFC 1035 §2.3.4, the root's empty label included

_HEADER = struct.Struct("!HHHHHH")
_QUESTION = struct.Struct("!HH")
_RECORD = struct.Struct("!HHIH")

_QR, _AA, _TC, _RD = 0x8000, 0x0400, 0x0200, 0x0100
_OPCODE_SHIFT = 11
_ARCOUNT = slice(10, 12)
_LABEL_KIND, _POINTER = 0xC0, 0xC0  # RFC 1035 §4.1.4: the two high bits of a length octet

DropCause: TypeAlias = Literal["short", "response"]


@dataclass(frozen=True, slots=True)
class Dropped:
    """A message that gets no reply.

    ``short``: no whole header, so there is nothing to reply with.
    ``response``: a reply to it could start a loop between two servers.
    """

    cause: DropCause


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked. The labels are as received: their case is kept (RFC 4343 §4.1).

    In an UPDATE it is the zone (RFC 2136 §2.3), which has the same form.
    """

    labels: Labels
    qtype: int
    qclass: int


@dataclass(frozen=True, slots=True)
class Query:
    """A message that gets a reply.

    ``malformed`` says what is wrong with it and at which byte; then question and
    EDNS are what could be read before that, for the reply. One that is not
    malformed has a question, or it is a QUERY that asks for a cookie alone (RFC
    7873 §5.4): then there is a cookie.
    """

    id: int
    opcode: int
    rd: bool
    question: Question | None = None
    edns: Edns | None = None
    malformed: str | None = None


def decode(data: bytes) -> Query | Dropped:
    """The query in a message. Never raises."""
    if len(data) < HEADER_BYTES:
        return Dropped("short")
    message_id, flags, *counts = _HEADER.unpack_from(data)
    if flags & _QR:
        return Dropped("response")
    opcode = flags >> _OPCODE_SHIFT & 0xF
    sections = _Sections(data)
    malformed: str | None = None
    try:
        sections.read(counts, opcode)
    except MalformedError as error:
        malformed = str(error)
    rd = bool(flags & _RD)
    return Query(message_id, opcode, rd, sections.question, sections.edns, malformed)


class _Sections:
    """What of a message's sections has been read."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.question: Question | None = None
        self.edns: Edns | None = None

    def read(self, counts: list[int], opcode: int) -> None:
        """Reads all of them; the counts are the header's. Raises MalformedError."""
        qdcount, ancount, nscount, arcount = counts
        if qdcount > 1:
            # RFC 9619 updates RFC 1035 so that a QUERY has exactly one; RFC 1996 §3.7 and RFC 2136
            # §2.3 say so for the others.
            raise MalformedError(f"{qdcount} questions instead of 1 at byte 4")
        offset = HEADER_BYTES
        if qdcount:
            self.question, offset = _read_question(self._data)
        # A hostile count of 65,535 ends at the end of the data: every record takes 11 bytes or
        # more.
        for index in range(ancount + nscount + arcount):
            offset = self._read_record(offset, is_additional=index >= ancount + nscount)
        if offset != len(self._data):
            # RFC 1035 §4.1: the header's counts say what a message holds. Bytes beyond them were
            # meant as something that we did not understand.
            raise MalformedError(f"{len(self._data) - offset} bytes too many at byte {offset}")
        asks_for_cookie = (
            opcode == OPCODE_QUERY and self.edns is not None and self.edns.cookie is not None
        )
        if not qdcount and not asks_for_cookie:
            raise MalformedError("0 questions instead of 1 at byte 4")

    def _read_record(self, start: int, *, is_additional: bool) -> int:
        """Passes over a record, and reads it if it is OPT; where it ends."""
        data = self._data
        offset = _skip_name(data, start)
        if offset + _RECORD.size > len(data):
            raise MalformedError(f"record cut off at byte {start}")
        rtype, rclass, ttl, rdlength = _RECORD.unpack_from(data, offset)
        offset += _RECORD.size
        end: int = offset + rdlength
        if end > len(data):
            raise MalformedError(f"data of a record cut off at byte {start}")
        if rtype == Type.OPT:
            # RFC 6891 §6.1.1: in the additional section, at most one, owned by the root
            if not is_additional or self.edns is not None or data[start] != 0:
                raise MalformedError(f"misplaced or second OPT at byte {start}")
            self.edns = read_edns(rclass, ttl)
            if self.edns.version == EDNS_VERSION:
                self.edns = read_options(self.edns, data, offset, end)
        return end


def _read_question(data: bytes) -> tuple[Question, int]:
    labels: list[bytes] = []
    offset = HEADER_BYTES
    while True:
        if offset >= len(data):
            raise MalformedError(f"name of the question cut off at byte {offset}")
        length = data[offset]
        if length & _LABEL_KIND:
            # There is nothing before the question that a pointer could point to.
            raise MalformedError(f"compressed or unknown label in the question at byte {offset}")
        offset += 1
        if length == 0:
            break
        label = data[offset : offset + length]
        offset += length
        # The label above was cut short by the end of the data, or it leaves no byte for the root.
        if offset >= len(data):
            raise MalformedError(f"name of the question cut off at byte {offset}")
        if offset - HEADER_BYTES + 1 > NAME_BYTES_MAX:
            raise MalformedError(f"name of the question over {NAME_BYTES_MAX} bytes")
        labels.append(label)
    if offset + _QUESTION.size > len(data):
        raise MalformedError(f"question cut off at byte {offset}")
    qtype, qclass = _QUESTION.unpack_from(data, offset)
    return Question(tuple(labels), qtype, qclass), offset + _QUESTION.size


def _skip_name(data: bytes, offset: int) -> int:
    """Where the name ends. A pointer ends it, and is not followed: nobody reads that name."""
    start = offset
    while True:
        if offset >= len(data):
            raise MalformedError(f"name cut off at byte {start}")
        length = data[offset]
        kind = length & _LABEL_KIND
        if kind == _POINTER:
            if offset + 2 > len(data):
                raise MalformedError(f"pointer cut off at byte {offset}")
            return offset + 2
        if kind:
            raise MalformedError(f"unknown kind of label at byte {offset}")
        offset += 1 + length
        if offset - start > NAME_BYTES_MAX:
            raise MalformedError(f"name over {NAME_BYTES_MAX} bytes at byte {start}")
        if length == 0:
            return offset


def udp_limit_bytes(query: Query) -> int:
    """How long a reply over UDP may be."""
    if query.edns is None:
        return UDP_PLAIN_BYTES_MAX
    # RFC 6891 §6.2.3: sizes under 512 are to be read as 512
    return min(max(UDP_PLAIN_BYTES_MAX, query.edns.payload_bytes), UDP_PAYLOAD_BYTES_MAX)


@dataclass(frozen=True, slots=True)
class Reply:
    """The bytes of a reply, and whether it has TC: something of it did not fit."""

    data: bytes
    truncated: bool


def encode(
    query: Query, answer: Answer, limit_bytes: int, options: ReplyOptions = NO_OPTIONS
) -> Reply:
    """The reply to the query, cut to the limit.

    An extended error's text goes first, then the error itself, which TC tells
    of (RFC 8914 §3). If the records are over the limit then, TC is set and only
    the question and OPT are kept, with nothing but a cookie: a client that asks
    again over TCP needs nothing else (RFC 2181 §9).
    """
    records = _pack(query, answer, tc=False)
    for extended in _shortened(query, answer.extended):
        data = _with_opt(records, query, answer, options, extended)
        if len(data) <= limit_bytes:
            return Reply(data, truncated=False)
    if query.edns is not None and answer.extended is not None:
        records = _pack(query, answer, tc=True)
        data = _with_opt(records, query, answer, options, None)
        if len(data) <= limit_bytes:
            return Reply(data, truncated=True)
    return encode_empty(query, answer, options)


def encode_empty(query: Query, answer: Answer, options: ReplyOptions = NO_OPTIONS) -> Reply:
    """A reply that says nothing but to ask again over TCP."""
    emptied = _pack(query, Answer(answer.rcode, answer.aa), tc=True)
    bare = ReplyOptions(cookie=options.cookie)
    return Reply(_with_opt(emptied, query, answer, bare, None), truncated=True)


def _shortened(query: Query, extended: ExtendedError | None) -> tuple[ExtendedError | None, ...]:
    """The extended error in the ways to say it without TC, the longest first."""
    if query.edns is None or extended is None:
        return (None,)
    return (extended, ExtendedError(extended.code))


def _with_opt(
    records: bytes,
    query: Query,
    answer: Answer,
    options: ReplyOptions,
    extended: ExtendedError | None,
) -> bytes:
    """The message, with OPT at its end if the query had one."""
    if query.edns is None:
        return records
    data = bytearray(records)
    data[_ARCOUNT] = b"\x00\x01"
    return bytes(data + write_opt(query.edns, answer.rcode, options, extended))


def _pack(query: Query, answer: Answer, *, tc: bool) -> bytes:
    """Header, question, answer and authority."""
    # RFC 4035 §3.1.6: AD and CD are clear in the answers of an authority; RA too, there is no
    # recursion here. RD is copied (RFC 1035 §4.1.1).
    flags = _QR | query.opcode << _OPCODE_SHIFT | answer.rcode & 0xF
    flags |= (_AA if answer.aa else 0) | (_TC if tc else 0) | (_RD if query.rd else 0)
    question = query.question
    message = dnslib.DNSRecord(
        dnslib.DNSHeader(id=query.id, bitmap=flags),
        questions=[]
        if question is None
        else [
            dnslib.DNSQuestion(dnslib.DNSLabel(question.labels), question.qtype, question.qclass)
        ],
        rr=[resource_record(record) for record in answer.answer],
        auth=[resource_record(record) for record in answer.authority],
    )
    return bytes(message.pack())
