"""What the pages make of zones that are no plain blocklist of addresses."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from house import ZONE_TEXT, House
from portal import Clock, Portal

from dnsbl.delist.findings import find, find_good, is_test_entry, zones_that
from dnsbl.name import parse_name
from dnsbl.network import parse
from dnsbl.store import listings
from dnsbl.store.database import Database
from dnsbl.store.listings import Listing

ADDRESS = parse("203.0.113.7")
GOOD = """\
origin = "good.example"
reputation = "good"
nameservers = ["ns1.bl.example"]
hostmaster = "good@bl.example"
[category.trusted]
answer = "127.0.10.3"
text = "[$] is trusted"
"""
NAMES = """\
origin = "names.example"
lists = "names"
nameservers = ["ns1.bl.example"]
hostmaster = "names@bl.example"
[category.phish]
answer = "127.0.7.7"
text = "[$] phishes"
"""
ALL = """\
origin = "all.example"
nameservers = ["ns1.bl.example"]
hostmaster = "hostmaster@bl.example"
include = ["bl.example"]
"""


@pytest.fixture
async def portal(house: House, clock: Clock) -> AsyncIterator[Portal]:
    """A portal with a zone of each kind."""
    for origin, text in (("good", GOOD), ("names", NAMES), ("all", ALL), ("bl", ZONE_TEXT)):
        house.write_zone(text, f"{origin}.example")
    async with Portal(house, clock) as portal:
        yield portal


async def listed(portal: Portal, zone: str, category: str, text: str = "") -> None:
    """Lists ADDRESS in a zone."""
    listing = Listing(zone, ADDRESS, category, "why", listed_at=1, text=text)
    await portal.sidecar.truth.write(listings.add, listing)


async def test_who_is_listed_among_the_good_is_not_blocked(portal: Portal) -> None:
    """The page says that nothing lists the address, and that it is trusted."""
    await listed(portal, "good.example", "trusted")

    page = await portal.fetch("/?ip=203.0.113.7")

    assert "Not listed</span>" in page.text
    assert "Trusted</span> A list of good senders has this address" in page.text
    assert "<b>trusted</b> in good.example" in page.text
    assert '<span class="badge bad">' not in page.text


async def test_who_is_listed_by_both_is_blocked_and_trusted(portal: Portal) -> None:
    """Both are told; only the bad one is to be removed."""
    await listed(portal, "good.example", "trusted")
    await listed(portal, "bl.example", "spam")

    page = await portal.fetch("/?ip=203.0.113.7")

    assert '<span class="badge bad">Listed</span>' in page.text
    assert "Trusted</span>" in page.text
    assert page.text.count('<article class="listing">') == 1


async def test_nobody_is_delisted_from_the_good(portal: Portal, house: House) -> None:
    """Neither a request nor the findings of one know of such a listing."""
    await listed(portal, "good.example", "trusted")

    found = await portal.sidecar.truth.read(find, house.config, ADDRESS, 2)
    good = await portal.sidecar.truth.read(find_good, house.config, ADDRESS, 2)

    assert found == []
    assert [(item.zone.origin, item.category.delist, item.at_once) for item in good] == [
        ("good.example", "never", False)
    ]


async def test_a_text_of_its_own_is_shown(portal: Portal) -> None:
    """What mail servers say is what the listing's TXT record says."""
    await listed(portal, "bl.example", "spam", text="$ hit the trap")

    assert "203.0.113.7 hit the trap" in (await portal.fetch("/?ip=203.0.113.7")).text


async def test_the_policy_tells_of_every_kind(portal: Portal) -> None:
    """Names and the good are no matter of the form, and an aggregate names what it holds."""
    text = (await portal.fetch("/policy")).text

    assert "Answers with what bl.example lists." in text
    assert "A list of good senders" in text
    assert "Lists domain names, which the operator removes, and no form" in text
    assert text.count("Removed on request") == 1


def test_names_and_aggregates_are_none_of_the_portals_business(
    house: House, database: Database
) -> None:
    """A row of the wrong kind is not served, and so does not list; nor are their answers tests."""
    house.write_zone(NAMES, "names.example")
    house.write_zone(ALL, "all.example")
    listings.add(database, Listing("names.example", ADDRESS, "phish"))
    listings.add(database, Listing("names.example", parse_name("example.com"), "phish"))

    assert [zone.origin for zone in zones_that(house.config, "bad")] == ["bl.example"]
    assert find(database, house.config, ADDRESS, 2) == []
    assert is_test_entry(house.config, parse("127.0.0.2"))
    assert not is_test_entry(house.config, parse("127.0.7.7"))
