"""A message's way: every one ends as a reply or as a drop, and is counted."""

from __future__ import annotations

import dns.flags
import dns.message
import dns.rcode
import pytest
import structlog.testing
from asking import CLIENT
from house import ZONE_TEXT, House
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dnsbl.server import respond
from dnsbl.server.counters import Counters, DropCause
from dnsbl.server.respond import LOGGED_FAILURES_MAX, Responder
from dnsbl.wire.numbers import Rcode
from dnsbl.zone.zones import Zones

LISTED = "7.2.0.192.bl.example"


def ask(responder: Responder, query: dns.message.Message) -> dns.message.Message:
    """The reply over UDP, read by dnspython."""
    data = responder.respond(query.to_wire(), "udp", CLIENT)
    assert data is not None
    return dns.message.from_wire(data)


@pytest.mark.parametrize(
    ("name", "rdtype", "rcode", "records"),
    [
        (LISTED, "A", dns.rcode.NOERROR, 1),
        (LISTED, "TXT", dns.rcode.NOERROR, 1),
        (LISTED, "TYPE65280", dns.rcode.NOERROR, 0),
        ("8.2.0.192.bl.example", "A", dns.rcode.NXDOMAIN, 0),
        ("7.2.0.192.example.net", "A", dns.rcode.REFUSED, 0),
    ],
)
def test_query_is_answered_and_counted(
    responder: Responder, name: str, rdtype: str, rcode: dns.rcode.Rcode, records: int
) -> None:
    """The reply is to that question, and one counter rose."""
    query = dns.message.make_query(name, rdtype)

    reply = ask(responder, query)

    assert query.is_response(reply)
    assert reply.rcode() == rcode
    assert sum(len(rrset) for rrset in reply.answer) == records
    counted = "other" if rdtype == "TYPE65280" else rdtype
    assert responder.counters.document()["replies"] == [
        {
            "transport": "udp",
            "zone": "" if rcode == dns.rcode.REFUSED else "bl.example",
            "qtype": counted,
            "rcode": dns.rcode.to_text(rcode),
            "count": 1,
        }
    ]


def test_case_of_the_question_comes_back(responder: Responder) -> None:
    """0x20: a resolver that mixes the case finds its own mixture in question and owner."""
    query = dns.message.make_query("7.2.0.192.bL.eXaMpLe", "A").to_wire()

    reply = responder.respond(query, "udp", CLIENT)

    assert reply is not None
    assert reply[12 : 12 + 22 + 4] == query[12 : 12 + 22 + 4]
    assert dns.message.from_wire(reply).answer[0].name.to_text() == "7.2.0.192.bL.eXaMpLe."


@pytest.mark.parametrize(
    ("data", "cause"),
    [
        (b"", "short"),
        (b"\x00" * 11, "short"),
        (b"\x12\x34\x80\x00\x00\x01" + b"\x00" * 6, "response"),
    ],
)
def test_drop_is_counted(responder: Responder, data: bytes, cause: DropCause) -> None:
    """What gets no reply is counted with its cause."""
    assert responder.respond(data, "udp", CLIENT) is None
    assert responder.counters.dropped(cause) == 1
    assert responder.counters.replies() == 0


@pytest.mark.parametrize(
    ("flags", "body", "rcode"),
    [
        (b"\x01\x00", b"\x00\x01\x00\x00\x00\x00\x00\x00\x3fabc", Rcode.FORMERR),
        (b"\x01\x00", b"\x00\x00\x00\x00\x00\x00\x00\x00", Rcode.FORMERR),
        (b"\x11\x00", b"\x00\x01\x00\x00\x00\x00\x00\x00\x3fabc", Rcode.NOTIMP),
        (b"\x29\x00", b"\x00\x01\x00\x00\x00\x00\x00\x00\x3fabc", Rcode.FORMERR),
    ],
)
def test_malformed_message_gets_a_bare_header(
    responder: Responder, flags: bytes, body: bytes, rcode: Rcode
) -> None:
    """FORMERR, or NOTIMP whatever the body holds: id, opcode and RD are kept."""
    reply = responder.respond(b"\xbe\xef" + flags + body, "udp", CLIENT)

    assert reply == b"\xbe\xef" + bytes([flags[0] | 0x80, rcode]) + bytes(8)
    assert responder.counters.replies(rcode) == 1


def test_unknown_edns_version_is_badvers(responder: Responder) -> None:
    """RFC 6891 §6.1.3: with our own version, and without records."""
    reply = ask(responder, dns.message.make_query(LISTED, "A", use_edns=1))

    assert (reply.rcode(), reply.edns, reply.answer) == (dns.rcode.BADVERS, 0, [])


@pytest.mark.parametrize(
    ("payload", "truncated"), [(None, True), (512, True), (1232, False), (4096, False)]
)
def test_answer_is_cut_to_what_the_client_takes(
    house: House, payload: int | None, *, truncated: bool
) -> None:
    """A text of 900 octets: TC over UDP where the client takes 512, and whole over TCP."""
    house.write_zone(ZONE_TEXT.replace("Access", "long " * 150))
    responder = Responder(Zones(house.config.zones), Counters())
    edns = {} if payload is None else {"use_edns": 0, "payload": payload}
    query = dns.message.make_query("2.0.0.127.bl.example", "TXT", **edns)

    over_udp = ask(responder, query)
    over_tcp = responder.respond(query.to_wire(), "tcp", CLIENT)

    assert bool(over_udp.flags & dns.flags.TC) == truncated
    assert (over_udp.answer == []) == truncated
    assert over_tcp is not None
    assert len(dns.message.from_wire(over_tcp).answer) == 1
    assert responder.counters.document()["truncated"] == (
        [{"transport": "udp", "count": 1}] if truncated else []
    )


def test_mistake_of_ours_is_servfail(responder: Responder, monkeypatch: pytest.MonkeyPatch) -> None:
    """What breaks on one question is logged with its bytes, within bounds, and ends nothing."""
    query = dns.message.make_query(LISTED, "A")

    def broken(*_: object) -> None:
        raise ZeroDivisionError

    with monkeypatch.context() as patch, structlog.testing.capture_logs() as logs:
        patch.setattr(respond, "answer", broken)
        replies = [ask(responder, query).rcode() for _ in range(LOGGED_FAILURES_MAX + 5)]

    assert set(replies) == {dns.rcode.SERVFAIL}
    assert responder.counters.failed == LOGGED_FAILURES_MAX + 5
    assert [line["event"] for line in logs] == ["answer_failed"] * LOGGED_FAILURES_MAX
    assert logs[0]["message"] == query.to_wire().hex()
    assert ask(responder, query).rcode() == dns.rcode.NOERROR


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=300), st.sampled_from((b"", b"\x00\x07\x01\x00\x00\x01" + bytes(6))))
def test_any_bytes_end_as_reply_or_drop(responder: Responder, body: bytes, head: bytes) -> None:
    """No exception, no reply longer than allowed, and one counter up."""
    before = responder.counters.replies() + responder.counters.dropped("short")
    before += responder.counters.dropped("response")

    reply = responder.respond(head + body, "udp", CLIENT)

    after = responder.counters.replies() + responder.counters.dropped("short")
    after += responder.counters.dropped("response")
    assert after == before + 1
    assert responder.counters.failed == 0
    assert reply is None or 12 <= len(reply) <= 1232
