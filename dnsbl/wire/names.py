"""The labels below a zone's origin become the prefixes that they ask about.

RFC 5782 §2.1 reverses the four octets of an IPv4 address, §2.4 the 32 nibbles
of an IPv6 one. A name with fewer labels stands above those of all addresses in
a prefix: resolvers that minimise names ask it first (RFC 9156).
"""

from __future__ import annotations

from typing import Final

from dnsbl.network import BITS, IPV4, IPV6, Network
from dnsbl.wire.record import Labels

OCTETS: Final = 4
NIBBLES: Final = 32

_OCTET_LABELS: Final = {b"%d" % octet: octet for octet in range(256)}  # no leading zeros
_NIBBLE_LABELS: Final = {
    label: value for value in range(16) for label in (b"%x" % value, b"%X" % value)
}

# RFC 4291 §2.5.5.2: ::ffff:0:0/96 are IPv4 addresses; they have no listings of their own.
_MAPPED: Final = Network(IPV6, 0xFFFF << 32, 96)
_EVERY_IPV4: Final = Network(IPV4, 0, 0)


def readings(labels: Labels) -> tuple[Network, ...]:
    """All that the labels may ask about, none if they name neither address nor prefix.

    Up to four labels can be octets and nibbles at once: 1.2.3.4 is the address
    4.3.2.1, and stands above the IPv6 addresses in 4321::/16. A name exists if
    either has anything (RFC 8020).
    """
    found: list[Network] = []
    if 1 <= len(labels) <= OCTETS:
        octets = [_OCTET_LABELS.get(label) for label in labels]
        network = _prefix(IPV4, octets, 8)
        if network is not None:
            found.append(network)
    if 1 <= len(labels) <= NIBBLES:
        nibbles = [_NIBBLE_LABELS.get(label) for label in labels]
        network = _prefix(IPV6, nibbles, 4)
        if network is not None:
            found += _with_mapped(network)
    return tuple(found)


def _prefix(family: int, parts: list[int | None], part_bits: int) -> Network | None:
    bits = 0
    for part in reversed(parts):
        if part is None:
            return None
        bits = bits << part_bits | part
    length = len(parts) * part_bits
    if family == IPV4:
        return Network(IPV4, bits << BITS[IPV4] - length, length)
    return Network(IPV6, bits << BITS[IPV6] - length, length)


def _with_mapped(network: Network) -> tuple[Network, ...]:
    """RFC 5782 §5: ::ffff:7f00:2 is answered from IPv4 data, and what stands above it too."""
    if _MAPPED.covers(network):
        mapped = Network(IPV4, network.bits & 0xFFFFFFFF, network.length - _MAPPED.length)
        return (mapped,)
    if network.covers(_MAPPED):
        return (network, _EVERY_IPV4)
    return (network,)
