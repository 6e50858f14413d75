"""What was asked and what was said, as one value: for the query log and the live view.

A worker hands over what it has at hand anyway, and no more is made of it there:
of the Python path the query and the answer as values, of the compiled path the
bytes of a few messages. The value is made elsewhere, by `Narrator`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeAlias, TypeGuard

import dnslib

from dnsbl.network import Network
from dnsbl.server.client import client_network
from dnsbl.server.counters import Transport
from dnsbl.wire.message import HEADER_BYTES, Dropped, Query, decode
from dnsbl.wire.names import readings
from dnsbl.wire.numbers import Rcode
from dnsbl.wire.record import Answer, Labels
from dnsbl.zone.zone import Zone
from dnsbl.zone.zones import Zones

KEY_SHOWN: Final = "KEY"  # in the place of a client's key, which is a secret

# Whether or not the zone wants keys: one that was sent by mistake is a secret too.
_KEY: Final = re.compile(rb"[A-Za-z2-7]{26}")


Decide: TypeAlias = Callable[[Query, float, Network], Answer | None]


@dataclass(frozen=True, slots=True)
class Seen:
    """A query of the Python path. `octets` are those of the reply, 0 where none left."""

    at: float
    weight: int
    worker: int
    transport: Transport
    client: Network
    query: Query
    answer: Answer | None
    octets: int


@dataclass(frozen=True, slots=True)
class SeenBytes:
    """A query over UDP of the compiled path; the client's address, and the reply's header."""

    at: float
    weight: int
    worker: int
    client: bytes
    message: bytes
    reply_head: bytes
    octets: int


@dataclass(frozen=True, slots=True)
class Observation:
    """One query and its outcome.

    ``at`` is in Unix seconds; ``weight`` is how many queries it stands for, where
    it is one of a sample. ``name`` is the question in lower case without the last
    dot, and without keys; "" where no question could be read. ``subject`` is the
    address or domain that is asked about, "" if none. ``rcode`` is None where
    nothing is said; ``octets`` are 0 where no reply left.
    """

    at: float
    weight: int
    client: Network
    transport: Transport
    worker: int
    name: str
    qtype: str
    subject: str
    zone: str
    listed: tuple[str, ...]
    rcode: str | None
    octets: int


class Narrator:
    """Makes the values. `decide` answers a query, counting nothing."""

    def __init__(self, zones: Zones, decide: Decide) -> None:
        self._zones = zones
        self._decide = decide

    def tell(self, seen: Seen | SeenBytes) -> Observation | None:
        """The value, or None for a message that is no query."""
        if isinstance(seen, Seen):
            rcode = None if seen.answer is None else seen.answer.rcode
            return self._told(seen, rcode)
        query = decode(seen.message)
        if isinstance(query, Dropped):
            return None
        client = client_network(seen.client)
        # The reply's bytes say how it went; which zone and which categories said so, they do not
        # (a TXT record names no category), so it is decided once more.
        with self._zones.lock:
            answer = self._decide(query, seen.at, client)
        again = Seen(seen.at, seen.weight, seen.worker, "udp", client, query, answer, seen.octets)
        if len(seen.reply_head) < HEADER_BYTES:
            return self._told(again, None if answer is None else answer.rcode)
        return self._told(again, Rcode(seen.reply_head[3] & 0xF))

    def _told(self, seen: Seen, rcode: Rcode | None) -> Observation:
        question, answer = seen.query.question, seen.answer
        labels = () if question is None else question.labels
        zone = self._zones.find(labels, 0 if question is None else question.qtype)
        below = () if zone is None else labels[: len(labels) - len(zone.labels)]
        listed = () if answer is None or rcode != answer.rcode else answer.listed
        return Observation(
            at=seen.at,
            weight=seen.weight,
            client=seen.client,
            transport=seen.transport,
            worker=seen.worker,
            name=asked_text(labels, zone),
            qtype="" if question is None else dnslib.QTYPE[question.qtype],
            subject="" if zone is None else _subject(zone, below),
            zone="" if answer is None else answer.zone,
            listed=listed,
            rcode=None if rcode is None else rcode.name,
            octets=seen.octets,
        )


def asked_text(labels: Labels, zone: Zone | None) -> str:
    """The name of a question, in lower case, with what may be a key shown as such.

    Any label that looks like one, wherever a client has put it; but in a zone that
    is asked without keys, only the one before the origin.
    """
    key_at = len(labels) - len(zone.labels) - 1 if _has_no_keys(zone) else None
    return _text(labels, key_at)


def _has_no_keys(zone: Zone | None) -> TypeGuard[Zone]:
    return zone is not None and zone.config.keys.mode == "off"


def _text(labels: Labels, key_at: int | None) -> str:
    """A name as RFC 1035 §5.1 writes it; a key may stand there, or with None anywhere."""
    return ".".join(
        KEY_SHOWN
        if _KEY.fullmatch(label) and key_at in {None, place}
        else _label_text(label.lower())
        for place, label in enumerate(labels)
    )


def _label_text(label: bytes) -> str:
    text = label.decode("latin-1")
    if text.isascii() and text.isprintable() and not any(char in text for char in '.\\" '):
        return text
    return "".join(
        f"\\{char}" if char in '.\\"' else char if "!" <= char <= "~" else f"\\{ord(char):03}"
        for char in text
    )


def _subject(zone: Zone, below: Labels) -> str:
    if below and _KEY.fullmatch(below[-1]):
        below = below[:-1]
    if zone.config.lists == "names":
        return _text(below, len(below) if _has_no_keys(zone) else None)
    return next((network.address_text for network in readings(below) if network.is_address), "")
