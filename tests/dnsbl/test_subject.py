"""What the database's column of networks and names reads back as."""

from __future__ import annotations

import pytest

from dnsbl.errors import DnsblError
from dnsbl.name import Name
from dnsbl.network import Network, NetworkError, NotListableError
from dnsbl.subject import Subject, check_listable, is_address_like, parse, parse_canonical


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


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("192.0.2.1", True), ("192.0.2", True), ("2001:db8::", True), ("a/b", True), ("", True),
        ("example.com", False), (".1a", False), ("*.example.com", False), ("7.example", False),
    ],
)  # fmt: skip
def test_what_is_meant_as_an_address_is_told_by_its_look(text: str, expected: bool) -> None:  # noqa: FBT001
    """Digits and dots, a colon or a slash: no name has them, however wrong the address is."""
    assert expected == is_address_like(text)


def test_an_address_without_its_length_is_told_how_to_be_written() -> None:
    """Who writes rows by hand learns the canonical form."""
    with pytest.raises(NetworkError, match=r"write 192\.0\.2\.1/32"):
        parse_canonical("192.0.2.1")


def test_what_a_person_writes_is_told_by_its_look() -> None:
    """An address and a network are networks, whatever else is a name."""
    expected = ["192.0.2.1/32", "2001:db8::/32", "example.com", "*.example.com"]
    written = ["192.0.2.1", "2001:DB8::/32", "Example.COM.", "*.example.com"]

    assert expected == [str(parse(text)) for text in written]


@pytest.mark.parametrize("text", ["*.com", ".zip", "10.0.0.1", "127.0.0.1"])
def test_a_slip_of_the_pen_lists_no_half_of_the_world(text: str) -> None:
    """All of a top-level domain, like reserved space, is listed only if that is meant."""
    with pytest.raises(NotListableError, match="--force lists it all the same"):
        check_listable(parse(text))

    check_listable(parse(text), force=True)


@pytest.mark.parametrize("text", ["com", "example.com", "*.example.com", ".co.uk", "192.0.2.1"])
def test_what_is_narrower_may_be_listed(text: str) -> None:
    """A name of one label alone, and whatever has more of them."""
    check_listable(parse(text))
