"""What the labels below a zone's origin ask about."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnsbl.network import IPV4, IPV6, Network, parse_address
from dnsbl.wire.names import readings


def read(name: str) -> list[str]:
    """The readings of a name, as texts."""
    return [str(network) for network in readings(tuple(name.encode().split(b".")))]


@pytest.mark.parametrize(
    ("name", "networks"),
    [
        ("4.3.2.1", ["1.2.3.4/32", "1234::/16"]),
        ("254.3.2.1", ["1.2.3.254/32"]),
        ("3.2.1", ["1.2.3.0/24", "1230::/12"]),
        ("10", ["10.0.0.0/8"]),
        ("1", ["1.0.0.0/8", "1000::/4"]),
        ("a", ["a000::/4"]),
        ("8.b.d.0.1.0.0.2", ["2001:db8::/32"]),
        ("8.B.D.0.1.0.0.2", ["2001:db8::/32"]),
        ("5.4.3.2.1", ["1234:5000::/20"]),
    ],
)
def test_labels_name_prefixes(name: str, networks: list[str]) -> None:
    """Octets or nibbles from the last to the first; up to four labels can be both."""
    assert read(name) == networks


@pytest.mark.parametrize(
    "name",
    ["04.3.2.1", "4.3.2.256", "www", "4.3.2.-1", "4.3.2.1.10", "+4.3.2.1", "x.4.3.2.1", "1_0",
     "٣", "0x1", "1 ", "00"],
)  # fmt: skip
def test_other_names_ask_about_nothing(name: str) -> None:
    """Leading zeros, numbers over 255, signs, other alphabets and words are no addresses."""
    assert read(name) == []


def test_names_below_a_whole_address_ask_about_nothing() -> None:
    """RFC 8020: nothing is below a /128."""
    address = parse_address("2001:db8::1")
    labels = tuple(label.encode() for label in address.reverse_labels)

    assert readings(labels) == (address,)
    assert readings((b"0", *labels)) == ()


@pytest.mark.parametrize(
    ("labels", "networks"), [(32, ["127.0.0.2/32"]), (26, ["127.0.0.0/8"]), (25, ["112.0.0.0/4"]),
                             (24, ["0.0.0.0/0"]), (23, ["::fff0:0:0/92", "0.0.0.0/0"]),
                             (5, ["::/20", "0.0.0.0/0"])],
)  # fmt: skip
def test_mapped_names_are_read_as_ipv4(labels: int, networks: list[str]) -> None:
    """RFC 5782 §5: ::ffff:7f00:2 is 127.0.0.2, and what stands above it covers IPv4 too."""
    reverse = Network(IPV6, 0xFFFF7F000002, 128).reverse_labels[-labels:]

    assert read(".".join(reverse)) == networks


@given(st.integers(0, 2**32 - 1), st.integers(1, 4))
def test_every_ipv4_name_is_read_back(bits: int, labels: int) -> None:
    """The labels of an address, or the last of them, name it or the prefix above it."""
    reverse = Network(IPV4, bits, 32).reverse_labels[4 - labels :]
    expected = ipaddress.ip_network((bits, 8 * labels), strict=False)

    assert read(".".join(reverse))[0] == str(expected)


@given(st.integers(0, 2**128 - 1), st.integers(5, 32))
def test_every_ipv6_name_is_read_back(bits: int, labels: int) -> None:
    """The same for nibbles, but for those of IPv4 addresses in IPv6 clothes."""
    bits |= 1 << 127
    reverse = Network(IPV6, bits, 128).reverse_labels[32 - labels :]
    expected = ipaddress.ip_network((bits, 4 * labels), strict=False)

    assert read(".".join(reverse)) == [str(expected)]
