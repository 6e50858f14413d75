"""What was asked and what was said, as one value."""

from __future__ import annotations

import dns.message
import pytest
from house import ZONE_TEXT, House
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dnsbl.network import Network, parse
from dnsbl.server.observation import (
    Narrator,
    Observation,
    Seen,
    SeenBytes,
    asked_text,
    client_network,
)
from dnsbl.wire.message import Query, decode, encode
from dnsbl.wire.numbers import Rcode
from dnsbl.wire.record import Answer, Labels
from dnsbl.zone.zones import Zones

NOW = 1_800_000_000.5
CLIENT = parse("198.51.100.53")
KEY = "ABCDEFGHIJKLMNOPQRSTUVWXY2"
LISTED = Answer(Rcode.NOERROR, zone="bl.example", listed=("spam",))
UNLISTED = Answer(Rcode.NXDOMAIN, zone="bl.example")


def query(name: str, rdtype: str = "A") -> Query:
    """A query as it is decoded."""
    decoded = decode(dns.message.make_query(name, rdtype).to_wire())
    assert isinstance(decoded, Query)
    return decoded


def narrator(zones: Zones, answer: Answer | None = LISTED) -> Narrator:
    """One for whom every query is answered so."""
    return Narrator(zones, lambda _query, _now, _client: answer)


def seen(asked: Query, answer: Answer | None, octets: int = 80) -> Seen:
    """What the Python path hands over."""
    return Seen(NOW, 4, 1, "tcp", CLIENT, asked, answer, octets)


def test_an_answer_of_python_is_told(zones: Zones) -> None:
    """Every field, as it was."""
    told = narrator(zones).tell(seen(query("7.2.0.192.BL.example", "TXT"), LISTED))

    assert told == Observation(
        at=NOW,
        weight=4,
        client=CLIENT,
        transport="tcp",
        worker=1,
        name="7.2.0.192.bl.example",
        qtype="TXT",
        subject="192.0.2.7",
        zone="bl.example",
        listed=("spam",),
        rcode="NOERROR",
        octets=80,
    )


def test_silence_is_told(zones: Zones) -> None:
    """A query that an access list ignores has no rcode, and no octets."""
    told = narrator(zones).tell(seen(query("7.2.0.192.bl.example"), None, 0))

    assert told is not None
    assert (told.rcode, told.zone, told.listed, told.octets) == (None, "", (), 0)


def test_a_message_without_a_question_is_told(zones: Zones) -> None:
    """What is malformed has neither name nor type."""
    told = narrator(zones).tell(seen(Query(7, 0, rd=False, malformed="x"), Answer(Rcode.FORMERR)))

    assert told is not None
    assert (told.name, told.qtype, told.subject, told.rcode) == ("", "", "", "FORMERR")


@pytest.mark.parametrize(
    ("answer", "reply", "rcode", "listed"),
    [
        (LISTED, LISTED, "NOERROR", ("spam",)),
        (UNLISTED, UNLISTED, "NXDOMAIN", ()),
        (LISTED, UNLISTED, "NXDOMAIN", ()),  # listed since: what was said counts
        (None, None, None, ()),
    ],
)
def test_a_reply_of_the_compiled_path_is_told(
    zones: Zones,
    answer: Answer | None,
    reply: Answer | None,
    rcode: str | None,
    listed: tuple[str, ...],
) -> None:
    """From its bytes, and from what the zone says of the same question."""
    message = dns.message.make_query("7.2.0.192.bl.example", "A").to_wire()
    asked = decode(message)
    assert isinstance(asked, Query)
    data = b"" if reply is None else encode(asked, reply, 512).data
    handed = SeenBytes(NOW, 16, 2, bytes([198, 51, 100, 53]), message, data[:12], len(data))

    told = narrator(zones, answer).tell(handed)

    assert told is not None
    assert (told.client, told.transport, told.worker, told.weight) == (CLIENT, "udp", 2, 16)
    assert (told.name, told.qtype, told.subject) == ("7.2.0.192.bl.example", "A", "192.0.2.7")
    assert (told.rcode, told.listed, told.octets) == (rcode, listed, len(data))


def test_noise_is_passed_over(zones: Zones) -> None:
    """A message that is no query is none to tell of."""
    handed = SeenBytes(NOW, 1, 1, bytes(4), b"noise", b"", 0)

    assert narrator(zones).tell(handed) is None


@pytest.mark.parametrize(
    ("octets", "network"),
    [
        (bytes([192, 0, 2, 1]), parse("192.0.2.1")),
        (bytes(10) + b"\xff\xff" + bytes([192, 0, 2, 1]), parse("192.0.2.1")),
        (b"\x20\x01\x0d\xb8" + bytes(11) + b"\x01", parse("2001:db8::1")),
    ],
)
def test_a_client_is_its_address(octets: bytes, network: Network) -> None:
    """IPv4 in IPv6's clothes is IPv4."""
    assert client_network(octets) == network


@pytest.mark.parametrize(
    ("labels", "text"),
    [
        ((), ""),
        ((b"a.b", b'q"', b"\x00\xff ", b"Example"), '"a\\.b.q\\".\\000\\255\\032.example"'[1:-1]),
    ],
)
def test_a_name_is_printable(labels: Labels, text: str) -> None:
    """RFC 1035 §5.1: dots in labels, quotes and what cannot be printed are escaped."""
    assert asked_text(labels, None) == text


@pytest.mark.parametrize("key", [KEY, KEY.lower()])
def test_a_key_is_never_told(zones: Zones, key: str) -> None:
    """Neither of a query in a zone, whether it wants keys or not, nor of one that misses all."""
    names = (f"7.2.0.192.{key}.bl.example", f"{key}.bl.example", f"7.2.0.192.{key}.bl.exampel")

    told = [narrator(zones).tell(seen(query(name), LISTED)) for name in names]

    assert [each.name for each in told if each is not None] == [
        "7.2.0.192.KEY.bl.example", "KEY.bl.example", "7.2.0.192.KEY.bl.exampel",
    ]  # fmt: skip
    assert [each.subject for each in told if each is not None] == ["192.0.2.7", "", ""]


@pytest.mark.parametrize("lists", ["addresses", "names"])
def test_a_key_in_the_wrong_place_is_not_told(house: House, lists: str) -> None:
    """As whoever mistakes the order asks, in a zone that has keys."""
    house.write_zone(f'lists = "{lists}"\nkeys.mode = "optional"\n{ZONE_TEXT}')

    told = narrator(Zones(house.config.zones)).tell(seen(query(f"{KEY}.com.bl.example"), LISTED))

    assert told is not None
    assert told.name == "KEY.com.bl.example"
    assert told.subject == ("KEY.com" if lists == "names" else "")


def test_a_domain_is_the_subject_in_a_zone_of_names(house: House) -> None:
    """The name without the zone, and without a key; a label of a key's length is a label."""
    house.write_zone(f'lists = "names"\n{ZONE_TEXT}')
    zones = Zones(house.config.zones)
    long = KEY.lower()

    told = [
        narrator(zones).tell(seen(query(name), LISTED))
        for name in (f"{long}.Example.com.bl.example", f"example.com.{KEY}.bl.example")
    ]

    assert [(each.name, each.subject) for each in told if each is not None] == [
        (f"{long}.example.com.bl.example", f"{long}.example.com"),
        ("example.com.KEY.bl.example", "example.com"),
    ]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.binary(max_size=300),
    st.sampled_from((b"", b"\x00\x07\x01\x00\x00\x01" + bytes(6))),
    st.sampled_from((b"", bytes(12), b"\x00\x07\x84\x03" + bytes(8))),
)
def test_any_message_can_be_told(zones: Zones, body: bytes, start: bytes, head: bytes) -> None:
    """Whatever strangers send: no exception, and a name that JSON and terminals take as it is."""
    told = narrator(zones).tell(SeenBytes(NOW, 1, 1, bytes(16), start + body, head, len(head)))

    assert told is None or (told.name.isascii() and told.name.isprintable())
