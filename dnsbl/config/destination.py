"""Where the portal sends what it sends by HTTP: to addresses that are public, unless told to."""

from __future__ import annotations

import ipaddress
from typing import Final, TypeAlias

Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address

# RFC 4291 §2.4: what is routed on the Internet is in here, or maps an IPv4 address.
_UNICAST: Final = ipaddress.IPv6Network("2000::/3")
_NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")  # RFC 6052 §2.1
# Not everywhere what Python's ipaddress calls them: it follows the IANA's registries with delay.
_SPECIAL: Final = (
    ipaddress.ip_network("192.0.0.0/24"),  # RFC 6890 §2.1: IETF protocol assignments
    ipaddress.ip_network("192.88.99.0/24"),  # RFC 7526: relays of 6to4, deprecated
    ipaddress.ip_network("2001::/23"),  # RFC 2928: IETF protocol assignments, Teredo among them
    ipaddress.ip_network("3fff::/20"),  # RFC 9637: documentation
)


def is_public(text: str) -> bool:
    """Whether a literal address is one of the public Internet.

    Neither loopback, private, link-local (where clouds keep their secrets),
    shared (RFC 6598), multicast, reserved nor for documentation; nor an IPv6
    address that such an IPv4 address hides in. A scope (%…) is never public.
    Raises ValueError where it is no address.
    """
    address = ipaddress.ip_address(text)
    if isinstance(address, ipaddress.IPv4Address):
        return _is_public_ipv4(address)
    if address.scope_id is not None:
        return False
    hidden = _hidden(address)
    if hidden is not None and not _is_public_ipv4(hidden):
        return False
    if address.ipv4_mapped is not None or address in _NAT64:
        return True
    return address in _UNICAST and address.is_global and not _is_special(address)


def _is_public_ipv4(address: ipaddress.IPv4Address) -> bool:
    return (
        address.is_global
        and not address.is_multicast
        and not address.is_reserved
        and not _is_special(address)
    )


def _is_special(address: Address) -> bool:
    return any(address in network for network in _SPECIAL)


def _hidden(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    """The IPv4 address that a packet to this one ends at: mapped, by NAT64, or by 6to4."""
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
    return address.ipv4_mapped or address.sixtofour
