"""Records as dnslib writes them."""

from __future__ import annotations

import dnslib

from dnsbl.wire.numbers import CLASS_IN, Type
from dnsbl.wire.record import AAAA, HINFO, MX, NS, SOA, TXT, A, Record


def resource_record(record: Record) -> dnslib.RR:
    """A record, with its owner, type, class and TTL (RFC 1035 §4.1.3)."""
    rclass = record.rclass if isinstance(record, TXT) else CLASS_IN
    rtype, data = _data(record)
    return dnslib.RR(dnslib.DNSLabel(record.owner), rtype, rclass, record.ttl, data)


def _data(record: Record) -> tuple[Type, dnslib.RD]:  # noqa: PLR0911  # one for each type
    match record:
        case A():
            return Type.A, dnslib.A(tuple(record.address))
        case AAAA():
            return Type.AAAA, dnslib.AAAA(tuple(record.address))
        case TXT():
            return Type.TXT, dnslib.TXT(record.strings)
        case NS():
            return Type.NS, dnslib.NS(dnslib.DNSLabel(record.target))
        case MX():
            return Type.MX, dnslib.MX(dnslib.DNSLabel(record.exchange), record.preference)
        case HINFO():
            # RFC 1035 §3.3.2: two character-strings, just as a TXT of two holds them
            return Type.HINFO, dnslib.TXT((record.cpu, record.os))
        case SOA():
            times = (
                record.serial,
                record.refresh_s,
                record.retry_s,
                record.expire_s,
                record.minimum_s,
            )
            return Type.SOA, dnslib.SOA(
                dnslib.DNSLabel(record.mname), dnslib.DNSLabel(record.rname), times
            )
