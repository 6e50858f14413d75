"""What the answers of a zone are made of, as the compiled path takes it.

Nothing is decided here anew: the records come out of `zone.answer` and
`wire.message` themselves, for sample questions, and what differs between the
samples is what has to be filled in.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from dnsbl.config import ZoneConfig
from dnsbl.wire.message import HEADER_BYTES, TCP_BYTES_MAX, Query, Question, encode
from dnsbl.wire.numbers import CLASS_IN, OPCODE_QUERY, Rcode, Type
from dnsbl.zone.answer import mailbox_labels, name_labels, negative
from dnsbl.zone.zone import Zone

_POINTER_BYTES: Final = 2
_POINTER_LEAST: Final = 0xC000  # RFC 1035 §4.1.4: the two high bits mark one
_EVERY_BIT: Final = 0xFFFFFFFF  # of a serial
_SAMPLES: Final = b"abcdefghijklmnopqrstuvwxyz0123456789"  # one more than a zone has names


@dataclass(frozen=True, slots=True)
class Plan:
    """One zone.

    ``origin`` is on the wire, in lower case, with the root; ``labels`` are
    those of the origin. ``categories`` are A values and TXT templates (``$``
    stands for the address), in the order of their bits; ``tests`` are addresses
    with the bits of the categories in which they are listed. ``authority`` is
    the SOA record of negative answers for a name with nothing below the origin;
    the 16-bit numbers at ``pointers`` grow by the octets below it, and the
    serial stands at ``serial_at``. ``left`` are labels in lower case: a name
    that has one of them right below the origin may exist, or compress in
    another way, for reasons that the compiled path does not know.
    """

    name: str
    origin: bytes
    labels: int
    ttl_s: int
    categories: tuple[tuple[bytes, bytes], ...]
    tests: tuple[tuple[int, int], ...]
    authority: bytes
    pointers: tuple[int, ...]
    serial_at: int
    left: tuple[bytes, ...]


def plan(config: ZoneConfig) -> Plan:
    """The plan of a zone, from its configuration alone."""
    zone = Zone(config)
    left = _left(zone)
    # A sample that one of the zone's own names ends in would compress that name in its own way.
    label = next(
        bytes([each]) for each in _SAMPLES if not {bytes([each]), bytes([each]) * 3} & left
    )
    below, further = (label,), (label * 3,)
    short, long = _authority(zone, below), _authority(zone, further)
    marked = _authority(Zone(config, serial=_EVERY_BIT), below)
    assert len(short) == len(long) == len(marked)
    pointers = _pointers(short, long, _wire_bytes(further) - _wire_bytes(below))
    serial_at = next(at for at, octet in enumerate(short) if octet != marked[at])
    authority = bytearray(short)
    for at in pointers:
        value = int.from_bytes(short[at : at + _POINTER_BYTES], "big") - _wire_bytes(below)
        authority[at : at + _POINTER_BYTES] = value.to_bytes(_POINTER_BYTES, "big")
    bits = {category.name: 1 << number for number, category in enumerate(config.categories)}
    return Plan(
        name=config.origin,
        origin=b"".join(bytes([len(label)]) + label for label in zone.labels) + b"\0",
        labels=len(zone.labels),
        ttl_s=config.ttl_s,
        categories=tuple((item.answer.packed, item.text.encode()) for item in config.categories),
        tests=tuple(
            (address.bits, sum(bits[category] for category in listed))
            for address, listed in zone.tests.items()
        ),
        authority=bytes(authority),
        pointers=pointers,
        serial_at=serial_at,
        left=tuple(sorted(left)),
    )


def _authority(zone: Zone, below: tuple[bytes, ...]) -> bytes:
    """The authority section of a negative answer to a question with those labels."""
    question = Question((*below, *zone.labels), Type.A, CLASS_IN)
    answer = negative(zone, zone.labels, Rcode.NXDOMAIN)
    reply = encode(Query(0, OPCODE_QUERY, rd=False, question=question), answer, TCP_BYTES_MAX)
    return reply.data[HEADER_BYTES + _wire_bytes(question.labels) + 1 + 4 :]


def _wire_bytes(labels: tuple[bytes, ...]) -> int:
    return sum(len(label) + 1 for label in labels)


def _pointers(short: bytes, long: bytes, moved: int) -> tuple[int, ...]:
    """Where 16-bit numbers differ by as much as the questions: nothing else may differ."""
    found: list[int] = []
    at = 0
    while at < len(short):
        one, other = (
            int.from_bytes(data[at : at + _POINTER_BYTES], "big") for data in (short, long)
        )
        if at + 1 < len(short) and one >= _POINTER_LEAST and other - one == moved:
            found.append(at)
            at += _POINTER_BYTES
        else:
            assert short[at] == long[at]
            at += 1
    return tuple(found)


def _left(zone: Zone) -> set[bytes]:
    """The labels right below the origin of names that the zone itself mentions."""
    config = zone.config
    names = [name_labels(name) for name in config.nameservers]
    names.append(mailbox_labels(config.hostmaster))
    origin = len(zone.labels)
    return {
        name[-origin - 1].lower()
        for name in names
        if len(name) > origin and tuple(label.lower() for label in name[-origin:]) == zone.labels
    }
