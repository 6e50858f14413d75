"""The numbers of the DNS that are used here, by the names of IANA's registry."""

from __future__ import annotations

from enum import IntEnum
from typing import Final

CLASS_IN: Final = 1
OPCODE_QUERY: Final = 0


class Rcode(IntEnum):
    """How a query went. Over 15: the high bits travel in OPT (RFC 6891 §6.1.3)."""

    NOERROR = 0
    FORMERR = 1
    SERVFAIL = 2
    NXDOMAIN = 3
    NOTIMP = 4
    REFUSED = 5
    BADVERS = 16


class Type(IntEnum):
    """The types of records and questions that mean something here; others are just numbers."""

    A = 1
    NS = 2
    SOA = 6
    TXT = 16
    AAAA = 28
    OPT = 41
    IXFR = 251
    AXFR = 252
    ANY = 255
