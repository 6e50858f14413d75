"""Who asks: the peer, or what trusted proxies say of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from aiohttp import web

from dnsbl.network import IPV4, Network, NetworkError, parse_address

FORWARDED_FOR: Final = "X-Forwarded-For"
FORWARDED_HOPS_MAX: Final = 16

# What limits count: a whole IPv4 address, but the /64 that an IPv6 host owns.
_COUNTED_LENGTH: Final = {4: 32, 6: 64}
# What a mail shows of the one who asked: enough to recognise oneself by.
_SHOWN_LENGTH: Final = {4: 24, 6: 48}

_UNKNOWN: Final = Network(IPV4, 0, 32)  # the peer hung up before it was looked at


def client_network(request: web.Request, trusted_proxies: Sequence[Network]) -> Network:
    """The network that counts as the client: an IPv4 /32 or an IPv6 /64."""
    address = _client_address(
        request.remote, request.headers.getall(FORWARDED_FOR, []), trusted_proxies
    )
    return address.widened(_COUNTED_LENGTH[address.family])


def counted_peer(peer: str | None, trusted_proxies: Sequence[Network]) -> Network | None:
    """The network that a connection counts for; None for a trusted proxy, which speaks for many."""
    address = _parsed(peer or "") or _UNKNOWN
    if any(network.covers(address) for network in trusted_proxies):
        return None
    return address.widened(_COUNTED_LENGTH[address.family])


def shortened(client: Network) -> Network:
    """The client as a mail shows it: a /24 or a /48."""
    return client.widened(_SHOWN_LENGTH[client.family])


def _client_address(
    peer: str | None, forwarded_for: Sequence[str], trusted_proxies: Sequence[Network]
) -> Network:
    address = _parsed(peer or "")
    if address is None:
        return _UNKNOWN
    hops = [hop for value in forwarded_for for hop in value.split(",")]
    # From the right: each proxy appends whom it heard from. Who is not trusted is the client,
    # whatever it wrote further to the left.
    for hop in reversed(hops[-FORWARDED_HOPS_MAX:]):
        if not any(network.covers(address) for network in trusted_proxies):
            break
        before = _parsed(hop)
        if before is None:
            break
        address = before
    return address


def _parsed(text: str) -> Network | None:
    text = text.strip().partition("%")[0]  # a link-local peer comes with its scope
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        return parse_address(text)
    except NetworkError:
        return None
