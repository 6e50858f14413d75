"""A zone with one listing, and what answers for it."""

from __future__ import annotations

import pytest
from house import House

from dnsbl.network import parse
from dnsbl.server.counters import Counters
from dnsbl.server.respond import Responder
from dnsbl.verdict import Entry
from dnsbl.zone.zones import Zones


@pytest.fixture
def zones(house: House) -> Zones:
    """The house's zone; 192.0.2.7 is listed in it."""
    zones = Zones(house.config.zones)
    for zone in zones:
        zone.radix.put(Entry(parse("192.0.2.7"), "spam", excludes=False, expires_at=None))
    return zones


@pytest.fixture
def responder(zones: Zones) -> Responder:
    """Answers out of the zone, and counts."""
    return Responder(zones, Counters())
