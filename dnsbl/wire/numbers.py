"""The numbers of the DNS that are used here, by the names of IANA's registry."""

from __future__ import annotations

from enum import IntEnum
from typing import Final

CLASS_IN: Final = 1
CLASS_CHAOS: Final = 3
CLASS_NONE: Final = 254
CLASS_ANY: Final = 255

OPCODE_QUERY: Final = 0


class Opcode(IntEnum):
    """What a message asks for. Those that have no name here are unassigned (RFC 6895 §2.2)."""

    QUERY = OPCODE_QUERY
    IQUERY = 1
    STATUS = 2
    NOTIFY = 4
    UPDATE = 5
    DSO = 6


class Rcode(IntEnum):
    """How a query went. Over 15: the high bits travel in OPT (RFC 6891 §6.1.3)."""

    NOERROR = 0
    FORMERR = 1
    SERVFAIL = 2
    NXDOMAIN = 3
    NOTIMP = 4
    REFUSED = 5
    NOTAUTH = 9
    BADVERS = 16
    BADCOOKIE = 23


class Type(IntEnum):
    """The types of records and questions that mean something here; others are just numbers."""

    A = 1
    NS = 2
    SOA = 6
    HINFO = 13
    MX = 15
    TXT = 16
    AAAA = 28
    OPT = 41
    NXNAME = 128
    TKEY = 249
    TSIG = 250
    IXFR = 251
    AXFR = 252
    MAILB = 253
    MAILA = 254
    ANY = 255
    CAA = 257


class Option(IntEnum):
    """The EDNS options that mean something here; others are passed over (RFC 6891 §6.1.2)."""

    NSID = 3
    COOKIE = 10
    EDE = 15


class ExtendedCode(IntEnum):
    """Why a query went as it did (RFC 8914 §4)."""

    OTHER = 0
    NOT_READY = 14
    PROHIBITED = 18
    NOT_AUTHORITATIVE = 20
    NOT_SUPPORTED = 21
    INVALID_QUERY_TYPE = 30  # RFC 9824
