"""What the answers of a zone are made of, as the compiled path takes it.

Nothing is decided here anew: the records come out of `zone.answer` and
`wire.message` themselves, for sample questions, and what differs between the
samples is what has to be filled in.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from dnsbl.network import Network
from dnsbl.wire.message import HEADER_BYTES, TCP_BYTES_MAX, Query, Question, encode
from dnsbl.wire.numbers import CLASS_IN, OPCODE_QUERY, Rcode, Type
from dnsbl.zone.records import mailbox_labels, name_labels, negative
from dnsbl.zone.zone import Zone

_POINTER_BYTES: Final = 2
_POINTER_LEAST: Final = 0xC000  # RFC 1035 §4.1.4: the two high bits mark one
_EVERY_BIT: Final = 0xFFFFFFFF  # of a serial
# More than there are names that a zone mentions in one letter.
_SAMPLES: Final = b"abcdefghijklmnopqrstuvwxyz0123456789"


@dataclass(frozen=True, slots=True)
class Part:
    """A zone whose listings answer in a plan.

    Its categories are those of the plan from ``shift`` on. ``tests`` are
    addresses with the bits of its own categories in which they are listed.
    """

    zone: str
    shift: int
    categories_count: int
    tests: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """One zone.

    ``origin`` is on the wire, in lower case, with the root; ``labels`` are
    those of the origin. ``categories`` are A values and TXT templates (``$``
    stands for what is asked about), in the order of their bits, and
    ``category_names`` what they are called. ``authority`` is the SOA record of
    negative answers for a name with nothing below the origin; the 16-bit numbers
    at ``pointers`` grow by the octets below it, and the serial stands at
    ``serial_at``. ``left`` are labels in lower case: a name that has one of them
    right below the origin may exist, be listed, or compress in another way, for
    reasons that the compiled path does not know.
    """

    name: str
    origin: bytes
    labels: int
    ttl_s: int
    is_names: bool
    keys: str
    categories: tuple[tuple[bytes, bytes], ...]
    category_names: tuple[str, ...]
    parts: tuple[Part, ...]
    authority: bytes
    pointers: tuple[int, ...]
    serial_at: int
    left: tuple[bytes, ...]


def plan(zone: Zone) -> Plan:
    """The plan of a zone, from its configuration and those of the zones that it includes."""
    config = zone.config
    left = _left(zone)
    # A sample that one of the zone's own names ends in would compress that name in its own way.
    label = next(
        bytes([each]) for each in _SAMPLES if not {bytes([each]), bytes([each]) * 3} & left
    )
    below, further = (label,), (label * 3,)
    sample = Zone(config)
    short, long = _authority(sample, below), _authority(sample, further)
    marked = _authority(Zone(config, serial=_EVERY_BIT), below)
    assert len(short) == len(long) == len(marked)
    pointers = _pointers(short, long, _wire_bytes(further) - _wire_bytes(below))
    serial_at = next(at for at, octet in enumerate(short) if octet != marked[at])
    authority = bytearray(short)
    for at in pointers:
        value = int.from_bytes(short[at : at + _POINTER_BYTES], "big") - _wire_bytes(below)
        authority[at : at + _POINTER_BYTES] = value.to_bytes(_POINTER_BYTES, "big")
    categories = [category for part in zone.parts for category in part.config.categories]
    return Plan(
        name=config.origin,
        origin=b"".join(bytes([len(label)]) + label for label in zone.labels) + b"\0",
        labels=len(zone.labels),
        ttl_s=config.ttl_s,
        is_names=config.lists == "names",
        keys=config.keys.mode,
        categories=tuple((item.answer.packed, item.text.encode()) for item in categories),
        category_names=tuple(item.name for item in categories),
        parts=tuple(_parts(zone)),
        authority=bytes(authority),
        pointers=pointers,
        serial_at=serial_at,
        left=tuple(sorted(left)),
    )


def _parts(zone: Zone) -> Iterator[Part]:
    shift = 0
    for part in zone.parts:
        names = [category.name for category in part.config.categories]
        bits = {name: 1 << number for number, name in enumerate(names)}
        tests = tuple(
            (subject.bits, sum(bits[category] for category in listed))
            for subject, listed in part.tests.items()
            if isinstance(subject, Network)
        )
        yield Part(part.config.origin, shift, len(names), tests)
        shift += len(names)


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
    left = {
        name[-origin - 1].lower()
        for name in names
        if len(name) > origin and tuple(label.lower() for label in name[-origin:]) == zone.labels
    }
    left |= {below[-1] for below in zone.inside}
    if config.lists == "names":  # RFC 5782 §5
        left |= {b"test", b"invalid"}
    return left
