"""Who asks: the address of a socket's other end as a network."""

from __future__ import annotations

import socket
from typing import Any, Final

from dnsbl.network import IPV4, IPV6, Network

SITE_PREFIX: Final = 64  # whoever has one IPv6 address has a /64 of them (RFC 6177 §2)

_MAPPED_HIGH: Final = bytes(10) + b"\xff\xff"  # RFC 4291 §2.5.5.2


def client_of(peer: tuple[Any, ...]) -> Network:
    """The /32 or /128 of an address as sockets give it: a host as text, a port, perhaps more.

    An IPv4-mapped address becomes IPv4; a scope (%eth0) is left out.
    """
    host: str = peer[0]
    if ":" not in host:
        return Network(IPV4, int.from_bytes(socket.inet_aton(host), "big"), 32)
    octets = socket.inet_pton(socket.AF_INET6, host.partition("%")[0])
    if octets.startswith(_MAPPED_HIGH):
        return Network(IPV4, int.from_bytes(octets[len(_MAPPED_HIGH) :], "big"), 32)
    return Network(IPV6, int.from_bytes(octets, "big"), 128)


def site_of(client: Network) -> Network:
    """What counts as one client: an IPv4 address, or an IPv6 /64."""
    return client.widened(SITE_PREFIX) if client.family == IPV6 else client
