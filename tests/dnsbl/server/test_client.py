"""Who asks."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnsbl.network import parse
from dnsbl.server.client import client_of, site_of


@pytest.mark.parametrize(
    ("peer", "expected"),
    [
        (("192.0.2.7", 53), "192.0.2.7/32"),
        (("2001:db8::7", 53, 0, 0), "2001:db8::7/128"),
        (("::ffff:192.0.2.7", 53, 0, 0), "192.0.2.7/32"),
        (("fe80::1%eth0", 53, 0, 2), "fe80::1/128"),
    ],
)
def test_an_address_of_a_socket_is_a_network(peer: tuple[object, ...], expected: str) -> None:
    """Of one address, and IPv4 where it is that."""
    assert str(client_of(peer)) == expected


@given(st.ip_addresses())
def test_every_address_is_one(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> None:
    """The same that parsing its text gives."""
    assert client_of((str(address), 53)) == parse(str(address))


def test_a_site_is_an_address_or_a_64() -> None:
    """So much is one client's."""
    sites = [str(site_of(parse(text))) for text in ("192.0.2.7", "2001:db8::7")]

    assert sites == ["192.0.2.7/32", "2001:db8::/64"]
