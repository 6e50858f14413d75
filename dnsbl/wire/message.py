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

from dnsbl.wire.numbers import CLASS_IN, Type
from dnsbl.wire.record import AAAA, HINFO, MX, NS, SOA, TXT, A, Answer, Labels, Record

UDP_PAYLOAD_BYTES_MAX: Final = 1232  # DNS Flag Day 2020: no fragments on any usual path
UDP_PLAIN_BYTES_MAX: Final = 512  # RFC 1035 §2.3.4, where there is no OPT
TCP_BYTES_MAX: Final = 65_535  # RFC 1035 §4.2.2: a length of two octets

HEADER_BYTES: Final = 12  # RFC 1035 §4.1.1
NAME_BYTES_MAX: Final = 255  # RFC 1035 §2.3.4, the root's empty label included
EDNS_VERSION: Final = 0

_HEADER = struct.Struct("!HHHHHH")
_QUESTION = struct.Struct("!HH")
_RECORD = struct.Struct("!HHIH")

_QR, _AA, _TC, _RD = 0x8000, 0x0400, 0x0200, 0x0100
_OPCODE_SHIFT = 11
_LABEL_KIND, _POINTER = 0xC0, 0xC0  # RFC 1035 §4.1.4: the two high bits of a length octet
_DO = 0x8000  # RFC 3225 §3, in the TTL of OPT

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
    """What is asked. The labels are as received: their case is kept (RFC 4343 §4.1)."""

    labels: Labels
    qtype: int
    qclass: int


@dataclass(frozen=True, slots=True)
class Edns:
    """What the query's OPT record says (RFC 6891 §6.1): sizes in bytes."""

    version: int
    payload_bytes: int
    do: bool


@dataclass(frozen=True, slots=True)
class Query:
    """A message that gets a reply.

    ``malformed`` says what is wrong with it and at which byte; then there is
    neither question nor EDNS. One that is not has a question, unless its opcode
    is none that we know.
    """

    id: int
    opcode: int
    rd: bool
    question: Question | None = None
    edns: Edns | None = None
    malformed: str | None = None


class _MalformedError(Exception):
    """What is wrong, and at which byte. Never leaves this module."""


def decode(data: bytes) -> Query | Dropped:
    """The query in a message. Never raises."""
    if len(data) < HEADER_BYTES:
        return Dropped("short")
    message_id, flags, *counts = _HEADER.unpack_from(data)
    if flags & _QR:
        return Dropped("response")
    opcode = flags >> _OPCODE_SHIFT & 0xF
    rd = bool(flags & _RD)
    try:
        question, edns = _decode_sections(data, counts)
    except _MalformedError as error:
        return Query(message_id, opcode, rd, malformed=str(error))
    return Query(message_id, opcode, rd, question, edns)


def _decode_sections(data: bytes, counts: list[int]) -> tuple[Question, Edns | None]:
    qdcount, ancount, nscount, arcount = counts
    if qdcount != 1:
        # RFC 9619 updates RFC 1035 so that a QUERY has exactly one.
        raise _MalformedError(f"{qdcount} questions instead of 1 at byte 4")
    question, offset = _decode_question(data)
    edns: Edns | None = None
    # A hostile count of 65,535 ends at the end of the data: every record takes 11 bytes or more.
    for index in range(ancount + nscount + arcount):
        start = offset
        offset = _skip_name(data, offset)
        if offset + _RECORD.size > len(data):
            raise _MalformedError(f"record cut off at byte {start}")
        rtype, rclass, ttl, rdlength = _RECORD.unpack_from(data, offset)
        offset += _RECORD.size + rdlength
        if offset > len(data):
            raise _MalformedError(f"data of a record cut off at byte {start}")
        if rtype == Type.OPT:
            # RFC 6891 §6.1.1: in the additional section, at most one, owned by the root
            if index < ancount + nscount or edns is not None or data[start] != 0:
                raise _MalformedError(f"misplaced or second OPT at byte {start}")
            _check_options(data, offset - rdlength, offset)
            edns = Edns(version=ttl >> 16 & 0xFF, payload_bytes=rclass, do=bool(ttl & _DO))
    if offset != len(data):
        # RFC 1035 §4.1: the header's counts say what a message holds. Bytes beyond them were
        # meant as something that we did not understand.
        raise _MalformedError(f"{len(data) - offset} bytes too many at byte {offset}")
    return question, edns


def _decode_question(data: bytes) -> tuple[Question, int]:
    labels: list[bytes] = []
    offset = HEADER_BYTES
    while True:
        if offset >= len(data):
            raise _MalformedError(f"name of the question cut off at byte {offset}")
        length = data[offset]
        if length & _LABEL_KIND:
            # There is nothing before the question that a pointer could point to.
            raise _MalformedError(f"compressed or unknown label in the question at byte {offset}")
        offset += 1
        if length == 0:
            break
        label = data[offset : offset + length]
        offset += length
        # The label above was cut short by the end of the data, or it leaves no byte for the root.
        if offset >= len(data):
            raise _MalformedError(f"name of the question cut off at byte {offset}")
        if offset - HEADER_BYTES + 1 > NAME_BYTES_MAX:
            raise _MalformedError(f"name of the question over {NAME_BYTES_MAX} bytes")
        labels.append(label)
    if offset + _QUESTION.size > len(data):
        raise _MalformedError(f"question cut off at byte {offset}")
    qtype, qclass = _QUESTION.unpack_from(data, offset)
    return Question(tuple(labels), qtype, qclass), offset + _QUESTION.size


def _skip_name(data: bytes, offset: int) -> int:
    """Where the name ends. A pointer ends it, and is not followed: nobody reads that name."""
    start = offset
    while True:
        if offset >= len(data):
            raise _MalformedError(f"name cut off at byte {start}")
        length = data[offset]
        kind = length & _LABEL_KIND
        if kind == _POINTER:
            if offset + 2 > len(data):
                raise _MalformedError(f"pointer cut off at byte {offset}")
            return offset + 2
        if kind:
            raise _MalformedError(f"unknown kind of label at byte {offset}")
        offset += 1 + length
        if offset - start > NAME_BYTES_MAX:
            raise _MalformedError(f"name over {NAME_BYTES_MAX} bytes at byte {start}")
        if length == 0:
            return offset


def _check_options(data: bytes, offset: int, end: int) -> None:
    """RFC 6891 §6.1.2: pairs of code and length, then the value. What they say is ignored."""
    while offset < end:
        if offset + 4 > end:
            raise _MalformedError(f"EDNS option cut off at byte {offset}")
        offset += 4 + int.from_bytes(data[offset + 2 : offset + 4], "big")
    if offset != end:
        raise _MalformedError(f"EDNS option runs beyond OPT at byte {end}")


def udp_limit_bytes(query: Query) -> int:
    """How long a reply over UDP may be."""
    if query.edns is None:
        return UDP_PLAIN_BYTES_MAX
    # RFC 6891 §6.2.3: sizes under 512 are to be read as 512
    return min(max(UDP_PLAIN_BYTES_MAX, query.edns.payload_bytes), UDP_PAYLOAD_BYTES_MAX)


@dataclass(frozen=True, slots=True)
class Reply:
    """The bytes of a reply, and whether its records did not fit."""

    data: bytes
    truncated: bool


def encode(query: Query, answer: Answer, limit_bytes: int) -> Reply:
    """The reply to the query, cut to the limit.

    Over the limit, TC is set and only the question and OPT are kept: a client
    that asks again over TCP needs nothing else (RFC 2181 §9).
    """
    data = _pack(query, answer, tc=False)
    if len(data) <= limit_bytes:
        return Reply(data, truncated=False)
    emptied = Answer(answer.rcode, answer.aa)
    return Reply(_pack(query, emptied, tc=True), truncated=True)


def _pack(query: Query, answer: Answer, *, tc: bool) -> bytes:
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
        rr=[_resource_record(record) for record in answer.answer],
        auth=[_resource_record(record) for record in answer.authority],
        ar=[] if query.edns is None else [_opt(query.edns, answer)],
    )
    return bytes(message.pack())


def _opt(edns: Edns, answer: Answer) -> dnslib.EDNS0:
    # RFC 6891 §6.1.1: a reply to OPT has OPT. §6.1.2, §6.1.4: options and flags that we do not
    # know are ignored, and not echoed; RFC 3225 §3: DO is.
    return dnslib.EDNS0(
        dnslib.DNSLabel(()),
        ext_rcode=answer.rcode >> 4,
        version=EDNS_VERSION,
        flags="do" if edns.do else "",
        udp_len=UDP_PAYLOAD_BYTES_MAX,
    )


def _resource_record(record: Record) -> dnslib.RR:
    rtype, data = _record_data(record)
    rclass = record.rclass if isinstance(record, TXT) else CLASS_IN
    return dnslib.RR(dnslib.DNSLabel(record.owner), rtype, rclass, record.ttl, data)


def _record_data(record: Record) -> tuple[Type, dnslib.RD]:
    match record:
        case A():
            return Type.A, dnslib.A(tuple(record.address))
        case AAAA():
            return Type.AAAA, dnslib.AAAA(tuple(record.address))
        case TXT():
            return Type.TXT, dnslib.TXT(record.strings)
        case NS():
            return Type.NS, dnslib.NS(dnslib.DNSLabel(record.target))
        case MX():
            return Type.MX, dnslib.MX(dnslib.DNSLabel(record.exchange), record.preference)
        case HINFO():
            # RFC 1035 §3.3.2: two character-strings, just as a TXT of two holds them
            return Type.HINFO, dnslib.TXT((record.cpu, record.os))
        case SOA():
            times = (
                record.serial,
                record.refresh_s,
                record.retry_s,
                record.expire_s,
                record.minimum_s,
            )
            return Type.SOA, dnslib.SOA(
                dnslib.DNSLabel(record.mname), dnslib.DNSLabel(record.rname), times
            )
