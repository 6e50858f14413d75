"""What counts as an address of the public Internet."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnsbl.config.destination import is_public

PUBLIC = ("9.9.9.9", "1.1.1.1", "2620:fe::fe", "2a00:1450::1", "64:ff9b::9.9.9.9", "::ffff:9.9.9.9",
          "2002:909:909::1")  # fmt: skip
NOT_PUBLIC = (
    "127.0.0.1", "127.255.255.254", "0.0.0.0", "10.0.0.1", "172.16.0.1", "172.31.255.255",
    "192.168.0.1", "169.254.169.254", "100.64.0.1", "100.127.255.255", "192.0.0.8", "192.0.2.1",
    "192.88.99.1", "198.18.0.1", "198.51.100.1", "203.0.113.1", "224.0.0.1", "239.1.1.1",
    "240.0.0.1", "255.255.255.255",
    "::", "::1", "::127.0.0.1", "fe80::1", "fe80::1%eth0", "2620:fe::fe%1", "fec0::1", "fc00::1",
    "fd00:ec2::254", "ff02::1", "ff0e::1", "2001:db8::1", "100::1",
    "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "::ffff:224.0.0.1",
    "64:ff9b::127.0.0.1", "64:ff9b::10.0.0.1", "64:ff9b:1::9.9.9.9", "2002:7f00:1::",
    "2002:a00:1::1", "2001:0:4136:e378:8000:63bf:3fff:fdd2", "3fff::1", "2001:20::1",
    "4000::1", "e000::1",
)  # fmt: skip


@pytest.mark.parametrize("text", PUBLIC)
def test_addresses_of_the_internet_are_public(text: str) -> None:
    """What is routed everywhere may be sent to, also as IPv6 that leads to IPv4."""
    assert is_public(text)


@pytest.mark.parametrize("text", NOT_PUBLIC)
def test_other_addresses_are_not(text: str) -> None:
    """Loopback, private, link-local, shared, reserved, multicast, documentation; hidden or not."""
    assert not is_public(text)


@given(st.ip_addresses(v=4))
def test_hiding_changes_nothing(address: ipaddress.IPv4Address) -> None:
    """An IPv4 address is as public mapped into IPv6, or by NAT64, as it is by itself."""
    public = is_public(str(address))

    assert [is_public(f"::ffff:{address}"), is_public(f"64:ff9b::{address}")] == [public, public]


@pytest.mark.parametrize("text", ["", "localhost", "127.1", "0x7f.1", "2130706433", "1.2.3.4:80"])
def test_what_is_no_literal_address_is_an_error(text: str) -> None:
    """Other spellings of an address are names to be looked up, and are checked after that."""
    with pytest.raises(ValueError, match="does not appear to be"):
        is_public(text)
