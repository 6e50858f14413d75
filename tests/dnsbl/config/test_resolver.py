"""[resolver] of dnsbl.toml."""

from __future__ import annotations

import pytest
from house import ZONE_TEXT, House

from dnsbl.config import ConfigError, Endpoint
from dnsbl.config.resolver import ResolverConfig


def read(house: House, text: str) -> ResolverConfig:
    """The table [resolver] of a configuration."""
    house.write_config(f"[resolver]\n{text}")
    return house.config.resolver


def test_by_default_nobody_is_asked(house: House) -> None:
    """What the portal does not need to know it does not ask, least of all the system's resolver."""
    assert house.config.resolver == ResolverConfig((), 2)


@pytest.mark.parametrize(
    ("text", "server"),
    [
        ("192.0.2.53", Endpoint("192.0.2.53", 53)),
        ("127.0.0.1:5353", Endpoint("127.0.0.1", 5353)),
        ("2001:DB8::53", Endpoint("2001:db8::53", 53)),
        ("::1", Endpoint("::1", 53)),
        ("[2001:db8::53]", Endpoint("2001:db8::53", 53)),
        ("[2001:db8::53]:5353", Endpoint("2001:db8::53", 5353)),
    ],
)
def test_a_server_is_an_address(house: House, text: str, server: Endpoint) -> None:
    """With a port where it is another one than 53."""
    assert read(house, f'servers = ["{text}"]').servers == (server,)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('servers = ["dns.example"]', "resolver.servers: expected a list of addresses of name"),
        ('servers = ["127.0.0.1:0"]', "the port is not from 1 to 65535"),
        ('servers = ["127.0.0.1", "127.0.0.1:53"]', "8 at most, each once"),
        (f"servers = {[f'192.0.2.{host}' for host in range(9)]}", "8 at most, each once"),
        ("timeout_s = 0", "resolver.timeout_s: expected a whole number of seconds from 1 to 10"),
        ('server = "::1"', "resolver.server: is not a known key; did you mean resolver.servers?"),
    ],
)
def test_a_mistake_names_the_key_and_what_was_expected(house: House, text: str, said: str) -> None:
    """As everywhere in these files."""
    with pytest.raises(ConfigError) as refused:
        read(house, text)

    assert said in str(refused.value)


def test_zones_may_ask_for_proof_where_there_is_a_resolver(house: House) -> None:
    """And only there."""
    house.write_zone(f"{ZONE_TEXT}\n[category.spam.policy]\nproof = 2\n")

    with pytest.raises(ConfigError, match=r"category\.spam\.policy\.proof: expected 0 where there"):
        _ = house.config
    read(house, 'servers = ["127.0.0.1"]')
    policy = house.config.zones[0].categories[0].policy
    assert (policy.proof, policy.proof_rises) == (2, True)
