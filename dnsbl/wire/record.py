"""The values that an answer is made of: records, and the answer itself.

Names are tuples of labels as bytes, without the empty label of the root. TTLs
are in seconds. An answer is decided by ``dnsbl.zone.answer`` and becomes bytes
once, in ``dnsbl.wire.message``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias

from dnsbl.wire.numbers import CLASS_IN, ExtendedCode, Rcode

Labels: TypeAlias = tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class A:
    """An IPv4 address of four octets."""

    owner: Labels
    ttl: int
    address: bytes


@dataclass(frozen=True, slots=True)
class AAAA:
    """An IPv6 address of sixteen octets (RFC 3596 §2.2)."""

    owner: Labels
    ttl: int
    address: bytes


@dataclass(frozen=True, slots=True)
class TXT:
    """A text in strings of at most 255 octets each; `rclass` is another than IN for CHAOS."""

    owner: Labels
    ttl: int
    strings: tuple[bytes, ...]
    rclass: int = CLASS_IN


@dataclass(frozen=True, slots=True)
class NS:
    """A name server of the zone."""

    owner: Labels
    ttl: int
    target: Labels


@dataclass(frozen=True, slots=True)
class SOA:
    """The start of authority; times in seconds, the serial modulo 2^32."""

    owner: Labels
    ttl: int
    mname: Labels
    rname: Labels
    serial: int
    refresh_s: int
    retry_s: int
    expire_s: int
    minimum_s: int


@dataclass(frozen=True, slots=True)
class MX:
    """Who takes mail; the least preference first. No labels are the root (RFC 7505)."""

    owner: Labels
    ttl: int
    preference: int
    exchange: Labels


@dataclass(frozen=True, slots=True)
class HINFO:
    """Two strings of at most 255 octets each; made up for ANY (RFC 8482 §4.2)."""

    owner: Labels
    ttl: int
    cpu: bytes
    os: bytes


Record: TypeAlias = A | AAAA | TXT | NS | SOA | MX | HINFO


@dataclass(frozen=True, slots=True)
class ExtendedError:
    """Why, beyond the outcome (RFC 8914): a code of its registry, and a text for people."""

    code: ExtendedCode
    text: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """What is said to a query: the outcome, whether with authority, and the records.

    ``zone`` and ``listed`` are for counting and for no reply: the zone that
    answered, and the names of the categories that the answer lists.
    """

    rcode: Rcode
    aa: bool = False
    answer: tuple[Record, ...] = ()
    authority: tuple[Record, ...] = ()
    extended: ExtendedError | None = None
    zone: str = field(default="", compare=False)
    listed: tuple[str, ...] = field(default=(), compare=False)
