"""What the zones take of the database."""

from __future__ import annotations

import structlog.testing
from house import House

from dnsbl.network import Network, parse
from dnsbl.store.journal import Change
from dnsbl.verdict import Entry
from dnsbl.zone.contents import Contents
from dnsbl.zone.skipped import SkippedRows

ZONE = "bl.example"
NOW = 1_800_000_000


def added(seq: int, network: Network, zone: str = ZONE, category: str = "spam") -> Change:
    """A listing that is there."""
    entry = Entry(network, category, excludes=False, expires_at=None)
    return Change(seq, zone, "listing", category, network, entry)


def gone(seq: int, network: Network, zone: str = ZONE) -> Change:
    """A listing that is there no more."""
    return Change(seq, zone, "listing", "spam", network, None)


def test_change_may_come_twice_and_late(house: House) -> None:
    """A change carries the row's present state, so that applying it again does no harm."""
    contents = Contents(house.config.zones, SkippedRows())
    network = parse("192.0.2.7")

    for change in (added(5, network), added(5, network), gone(6, network), gone(6, network)):
        contents.apply(change, NOW)

    assert (len(contents.radixes[ZONE]), contents.serials[ZONE]) == (0, 6)


def test_serial_counts_rows_that_cannot_be_served(house: House) -> None:
    """As the database counts them: after a restart the serial is the same."""
    contents = Contents(house.config.zones, SkippedRows())

    with structlog.testing.capture_logs() as logs:
        contents.apply(added(7, parse("192.0.2.7"), category="unheard-of"), NOW)
        contents.apply(added(8, parse("192.0.2.7"), zone="elsewhere.example"), NOW)
        contents.apply(gone(9, parse("192.0.2.7"), zone="elsewhere.example"), NOW)

    assert contents.serials == {ZONE: 7}
    assert [line["event"] for line in logs] == ["row_skipped", "row_skipped"]
