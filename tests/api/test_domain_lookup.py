"""The look-up page for a domain name: what it tells, and that it offers no form."""

from __future__ import annotations

from collections.abc import AsyncIterator
from urllib.parse import quote, urlencode

import pytest
from house import ZONE_TEXT, House
from portal import START, Clock, Page, Portal

from api.portal.domain import parse_domain
from dnsbl.name import parse_name
from dnsbl.store import exclusions, listings
from dnsbl.store.exclusions import Exclusion
from dnsbl.store.listings import Listing

DAY_S = 86_400
NAMES = """\
origin = "names.example"
lists = "names"
nameservers = ["ns1.bl.example"]
hostmaster = "names@bl.example"
[category.phish]
answer = "127.0.7.7"
text = "[$] phishes"
[category.spam]
answer = "127.0.7.8"
text = "[$] is in spam"
"""
GOOD = NAMES.replace("names.example", "goodnames.example", 1).replace(
    'lists = "names"', 'lists = "names"\nreputation = "good"'
)


@pytest.fixture
async def portal(house: House, clock: Clock) -> AsyncIterator[Portal]:
    """A portal with lists of addresses and of names."""
    for origin, text in (("names", NAMES), ("goodnames", GOOD), ("bl", ZONE_TEXT)):
        house.write_zone(text, f"{origin}.example")
    async with Portal(house, clock) as portal:
        yield portal


async def add(
    portal: Portal, name: str, category: str = "phish", *, zone: str = "names.example",
    reason: str = "A page that asks for passwords", expires_at: int | None = START + 5 * DAY_S,
) -> None:  # fmt: skip
    """Lists a name."""
    listing = Listing(
        zone, parse_name(name), category, reason, listed_at=START - DAY_S, expires_at=expires_at
    )
    await portal.sidecar.truth.write(listings.add, listing)


def told(page: Page) -> str:
    """The page's content, as one line."""
    return " ".join(page.text.partition("<main")[2].partition("</main>")[0].split())


async def test_a_listed_name_is_told_in_full(portal: Portal) -> None:
    """Zone, category, reason, since when, until when, what mail servers say, whom to write to."""
    await add(portal, "spammer.example", reason="asks for <passwords>")

    page = await portal.fetch("/?ip=spammer.example")

    assert page.status == 200
    text = told(page)
    assert '<span class="badge bad">Listed</span> <span class="address">spammer.example</' in text
    assert 'phish <span class="quiet">in names.example</span>' in text
    assert "asks for &lt;passwords&gt;" in text
    assert "14 January 2027, 08:00 UTC" in text
    assert "By itself, " in text
    assert "20 January 2027, 08:00 UTC" in text
    assert "[spammer.example] phishes" in text
    assert "Domain names are removed by the operator" in text
    assert "names@bl.example" in text


@pytest.mark.parametrize("name", ["spammer.example", "other.example", "test"])
async def test_no_name_is_offered_a_request(portal: Portal, name: str) -> None:
    """Listed or not: another look is all that the page has a form for."""
    await add(portal, "spammer.example")

    page = await portal.fetch(f"/?ip={name}")

    assert page.status == 200
    assert not page.has_button("Submit")
    assert page.form("Look up").fields == {"address": ""}
    assert 'name="email"' not in page.text


async def test_a_name_that_is_not_listed(portal: Portal) -> None:
    """No list of names has it; one of addresses is not meant."""
    await portal.add("203.0.113.7")

    text = told(await portal.fetch("/?ip=other.example"))

    assert "Not listed</span>" in text
    assert "No list of domain names served here lists this name" in text
    assert "Not listed</span>" not in told(await portal.fetch("/?ip=203.0.113.7"))


@pytest.mark.parametrize(
    ("listed", "asked", "said"),
    [
        ("*.spammer.example", "www.spammer.example", "Every name below spammer.example."),
        (".spammer.example", "spammer.example", "spammer.example and every name below it."),
        ("spammer.example", "www.spammer.example", None),
        ("*.spammer.example", "spammer.example", None),
    ],
)
async def test_what_covers_a_name_is_found(
    portal: Portal, listed: str, asked: str, said: str | None
) -> None:
    """As the zone itself finds it: a listing of all that lies below, and of one name alone."""
    await add(portal, listed)

    text = told(await portal.fetch(f"/?ip={asked}"))

    assert ("Listed</span>" in text) == (said is not None)
    if said is not None:
        assert said in text


async def test_an_exclusion_decides_and_time_does(portal: Portal) -> None:
    """One name taken out of a listed domain; a listing that has had its time."""
    await add(portal, ".spammer.example")
    exclusion = Exclusion("names.example", parse_name("mail.spammer.example"), "", "in order")
    await portal.sidecar.truth.write(exclusions.exclude, exclusion)

    excluded = told(await portal.fetch("/?ip=mail.spammer.example"))
    covered = told(await portal.fetch("/?ip=www.spammer.example"))
    portal.clock.at += 5 * DAY_S
    late = told(await portal.fetch("/?ip=www.spammer.example"))

    assert "Not listed</span>" in excluded
    assert "Not listed</span>" not in covered
    assert "Not listed</span>" in late


async def test_each_category_and_the_good_are_told(portal: Portal) -> None:
    """Every listing has its part of the page; to be trusted is said beside it."""
    await add(portal, "both.example")
    await add(portal, "both.example", "spam", reason="in mails to traps")
    await add(portal, "both.example", zone="goodnames.example")

    text = told(await portal.fetch("/?ip=both.example"))

    assert text.count('<article class="listing">') == 2
    assert "<b>phish</b> in goodnames.example" in text


async def test_an_international_name_is_asked_as_it_is_listed(portal: Portal) -> None:
    """In Unicode, of any case, with or without the last dot: its A-labels are what is listed."""
    await add(portal, "xn--bcher-kva.example")

    for asked in (
        "bücher.example",
        "BÜCHER.Example.",
        "xn--bcher-kva.example",
        " XN--BCHER-KVA.example",
    ):
        text = told(await portal.fetch(f"/?ip={quote(asked)}"))
        assert '<span class="badge bad">Listed</span>' in text
        assert '<span class="address">xn--bcher-kva.example</span>' in text


@pytest.mark.parametrize(
    "text",
    ["*.spammer.example", ".spammer.example", "a b.example", "<b>.example", "x" * 300, "ü" * 300,
     "ab..example", "203.0.113.7.9", "2001:db8::g", "-\u200d.example", "http://a.example/", "."],
)  # fmt: skip
async def test_what_is_neither_is_told_so(portal: Portal, text: str) -> None:
    """A sentence beside the field, and nothing else is made of it."""
    page = await portal.fetch(f"/?{urlencode({'address': text})}")

    assert page.status == 400
    assert "is neither an IP address nor a domain name" in page.text
    assert "<b>.example" not in page.text


async def test_without_lists_of_names_a_name_is_no_address(house: House, clock: Clock) -> None:
    """Nobody is told that a name is not listed where none could be."""
    house.write_zone(ZONE_TEXT)
    async with Portal(house, clock) as portal:
        page = await portal.fetch("/?ip=spammer.example")

    assert page.status == 400
    assert "spammer.example is not an IP address" in page.text
    assert "Address to look up" in page.text


async def test_an_address_is_still_an_address(portal: Portal) -> None:
    """The page of addresses, with its form, whatever else is served."""
    await portal.add("203.0.113.7")

    page = await portal.fetch("/?ip=203.0.113.7")

    assert page.has_button("Submit")
    assert "Address or domain to look up" in (await portal.fetch("/")).text


async def test_the_policy_says_who_removes_names(portal: Portal) -> None:
    """The operator, and no form."""
    text = told(await portal.fetch("/policy"))

    assert "Lists domain names, which the operator removes, and no form" in text


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Spammer.Example.", "spammer.example"),
        ("bücher.example", "xn--bcher-kva.example"),
        ("faß.example", "xn--fa-hia.example"),
        ("a_b.example", "a_b.example"),
        ("203.0.113", None),
        ("bücher..example", None),
        ("x" * 64 + ".example", None),
    ],
)
def test_a_text_is_one_name_or_none(text: str, name: str | None) -> None:
    """Case, the last dot and IDNA 2008 aside."""
    assert parse_domain(text) == (None if name is None else parse_name(name))
