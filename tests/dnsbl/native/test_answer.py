"""The compiled answer path says what the one in Python says, to the octet, or declines."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Sequence
from random import Random

import dns.message
import dns.rdatatype
import pytest
import twins
from fuzz.answers import Pair, change, fill
from fuzz.entries import NOW
from fuzz.packets import (
    CLIENTS,
    OTHERS,
    Client,
    address_labels,
    damaged,
    origin_labels,
    packet,
)
from fuzz.zones import LONG, ORIGINS, zones
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dnsbl.config import CategoryConfig, ZoneConfig
from dnsbl.network import IPV4, IPV6, Network, parse
from dnsbl.verdict import Entry

STUB, EDNS = CLIENTS[0], CLIENTS[3]
A, NS, SOA, TXT, AAAA, MX, HTTPS, CAA = 1, 2, 6, 16, 28, 15, 65, 257

randoms = st.randoms(use_true_random=False)
slow = settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])


@pytest.fixture(autouse=True, scope="module")
def _built() -> None:
    """The compiled one is there, and is what is compared."""
    twins.compiled("answer")


def category(name: str, answer: str = "127.0.0.2", text: str = "[$] listed") -> CategoryConfig:
    """A category."""
    return CategoryConfig(name, ipaddress.IPv4Address(answer), text, "self", 0)


def config(
    *categories: CategoryConfig,
    origin: str = "bl.example",
    nameservers: Sequence[str] = ("ns1.bl.example", "ns.example.net"),
    hostmaster: str = "host.master@bl.example",
) -> ZoneConfig:
    """A zone."""
    return ZoneConfig(
        origin, tuple(nameservers), hostmaster, 300, 60, categories or (category("spam"),)
    )


Listed = Callable[..., None]


def listed(pair: Pair, text: str, name: str = "spam", *, until: int | None = None) -> None:
    """Lists a network in the first zone."""
    pair.put(pair.origins[0], Entry(parse(text), name, excludes=False, expires_at=until))


def ask(
    pair: Pair, name: str, qtype: int = A, client: Client = STUB, *, declined: bool = False
) -> dns.message.Message | None:
    """What both say to a question; None where it has to be declined, and is."""
    data = client.ask(7, tuple(name.encode().split(b".")), qtype)
    ended = pair.compare(data)
    assert (ended == "declined") == declined, f"{name} {qtype}: {ended}"
    return None if declined else dns.message.from_wire(pair.answerer.respond(data, pair.now))


def told(pair: Pair, name: str, qtype: int = A, client: Client = STUB) -> list[str]:
    """The records that both answer, as text, with their TTL; the rcode where there are none."""
    reply = ask(pair, name, qtype, client)
    assert reply is not None
    found = [f"{rrset.ttl} {record}" for rrset in reply.answer for record in rrset]
    return found or [dns.rcode.to_text(reply.rcode())]


@slow
@given(randoms)
def test_whatever_is_asked_of_whatever_zones(rng: Random) -> None:
    """Any zones, entries and messages, and any changes in between."""
    pair = Pair(zones(rng))
    fill(rng, pair, rng.randrange(20))
    for _ in range(rng.randint(1, 10)):
        if rng.randrange(4) == 0:
            change(rng, pair)
        pair.compare(packet(rng, pair.origins, pair.near))


@slow
@given(st.sampled_from((*OTHERS, *(client.ask(9, (b"2", b"0", b"0", b"127", b"bl", b"example"), A)
                                   for client in CLIENTS))), randoms)  # fmt: skip
def test_damaged_messages(data: bytes, rng: Random) -> None:
    """What real messages become when octets change, come or go."""
    pair = Pair([config()])

    pair.compare(data)
    for _ in range(5):
        pair.compare(damaged(rng, data))


@given(st.binary(max_size=80))
def test_noise(data: bytes) -> None:
    """What is no message at all."""
    Pair([config()]).compare(data)


def prefixes_above(address: Network) -> list[Network]:
    """Those that a resolver that minimises names may ask about before the address."""
    step = 8 if address.family == IPV4 else 4
    return [address.widened(length) for length in range(step, address.length, step)]


def name_of(network: Network, *, mapped: bool = False) -> tuple[bytes, ...]:
    """The labels of an address or a prefix below an origin."""
    whole = Network(network.family, network.bits, 32 if network.family == IPV4 else 128)
    labels = address_labels(whole, mapped=mapped)
    step = 8 if network.family == IPV4 else 4
    kept = network.length // step + (24 if mapped else 0)
    return labels[len(labels) - (len(labels) if mapped else kept) :]


@pytest.mark.parametrize("client", CLIENTS, ids=lambda client: client.name)
def test_nothing_is_declined_that_mail_servers_ask(client: Client) -> None:
    """Listed and unlisted addresses of both families, test entries, and the names above them."""
    origins = ("bl.example", "org", LONG)
    categories = category("spam"), category("policy", "127.0.0.9")
    pair = Pair([config(*categories, origin=origin) for origin in origins])
    for origin in origins:
        for text, name in (
            ("192.0.2.7", "spam"), ("198.51.100.0/24", "policy"), ("2001:db8:7::/48", "policy"),
        ):  # fmt: skip
            pair.put(origin, Entry(parse(text), name, excludes=False, expires_at=NOW + 20))
    addresses = [
        parse(text)
        for text in ("192.0.2.7", "192.0.2.8", "198.51.100.200", "203.0.113.1", "127.0.0.1",
                     "127.0.0.2", "127.0.0.9", "0.0.0.0", "255.255.255.255", "2001:db8:7::1",
                     "2001:db8:8::1", "::1")
    ]  # fmt: skip
    names = [name_of(address) for address in addresses]
    names += [name_of(address, mapped=True) for address in addresses if address.family == IPV4]
    names += [name_of(above) for address in addresses for above in prefixes_above(address)]
    assert len(names) > 100

    for origin in origins:
        for at, labels in enumerate(names):
            qtypes = (A, TXT, NS, SOA, AAAA, MX, HTTPS, CAA, 65_535) if at < 20 else (A, TXT)
            for qtype in qtypes:
                cased = labels if qtype == A else tuple(label.upper() for label in labels)
                data = client.ask(77, (*cased, *origin_labels(origin)), qtype)
                assert pair.compare(data) not in {"declined", "dropped"}, labels


def test_what_is_declined() -> None:
    """The origin itself, other names, classes, opcodes, transfers, ANY, and what is malformed."""
    pair = Pair([config()])
    ordinary = STUB.ask(7, (b"2", b"0", b"0", b"127", b"bl", b"example"), A)

    assert pair.compare(ordinary) == "NOERROR 1"
    for data in OTHERS:
        assert pair.compare(data) in {"declined", "dropped"}
    for qtype in (251, 252, 255):
        ask(pair, "2.0.0.127.bl.example", qtype, declined=True)
    for name in ("bl.example", "ns1.bl.example", "x.ns1.bl.example", "host.master.bl.exampl"):
        ask(pair, name, declined=True)
    for end in range(12, len(ordinary)):
        assert pair.compare(ordinary[:end]) == "declined"
    for end in range(12):
        assert pair.compare(ordinary[:end]) == "dropped"


@pytest.mark.parametrize("host", ["2", "127", "f", "0", "ns1", "1.2.3.4"])
@pytest.mark.parametrize("where", ["nameserver", "hostmaster"])
def test_hosts_that_look_like_addresses(host: str, where: str) -> None:
    """Their names compress with those that end in them: the SOA of these is Python's to write."""
    server = f"{host}.bl.example" if where == "nameserver" else "ns.example.net"
    mailbox = f"{host}@bl.example" if where == "hostmaster" else "h@example.net"
    pair = Pair([config(nameservers=[server], hostmaster=mailbox)])
    listed(pair, "127.9.0.0/16")
    listed(pair, "f000::/8")
    listed(pair, "2.0.0.0/8")
    listed(pair, "4.3.2.1")

    for name in ("2", "127", "9.127", "1.0.9.127", "f", "0.f", "0", "1", "1.2", "1.2.3.4", "5.5"):
        for qtype in (A, AAAA, TXT):
            for client in (STUB, EDNS):
                labels = tuple(f"{name}.bl.example".encode().split(b"."))
                pair.compare(client.ask(7, labels, qtype))
    assert told(pair, "1.0.9.127.bl.example") == ["300 127.0.0.2"]


@pytest.mark.parametrize("origin", ORIGINS)
@pytest.mark.parametrize("shared", ["whole", "suffix", "case", "none"])
def test_names_of_soa_share_labels_with_the_origin(origin: str, shared: str) -> None:
    """All, some or none of them, whatever case the question is in."""
    labels = origin.split(".")
    base = {
        "whole": origin, "suffix": ".".join(labels[len(labels) // 2 :]), "case": origin,
        "none": "ns.elsewhere.invalid",
    }[shared]  # fmt: skip
    mailbox = f"h@{base}"
    if shared == "case" and len(labels) > 1:
        mailbox = f"{labels[0].upper()}@{'.'.join(labels[1:])}"
    pair = Pair([config(origin=origin, nameservers=[base], hostmaster=mailbox)])

    for asked in (origin, origin.upper(), origin.title()):
        for below in ("1.1.1.1", "9", "x", "www.example", "a.b.c.d.e.f"):
            for client in CLIENTS:
                name = tuple(f"{below}.{asked}".encode().split(b"."))
                assert pair.compare(client.ask(7, name, A)) in {"NXDOMAIN 0", "truncated"}


def test_ttl_ends_with_the_listing_and_the_listing_at_its_second() -> None:
    """To the second, whatever the fraction; the lesser of two, if both decide."""
    pair = Pair([config(category("spam"), category("policy", "127.0.0.5"))])
    listed(pair, "192.0.2.7", until=NOW + 20)
    listed(pair, "192.0.2.0/24", "policy", until=NOW + 100)
    name = "7.2.0.192.bl.example"

    expected = {
        NOW: ["20 127.0.0.2", "20 127.0.0.5"],
        NOW + 0.5: ["19 127.0.0.2", "19 127.0.0.5"],
        NOW + 19.999: ["0 127.0.0.2", "0 127.0.0.5"],
        NOW + 20: ["80 127.0.0.5"],
        NOW + 99.75: ["0 127.0.0.5"],
        NOW + 100: ["NXDOMAIN"],
        NOW - 1000: ["300 127.0.0.2", "300 127.0.0.5"],
    }
    for now, records in expected.items():
        pair.now = now
        assert told(pair, name) == records


def test_exclusion_ends_at_its_second() -> None:
    """And the listing that it hid is answered from then on."""
    pair = Pair([config()])
    listed(pair, "192.0.2.0/24")
    for at, name in (("192.0.2.7", ""), ("192.0.2.8", "spam")):
        pair.put("bl.example", Entry(parse(at), name, excludes=True, expires_at=NOW + 5))

    for host in (7, 8):
        pair.now = NOW + 4.999
        assert told(pair, f"{host}.2.0.192.bl.example") == ["NXDOMAIN"]
        pair.now = NOW + 5
        assert told(pair, f"{host}.2.0.192.bl.example") == ["300 127.0.0.2"]


@pytest.mark.parametrize("serial", [0, 1, 2**31, 2**32 - 1, 2**32, 2**40 + 7])
def test_serial_is_that_of_the_zone(serial: int) -> None:
    """From the next answer on, modulo 2^32 (RFC 1982 §2)."""
    pair = Pair([config(), config(origin="x.test")])

    pair.set_serial("bl.example", serial)

    for origin, expected in (("bl.example", serial % 2**32), ("x.test", 0)):
        reply = ask(pair, f"1.1.1.1.{origin}")
        assert reply is not None
        assert reply.authority[0][0].serial == expected


def test_swapped_radix_is_answered_from() -> None:
    """The zone's own, with its serial; the radix before it may go, and may change."""
    pair = Pair([config(), config(origin="x.test")])
    listed(pair, "192.0.2.7")
    entry = Entry(parse("192.0.2.9"), "spam", excludes=False, expires_at=None)

    pair.swap("bl.example", [entry], 77)

    assert told(pair, "7.2.0.192.bl.example") == ["NXDOMAIN"]
    assert told(pair, "9.2.0.192.bl.example") == ["300 127.0.0.2"]
    assert told(pair, "9.2.0.192.x.test") == ["NXDOMAIN"]
    listed(pair, "192.0.2.8")
    assert told(pair, "8.2.0.192.bl.example") == ["300 127.0.0.2"]


def test_a_radix_of_another_zone_is_refused() -> None:
    """With other categories than the plan has; the zone stays with its own."""
    pair = Pair([config()])
    other = twins.compiled("radix").Radix(("spam", "more"))

    with pytest.raises(ValueError, match="another zone"):
        pair.answerer.attach("bl.example", other)
    with pytest.raises(KeyError):
        pair.answerer.attach("no.example", other)
    with pytest.raises(TypeError):
        pair.answerer.attach("bl.example", None)
    assert told(pair, "2.0.0.127.bl.example") == ["300 127.0.0.2"]


CHARACTERS = ("x", "é", "€", "😀")


@pytest.mark.parametrize("character", CHARACTERS)
@pytest.mark.parametrize("offset", range(5))
@pytest.mark.parametrize("address", ["192.0.2.7", "1.1.1.1", "2001:db8:7::1"])
def test_texts_are_cut_between_characters(character: str, offset: int, address: str) -> None:
    """Wherever 255 octets end, and however long the address is that comes before."""
    text = "y" * offset + "$" + character * (900 // len(character.encode())) + "$"
    pair = Pair([config(category("spam", text=text))])
    listed(pair, address)
    name = b".".join(name_of(parse(address))).decode() + ".bl.example"

    reply = ask(pair, name, TXT, EDNS)

    assert reply is not None
    (record,) = reply.answer[0]
    assert b"".join(record.strings).decode() == text.replace("$", address)
    assert all(part.decode() for part in record.strings)


@pytest.mark.parametrize("octets", [254, 255, 256, 509, 510, 511, 765, 1000])
@pytest.mark.parametrize("text", ["x", "$", "x$", "$x", "$$$$"])
def test_texts_of_every_length(octets: int, text: str) -> None:
    """Up to the most that the configuration allows, with any number of addresses."""
    marks = text.count("$")
    text += "z" * (octets - len(text) - marks * 38)
    pair = Pair([config(category("spam", text=text))])
    for address in ("1.1.1.1", "255.255.255.255", "ffff:1fff:2fff:3fff:4fff:5fff:6fff:7fff"):
        listed(pair, address)
        labels = (*name_of(parse(address)), b"bl", b"example")
        for client in CLIENTS:
            assert pair.compare(client.ask(7, labels, TXT)) in {"NOERROR 1", "truncated"}


@pytest.mark.parametrize("client", [*CLIENTS, Client("small", 0, 600), Client("exact", 0, 1232)])
def test_what_does_not_fit_is_truncated(client: Client) -> None:
    """At 512 octets without EDNS, else at what the client takes, up to 1232; by the octet."""
    for filling in range(380, 470, 3):
        texts = [f"$ {number}" + "x" * filling for number in range(3)]
        categories = [category(f"c{number}", text=text) for number, text in enumerate(texts)]
        pair = Pair([config(*categories)])
        for number in range(3):
            listed(pair, "192.0.2.0/24", f"c{number}")
            data = client.ask(7, (b"7", b"2", b"0", b"192", b"bl", b"example"), TXT)
            assert pair.compare(data) in {f"NOERROR {min(number + 1, 2)}", "truncated"}


def test_truncation_is_met_by_the_octet() -> None:
    """The longest text that fits is answered, one octet more is not."""
    ended = []
    for size in range(400, 480):
        pair = Pair([config(category("spam", text="x" * size))])
        ended.append(pair.compare(STUB.ask(7, (b"2", b"0", b"0", b"127", b"bl", b"example"), TXT)))
    cut = ended.index("truncated")

    # header 12, name 22, type and class 4, record 12, two lengths of strings
    assert 400 + cut - 1 == 512 - 12 - 22 - 4 - 12 - 2
    assert ended == ["NOERROR 1"] * cut + ["truncated"] * (len(ended) - cut)


def test_equal_answers_and_texts_are_given_once() -> None:
    """RFC 2181 §5, whatever stands between them."""
    pair = Pair([config(
        category("a", "127.0.0.2", "one $"), category("b", "127.0.0.3", "two $"),
        category("c", "127.0.0.2", "two $"), category("d", "127.0.0.3", "one $"),
        category("e", "127.0.0.4", "three"), category("f", "127.0.0.4", "one $ "),
    )])  # fmt: skip
    for name in "abcdef":
        listed(pair, "192.0.2.7", name)

    assert told(pair, "7.2.0.192.bl.example") == [
        "300 127.0.0.2", "300 127.0.0.3", "300 127.0.0.4",
    ]  # fmt: skip
    assert told(pair, "7.2.0.192.bl.example", TXT) == [
        '300 "one 192.0.2.7"', '300 "two 192.0.2.7"', '300 "three"', '300 "one 192.0.2.7 "',
    ]  # fmt: skip


def test_all_categories_that_can_be() -> None:
    """64 of them, each with a time and an exclusion of its own."""
    names = [f"c{number}" for number in range(64)]
    pair = Pair([config(*(category(name, f"127.0.1.{at}") for at, name in enumerate(names)))])
    for number, name in enumerate(names):
        listed(pair, "192.0.2.7", name, until=NOW + 10 + number)
        pair.put(
            "bl.example",
            Entry(parse("192.0.2.7"), name, excludes=True, expires_at=NOW + 100 - number),
        )
        listed(pair, "192.0.2.0/24", name)

    for now in range(NOW, NOW + 110):
        pair.now = now
        data = EDNS.ask(7, (b"7", b"2", b"0", b"192", b"bl", b"example"), A)
        assert pair.compare(data) != "declined"


addresses6 = st.one_of(
    st.integers(0, 2**128 - 1),
    st.lists(st.sampled_from((0, 0, 0, 1, 0x10, 0xA0B, 0xFFFF)), min_size=8, max_size=8).map(
        lambda groups: int.from_bytes(b"".join(g.to_bytes(2, "big") for g in groups), "big")
    ),
)


@given(addresses6)
def test_ipv6_addresses_are_written_as_rfc_5952_has_them(bits: int) -> None:
    """In texts, as Python writes them."""
    pair = Pair([config(category("spam", text="$"))])
    pair.put("bl.example", Entry(Network(IPV6, 0, 1), "spam", excludes=False, expires_at=None))
    pair.put("bl.example", Entry(Network(IPV4, 0, 1), "spam", excludes=False, expires_at=None))
    pair.put(
        "bl.example", Entry(Network(IPV6, 1 << 127, 1), "spam", excludes=False, expires_at=None)
    )
    labels = (*address_labels(Network(IPV6, bits, 128)), b"bl", b"example")

    assert pair.compare(EDNS.ask(7, labels, TXT)) in {"NOERROR 1", "NXDOMAIN 0"}
    if bits >> 32 != 0xFFFF:
        reply = dns.message.from_wire(pair.answerer.respond(EDNS.ask(7, labels, TXT), NOW))
        assert reply.answer[0][0].strings == (str(ipaddress.IPv6Address(bits)).encode(),)


@given(st.integers(0, 2**32 - 1))
def test_ipv4_addresses_are_written_as_ever(bits: int) -> None:
    """In texts, also where ::ffff:0:0/96 is asked about."""
    pair = Pair([config(category("spam", text="$"))])
    address = Network(IPV4, bits, 32)
    pair.put("bl.example", Entry(address, "spam", excludes=False, expires_at=None))

    for mapped in (False, True):
        labels = (*address_labels(address, mapped=mapped), b"bl", b"example")
        pair.compare(STUB.ask(7, labels, TXT))
        reply = dns.message.from_wire(pair.answerer.respond(STUB.ask(7, labels, TXT), NOW))
        if bits >> 24 != 127:
            assert reply.answer[0][0].strings == (address.address_text.encode(),)
