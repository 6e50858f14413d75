"""Decides every answer, as a value: no bytes, no sockets, no clock of its own.

A query's way through here: may its client ask, is it one that we understand, is
its name in a zone of ours, what does the name ask about, what of that is
listed, and which records say so.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeAlias

from dnsbl.config.access import Action
from dnsbl.network import Network
from dnsbl.subject import Subject
from dnsbl.wire.edns import EDNS_VERSION
from dnsbl.wire.message import Query, Question
from dnsbl.wire.names import readings
from dnsbl.wire.numbers import CLASS_CHAOS, CLASS_IN, ExtendedCode, Opcode, Rcode, Type
from dnsbl.wire.record import Answer, ExtendedError, Labels
from dnsbl.zone import chaos
from dnsbl.zone.keys import Refused, admit
from dnsbl.zone.names import question_name
from dnsbl.zone.records import (
    RecordSets,
    apex_records,
    host_records,
    listed_records,
    negative,
    one_set,
)
from dnsbl.zone.zone import Zone
from dnsbl.zone.zones import Zones

# RFC 8914 §4.19: the client is kept out; §4.21: the name is none of ours
_PROHIBITED: Final = ExtendedError(ExtendedCode.PROHIBITED)
_NOT_AUTHORITATIVE: Final = ExtendedError(ExtendedCode.NOT_AUTHORITATIVE)

_REFUSED_OPCODES: Final = (Opcode.NOTIFY, Opcode.UPDATE)
_TRANSFERS: Final = (Type.AXFR, Type.IXFR)


# Hears that an access list kept a client out, and how: that of the zone, or of the server ("").
Denied: TypeAlias = Callable[[str, Action], None]


def unheard(_zone: str, _action: Action) -> None:
    """Where nobody wants to hear of it."""


def answer(
    zones: Zones, query: Query, now: float, client: Network, denied: Denied = unheard
) -> Answer | None:
    """What is said to the query of a client; None: nothing.

    `now` in Unix seconds decides what has expired.
    """
    action = zones.access.action(client)
    if action == "ignore":
        denied("", action)
        return None
    odd = _answer_odd(query)
    if odd is not None:
        return odd
    if action == "refuse":
        denied("", action)
        return Answer(Rcode.REFUSED, extended=_PROHIBITED)
    if query.question is None:
        return Answer(Rcode.NOERROR)  # RFC 7873 §5.4: it asks for a cookie alone
    return _answer_question(zones, query.question, now, client, action, denied)


def _answer_odd(query: Query) -> Answer | None:
    """What is said to a message that is no question, or none that we understand."""
    if query.opcode != Opcode.QUERY and query.opcode not in _REFUSED_OPCODES:
        return Answer(Rcode.NOTIMP)  # RFC 8906 §3.1.4: whatever the rest of the message holds
    if query.malformed is not None:
        return Answer(Rcode.FORMERR)
    if query.opcode in _REFUSED_OPCODES:
        # RFC 1996 §3.11, RFC 2136 §3.3: nobody is known who might tell us
        return Answer(Rcode.REFUSED, extended=_PROHIBITED)
    if query.edns is not None and query.edns.version > EDNS_VERSION:
        return Answer(Rcode.BADVERS)  # RFC 6891 §6.1.3
    return None


def _answer_question(
    zones: Zones, question: Question, now: float, client: Network, action: Action, denied: Denied
) -> Answer | None:
    unanswerable = chaos.unanswerable(question)
    if unanswerable is not None:
        return unanswerable
    if question.qclass == CLASS_CHAOS:
        return chaos.answer(question, zones.told)
    zone = None
    if question.qclass == CLASS_IN:
        zone = zones.find(question.labels, question.qtype)
    if zone is None:
        return Answer(Rcode.REFUSED, extended=_NOT_AUTHORITATIVE)
    if action != "pass":
        denied("", action)
    else:
        action = zone.access.action(client)
        if action != "pass":
            denied(zone.config.origin, action)
    return _answer_client(zone, question, now, action)


def _answer_client(zone: Zone, question: Question, now: float, action: Action) -> Answer | None:
    if action == "ignore":
        return None
    if action == "refuse":
        return Answer(Rcode.REFUSED, extended=_PROHIBITED, zone=zone.config.origin)
    if question.qtype in _TRANSFERS:
        # RFC 5936 §2.2.1: a server that does not offer them
        return Answer(Rcode.REFUSED, zone=zone.config.origin)
    return _answer_in_zone(zone, question, now, is_empty=action == "empty")


def _answer_in_zone(zone: Zone, question: Question, now: float, *, is_empty: bool) -> Answer | None:
    below, apex = _split(question.labels, len(zone.labels))
    own = _own_records(zone, question.labels, below, apex)
    if own is not None:
        return one_set(zone, apex, question.qtype, own)
    if is_empty:
        return _unlisted(zone, below, apex)
    admitted = admit(zone.config.keys, zone.keys, below, now, names=zone.config.lists == "names")
    if isinstance(admitted, Refused):
        return _refused(zone, admitted, below, apex)
    if admitted.no_data:
        return negative(zone, apex, Rcode.NOERROR)
    return _answer_listed(zone, question, apex, admitted.below, now)


def _own_records(zone: Zone, name: Labels, below: Labels, apex: Labels) -> RecordSets | None:
    """What a name has that the zone itself mentions; None for names that may be listed."""
    if not below:
        return apex_records(zone, apex)
    hosts = host_records(zone, name)
    is_mentioned = zone.has_inside(below)
    if is_mentioned and zone.config.lists == "addresses":
        is_mentioned = not readings(below)  # as a name server might be that is called 2
    return hosts if hosts or is_mentioned else None


def _refused(zone: Zone, refused: Refused, below: Labels, apex: Labels) -> Answer | None:
    if refused.action == "ignore":
        return None
    if refused.action == "empty":
        return _unlisted(zone, below, apex)
    error = ExtendedError(ExtendedCode.PROHIBITED, refused.reason)
    return Answer(Rcode.REFUSED, extended=error, zone=zone.config.origin)


def _answer_listed(
    zone: Zone, question: Question, apex: Labels, below: Labels, now: float
) -> Answer:
    for subject in _asked(zone, below):
        if not isinstance(subject, Network) or subject.is_address:
            listed = zone.listed(subject, now)
            if listed:
                ttl_s = zone.config.ttl_s
                records = listed_records(ttl_s, question.labels, subject, listed, now)
                names = tuple(found.category.name for found in listed)
                return one_set(zone, apex, question.qtype, records, names)
            if isinstance(subject, Network):
                continue
        # RFC 8020: NXDOMAIN says that nothing exists below the name either. RFC 9156: resolvers
        # that minimise names ask for those above an address, and believe it.
        if zone.exists_below(subject, now):
            return negative(zone, apex, Rcode.NOERROR)
    return _unlisted(zone, below, apex)


def _asked(zone: Zone, below: Labels) -> tuple[Subject, ...]:
    """All that the labels below the origin may ask about."""
    return (question_name(below),) if zone.config.lists == "names" else readings(below)


def _unlisted(zone: Zone, below: Labels, apex: Labels) -> Answer:
    return negative(zone, apex, Rcode.NOERROR if zone.has_inside(below) else Rcode.NXDOMAIN)


def _split(labels: Labels, origin_labels: int) -> tuple[Labels, Labels]:
    cut = len(labels) - origin_labels
    return labels[:cut], labels[cut:]
