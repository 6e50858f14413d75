"""The values that an answer is made of: records, and the answer itself.

Names are tuples of labels as bytes, without the empty label of the root. TTLs
are in seconds. An answer is decided by ``dnsbl.zone.answer`` and becomes bytes
once, in ``dnsbl.wire.message``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from dnsbl.wire.numbers import Rcode

Labels: TypeAlias = tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class A:
    """An IPv4 address of four octets."""

    owner: Labels
    ttl: int
    address: bytes


@dataclass(frozen=True, slots=True)
class TXT:
    """A text in strings of at most 255 octets each."""

    owner: Labels
    ttl: int
    strings: tuple[bytes, ...]


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


Record: TypeAlias = A | TXT | NS | SOA


@dataclass(frozen=True, slots=True)
class Answer:
    """What is said to a query: the outcome, whether with authority, and the records."""

    rcode: Rcode
    aa: bool = False
    answer: tuple[Record, ...] = ()
    authority: tuple[Record, ...] = ()
