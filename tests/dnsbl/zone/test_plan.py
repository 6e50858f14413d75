"""What the compiled path is given of a zone."""

from __future__ import annotations

import pytest
from house import ZONE_TEXT, House

from dnsbl.config.zonefile import NAMESERVERS_MAX
from dnsbl.wire.message import HEADER_BYTES
from dnsbl.zone.plan import plan
from dnsbl.zone.zone import Zone


def zone_text(nameservers: list[str], hostmaster: str) -> str:
    """The house's zone with other names in it."""
    names = ", ".join(f'"{name}"' for name in nameservers)
    return ZONE_TEXT.replace('"ns1.bl.example"', names).replace(
        '"hostmaster@bl.example"', f'"{hostmaster}"'
    )


@pytest.mark.parametrize("label", ["a", "aaa", "x", "xyz", "b"])
def test_names_like_the_samples_are_no_trouble(house: House, label: str) -> None:
    """A plan comes from samples; names that those would compress are passed over."""
    house.write_zone(
        zone_text([f"{label}.bl.example", f"ns.{label}.bl.example"], f"{label}@bl.example")
    )

    made = plan(Zone(house.config.zones[0]))

    assert label.encode() in made.left
    assert made.origin == b"\x02bl\x07example\x00"


def test_there_is_a_sample_for_every_zone(house: House) -> None:
    """As many name servers as a zone may have, each with a name of one letter."""
    letters = "abcdefghijklmnopqrstuvwxyz012345"
    assert len(letters) == NAMESERVERS_MAX
    house.write_zone(zone_text([f"{letter}.bl.example" for letter in letters], "z6@bl.example"))

    made = plan(Zone(house.config.zones[0]))

    assert len(made.left) == NAMESERVERS_MAX + 1
    assert all(made.authority[at] & 0xC0 == 0xC0 for at in made.pointers)
    assert int.from_bytes(made.authority[:2], "big") & 0x3FFF == HEADER_BYTES
