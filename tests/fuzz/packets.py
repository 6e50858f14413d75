"""Queries as resolvers and tools send them, varied and damaged."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Final

import dns.flags
import dns.message
import dns.opcode
import dns.rdataclass
import dns.rdatatype

from dnsbl.name import Name
from dnsbl.network import BITS, IPV4, IPV6, Network
from dnsbl.subject import Subject
from fuzz.entries import MAPPED_BITS, network

_RD, _CD, _AD = 0x0100, 0x0010, 0x0020
_DO = 0x8000

Labels = tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Client:
    """Who asks: the flags of its header, and the OPT record that it adds, if any."""

    name: str
    flags: int
    payload_bytes: int | None = None
    ttl: int = 0  # of OPT: extended rcode, version and flags
    options: bytes = b""

    def ask(self, message_id: int, labels: Labels, qtype: int, qclass: int = 1) -> bytes:
        """Its query for a name and a type."""
        additional = b""
        if self.payload_bytes is not None:
            additional = b"\0" + struct.pack(
                "!HHIH", 41, self.payload_bytes, self.ttl, len(self.options)
            )
            additional += self.options
        counts = (1, 0, 0, self.payload_bytes is not None)
        return (
            struct.pack("!HHHHHH", message_id, self.flags, *counts)
            + b"".join(bytes([len(label)]) + label for label in labels)
            + b"\0"
            + struct.pack("!HH", qtype, qclass)
            + additional
        )


def _option(code: int, value: bytes) -> bytes:
    return struct.pack("!HH", code, len(value)) + value


_COOKIE: Final = _option(10, bytes(range(8)))  # RFC 7873
_SERVER_COOKIE: Final = _option(10, bytes(range(24)))
_NSID: Final = _option(3, b"")  # RFC 5001
_SUBNET: Final = _option(8, b"\0\1\x18\0\xc0\0\2")  # RFC 7871
_PADDING: Final = _option(12, bytes(71))  # RFC 7830
_EXPIRE: Final = _option(9, b"")  # RFC 7314

CLIENTS: Final = (
    Client("a stub resolver", _RD),
    Client("an MTA with its own resolver", _RD | _AD),
    Client("a stub with EDNS", _RD, 1200),
    Client("dig", _RD | _AD, 1232, options=_COOKIE),
    Client("dig +dnssec", _RD | _AD, 1232, _DO, _SERVER_COOKIE),
    Client("dig +norecurse +noedns", 0),
    Client("kdig", _RD),
    Client("kdig +padding", _RD, 1232, options=_PADDING),
    Client("kdig +bufsize=512", _RD, 512),
    Client("a validating resolver", _CD, 1232, _DO),
    Client("a resolver with cookies", 0, 1232, _DO, _SERVER_COOKIE),
    Client("a resolver that probes", 0, 1400),
    Client("a forwarder", _RD, 4096, options=_SUBNET),
    Client("a server of Windows", 0, 4000),
    Client("an old resolver", 0, 0),
)
_ODD_CLIENTS: Final = (
    Client("dig +nsid", _RD | _AD, 1232, 0, _NSID + _COOKIE),
    Client("a client of version 1", _RD, 1232, 1 << 16),
    Client("a client with an extended rcode", _RD, 1232, 1 << 24),
    Client("a client with flags to come", _RD, 1232, 0x4001),
    Client("a client with half an option", _RD, 1232, options=_COOKIE[:7]),
    Client("a client with every option", _RD, 65_535, _DO, _NSID + _COOKIE + _SUBNET + _EXPIRE),
    Client("a client with every flag", 0x07FF, 700),
)

_TYPES: Final = (1, 1, 1, 1, 16, 16, 16, 28, 28, 2, 6, 15, 255, 257, 65, 41, 251, 252, 0, 65_535)

_KEY: Final = b"abcdefghijklmnopqrstuvwx23"  # what could be one

# Names right below an origin that are no address, or hardly one.
_ODD_NAMES: Final[tuple[Labels, ...]] = (
    (b"ns1",), (b"a", b"ns1"), (b"eu",), (b"ns2", b"eu"), (b"hostmaster",), (b"host.master",),
    (b"2",), (b"127",), (b"0",), (b"f",), (b"10",), (b"1", b"2", b"3", b"4"), (b"www", b"example"),
    (b"01", b"2"), (b"256",), (b"300", b"1", b"1", b"1"), (b"1", b"1", b"1", b"1", b"1"),
    (b"0",) * 33, (b"g",), (b"",), (b"\xff\x00",), (b"x" * 63,), (b"n" * 63,), (b"_x",), (b"*",),
    (b"test",), (b"invalid",), (_KEY,), (b"2", b"0", b"0", b"127", _KEY),
    (b"1.2.3.4",), (b"00",), (b"-1",), (b"+1",), (b"1 ",), (b"\xb2",),
)  # fmt: skip


def _others() -> tuple[bytes, ...]:
    """What else comes to a server: other opcodes, classes, sections and names."""
    query = dns.message.make_query
    notify = query("bl.example", "SOA")
    notify.set_opcode(dns.opcode.NOTIFY)
    update = query("bl.example", "SOA")
    update.set_opcode(dns.opcode.UPDATE)
    status = query("bl.example", "A")
    status.set_opcode(dns.opcode.STATUS)
    response = query("2.0.0.127.bl.example", "A")
    response.flags |= dns.flags.QR
    two = query("2.0.0.127.bl.example", "A")
    two.question.append(two.question[0].copy())
    ixfr = query("bl.example", "IXFR")
    ixfr.authority.append(
        dns.rrset.from_text("bl.example.", 0, "IN", "SOA", "ns. hostmaster. 7 1 1 1 1")
    )
    extra = query("2.0.0.127.bl.example", "A")
    extra.additional.append(dns.rrset.from_text("x.example.", 60, "IN", "A", "192.0.2.1"))
    return tuple(
        message.to_wire()
        for message in (
            notify, update, status, response, two, ixfr, extra,
            query(".", "NS"), query("bl.example", "SOA"), query("bl.example", "NS"),
            query("bl.example", "DNSKEY", want_dnssec=True), query("bl.example", "AXFR"),
            query("version.bind", "TXT", dns.rdataclass.CHAOS), query("www.example.org", "A"),
            query("7.2.0.192.in-addr.arpa", "PTR"), query("example", "A"),
        )
    )  # fmt: skip


OTHERS: Final = _others()


def origin_labels(origin: str) -> Labels:
    """An origin's labels."""
    return tuple(origin.encode().split(b"."))


def address_labels(address: Network, *, mapped: bool = False) -> Labels:
    """The labels of an address below an origin; of an IPv4 one as ::ffff:0:0/96 has it."""
    if mapped and address.family == IPV4:
        address = Network(IPV6, MAPPED_BITS | address.bits, 128)
    return tuple(label.encode() for label in address.reverse_labels)


def packet(
    rng: Random, origins: list[str], near: Sequence[Subject], keys: Sequence[bytes] = ()
) -> bytes:
    """A message: most often a query about an address or a name near those, at times damaged.

    Where there are keys, some are asked with one.
    """
    if rng.randrange(30) == 0:
        data = rng.choice(OTHERS)
    else:
        labels = _name(rng, origins, near, keys)
        client = rng.choice(_ODD_CLIENTS if rng.randrange(8) == 0 else CLIENTS)
        qtype = rng.choice(_TYPES)
        qclass = 1 if rng.randrange(30) else rng.choice((3, 255, 0))
        data = client.ask(rng.getrandbits(16), labels, qtype, qclass)
    if rng.randrange(5) == 0:
        data = damaged(rng, data)
    return data


def _name(
    rng: Random, origins: list[str], near: Sequence[Subject], keys: Sequence[bytes]
) -> Labels:
    origin = origin_labels(rng.choice(origins))
    kind = rng.randrange(20)
    about = rng.choice(near) if near else None
    if kind == 0:
        labels: Labels = rng.choice(_ODD_NAMES)
    elif kind == 1:
        labels = rng.choice(_ODD_NAMES) + rng.choice(_ODD_NAMES)
    elif isinstance(about, Name):
        labels = _near_name(rng, about)
    else:
        labels = address_labels(_address(rng, about), mapped=rng.randrange(8) == 0)
        if rng.randrange(3) == 0:  # above addresses: what resolvers ask that minimise names
            labels = labels[-rng.randint(1, len(labels)) :]
        if kind == 2:
            labels = (*rng.choice(_ODD_NAMES), *labels)
    if rng.randrange(40) == 0:
        origin = rng.choice((origin[1:], (b"x" + origin[0], *origin[1:]), (*origin, b"net"), ()))
    if rng.randrange(40) == 0:
        labels = ()
    if keys and rng.randrange(3) == 0 and sum(map(len, labels)) + len(labels) < 100:
        labels = (*labels, rng.choice(keys))
    name = (*labels, *origin)
    if rng.randrange(6) == 0:  # 0x20
        name = tuple(_cased(rng, label) for label in name)
    return name


def _near_name(rng: Random, name: Name) -> Labels:
    """The name itself, one below it or above it, or another with as many labels."""
    labels = [label.encode() for label in name.labels]
    for _ in range(rng.randrange(3)):
        if rng.randrange(2) and len(labels) < 100:
            labels.insert(0, rng.choice((b"a", b"b", b"x.y", b"\xff", b"x" * 63, _KEY)))
        elif len(labels) > 1:
            del labels[rng.choice((0, 0, -1))]
    if rng.randrange(8) == 0:
        labels.append(rng.choice((b"test", b"invalid", _KEY, b"com")))
    return tuple(labels) if sum(map(len, labels)) + len(labels) < 180 else (b"test",)


def _address(rng: Random, about: Network | None) -> Network:
    base = about if about is not None and rng.randrange(5) else network(rng)
    width = BITS[base.family]
    bits = base.bits
    if rng.randrange(3) == 0:
        bits |= rng.getrandbits(width - base.length) if base.length < width else 0
    elif rng.randrange(3) == 0:
        bits ^= 1 << rng.randrange(width)
    return Network(base.family, bits, width)


def _cased(rng: Random, label: bytes) -> bytes:
    mask = rng.getrandbits(len(label)) if label else 0
    letters = (
        bytes([octet]).upper() if mask >> at & 1 else bytes([octet])
        for at, octet in enumerate(label)
    )
    return b"".join(letters)


_TELLING: Final = (0x00, 0x01, 0x29, 0x3F, 0x40, 0x80, 0xBF, 0xC0, 0xFF)


def damaged(rng: Random, data: bytes) -> bytes:
    """The message with a few octets changed, added, repeated or taken away."""
    found = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 4))):
        at = rng.randrange(len(found) + 1)
        kind = rng.randrange(8)
        if kind == 0:
            del found[at:]
        elif kind == 1:
            found[at:at] = rng.randbytes(rng.randint(1, 12))
        elif kind == 2:
            del found[at : at + rng.randint(1, 4)]
        elif kind == 3:
            found += bytes(rng.randint(1, 12))
        elif kind == 4:
            found[at:at] = found[at : at + rng.randint(1, 20)]
        elif at < len(found):
            if kind == 5:
                found[at] ^= 1 << rng.randrange(8)
            elif kind == 6:
                found[at] = rng.choice(_TELLING)
            else:
                found[at] = rng.getrandbits(8)
    return bytes(found)
