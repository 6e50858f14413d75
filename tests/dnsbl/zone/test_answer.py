"""Every answer, decided as a value. What a name has depends on listings, time and type alone."""

from __future__ import annotations

import ipaddress
from dataclasses import replace

import pytest
from asking import CLIENT
from hypothesis import given
from hypothesis import strategies as st

from dnsbl.config import CategoryConfig, ZoneConfig
from dnsbl.network import parse
from dnsbl.verdict import Entry
from dnsbl.wire.message import Edns, Query, Question
from dnsbl.wire.numbers import ExtendedCode, Rcode, Type
from dnsbl.wire.record import NS, SOA, TXT, A, Answer, ExtendedError, Labels
from dnsbl.zone.answer import answer
from dnsbl.zone.records import mailbox_labels, strings
from dnsbl.zone.zone import Zone
from dnsbl.zone.zones import Zones

NOW = 1_800_000_000
NONE_OF_OURS = ExtendedError(ExtendedCode.NOT_AUTHORITATIVE)
SPAM = CategoryConfig("spam", ipaddress.IPv4Address("127.0.0.2"), "[$] spam, see /?ip=$", "self", 0)
POLICY = CategoryConfig("policy", ipaddress.IPv4Address("127.0.0.5"), "[$] policy", "review", 0)
BOTS = CategoryConfig("bots", ipaddress.IPv4Address("127.0.0.5"), "[$] bots", "self", 0)


def config(*categories: CategoryConfig, origin: str = "bl.example", ttl_s: int = 300) -> ZoneConfig:
    """A zone of those categories."""
    return ZoneConfig(
        origin=origin,
        nameservers=("ns1.bl.example", "ns2.example.net"),
        hostmaster="host.master@example.net",
        ttl_s=ttl_s,
        negative_ttl_s=60,
        categories=categories or (SPAM,),
    )


class Place:
    """Zones of which one is asked; its listings are written as texts."""

    def __init__(self, *configs: ZoneConfig) -> None:
        self.zones = Zones(configs or (config(),))
        self.zone: Zone = next(iter(self.zones))

    def list(self, text: str, category: str = "spam", expires_at: int | None = None) -> None:
        self.zone.radix.put(Entry(parse(text), category, excludes=False, expires_at=expires_at))

    def exclude(self, text: str, category: str = "", expires_at: int | None = None) -> None:
        self.zone.radix.put(Entry(parse(text), category, excludes=True, expires_at=expires_at))

    def ask(self, name: str, qtype: int = Type.A, qclass: int = 1, now: float = NOW) -> Answer:
        question = Question(labels(name), qtype, qclass)
        found = answer(self.zones, Query(1, 0, rd=False, question=question), now, CLIENT)
        assert found is not None
        return found

    def all_of(self, name: str) -> list[str]:
        """A and TXT records of a listed name, in short; ANY is one set of them (RFC 8482)."""
        addresses = texts(self.ask(name, Type.A))
        assert texts(self.ask(name, Type.ANY)) == addresses
        return addresses + texts(self.ask(name, Type.TXT))


def labels(name: str) -> Labels:
    """A name as labels, its case kept."""
    return tuple(name.encode().split(b"."))


def texts(found: Answer) -> list[str]:
    """The records of the answer section, in short."""
    short = []
    for record in found.answer:
        match record:
            case A():
                short.append(f"A {ipaddress.IPv4Address(record.address)}")
            case TXT():
                short.append("TXT " + b"|".join(record.strings).decode())
            case NS():
                short.append("NS " + b".".join(record.target).decode())
            case SOA():
                short.append(f"SOA {record.serial}")
    return short


def is_nxdomain(found: Answer) -> bool:
    """NXDOMAIN as RFC 2308 has it."""
    return found.rcode == Rcode.NXDOMAIN and _is_negative(found)


def is_no_data(found: Answer) -> bool:
    """No data as RFC 2308 has it."""
    return found.rcode == Rcode.NOERROR and _is_negative(found)


def _is_negative(found: Answer) -> bool:
    (soa,) = found.authority
    return found.aa and not found.answer and isinstance(soa, SOA)


def test_listed_address_has_a_and_txt() -> None:
    """RFC 5782 §2.1: an A record in 127.0.0.0/8, and a TXT record with the reason."""
    place = Place()
    place.list("192.0.2.7")

    assert texts(place.ask("7.2.0.192.bl.example")) == ["A 127.0.0.2"]
    assert texts(place.ask("7.2.0.192.bl.example", Type.TXT)) == [
        "TXT [192.0.2.7] spam, see /?ip=192.0.2.7"
    ]
    assert place.all_of("7.2.0.192.bl.example") == [
        "A 127.0.0.2",
        "TXT [192.0.2.7] spam, see /?ip=192.0.2.7",
    ]


def test_listed_ipv6_address_has_them_too() -> None:
    """RFC 5782 §2.4: 32 nibbles, in either case."""
    place = Place()
    place.list("2001:db8:ab::/48")
    name = ".".join(parse("2001:db8:ab::1").reverse_labels) + ".bl.example"

    assert texts(place.ask(name, Type.TXT)) == [
        "TXT [2001:db8:ab::1] spam, see /?ip=2001:db8:ab::1"
    ]
    assert texts(place.ask(name.upper())) == ["A 127.0.0.2"]


def test_unlisted_address_does_not_exist() -> None:
    """RFC 5782 §2.1 with RFC 2308 §3: NXDOMAIN, with authority and SOA."""
    found = Place().ask("7.2.0.192.bl.example")

    assert is_nxdomain(found)
    assert found.authority == (
        SOA(labels("bl.example"), 60, labels("ns1.bl.example"),
            (b"host.master", b"example", b"net"), 0, 14400, 3600, 604800, 60),
    )  # fmt: skip


@pytest.mark.parametrize(("ttl_s", "expected"), [(300, 60), (30, 30)])
def test_negative_ttl_is_the_lesser(ttl_s: int, expected: int) -> None:
    """RFC 2308 §5: the lesser of SOA's TTL and its MINIMUM."""
    (soa,) = Place(config(ttl_s=ttl_s)).ask("7.2.0.192.bl.example").authority

    assert soa.ttl == expected


def test_other_types_of_a_listed_name_have_no_data() -> None:
    """RFC 3597, and certificate issuance: AAAA, CAA (257) and unknown types are no errors."""
    place = Place()
    place.list("192.0.2.7")

    for qtype in (Type.AAAA, Type.NS, Type.SOA, 15, 257, 65280):
        assert is_no_data(place.ask("7.2.0.192.bl.example", qtype))


@pytest.mark.parametrize("listed", ["192.0.2.7", "192.0.2.0/24", "192.0.0.0/16", "192.0.2.128/25"])
def test_names_above_listed_ones_exist(listed: str) -> None:
    """RFC 8020, RFC 9156: no data above a listed address, and inside a listed range."""
    place = Place()
    place.list(listed)

    for name in ("2.0.192", "0.192", "192"):
        assert is_no_data(place.ask(f"{name}.bl.example"))
    assert is_nxdomain(place.ask("3.0.193.bl.example"))


def test_names_above_listed_ipv6_ones_exist() -> None:
    """The same, a nibble at a time."""
    place = Place()
    place.list("2001:db8::/33")
    reverse = parse("2001:db8::1").reverse_labels

    for count in range(1, 32):
        assert is_no_data(place.ask(".".join(reverse[32 - count :]) + ".bl.example"))
    assert is_nxdomain(place.ask("8.8.b.d.0.1.0.0.2.bl.example"))


def test_name_that_is_address_and_prefix_at_once_exists_by_either() -> None:
    """4.3.2.1 stands above 2001:db8:: written in reverse too: no NXDOMAIN over what is below."""
    place = Place()
    place.list("1234:5678::/32")

    assert is_no_data(place.ask("4.3.2.1.bl.example"))
    place.list("1.2.3.4")
    assert texts(place.ask("4.3.2.1.bl.example")) == ["A 127.0.0.2"]


def test_names_below_an_address_do_not_exist() -> None:
    """RFC 8020: nothing is below a listed address, nor at words."""
    place = Place()
    place.list("192.0.2.7")

    for name in ("x.7.2.0.192", "10.7.2.0.192", "www", "7-2.0.192"):
        assert is_nxdomain(place.ask(f"{name}.bl.example"))


def test_test_entries_are_built_in() -> None:
    """RFC 5782 §5: 127.0.0.2 is listed, 127.0.0.1 is not, in IPv4 and mapped IPv6."""
    place = Place()
    mapped = "0.0.0.0.0.f.7.f.f.f.f" + ".0" * 20 + ".bl.example"

    assert texts(place.ask("2.0.0.127.bl.example")) == ["A 127.0.0.2"]
    assert is_nxdomain(place.ask("1.0.0.127.bl.example"))
    assert texts(place.ask("2." + mapped)) == ["A 127.0.0.2"]
    assert texts(place.ask("2." + mapped, Type.TXT)) == ["TXT [127.0.0.2] spam, see /?ip=127.0.0.2"]
    assert is_nxdomain(place.ask("1." + mapped))
    assert is_no_data(place.ask(mapped))
    assert is_no_data(place.ask("0.0.127.bl.example"))
    assert is_no_data(place.ask("f.7.f.f.f.f" + ".0" * 20 + ".bl.example"))


def test_test_entries_are_beyond_the_data() -> None:
    """They are neither excluded nor added to, and 127.0.0.1 is never listed."""
    place = Place(config(SPAM, POLICY))
    place.list("127.0.0.0/8", "policy")
    place.exclude("127.0.0.0/24")

    assert texts(place.ask("2.0.0.127.bl.example")) == ["A 127.0.0.2"]
    assert texts(place.ask("5.0.0.127.bl.example")) == ["A 127.0.0.5"]
    place.zone.radix.discard(parse("127.0.0.0/24"), "", excludes=True)
    assert is_nxdomain(place.ask("1.0.0.127.bl.example"))
    assert texts(place.ask("9.0.0.127.bl.example")) == ["A 127.0.0.5"]


def test_every_value_has_a_test_address() -> None:
    """RFC 5782 §5: one for each, with its text; 127.0.0.2 in all where none answers it."""
    place = Place(config(POLICY, BOTS))

    assert place.all_of("5.0.0.127.bl.example") == [
        "A 127.0.0.5",
        "TXT [127.0.0.5] policy",
        "TXT [127.0.0.5] bots",
    ]
    assert texts(place.ask("2.0.0.127.bl.example", Type.TXT)) == [
        "TXT [127.0.0.2] policy",
        "TXT [127.0.0.2] bots",
    ]


def test_answer_is_the_union_over_categories() -> None:
    """RFC 5782 §2.3: an A and a TXT for each category, equal ones once (RFC 2181 §5)."""
    place = Place(config(SPAM, POLICY, BOTS))
    place.list("192.0.2.0/24", "bots")
    place.list("192.0.2.7", "spam")
    place.list("192.0.0.0/16", "policy")

    assert place.all_of("7.2.0.192.bl.example") == [
        "A 127.0.0.2",
        "A 127.0.0.5",
        "TXT [192.0.2.7] spam, see /?ip=192.0.2.7",
        "TXT [192.0.2.7] policy",
        "TXT [192.0.2.7] bots",
    ]


def test_exclusion_decides_for_its_category() -> None:
    """The most specific entry decides; an exclusion of every category for all."""
    place = Place(config(SPAM, POLICY))
    place.list("192.0.2.0/24", "spam")
    place.list("192.0.2.0/24", "policy")
    place.exclude("192.0.2.7", "spam")
    place.exclude("192.0.2.8")

    assert texts(place.ask("7.2.0.192.bl.example")) == ["A 127.0.0.5"]
    assert is_nxdomain(place.ask("8.2.0.192.bl.example"))
    assert is_no_data(place.ask("2.0.192.bl.example"))


def test_no_answer_outlives_its_listing() -> None:
    """The TTL ends with the earliest of the listings that decide; all are alike."""
    place = Place(config(SPAM, POLICY))
    place.list("192.0.2.7", "spam", expires_at=NOW + 100)
    place.list("192.0.2.0/24", "policy", expires_at=NOW + 20)

    def ttls(now: float) -> set[int]:
        return {
            record.ttl
            for qtype in (Type.A, Type.TXT)
            for record in place.ask("7.2.0.192.bl.example", qtype, now=now).answer
        }

    assert ttls(NOW) == {20}
    assert ttls(NOW + 19.5) == {0}  # RFC 1035 §3.2.1: not to be kept
    assert ttls(NOW + 20) == {80}
    assert texts(place.ask("7.2.0.192.bl.example", now=NOW + 20)) == ["A 127.0.0.2"]
    assert is_nxdomain(place.ask("7.2.0.192.bl.example", now=NOW + 100))


def test_a_name_server_inside_the_zone_exists() -> None:
    """No data for its name and for those above it; after NXDOMAIN resolvers drop the zone."""
    zone = replace(config(), nameservers=("ns1.eu.bl.example", "ns2.example.net"))
    place = Place(zone)

    assert is_no_data(place.ask("Ns1.eu.bl.example"))
    assert is_no_data(place.ask("eu.bl.example", Type.AAAA))
    assert is_nxdomain(place.ask("ns2.bl.example"))
    assert is_nxdomain(place.ask("www.ns1.eu.bl.example"))


def test_exclusion_that_expired_excludes_no_longer() -> None:
    """At its time an exclusion decides nothing any more."""
    place = Place()
    place.list("192.0.2.0/24")
    place.exclude("192.0.2.7", expires_at=NOW + 5)

    assert is_nxdomain(place.ask("7.2.0.192.bl.example", now=NOW + 4))
    assert texts(place.ask("7.2.0.192.bl.example", now=NOW + 5)) == ["A 127.0.0.2"]


def test_apex_has_soa_and_ns() -> None:
    """Resolvers need both; other types at the apex have no data."""
    place = Place()
    place.zone.serial = 2**32 + 7

    assert texts(place.ask("bl.example", Type.SOA)) == ["SOA 7"]
    assert texts(place.ask("bl.example", Type.NS)) == ["NS ns1.bl.example", "NS ns2.example.net"]
    assert texts(place.ask("bl.example", Type.ANY)) == ["SOA 7"]
    assert is_no_data(place.ask("bl.example", Type.A))
    assert [record.ttl for record in place.ask("bl.example", Type.SOA).answer] == [300]


def test_case_of_the_question_is_kept() -> None:
    """RFC 4343 §4.1: the owners are spelt as the question is, SOA's too."""
    place = Place()
    place.list("192.0.2.7")

    (record,) = place.ask("7.2.0.192.bL.EXample").answer
    (soa,) = place.ask("8.2.0.192.bL.EXample").authority

    assert record.owner == labels("7.2.0.192.bL.EXample")
    assert soa.owner == labels("bL.EXample")


def test_zone_is_found_by_its_longest_origin() -> None:
    """A zone inside another's parent is asked itself; everything else is refused."""
    place = Place(config(origin="bl.example"), config(POLICY, origin="other.bl.test"))

    assert texts(place.ask("5.0.0.127.OTHER.bl.test")) == ["A 127.0.0.5"]
    for name in ("example", "xbl.example", "bl.test", "bl.example.net", "bl.exampl\xe9"):
        assert place.ask(name) == Answer(Rcode.REFUSED, extended=NONE_OF_OURS)


@pytest.mark.parametrize(
    ("qtype", "qclass"), [(Type.A, 3), (Type.TXT, 255), (Type.AXFR, 1), (Type.IXFR, 1)]
)
def test_other_classes_and_transfers_are_refused(qtype: int, qclass: int) -> None:
    """What is not offered is refused, without authority."""
    found = Place().ask("bl.example", qtype, qclass)

    assert (found.rcode, found.aa, found.answer) == (Rcode.REFUSED, False, ())


@pytest.mark.parametrize(
    ("query", "rcode"),
    [
        (Query(1, 5, rd=False, malformed="0 questions"), Rcode.FORMERR),
        (Query(1, 4, rd=False, question=Question(labels("bl.example"), 6, 1)), Rcode.REFUSED),
        (Query(1, 2, rd=False, malformed="0 questions"), Rcode.NOTIMP),
        (Query(1, 0, rd=False, malformed="cut off"), Rcode.FORMERR),
        (Query(1, 0, rd=False, question=Question(labels("bl.example"), 6, 1),
               edns=Edns(1, 1232, do=False)), Rcode.BADVERS),
        (Query(1, 0, rd=False, question=Question((), 2, 1)), Rcode.REFUSED),
    ],
)  # fmt: skip
def test_what_is_not_understood_is_said_so(query: Query, rcode: Rcode) -> None:
    """NOTIMP goes before FORMERR, and both before BADVERS; NOTIFY and UPDATE are refused."""
    found = answer(Place().zones, query, NOW, CLIENT)

    assert found is not None
    assert (found.rcode, found.aa, found.answer) == (rcode, False, ())


def test_local_part_of_the_hostmaster_is_one_label() -> None:
    """RFC 1035 §8: its dots are inside the label."""
    assert mailbox_labels("host.master@example.net") == (b"host.master", b"example", b"net")


@given(st.text(max_size=600))
def test_long_texts_are_split_between_characters(text: str) -> None:
    """RFC 1035 §3.3.14: strings of at most 255 octets, each a text, together the whole."""
    octets = text.encode()

    parts = strings(octets)

    assert b"".join(parts) == octets
    assert all(len(part) <= 255 for part in parts)
    assert "".join(part.decode() for part in parts) == text


@given(st.binary(max_size=1000))
def test_texts_that_are_no_utf8_are_split_all_the_same(octets: bytes) -> None:
    """Splitting ends, whatever the octets are."""
    parts = strings(octets)

    assert b"".join(parts) == octets
    assert all(len(part) <= 255 for part in parts)


def test_whether_a_sublist_is_signed_its_list_says() -> None:
    """RFC 4035 §3.1.4.1: DS at a zone's origin is data of the zone above, where that is ours."""
    place = Place(config(), config(origin="web.bl.example"), config(origin="new.web.bl.example"))

    def who(name: str, qtype: int) -> tuple[str, str]:
        found = place.ask(name, qtype)
        assert is_no_data(found)
        return found.zone, b".".join(found.authority[0].owner).decode()

    ds = 43
    assert who("web.bl.example", ds) == ("bl.example", "bl.example")
    assert who("NEW.web.bl.example", ds) == ("web.bl.example", "web.bl.example")
    assert who("bl.example", ds) == ("bl.example", "bl.example")  # what is above is none of ours
    assert who("web.bl.example", Type.MX) == ("web.bl.example", "web.bl.example")
    assert is_nxdomain(place.ask("2.web.bl.example", ds))
    assert place.ask("2.web.bl.example", ds).zone == "web.bl.example"
