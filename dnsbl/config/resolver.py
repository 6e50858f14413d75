"""[resolver] of dnsbl.toml: whom the sidecar asks about the domains and addresses of senders."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from dnsbl.config.dns import Endpoint, parse_endpoint
from dnsbl.config.toml import Table

SERVERS_MAX: Final = 8
DNS_PORT: Final = 53


@dataclass(frozen=True, slots=True)
class ResolverConfig:
    """Recursive name servers, asked in their order; none: nothing is asked of anybody.

    ``timeout_s`` is what one question may take, on all of them together.
    """

    servers: tuple[Endpoint, ...] = ()
    timeout_s: int = 2


NO_RESOLVER: Final = ResolverConfig()


def read_resolver(table: Table) -> ResolverConfig:
    """The table [resolver]. Raises ConfigError."""
    expected = "a list of addresses of name servers, such as 127.0.0.1 or 127.0.0.1:53"
    servers = table.parsed_each("servers", [], expected, _parse_server)
    if len(servers) > SERVERS_MAX or len(set(servers)) != len(servers):
        raise table.refuse("servers", f"{expected}, {SERVERS_MAX} at most, each once")
    resolver = ResolverConfig(servers, table.whole("timeout_s", 2, "seconds", 1, 10))
    table.finish()
    return resolver


def _parse_server(text: str) -> Endpoint:
    """An address, with a port unless it is 53; IPv6 in brackets, or bare without a port."""
    if text.endswith("]") or "." in text.rpartition(":")[2]:
        text = f"{text}:{DNS_PORT}"
    elif text.count(":") > 1 and not text.startswith("["):
        text = f"[{text}]:{DNS_PORT}"
    return parse_endpoint(text)
