"""Messages ↔ values: whatever arrives ends as a query or a drop, whatever leaves is well formed.

dnspython is the independent decoder and encoder.
"""

from __future__ import annotations

import struct

import dns.edns
import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnsbl.wire.edns import Edns
from dnsbl.wire.message import (
    TCP_BYTES_MAX,
    Dropped,
    Query,
    Question,
    decode,
    encode,
    udp_limit_bytes,
)
from dnsbl.wire.numbers import Rcode, Type
from dnsbl.wire.record import NS, SOA, TXT, A, Answer

APEX = (b"bl", b"example")
NAME = (b"2", b"0", b"0", b"127", *APEX)
QUERY = Query(0x1234, 0, rd=True, question=Question(NAME, 1, 1))
HEADER = struct.Struct("!HHHHHH")
QUESTION_WIRE = b"\x02bl\x07example\x00\x00\x01\x00\x01"
OPT_WIRE = b"\x00\x00\x29\x04\xd0\x00\x00\x00\x00\x00\x00"


def wire(name: str = "2.0.0.127.bl.example", rdtype: str = "A", **options: object) -> bytes:
    """A query as dnspython encodes it."""
    return dns.message.make_query(name, rdtype, **options).to_wire()  # type: ignore[arg-type]


def raw(counts: tuple[int, int, int, int], body: bytes, flags: int = 0x0100) -> bytes:
    """A message put together by hand."""
    return HEADER.pack(0xABCD, flags, *counts) + body


def decode_query(data: bytes) -> Query:
    """The query in a message that is not dropped."""
    query = decode(data)
    assert isinstance(query, Query)
    return query


def malformed(data: bytes) -> str | None:
    """Why a message is malformed, None if it is not."""
    return decode_query(data).malformed


def test_query_keeps_the_case_of_its_name() -> None:
    """RFC 4343 §4.1: labels are handed on as they were received, 0x20 and all."""
    query = decode(wire("2.0.0.127.bL.ExAmPlE", "TXT", id=7))

    assert query == Query(
        7, 0, rd=True, question=Question((b"2", b"0", b"0", b"127", b"bL", b"ExAmPlE"), 16, 1)
    )


def test_labels_may_hold_any_octets() -> None:
    """RFC 2181 §11: any octets make a label, dots and bytes that are no UTF-8 among them."""
    query = decode(raw((1, 0, 0, 0), b"\x03a.\xff\x00\x00\x10\x00\x01"))

    assert isinstance(query, Query)
    assert query.question == Question((b"a.\xff",), 16, 1)


def test_edns_is_read_from_opt() -> None:
    """RFC 6891 §6.1.3: version, payload size and DO; options are passed over."""
    nsid = dns.edns.GenericOption(dns.edns.OptionType.NSID, b"")
    query = decode(wire(use_edns=0, payload=4096, want_dnssec=True, options=[nsid]))

    assert isinstance(query, Query)
    assert query.edns == Edns(version=0, payload_bytes=4096, do=True, nsid=True)


@pytest.mark.parametrize("length", range(12))
def test_message_without_a_whole_header_is_dropped(length: int) -> None:
    """There is nothing to reply with."""
    assert decode(wire()[:length]) == Dropped("short")


def test_response_is_dropped() -> None:
    """A reply to a reply could go back and forth for ever."""
    assert decode(raw((1, 0, 0, 0), QUESTION_WIRE, flags=0x8000)) == Dropped("response")


def test_every_cut_of_a_query_is_malformed() -> None:
    """A query cut anywhere after its header says so, and where."""
    whole = wire(use_edns=0, options=[dns.edns.GenericOption(3, b"abc")])

    for length in range(12, len(whole)):
        assert "at byte" in str(malformed(whole[:length]))
    assert malformed(whole) is None


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        (raw((0, 0, 0, 0), b""), "0 questions"),
        (raw((2, 0, 0, 0), QUESTION_WIRE * 2), "2 questions"),
        (raw((1, 0, 0, 0), b"\xc0\x0c\x00\x01\x00\x01"), "compressed"),
        (raw((1, 0, 0, 0), b"\x01a\xc0\x0c\x00\x01\x00\x01"), "compressed"),
        (raw((1, 0, 0, 0), b"\x41a\x00\x00\x01\x00\x01"), "unknown label"),
        (raw((1, 0, 0, 0), (b"\x3f" + b"a" * 63) * 4 + b"\x00\x00\x01\x00\x01"), "over 255"),
        (raw((1, 0, 0, 0), QUESTION_WIRE + b"x"), "1 bytes too many"),
        (raw((1, 0, 0, 2), QUESTION_WIRE + OPT_WIRE * 2), "second OPT"),
        (raw((1, 1, 0, 0), QUESTION_WIRE + OPT_WIRE), "misplaced"),
        (raw((1, 0, 0, 1), QUESTION_WIRE + b"\x01a" + OPT_WIRE), "misplaced"),
        (raw((1, 0, 0, 65535), QUESTION_WIRE + OPT_WIRE), "cut off"),
        (raw((1, 0, 0, 1), QUESTION_WIRE + OPT_WIRE[:-1] + b"\x03abc"), "option cut off"),
        (raw((1, 0, 0, 1), QUESTION_WIRE + OPT_WIRE[:-1] + b"\x04\x00\x03\x00\x01"), "beyond OPT"),
        (raw((1, 1, 0, 0), QUESTION_WIRE + b"\x80\x00"), "unknown kind"),
        (raw((1, 1, 0, 0), QUESTION_WIRE + b"\xc0"), "pointer cut off"),
        (raw((1, 1, 0, 0), QUESTION_WIRE + b"\x3f" * 300), "over 255"),
    ],
)  # fmt: skip
def test_malformed_message_is_named(data: bytes, complaint: str) -> None:
    """Each fault is found, and the reply can still be made from the header."""
    assert complaint in str(malformed(data))
    assert dns.message.from_wire(encode(decode_query(data), Answer(Rcode.FORMERR), 512).data).id


@pytest.mark.parametrize(
    ("data", "question", "edns"),
    [
        (raw((1, 0, 0, 0), b"\x02bl"), False, False),
        (raw((2, 0, 0, 0), QUESTION_WIRE * 2), False, False),
        (raw((1, 0, 0, 0), QUESTION_WIRE + b"x"), True, False),
        (raw((1, 0, 0, 1), QUESTION_WIRE + OPT_WIRE + b"x"), True, True),
        (raw((1, 0, 0, 2), QUESTION_WIRE + OPT_WIRE * 2), True, True),
        (raw((1, 0, 0, 1), QUESTION_WIRE + OPT_WIRE[:-1] + b"\x03abc"), True, True),
        (raw((1, 1, 0, 0), QUESTION_WIRE + OPT_WIRE), True, False),
        (raw((0, 0, 0, 1), OPT_WIRE), False, True),
    ],
)
def test_reply_to_a_malformed_message_has_what_could_be_read(
    data: bytes, *, question: bool, edns: bool
) -> None:
    """RFC 6891 §6.1.1: FORMERR has OPT if one was seen; and the question, so that it is matched."""
    query = decode_query(data)

    reply = dns.message.from_wire(encode(query, Answer(Rcode.FORMERR), 512).data)

    assert query.malformed is not None
    assert (bool(reply.question), reply.edns == 0) == (question, edns)
    assert reply.rcode() == dns.rcode.FORMERR


def test_names_of_other_records_are_skipped_but_not_followed() -> None:
    """A pointer that points at itself costs nothing: nobody reads the name that it ends."""
    body = QUESTION_WIRE + b"\xc0\x1b" + b"\x00\x06\x00\x01\x00\x00\x00\x00\x00\x02ab" + OPT_WIRE

    query = decode_query(raw((1, 0, 1, 1), body))

    assert query.malformed is None
    assert query.edns == Edns(0, 1232, do=False)


def test_other_opcodes_keep_their_body_unread_where_it_is_malformed() -> None:
    """An opcode that we do not know may have a body of any form."""
    query = decode_query(raw((0, 3, 0, 0), b"", flags=0x7800))

    assert (query.opcode, query.question) == (15, None)


@given(st.binary(max_size=600))
def test_random_bytes_end_as_a_query_or_a_drop(data: bytes) -> None:
    """The decoder raises nothing, and what it makes of anything can be replied to."""
    query = decode(data)

    if isinstance(query, Query):
        reply = encode(query, Answer(Rcode.FORMERR), 512).data
        assert reply[:2] == data[:2]
        assert reply[2] & 0x80


@given(
    st.lists(st.tuples(st.integers(0, 200), st.integers(0, 255)), max_size=6),
    st.one_of(st.none(), st.integers(0, 200)),
)
def test_mutated_queries_end_as_a_query_or_a_drop(
    changes: list[tuple[int, int]], cut: int | None
) -> None:
    """A real query with bytes changed or cut off is decoded to the same outcomes, never longer."""
    data = bytearray(wire(use_edns=0, want_dnssec=True, id=1))
    for position, value in changes:
        data[position % len(data)] = value
    mutated = bytes(data[:cut])

    query = decode(mutated)

    if isinstance(query, Query) and query.question is not None:
        assert sum(len(label) + 1 for label in query.question.labels) + 1 <= 255
        assert len(encode(query, Answer(Rcode.REFUSED), 512).data) <= len(mutated) + 11


SOA_RECORD = SOA(APEX, 60, (b"ns1", *APEX), (b"host.master", *APEX), 0xFFFFFFFF, 14400, 36, 99, 60)


def test_answer_reads_the_same_in_an_independent_decoder() -> None:
    """Dnspython finds every record, flag and number that was put in."""
    records = (
        A(NAME, 300, bytes([127, 0, 0, 2])),
        TXT(NAME, 300, (b"a" * 255, b"\xc3\xa9")),
        NS(APEX, 300, (b"ns1", *APEX)),
    )
    answer = Answer(Rcode.NOERROR, aa=True, answer=records, authority=(SOA_RECORD,))

    message = dns.message.from_wire(encode(QUERY, answer, 1232).data)

    assert message.id == 0x1234
    assert message.flags == dns.flags.QR | dns.flags.AA | dns.flags.RD
    assert [str(rrset) for rrset in message.answer] == [
        "2.0.0.127.bl.example. 300 IN A 127.0.0.2",
        f'2.0.0.127.bl.example. 300 IN TXT "{"a" * 255}" "\\195\\169"',
        "bl.example. 300 IN NS ns1.bl.example.",
    ]
    assert [str(rrset) for rrset in message.authority] == [
        "bl.example. 60 IN SOA ns1.bl.example. host\\.master.bl.example. 4294967295 14400 36 99 60"
    ]
    assert message.edns == -1


def test_owner_names_compress_against_the_question() -> None:
    """The owner of each record is the two octets of a pointer to the question's name."""
    record = A(NAME, 300, bytes([127, 0, 0, 2]))

    reply = encode(QUERY, Answer(Rcode.NOERROR, answer=(record,)), 512).data

    assert reply[-16:-14] == b"\xc0\x0c"


@pytest.mark.parametrize("do", [0, dns.flags.DO])
def test_reply_to_opt_has_opt(do: int) -> None:
    """RFC 6891 §6.1.1, RFC 3225 §3: our own version and size, DO copied, nothing else echoed."""
    query = decode_query(
        wire(
            use_edns=0,
            payload=4096,
            want_dnssec=bool(do),
            options=[dns.edns.GenericOption(65001, b"x")],
        )
    )

    message = dns.message.from_wire(encode(query, Answer(Rcode.NXDOMAIN), 1232).data)

    assert (message.edns, message.payload, message.options) == (0, 1232, ())
    assert message.ednsflags == do
    assert message.rcode() == dns.rcode.NXDOMAIN


def test_badvers_travels_in_two_parts() -> None:
    """RFC 6891 §6.1.3: its high bits are in OPT, and the version replied is ours."""
    query = decode_query(wire(use_edns=1))

    message = dns.message.from_wire(encode(query, Answer(Rcode.BADVERS), 512).data)

    assert (message.rcode(), message.edns) == (dns.rcode.BADVERS, 0)


def test_ad_cd_ra_and_z_are_clear() -> None:
    """RFC 4035 §3.1.6, RFC 1035 §4.1.1: only RD is copied from a query's flags."""
    data = bytearray(wire())
    data[2:4] = b"\x01\xf0"

    reply = encode(decode_query(bytes(data)), Answer(Rcode.NOERROR, aa=True), 512).data

    assert reply[2:4] == b"\x85\x00"


@pytest.mark.parametrize(
    ("payload", "limit"), [(None, 512), (0, 512), (511, 512), (1000, 1000), (4096, 1232)]
)
def test_udp_limit_is_the_clients_within_ours(payload: int | None, limit: int) -> None:
    """RFC 6891 §6.2.3 and the flag day's 1232."""
    query = decode_query(wire() if payload is None else wire(use_edns=0, payload=payload))

    assert udp_limit_bytes(query) == limit


def test_answer_over_the_limit_is_truncated() -> None:
    """TC is set, the records are left out as a whole; question and OPT stay (RFC 6891 §7)."""
    query = decode_query(wire(rdtype="TXT", use_edns=0))
    texts = tuple(TXT(NAME, 300, (bytes([97 + i]) * 255,)) for i in range(8))
    answer = Answer(Rcode.NOERROR, aa=True, answer=texts, authority=(SOA_RECORD,))

    reply = encode(query, answer, udp_limit_bytes(query))
    message = dns.message.from_wire(reply.data)

    assert reply.truncated
    assert message.flags & dns.flags.TC
    assert (message.answer, message.authority, message.edns) == ([], [], 0)
    assert message.question[0].rdtype == dns.rdatatype.TXT
    whole = encode(query, answer, TCP_BYTES_MAX)
    assert not whole.truncated
    assert len(dns.message.from_wire(whole.data).answer[0]) == 8


def test_answer_at_the_limit_is_whole() -> None:
    """The limit itself fits."""
    answer = Answer(Rcode.NOERROR, answer=(A(NAME, 300, bytes(4)),))
    size = len(encode(QUERY, answer, TCP_BYTES_MAX).data)

    assert not encode(QUERY, answer, size).truncated
    assert encode(QUERY, answer, size - 1).truncated


def test_types_have_the_numbers_of_the_registry() -> None:
    """Our names for types and outcomes are those of an independent list."""
    assert {t.name: int(t) for t in Type} == {
        t.name: int(dns.rdatatype.from_text(t.name)) for t in Type
    }
    assert {r.name: int(r) for r in Rcode} == {
        r.name: int(dns.rcode.from_text(r.name)) for r in Rcode
    }
