"""The records that answers are made of: a zone's own, and what says that something is listed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, TypeAlias

from dnsbl.config.apex import HostAddress
from dnsbl.config.category import TEXT_OCTETS_MAX
from dnsbl.network import IPV4, IPV6, Network
from dnsbl.subject import Subject
from dnsbl.verdict import Entry
from dnsbl.wire.numbers import Rcode, Type
from dnsbl.wire.record import AAAA, MX, NS, SOA, TXT, A, Answer, Labels, Record
from dnsbl.zone.zone import Listed, Zone

# Zone transfers come by these (RFC 1035 §3.3.13). A secondary looks often, since it should be
# told soon, and gives up late, since an old list is better than none.
SOA_REFRESH_S: Final = 14_400
SOA_RETRY_S: Final = 3_600
SOA_EXPIRE_S: Final = 604_800

SERIAL_MODULUS: Final = 1 << 32  # RFC 1982 §2: SERIAL_BITS is 32
STRING_OCTETS_MAX: Final = 255  # RFC 1035 §3.3: a character-string has a length of one octet

_PLAIN: Final = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-_.")

RecordSets: TypeAlias = dict[Type, tuple[Record, ...]]


def negative(zone: Zone, apex: Labels, rcode: Rcode) -> Answer:
    """Nothing, with what says for how long; `apex` is the origin as the question spells it."""
    # RFC 2308 §3: SOA in the authority section, with the lesser of its TTL and its MINIMUM, which
    # is how long the answer may be kept (§5).
    ttl = min(zone.config.ttl_s, zone.config.negative_ttl_s)
    return Answer(rcode, aa=True, authority=(_soa(zone, apex, ttl),), zone=zone.config.origin)


def one_set(
    zone: Zone, apex: Labels, qtype: int, records: RecordSets, listed: tuple[str, ...] = ()
) -> Answer:
    """The records of the type that is asked for, out of all that the name has; or no data."""
    origin = zone.config.origin
    if qtype == Type.ANY and records:
        # RFC 8482 §4.1: one set is enough, the one that the name is there for
        return Answer(
            Rcode.NOERROR, aa=True, answer=next(iter(records.values())), zone=origin, listed=listed
        )
    for rtype, found in records.items():
        if rtype == qtype:
            return Answer(Rcode.NOERROR, aa=True, answer=found, zone=origin, listed=listed)
    return negative(zone, apex, Rcode.NOERROR)  # RFC 3597 §3: a type is unknown, the name is not


def apex_records(zone: Zone, apex: Labels) -> RecordSets:
    """What stands at the origin, as the question spells it."""
    config, ttl = zone.config, zone.config.ttl_s
    found: RecordSets = {
        Type.SOA: (_soa(zone, apex, ttl),),
        Type.NS: tuple(NS(apex, ttl, name_labels(name)) for name in config.nameservers),
    }
    found |= _addresses(apex, ttl, config.apex.addresses)
    found |= {
        Type.MX: tuple(
            MX(apex, ttl, each.preference, name_labels(each.host) if each.host else ())
            for each in config.apex.exchangers
        ),
        Type.TXT: tuple(TXT(apex, ttl, strings(text.encode())) for text in config.apex.texts),
    }
    return {rtype: records for rtype, records in found.items() if records}


def host_records(zone: Zone, owner: Labels) -> RecordSets:
    """The addresses of a host inside the zone; none where it has none."""
    name = tuple(label.lower() for label in owner)
    for host in zone.config.hosts:
        if name_labels(host.name) == name:
            found = _addresses(owner, zone.config.ttl_s, host.addresses)
            return {rtype: records for rtype, records in found.items() if records}
    return {}


def _addresses(owner: Labels, ttl: int, addresses: Sequence[HostAddress]) -> RecordSets:
    return {
        Type.A: tuple(A(owner, ttl, each.packed) for each in addresses if each.version == IPV4),
        Type.AAAA: tuple(
            AAAA(owner, ttl, each.packed) for each in addresses if each.version == IPV6
        ),
    }


def listed_records(
    ttl_s: int, owner: Labels, subject: Subject, listed: Sequence[Listed], now: float
) -> RecordSets:
    """The union over the categories (RFC 5782 §2.3): an A and a TXT each, none of them twice."""
    ttl = _ttl(ttl_s, (found.entry for found in listed), now)
    said = said_of(subject)
    texts = (_text(found, said) for found in listed)
    return {
        Type.A: _distinct(A(owner, ttl, found.category.answer.packed) for found in listed),
        Type.TXT: _distinct(TXT(owner, ttl, strings(text.encode())) for text in texts),
    }


def said_of(subject: Subject) -> str:
    """What an address or a name is called in a text (RFC 1035 §5.1: other octets as numbers)."""
    if isinstance(subject, Network):
        return subject.address_text
    return "".join(
        char if char in _PLAIN else f"\\{ord(char) & 0xFF:03d}" for char in subject.domain
    )


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


def _text(found: Listed, said: str) -> str:
    """Of the listing itself, if another client has not written one that is too long."""
    own = found.entry.text.replace("$", said)
    if own and len(own.encode()) <= TEXT_OCTETS_MAX:
        return own
    # A name of odd octets is longer as a text than as a name.
    text = found.category.text.replace("$", said).encode()[:TEXT_OCTETS_MAX]
    return text.decode(errors="ignore")


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
