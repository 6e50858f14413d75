"""[dns] of dnsbl.toml: where the DNS server listens, what it tells, and what it keeps in bounds."""

from __future__ import annotations

import ipaddress
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, TypeAlias, cast, get_args

from dnsbl.config.access import EVERYBODY, NETWORKS_EXPECTED, AccessConfig, read_access
from dnsbl.config.toml import ConfigError, Table
from dnsbl.network import BITS, IPV4, IPV6, Network, parse

PORT_MAX = 65_535
STRING_OCTETS_MAX: Final = 255  # RFC 1035 §3.3: of a <character-string>, which a TXT record holds
REPLIES_PER_S_MAX: Final = 1_000_000
TCP_PER_CLIENT_DEFAULT: Final = 64

QueryLogOnly: TypeAlias = Literal["all", "listed", "answered"]
Priority: TypeAlias = Literal["normal", "realtime"]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An address and a port to listen on; written 192.0.2.1:53 or [2001:db8::1]:53."""

    address: str
    port: int

    def __str__(self) -> str:
        host = f"[{self.address}]" if ":" in self.address else self.address
        return f"{host}:{self.port}"


@dataclass(frozen=True, slots=True)
class CookiesConfig:
    """DNS cookies (RFC 7873, RFC 9018). Without a ``secrets_file`` a secret is generated."""

    enabled: bool = True
    secrets_file: Path | None = None


@dataclass(frozen=True, slots=True)
class RateLimitConfig:
    """How many replies a second leave over UDP to one client network, by their kind; 0: any.

    A network is an address cut to ``ipv4_prefix`` or ``ipv6_prefix`` bits. One
    that was quiet may have the replies of ``burst_s`` seconds at once. Over the
    limit, every ``slip``-th reply is an empty one with TC, the others are
    dropped; with 0 all are. ``log_only`` limits nothing, but says what it would.
    """

    listed_per_s: int = 0
    unlisted_per_s: int = 0
    empty_per_s: int = 0
    errors_per_s: int = 0
    burst_s: int = 5
    slip: int = 2
    ipv4_prefix: int = 24
    ipv6_prefix: int = 56
    exempt: tuple[Network, ...] = ()
    log_only: bool = False


@dataclass(frozen=True, slots=True)
class QueryLogConfig:
    """A JSON line for one query of ``sample``, with the client's address cut to so many bits."""

    file: Path | None = None
    sample: int = 1
    only: QueryLogOnly = "all"
    client_prefix_ipv4: int = 32
    client_prefix_ipv6: int = 128


@dataclass(frozen=True, slots=True)
class DnsConfig:
    """The DNS server. `workers` 0 means one for each CPU; their threads have the ``priority``.

    ``identity`` is what NSID (RFC 5001) and ``id.server`` tell, ``version`` what
    ``version.bind`` does; "" is told to nobody.
    """

    listen: tuple[Endpoint, ...]
    workers: int
    tcp_idle_timeout_s: int
    tcp_connections_max: int
    tcp_connections_per_client_max: int = TCP_PER_CLIENT_DEFAULT
    identity: str = ""
    version: str = "dnsbl"
    cookies: CookiesConfig = CookiesConfig()
    access: AccessConfig = EVERYBODY
    rate_limit: RateLimitConfig = RateLimitConfig()
    query_log: QueryLogConfig = QueryLogConfig()
    priority: Priority = "normal"


def parse_endpoint(text: str) -> Endpoint:
    """An address with a port. Raises ValueError: host names are not looked up here."""
    address_text, colon, port_text = text.rpartition(":")
    if not colon or not port_text.isascii() or not port_text.isdigit() or len(port_text) > 5:  # noqa: PLR2004  # digits of 65535
        raise ValueError("it has no port; write 127.0.0.1:5300 or [::1]:5300")
    port = int(port_text)
    if not 1 <= port <= PORT_MAX:
        raise ValueError(f"the port is not from 1 to {PORT_MAX}")
    if address_text.startswith("[") and address_text.endswith("]"):
        address = ipaddress.IPv6Address(address_text[1:-1])
        if address.scope_id is not None:
            raise ValueError("it has a scope (%…), which cannot be listened on")
        if address.ipv4_mapped is not None:
            raise ValueError(f"it is an IPv4 address; write {address.ipv4_mapped}:{port}")
        return Endpoint(str(address), port)
    return Endpoint(str(ipaddress.IPv4Address(address_text)), port)


def read_dns(table: Table) -> DnsConfig:
    """The table [dns]. Raises ConfigError."""
    expected = "a list of one or more addresses with ports, such as 127.0.0.1:5300"
    total = table.whole("tcp_connections_max", 1024, "connections", 1, 65536)
    dns = DnsConfig(
        listen=table.parsed_each("listen", ["127.0.0.1:5300"], expected, parse_endpoint),
        workers=table.whole("workers", 1, "threads (0: one for each CPU)", 0, 256),
        # RFC 7766 §6.2.3: a server's idle timeout is in the order of seconds
        tcp_idle_timeout_s=table.whole("tcp_idle_timeout_s", 10, "seconds", 1, 3600),
        tcp_connections_max=total,
        tcp_connections_per_client_max=table.whole(
            "tcp_connections_per_client_max",
            min(TCP_PER_CLIENT_DEFAULT, total),
            "connections",
            1,
            65536,
        ),
        identity=table.parsed("identity", "", _STRING_EXPECTED, _parse_string),
        version=table.parsed("version", "dnsbl", _STRING_EXPECTED, _parse_string),
        cookies=_read_cookies(table.table("cookies")),
        access=read_access(table.table("access")),
        rate_limit=_read_rate_limit(table.table("rate_limit")),
        query_log=_read_query_log(table.table("query_log")),
        priority=cast("Priority", table.choice("priority", "normal", get_args(Priority))),
    )
    if not dns.listen or len(set(dns.listen)) != len(dns.listen):
        raise table.refuse("listen", expected + ", each once")
    if dns.tcp_connections_per_client_max > total:
        raise table.refuse(
            "tcp_connections_per_client_max",
            f"at most {total}, as many as {table.key_name('tcp_connections_max')}",
        )
    table.finish()
    return dns


_STRING_EXPECTED: Final = f"up to {STRING_OCTETS_MAX} characters of printable ASCII"


def _parse_string(text: str) -> str:
    if not text.isascii():
        raise ValueError("it is not in ASCII")
    if len(text) > STRING_OCTETS_MAX:
        raise ValueError(f"it has {len(text)}")
    return text


def _optional_file(table: Table, key: str, expected: str) -> Path | None:
    value = table.text(key, "", expected)
    return table.file.parent / value if value else None


def _read_cookies(table: Table) -> CookiesConfig:
    cookies = CookiesConfig(
        enabled=table.flag("enabled", default=True),
        secrets_file=_optional_file(table, "secrets_file", "a file of secrets"),
    )
    table.finish()
    return cookies


def _read_rate_limit(table: Table) -> RateLimitConfig:
    def replies(key: str) -> int:
        return table.whole(key, 0, "replies a second", 0, REPLIES_PER_S_MAX)

    limit = RateLimitConfig(
        listed_per_s=replies("listed_per_s"),
        unlisted_per_s=replies("unlisted_per_s"),
        empty_per_s=replies("empty_per_s"),
        errors_per_s=replies("errors_per_s"),
        burst_s=table.whole("burst_s", 5, "seconds", 1, 3600),
        slip=table.whole("slip", 2, "replies", 0, 10),
        ipv4_prefix=table.whole("ipv4_prefix", 24, "bits", 1, BITS[IPV4]),
        ipv6_prefix=table.whole("ipv6_prefix", 56, "bits", 1, BITS[IPV6]),
        exempt=table.parsed_each("exempt", [], NETWORKS_EXPECTED, parse),
        log_only=table.flag("log_only", default=False),
    )
    for network, times in Counter(limit.exempt).items():
        if times > 1:
            raise ConfigError(
                f"{table.file}: {table.key_name('exempt')}: expected each network once, "
                f"but {network} stands twice"
            )
    table.finish()
    return limit


def _read_query_log(table: Table) -> QueryLogConfig:
    log = QueryLogConfig(
        file=_optional_file(table, "file", "a file for JSON lines"),
        sample=table.whole("sample", 1, "queries", 1, 1_000_000),
        only=cast("QueryLogOnly", table.choice("only", "all", get_args(QueryLogOnly))),
        client_prefix_ipv4=table.whole("client_prefix_ipv4", 32, "bits", 0, BITS[IPV4]),
        client_prefix_ipv6=table.whole("client_prefix_ipv6", 128, "bits", 0, BITS[IPV6]),
    )
    table.finish()
    return log
