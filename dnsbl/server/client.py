"""Who asks: the address of a socket's other end as a network."""

from __future__ import annotations

import socket
from typing import Any, Final

from dnsbl.network import IPV4, IPV6, Network, unmapped

SITE_PREFIX: Final = 64  # whoever has one IPv6 address has a /64 of them (RFC 6177 §2)

_IPV4_OCTETS: Final = 4


def client_of(peer: tuple[Any, ...]) -> Network:
    """The /32 or /128 of an address as sockets give it: a host as text, a port, perhaps more.

    An IPv4-mapped address becomes IPv4; a scope (%eth0) is left out.
    """
    host: str = peer[0]
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return client_network(socket.inet_pton(family, host.partition("%")[0]))


def client_network(octets: bytes) -> Network:
    """The same of 4 or 16 octets in the order of the network."""
    bits = int.from_bytes(octets, "big")
    if len(octets) == _IPV4_OCTETS:
        return Network(IPV4, bits, 32)
    return unmapped(Network(IPV6, bits, 128))


def site_of(client: Network) -> Network:
    """What counts as one client: an IPv4 address, or an IPv6 /64."""
    return client.widened(SITE_PREFIX) if client.family == IPV6 else client
