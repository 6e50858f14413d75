"""Who asks, and who merely claims to."""

from __future__ import annotations

import pytest
from aiohttp.test_utils import make_mocked_request
from multidict import CIMultiDict

from api.client_address import client_network, shortened
from dnsbl.network import parse

PROXIES = (parse("10.0.0.0/8"), parse("2001:db8:f::/48"))


@pytest.mark.parametrize(
    ("peer", "forwarded_for", "client"),
    [
        ("192.0.2.1", [], "192.0.2.1/32"),
        ("2001:db8:1:2:3::4", [], "2001:db8:1:2::/64"),
        ("::ffff:192.0.2.1", [], "192.0.2.1/32"),
        ("fe80::1%eth0", [], "fe80::/64"),
        # a stranger's claim
        ("192.0.2.1", ["198.51.100.1"], "192.0.2.1/32"),
        # a proxy's word, from the right
        ("10.0.0.1", ["198.51.100.1"], "198.51.100.1/32"),
        ("10.0.0.1", ["6.6.6.6, 198.51.100.1"], "198.51.100.1/32"),
        ("10.0.0.1", ["6.6.6.6", "198.51.100.1, 10.0.0.2"], "198.51.100.1/32"),
        ("2001:db8:f::1", ["[2001:db8:9::1]:4711"], "2001:db8:9::/64"),
        ("10.0.0.1", ["198.51.100.1:4711"], "198.51.100.1/32"),
        # where the word cannot be read, the last hop that can
        ("10.0.0.1", ["198.51.100.1, unknown"], "10.0.0.1/32"),
        ("10.0.0.1", [""], "10.0.0.1/32"),
        ("10.0.0.1", [], "10.0.0.1/32"),
        ("10.0.0.1", ["10.0.0.9"], "10.0.0.9/32"),
        ("10.0.0.1", ["6.6.6.6," * 2000 + "198.51.100.1"], "198.51.100.1/32"),
        ("", [], "0.0.0.0/32"),
    ],
)
def test_the_client_is_the_last_hop_that_no_trusted_proxy_vouches_past(
    peer: str, forwarded_for: list[str], client: str
) -> None:
    """X-Forwarded-For counts only from a trusted peer, walked from the right."""
    headers = CIMultiDict(("X-Forwarded-For", value) for value in forwarded_for)
    request = make_mocked_request("GET", "/", headers=headers).clone(remote=peer)

    found = client_network(request, PROXIES)

    assert str(found) == client


@pytest.mark.parametrize(
    ("client", "shown"),
    [("192.0.2.77/32", "192.0.2.0/24"), ("2001:db8:1:2::/64", "2001:db8:1::/48")],
)
def test_a_mail_shows_a_client_by_its_network(client: str, shown: str) -> None:
    """Enough to know oneself by, not enough to find another."""
    assert str(shortened(parse(client))) == shown
