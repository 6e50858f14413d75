"""What the database's column of networks and names reads back as."""

from __future__ import annotations

import pytest

from dnsbl.errors import DnsblError
from dnsbl.name import Name
from dnsbl.network import Network
from dnsbl.subject import Subject, parse_canonical


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("192.0.2.1/32", Network(4, 0xC0000201, 32)),
        ("2001:db8::/32", Network(6, 0x20010DB8 << 96, 32)),
        ("example.com", Name("example.com", "exact")),
        ("*.example.com", Name("example.com", "below")),
        (".example.com", Name("example.com", "all")),
    ],
)
def test_canonical_text_tells_networks_from_names(text: str, expected: Subject) -> None:
    """A text with a slash is a network, any other a name."""
    assert expected == parse_canonical(text)


@pytest.mark.parametrize(
    "text", ["", ".", "*.", "192.0.2.1", "192.0.2.1/24", "0.0.0.0/0", "2001:db8::1", "Example.com"]
)
def test_what_is_not_canonical_is_refused(text: str) -> None:
    """An address without its length, other spellings, and the whole of either kind are refused."""
    with pytest.raises(DnsblError):
        parse_canonical(text)
