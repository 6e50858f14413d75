"""What `check` finds about a proxy before the portal."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from typing import Final
from urllib.parse import urlsplit

from dnsbl.cli.finding import Finding
from dnsbl.config import PortalConfig

NOT_TRUSTED: Final = (
    "portal.listen is reached by this machine alone, so a proxy stands before it, and "
    "portal.trusted_proxies is empty: all visitors count as one client, and share its limits"
)


def findings(portal: PortalConfig) -> Iterator[Finding]:
    """A warning where visitors can only come through a proxy that is not trusted."""
    public = urlsplit(portal.public_url)
    is_local = ipaddress.ip_address(portal.listen.address).is_loopback
    if is_local and not portal.trusted_proxies and not is_loopback(public.hostname or ""):
        yield Finding("portal clients", "warning", NOT_TRUSTED)


def is_loopback(host: str) -> bool:
    """Whether a host's name or address means this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
