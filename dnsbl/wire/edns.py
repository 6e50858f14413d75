"""EDNS: what a query's OPT record says, and the OPT record of its reply (RFC 6891).

The OPT record of a reply is the last thing in it, and its octets follow from
few things, so that two who write it agree on them: version 0, our payload size,
DO as in the query, and the options in this order, each where there is one:

==========  ==================================================================
COOKIE      the query has one, and cookies are enabled (RFC 7873)
NSID        the query asks for it, and there is an identity (RFC 5001)
EDE         the answer has an extended error (RFC 8914)
==========  ==================================================================

A reply to a version that we do not speak has no options, and one that is cut
short has COOKIE alone.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final

from dnsbl.wire.malformed import MalformedError
from dnsbl.wire.numbers import Option, Type
from dnsbl.wire.record import ExtendedError

EDNS_VERSION: Final = 0
UDP_PAYLOAD_BYTES_MAX: Final = 1232  # DNS Flag Day 2020: no fragments on any usual path
UDP_PLAIN_BYTES_MAX: Final = 512  # RFC 1035 §2.3.4, where there is no OPT

CLIENT_COOKIE_BYTES: Final = 8  # RFC 7873 §4
SERVER_COOKIE_BYTES_MIN: Final = 8
SERVER_COOKIE_BYTES_MAX: Final = 32

_OPTION = struct.Struct("!HH")
_OPT = struct.Struct("!BHHBBHH")  # RFC 6891 §6.1.2
_VERSION_SHIFT = 16
_DO = 0x8000  # RFC 3225 §3, in the TTL of OPT


@dataclass(frozen=True, slots=True)
class Edns:
    """What the query's OPT record says (RFC 6891 §6.1): sizes in bytes.

    ``cookie`` is the COOKIE option: the client's 8 octets, and then what it
    takes for the server's, if it has that. Options that we do not know are
    passed over; those of other versions are not even read.
    """

    version: int
    payload_bytes: int
    do: bool
    nsid: bool = False
    cookie: bytes | None = None


@dataclass(frozen=True, slots=True)
class ReplyOptions:
    """What the server adds to a reply's OPT, if the query has one.

    ``cookie`` is the COOKIE option whole, as `dnsbl.wire.cookie` makes it; ``nsid``
    the identity, which is said only where it is asked for. Neither where empty.
    """

    cookie: bytes = b""
    nsid: bytes = b""


NO_OPTIONS: Final = ReplyOptions()


def read_edns(rclass: int, ttl: int) -> Edns:
    """What OPT's fixed part says, before its options are read."""
    return Edns(version=ttl >> _VERSION_SHIFT & 0xFF, payload_bytes=rclass, do=bool(ttl & _DO))


def read_options(edns: Edns, data: bytes, offset: int, end: int) -> Edns:
    """The same with its options, which lie from ``offset`` to ``end``. Raises MalformedError."""
    nsid = False
    cookie: bytes | None = None
    while offset < end:
        start = offset
        if offset + _OPTION.size > end:
            raise MalformedError(f"EDNS option cut off at byte {start}")
        code, length = _OPTION.unpack_from(data, offset)
        offset += _OPTION.size
        if offset + length > end:
            raise MalformedError(f"EDNS option runs beyond OPT at byte {start}")
        if code == Option.NSID:
            nsid = True  # RFC 5001 §2.1: empty in queries; what else it holds is ignored
        elif code == Option.COOKIE and cookie is None:  # RFC 7873 §5.2: only the first counts
            cookie = _cookie(data[offset : offset + length], start)
        offset += length
    return Edns(edns.version, edns.payload_bytes, edns.do, nsid, cookie)


def _cookie(value: bytes, start: int) -> bytes:
    """RFC 7873 §5.2.2: 8 octets, or 16 to 40."""
    server = len(value) - CLIENT_COOKIE_BYTES
    if server == 0 or SERVER_COOKIE_BYTES_MIN <= server <= SERVER_COOKIE_BYTES_MAX:
        return value
    raise MalformedError(f"EDNS COOKIE of {len(value)} bytes at byte {start}")


def write_opt(
    edns: Edns, rcode: int, options: ReplyOptions, extended: ExtendedError | None
) -> bytes:
    """The OPT record of a reply (RFC 6891 §6.1.1: whatever has OPT is answered with OPT)."""
    written = b""
    if edns.version == EDNS_VERSION:
        if edns.cookie is not None and options.cookie:
            written += _option(Option.COOKIE, options.cookie)
        if edns.nsid and options.nsid:
            written += _option(Option.NSID, options.nsid)
        if extended is not None:
            # RFC 8914 §2: the code, then UTF-8 that no zero ends
            text = extended.text.encode()
            written += _option(Option.EDE, extended.code.to_bytes(2, "big") + text)
    # RFC 6891 §6.1.3, §6.1.4: the version and the flags are our own; RFC 3225 §3: DO is copied
    flags = _DO if edns.do else 0
    return (
        _OPT.pack(0, Type.OPT, UDP_PAYLOAD_BYTES_MAX, rcode >> 4, EDNS_VERSION, flags, len(written))
        + written
    )


def _option(code: Option, value: bytes) -> bytes:
    return _OPTION.pack(code, len(value)) + value
