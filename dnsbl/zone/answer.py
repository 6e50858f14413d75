"""Decides every answer, as a value: no bytes, no sockets, no clock of its own.

A query's way through here: is it one that we understand, is its name in a zone
of ours, what does the name ask about, what of that is listed, and which records
say so.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from dnsbl.config import ZoneConfig
from dnsbl.network import Network
from dnsbl.verdict import Entry
from dnsbl.wire.edns import EDNS_VERSION
from dnsbl.wire.message import Query, Question
from dnsbl.wire.names import readings
from dnsbl.wire.numbers import CLASS_IN, OPCODE_QUERY, Rcode, Type
from dnsbl.wire.record import NS, SOA, TXT, A, Answer, Labels, Record
from dnsbl.zone.zone import Zone, Zones

# Zone transfers come by these (RFC 1035 §3.3.13). A secondary looks often, since it should be
# told soon, and gives up late, since an old list is better than none.
SOA_REFRESH_S: Final = 14_400
SOA_RETRY_S: Final = 3_600
SOA_EXPIRE_S: Final = 604_800

SERIAL_MODULUS: Final = 1 << 32  # RFC 1982 §2: SERIAL_BITS is 32
STRING_OCTETS_MAX: Final = 255  # RFC 1035 §3.3: a character-string has a length of one octet


def answer(zones: Zones, query: Query, now: float) -> Answer:
    """The answer to a query; `now` in Unix seconds decides what has expired."""
    if query.opcode != OPCODE_QUERY:
        return Answer(Rcode.NOTIMP)  # RFC 8906 §3.1.4: whatever the rest of the message holds
    if query.malformed is not None or query.question is None:
        return Answer(Rcode.FORMERR)
    if query.edns is not None and query.edns.version > EDNS_VERSION:
        return Answer(Rcode.BADVERS)  # RFC 6891 §6.1.3
    question = query.question
    zone = zones.find(question.labels) if question.qclass == CLASS_IN else None
    if zone is None:
        return Answer(Rcode.REFUSED)
    if question.qtype in (Type.AXFR, Type.IXFR):
        return Answer(Rcode.REFUSED)  # RFC 5936 §2.2.1: a server that does not offer transfers
    return _answer_in_zone(zone, question, now)


def _answer_in_zone(zone: Zone, question: Question, now: float) -> Answer:
    below, apex = _split(question.labels, len(zone.labels))
    if not below:
        return _answer_types(zone, question, apex, _apex_records(zone, apex))
    for network in readings(below):
        if network.is_address:
            listed = zone.decide(network, now)
            if listed:
                records = _listed_records(zone.config, question.labels, network, listed, now)
                return _answer_types(zone, question, apex, records)
        # RFC 8020: NXDOMAIN says that nothing exists below the name either. RFC 9156: resolvers
        # that minimise names ask for those above an address, and believe it.
        elif zone.exists(network, now):
            return negative(zone, apex, Rcode.NOERROR)
    return negative(zone, apex, Rcode.NOERROR if zone.has_host(below) else Rcode.NXDOMAIN)


def _split(labels: Labels, origin_labels: int) -> tuple[Labels, Labels]:
    cut = len(labels) - origin_labels
    return labels[:cut], labels[cut:]


def _answer_types(
    zone: Zone, question: Question, apex: Labels, records: dict[Type, tuple[Record, ...]]
) -> Answer:
    """The records of the type that is asked for, out of all that the name has."""
    if question.qtype == Type.ANY:
        # RFC 8482 §4 allows for less than all; here all are few, and over UDP at most 1232 bytes.
        every = tuple(record for rrset in records.values() for record in rrset)
        return Answer(Rcode.NOERROR, aa=True, answer=every)
    for rtype, rrset in records.items():
        if rtype == question.qtype:
            return Answer(Rcode.NOERROR, aa=True, answer=rrset)
    return negative(zone, apex, Rcode.NOERROR)  # RFC 3597 §3: a type is unknown, the name is not


def negative(zone: Zone, apex: Labels, rcode: Rcode) -> Answer:
    """Nothing, with what says for how long; `apex` is the origin as the question spells it."""
    # RFC 2308 §3: SOA in the authority section, with the lesser of its TTL and its MINIMUM, which
    # is how long the answer may be kept (§5).
    ttl = min(zone.config.ttl_s, zone.config.negative_ttl_s)
    return Answer(rcode, aa=True, authority=(_soa(zone, apex, ttl),))


def _apex_records(zone: Zone, apex: Labels) -> dict[Type, tuple[Record, ...]]:
    ttl = zone.config.ttl_s
    return {
        Type.SOA: (_soa(zone, apex, ttl),),
        Type.NS: tuple(NS(apex, ttl, name_labels(name)) for name in zone.config.nameservers),
    }


def _soa(zone: Zone, apex: Labels, ttl: int) -> SOA:
    """The owner is the apex as the question spells it, so that it compresses against that."""
    return SOA(
        owner=apex,
        ttl=ttl,
        mname=_spelled(name_labels(zone.config.nameservers[0]), apex),
        rname=_spelled(mailbox_labels(zone.config.hostmaster), apex),
        serial=zone.serial % SERIAL_MODULUS,
        refresh_s=SOA_REFRESH_S,
        retry_s=SOA_RETRY_S,
        expire_s=SOA_EXPIRE_S,
        minimum_s=zone.config.negative_ttl_s,
    )


def _spelled(name: Labels, apex: Labels) -> Labels:
    """The name, with what it has in common with the apex spelt as there.

    Names compress where they are equal to the octet: so a reply is as short,
    whatever case the question is in (0x20).
    """
    shared = 0
    for own, asked in zip(reversed(name), reversed(apex), strict=False):
        if own.lower() != asked.lower():
            break
        shared += 1
    return name[: len(name) - shared] + apex[len(apex) - shared :]


def name_labels(name: str) -> Labels:
    """A domain name's labels, without that of the root."""
    return tuple(label.encode() for label in name.split("."))


def mailbox_labels(mailbox: str) -> Labels:
    """A mailbox as a domain name: its local part is one label, dots and all (RFC 1035 §8)."""
    local, _, domain = mailbox.rpartition("@")
    return (local.encode(), *name_labels(domain))


def _listed_records(
    config: ZoneConfig, owner: Labels, address: Network, listed: dict[str, Entry], now: float
) -> dict[Type, tuple[Record, ...]]:
    """The union over the categories (RFC 5782 §2.3): an A and a TXT each, none of them twice."""
    categories = [category for category in config.categories if category.name in listed]
    ttl = _ttl(config.ttl_s, listed.values(), now)
    texts = (category.text.replace("$", address.address_text) for category in categories)
    return {
        Type.A: _distinct(A(owner, ttl, category.answer.packed) for category in categories),
        Type.TXT: _distinct(TXT(owner, ttl, strings(text.encode())) for text in texts),
    }


def _distinct(records: Iterable[Record]) -> tuple[Record, ...]:
    """RFC 2181 §5: a set of records has none twice; two categories may answer the same."""
    return tuple(dict.fromkeys(records))


def _ttl(ttl_s: int, deciding: Iterable[Entry], now: float) -> int:
    """No answer outlives its listing; RFC 2181 §5.2: the TTLs in one RRset are the same."""
    for entry in deciding:
        if entry.expires_at is not None:
            ttl_s = min(ttl_s, int(entry.expires_at - now))
    return ttl_s


def strings(text: bytes) -> tuple[bytes, ...]:
    """A text as TXT holds it: strings of at most 255 octets, no UTF-8 character torn in two."""
    parts: list[bytes] = []
    while len(text) > STRING_OCTETS_MAX:
        cut = STRING_OCTETS_MAX
        while cut > STRING_OCTETS_MAX - 4 and text[cut] & 0xC0 == 0x80:  # noqa: PLR2004
            cut -= 1  # inside a character: its other octets begin with the bits 10
        parts.append(text[:cut])
        text = text[cut:]
    return (*parts, text)
