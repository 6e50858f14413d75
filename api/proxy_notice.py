"""A notice for operators: a proxy stands before the portal, and nobody told the portal."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

import structlog
from aiohttp import web

from api.client_address import FORWARDED_FOR, counted_peer
from dnsbl.network import Network


class ProxyNotice:
    """Looks at each answer's request; logs the first that a near, untrusted proxy passed on.

    All its visitors count as one client then, who has soon used up what the
    limits allow. From a public address the header is a visitor's own claim.
    """

    def __init__(self, trusted_proxies: Sequence[Network]) -> None:
        self._trusted = trusted_proxies
        self._said = False

    async def __call__(self, request: web.Request, _response: web.StreamResponse) -> None:
        """Called by aiohttp as an answer begins."""
        if self._said or FORWARDED_FOR not in request.headers:
            return
        peer = request.remote or ""
        if counted_peer(peer, self._trusted) is None or not _is_near(peer):
            return
        self._said = True
        structlog.get_logger().warning("proxy_not_trusted", peer=peer)


def _is_near(peer: str) -> bool:
    """Whether it is this machine, or one of a private network."""
    try:
        return ipaddress.ip_address(peer).is_private
    except ValueError:  # it hung up, and has no address any more
        return False
