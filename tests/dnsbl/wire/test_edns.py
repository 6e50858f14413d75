"""OPT in queries and replies: what is asked for is said, in one order, and nothing else."""

from __future__ import annotations

import struct

import dns.edns
import dns.flags
import dns.message
import dns.rcode
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnsbl.wire.edns import Edns, ReplyOptions
from dnsbl.wire.message import Query, Question, decode, encode
from dnsbl.wire.numbers import ExtendedCode, Rcode
from dnsbl.wire.record import TXT, Answer, ExtendedError

NAME = (b"2", b"0", b"0", b"127", b"bl", b"example")
CLIENT = bytes(range(8))
WHOLE = bytes(range(24))
OPTIONS = ReplyOptions(cookie=WHOLE, nsid=b"ns1")
REFUSED = Answer(Rcode.REFUSED, extended=ExtendedError(ExtendedCode.PROHIBITED, "not for you"))


def option(code: int, value: bytes) -> bytes:
    """An option as it is in OPT."""
    return struct.pack("!HH", code, len(value)) + value


def message(
    options: bytes = b"", *, version: int = 0, flags: int = 0, question: bool = True
) -> bytes:
    """A query with OPT, its options as they are given."""
    asked = b"\x02bl\x07example\x00\x00\x06\x00\x01" if question else b""
    opt = struct.pack("!BHHBBHH", 0, 41, 1232, 0, version, flags, len(options))
    return struct.pack("!HHHHHH", 7, 0, int(question), 0, 0, 1) + asked + opt + options


def read(data: bytes) -> Query:
    """The query in a message."""
    query = decode(data)
    assert isinstance(query, Query)
    return query


@pytest.mark.parametrize("length", [8, *range(16, 41)])
def test_cookie_of_a_valid_length_is_read(length: int) -> None:
    """RFC 7873 §5.2.2: 8 octets, or 16 to 40."""
    query = read(message(option(10, bytes(length))))

    assert query.malformed is None
    assert query.edns == Edns(0, 1232, do=False, cookie=bytes(length))


@pytest.mark.parametrize("length", [*range(8), *range(9, 16), 41, 300])
def test_cookie_of_another_length_is_malformed(length: int) -> None:
    """RFC 7873 §5.2.2: FORMERR; with OPT, and without a cookie."""
    query = read(message(option(10, bytes(length))))

    reply = dns.message.from_wire(encode(query, Answer(Rcode.FORMERR), 512, OPTIONS).data)

    assert f"COOKIE of {length} bytes" in str(query.malformed)
    assert (reply.edns, reply.options) == (0, ())


def test_only_the_first_cookie_counts() -> None:
    """RFC 7873 §5.2: all others are ignored, whatever they hold."""
    query = read(message(option(10, CLIENT) + option(10, b"x")))

    assert query.malformed is None
    assert query.edns is not None
    assert query.edns.cookie == CLIENT


def test_a_cookie_may_be_asked_for_alone() -> None:
    """RFC 7873 §5.4: without a question; the reply has the cookie and no question either."""
    query = read(message(option(10, CLIENT), question=False))

    reply = dns.message.from_wire(encode(query, Answer(Rcode.NOERROR), 512, OPTIONS).data)

    assert (query.question, query.malformed) == (None, None)
    assert reply.question == []
    assert [o.to_wire() for o in reply.options] == [WHOLE]


@pytest.mark.parametrize("options", [b"", option(3, b"")])
def test_nothing_else_goes_without_a_question(options: bytes) -> None:
    """RFC 9619: a QUERY has one question."""
    assert "0 questions" in str(read(message(options, question=False)).malformed)


def test_options_are_said_where_they_are_asked_for_and_in_their_order() -> None:
    """COOKIE, NSID, EDE, after each other, whatever order they were asked in."""
    query = read(message(option(3, b"") + option(100, b"x") + option(10, CLIENT), flags=0xFFFF))

    data = encode(query, REFUSED, 512, OPTIONS).data

    said = option(10, WHOLE) + option(3, b"ns1") + option(15, b"\x00\x12not for you")
    assert data.endswith(b"\x00\x00\x29\x04\xd0\x00\x00\x80\x00" + bytes([0, len(said)]) + said)
    assert dns.message.from_wire(data).ednsflags == dns.flags.DO


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (b"", []),
        (option(3, b""), [3]),
        (option(3, b"payload is ignored"), [3]),
        (option(10, CLIENT), [10]),
        (option(8, b"\0\1\0\0") + option(9, b"") + option(100, b""), []),
    ],
)
def test_nothing_is_said_unasked(options: bytes, expected: list[int]) -> None:
    """RFC 5001 §2.2, RFC 7873 §5.2.1, RFC 6891 §6.1.2: unknown options are not echoed."""
    reply = dns.message.from_wire(
        encode(read(message(options)), Answer(Rcode.NOERROR), 512, OPTIONS).data
    )

    assert [int(o.otype) for o in reply.options] == expected


def test_nothing_is_said_that_there_is_not() -> None:
    """No identity and no cookies: OPT is empty."""
    query = read(message(option(3, b"") + option(10, CLIENT)))

    reply = dns.message.from_wire(encode(query, Answer(Rcode.NOERROR), 512).data)

    assert (reply.edns, reply.options) == (0, ())


def test_another_version_is_answered_without_options() -> None:
    """RFC 6891 §6.1.3: BADVERS and our version; what the options of another mean is not known."""
    query = read(message(option(10, b"x") + option(3, b"") + b"\0", version=1, flags=0x8040))

    reply = dns.message.from_wire(encode(query, Answer(Rcode.BADVERS), 512, OPTIONS).data)

    assert query.malformed is None
    assert (reply.rcode(), reply.edns, reply.options) == (dns.rcode.BADVERS, 0, ())
    assert reply.ednsflags & 0xFFFF == dns.flags.DO


def test_without_opt_nothing_of_it_is_said() -> None:
    """RFC 6891 §7: a client without EDNS gets none."""
    query = Query(1, 0, rd=False, question=Question(NAME, 1, 1))

    assert dns.message.from_wire(encode(query, REFUSED, 512, OPTIONS).data).edns == -1


def test_badcookie_travels_in_two_parts() -> None:
    """RFC 7873 §8: 23 is over 15."""
    query = read(message(option(10, WHOLE)))

    reply = dns.message.from_wire(encode(query, Answer(Rcode.BADCOOKIE), 512, OPTIONS).data)

    assert reply.rcode() == dns.rcode.BADCOOKIE


def test_extended_error_goes_before_anything_else() -> None:
    """RFC 8914 §3: first its text, then itself, with TC; then the records, and NSID with them."""
    query = read(message(option(10, CLIENT) + option(3, b"")))
    texts = (TXT(NAME, 300, (b"x" * 100,)),)
    extended = ExtendedError(ExtendedCode.OTHER, "t" * 40)
    answer = Answer(Rcode.NOERROR, answer=texts, extended=extended)
    whole = len(encode(query, answer, 1232, OPTIONS).data)

    def said(limit: int) -> tuple[bool, int, list[int], int]:
        reply = encode(query, answer, limit, OPTIONS)
        assert len(reply.data) <= limit
        parsed = dns.message.from_wire(reply.data)
        assert reply.truncated == bool(parsed.flags & dns.flags.TC)
        options = [int(o.otype) for o in parsed.options]
        errors = [len(o.text or "") for o in parsed.options if isinstance(o, dns.edns.EDEOption)]
        return reply.truncated, len(parsed.answer), options, sum(errors)

    assert said(whole) == (False, 1, [10, 3, 15], 40)
    assert said(whole - 1) == (False, 1, [10, 3, 15], 0)
    assert said(whole - 40) == (False, 1, [10, 3, 15], 0)
    assert said(whole - 41) == (True, 1, [10, 3], 0)
    assert said(whole - 46) == (True, 1, [10, 3], 0)
    assert said(whole - 47) == (True, 0, [10], 0)


@given(st.binary(max_size=80), st.integers(0, 2), st.integers(0, 0xFFFF), st.booleans())
def test_any_options_end_as_a_query_that_is_answered(
    options: bytes,
    version: int,
    flags: int,
    question: bool,  # noqa: FBT001  # as hypothesis passes it
) -> None:
    """The reply is well formed, within the limit, and has OPT."""
    query = read(message(options, version=version, flags=flags, question=question))

    reply = encode(query, REFUSED, 512, OPTIONS)
    parsed = dns.message.from_wire(reply.data)

    assert len(reply.data) <= 512
    assert parsed.edns == 0
    assert parsed.ednsflags == flags & dns.flags.DO
    assert {int(o.otype) for o in parsed.options} <= {3, 10, 15}


@given(st.integers(0, 15), st.tuples(*[st.integers(0, 2)] * 4), st.binary(max_size=200))
def test_any_opcode_and_counts_end_as_a_query_that_is_answered(
    opcode: int, counts: tuple[int, int, int, int], body: bytes
) -> None:
    """Whatever the form of other opcodes is, the reply keeps theirs."""
    data = struct.pack("!HHHHHH", 7, opcode << 11, *counts) + body

    reply = encode(read(data), Answer(Rcode.NOTIMP), 512, OPTIONS).data

    assert dns.message.from_wire(reply, ignore_trailing=False).opcode() == opcode
