"""[dns] of dnsbl.toml."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from house import House

from dnsbl.config import (
    AccessConfig,
    ConfigError,
    CookiesConfig,
    DnsConfig,
    QueryLogConfig,
    RateLimitConfig,
    load,
)
from dnsbl.network import parse


@pytest.fixture
def read(house: House) -> Callable[[str], DnsConfig]:
    """What a dnsbl.toml of that text says of the DNS server."""

    def read(text: str) -> DnsConfig:
        house.file.write_text(text)
        return load(house.file).dns

    return read


def test_what_is_new_is_off(read: Callable[[str], DnsConfig]) -> None:
    """Everybody may ask as much as they like; cookies alone are on, and limit nobody."""
    dns = read("")

    assert dns.cookies == CookiesConfig(enabled=True, secrets_file=None)
    assert dns.access == AccessConfig("pass", ())
    assert dns.rate_limit == RateLimitConfig(
        listed_per_s=0, unlisted_per_s=0, empty_per_s=0, errors_per_s=0, burst_s=5, slip=2,
        ipv4_prefix=24, ipv6_prefix=56, exempt=(), log_only=False,
    )  # fmt: skip
    assert dns.query_log == QueryLogConfig(None, 1, "all", 32, 128)
    assert (dns.identity, dns.version) == ("", "dnsbl")
    assert dns.priority == "normal"
    assert (dns.tcp_connections_max, dns.tcp_connections_per_client_max) == (1024, 64)


def test_everything_written_is_read(house: House, read: Callable[[str], DnsConfig]) -> None:
    """Each key comes to the value that bears its name; files lie beside dnsbl.toml."""
    dns = read(
        """
        [dns]
        tcp_connections_max = 100
        tcp_connections_per_client_max = 100
        identity = "ns1 of bl.example"
        version = ""
        [dns.cookies]
        enabled = false
        secrets_file = "secrets"
        [dns.access]
        default = "refuse"
        pass = ["192.0.2.0/24"]
        [dns.rate_limit]
        listed_per_s = 1
        unlisted_per_s = 2
        empty_per_s = 3
        errors_per_s = 4
        burst_s = 6
        slip = 7
        ipv4_prefix = 32
        ipv6_prefix = 64
        exempt = ["192.0.2.0/24", "2001:db8::1"]
        log_only = true
        [dns.query_log]
        file = "/var/log/queries"
        sample = 8
        only = "listed"
        client_prefix_ipv4 = 0
        client_prefix_ipv6 = 48
        """
    )

    assert (dns.tcp_connections_max, dns.tcp_connections_per_client_max) == (100, 100)
    assert (dns.identity, dns.version) == ("ns1 of bl.example", "")
    assert dns.cookies == CookiesConfig(enabled=False, secrets_file=house.folder / "secrets")
    assert dns.access == AccessConfig("refuse", ((parse("192.0.2.0/24"), "pass"),))
    assert dns.rate_limit == RateLimitConfig(
        1, 2, 3, 4, 6, 7, 32, 64, (parse("192.0.2.0/24"), parse("2001:db8::1")), log_only=True
    )
    assert dns.query_log == QueryLogConfig(Path("/var/log/queries"), 8, "listed", 0, 48)


def test_a_client_never_has_more_connections_than_there_are(
    read: Callable[[str], DnsConfig],
) -> None:
    """A small total is the default for one client; what is written must fit."""
    assert read("[dns]\ntcp_connections_max = 9").tcp_connections_per_client_max == 9


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[dns]\ntcp_connections_max = 9\ntcp_connections_per_client_max = 10",
         "per_client_max: expected at most 9, as many as dns.tcp_connections_max, got 10"),
        ("[dns]\ntcp_connections_per_client_max = 0", "connections from 1 to 65536, got 0"),
        ('[dns]\npriority = "high"', 'dns.priority: expected one of "normal", "realtime"'),
        ('[dns]\nidentity = "bücher"', "printable ASCII, got 'bücher': it is not in ASCII"),
        (f'[dns]\nidentity = "{"a" * 256}"', "dns.identity: expected up to 255 characters of"),
        ('[dns]\nversion = "a\\tb"', "dns.version: expected up to 255 characters of printable"),
        (f'[dns]\nversion = "{"a" * 256}"', "it has 256"),
        ('[dns.cookies]\nenabled = "yes"', "dns.cookies.enabled: expected true or false, got"),
        ("[dns.cookies]\nenabled = 1", "dns.cookies.enabled: expected true or false, got 1"),
        ('[dns.cookies]\nsecret = ""', "did you mean dns.cookies.secrets_file?"),
        ('[dns.access]\npass = ["192.0.2.1/24"]', "dns.access.pass: expected a list of networks"),
        ("[dns.rate_limit]\nlisted_per_s = -1", "replies a second from 0 to 1000000, got -1"),
        ("[dns.rate_limit]\nlisted_per_s = 0.5", "replies a second from 0 to 1000000, got 0.5"),
        ("[dns.rate_limit]\nburst_s = 0", "dns.rate_limit.burst_s: expected a whole number of"),
        ("[dns.rate_limit]\nslip = 11", "dns.rate_limit.slip: expected a whole number of replies"),
        ("[dns.rate_limit]\nipv4_prefix = 33", "bits from 1 to 32, got 33"),
        ("[dns.rate_limit]\nipv4_prefix = 0", "bits from 1 to 32, got 0"),
        ("[dns.rate_limit]\nipv6_prefix = 129", "bits from 1 to 128, got 129"),
        ('[dns.rate_limit]\nexempt = ["::1", "::1/128"]',
         "dns.rate_limit.exempt: expected each network once, but ::1/128 stands twice"),
        ('[dns.rate_limit]\nexempt = ["10.0.0.1/8"]', "did you mean 10.0.0.0/8?"),
        ("[dns.rate_limit]\nerror_per_s = 1", "did you mean dns.rate_limit.errors_per_s?"),
        ("[dns.query_log]\nsample = 0", "queries from 1 to 1000000, got 0"),
        ('[dns.query_log]\nonly = "none"', 'expected one of "all", "listed", "answered"'),
        ("[dns.query_log]\nclient_prefix_ipv4 = 33", "bits from 0 to 32, got 33"),
        ("[dns.query_log]\nclient_prefix_ipv6 = -1", "bits from 0 to 128, got -1"),
    ],
)  # fmt: skip
def test_a_mistake_is_reported_with_key_and_expectation(
    read: Callable[[str], DnsConfig], text: str, said: str
) -> None:
    """In one printable line."""
    with pytest.raises(ConfigError) as refused:
        read(text)

    assert said in str(refused.value)
    assert str(refused.value).isprintable()


@pytest.mark.parametrize("key", ["identity", "version"])
def test_the_longest_text_is_taken(read: Callable[[str], DnsConfig], key: str) -> None:
    """255 octets fit a string of a TXT record (RFC 1035 §3.3)."""
    assert getattr(read(f'[dns]\n{key} = "{"~" * 255}"'), key) == "~" * 255
