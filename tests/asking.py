"""Who asks, where a test does not care."""

from __future__ import annotations

from typing import Final

from dnsbl.network import Network, parse

CLIENT: Final[Network] = parse("192.0.2.53")
