"""What the compiled path is given of a zone."""

from __future__ import annotations

from dataclasses import replace

import pytest
from house import House

from dnsbl.config.zonefile import NAMESERVERS_MAX
from dnsbl.wire.message import HEADER_BYTES
from dnsbl.zone.plan import plan
from dnsbl.zone.zone import Zone


def zone(house: House, nameservers: list[str], hostmaster: str) -> Zone:
    """The house's zone with other names in it, some of which a zone file may not have."""
    config = house.config.zones[0]
    return Zone(replace(config, nameservers=tuple(nameservers), hostmaster=hostmaster))


@pytest.mark.parametrize("label", ["a", "aaa", "x", "xyz", "b"])
def test_names_like_the_samples_are_no_trouble(house: House, label: str) -> None:
    """A plan comes from samples; names that those would compress are passed over."""
    names = [f"{label}.bl.example", f"ns.{label}.bl.example"]

    made = plan(zone(house, names, f"{label}@bl.example"))

    assert label.encode() in made.left
    assert made.origin == b"\x02bl\x07example\x00"


def test_there_is_a_sample_for_every_zone(house: House) -> None:
    """As many name servers as a zone may have, each with a name of one letter."""
    letters = "abcdefghijklmnopqrstuvwxyz012345"
    assert len(letters) == NAMESERVERS_MAX

    made = plan(zone(house, [f"{letter}.bl.example" for letter in letters], "z6@bl.example"))

    assert len(made.left) == NAMESERVERS_MAX + 1
    assert all(made.authority[at] & 0xC0 == 0xC0 for at in made.pointers)
    assert int.from_bytes(made.authority[:2], "big") & 0x3FFF == HEADER_BYTES
