"""How the portal looks: the operator's name, colour, logo and texts reach every page."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from xml.dom import minidom

import pytest
from house import ZONE_TEXT, House
from portal import Clock, Portal

from api import accent
from api.look import Look
from dnsbl.config import Logo

LOGO = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 8 8"><style>*{fill:red}</style></svg>'
BRAND = """\
name = "Läufer <b>& Söhne"
logo = "logo.svg"
accent = "#7c3aed"
texts = { intro = "Our <own> words.", footer = "VAT IT 1", it = { intro = "Parole nostre." } }
"""
ADDRESS = re.compile(r'(?:href|src)="(/static/[^"]*)"')


@pytest.fixture
async def branded(house: House, clock: Clock) -> AsyncIterator[Portal]:
    """A portal that is somebody's."""
    (house.folder / "logo.svg").write_text(LOGO)
    house.write_config(BRAND)
    async with Portal(house, clock) as portal:
        yield portal


async def test_a_page_shows_whose_it_is(branded: Portal) -> None:
    """Name and texts as plain text, the logo without words of its own beside the name."""
    page = (await branded.fetch("/")).text

    assert page.count("Läufer &lt;b&gt;&amp; Söhne") == 2  # the title and the head
    assert '<p class="intro">Our &lt;own&gt; words.</p>' in page
    assert "<p>VAT IT 1</p>" in page
    assert re.search(r'<img src="/static/logo\.svg\?v=[0-9a-f]{12}" alt="">', page)


async def test_the_footer_stands_on_every_page_and_the_intro_on_one(branded: Portal) -> None:
    """A failure's page is a page too."""
    for path in ("/policy", "/nowhere", "/?ip=192.0.2.1"):
        page = (await branded.fetch(path)).text

        assert "<p>VAT IT 1</p>" in page
        assert "Our &lt;own&gt; words." not in page


async def test_texts_are_in_the_pages_language(branded: Portal) -> None:
    """Where the operator wrote them in it; else as they are."""
    italian = (await branded.fetch("/?lang=it")).text
    german = (await branded.fetch("/?lang=de")).text

    assert '<p class="intro">Parole nostre.</p>' in italian
    assert "<p>VAT IT 1</p>" in italian
    assert '<p class="intro">Our &lt;own&gt; words.</p>' in german


async def test_whatever_a_page_refers_to_is_there(branded: Portal) -> None:
    """Style sheets, icon, logo: each of its kind, to be kept for a day."""
    found = ADDRESS.findall((await branded.fetch("/")).text)
    kinds = {}
    for address in found:
        answer = await branded.fetch(address)
        assert answer.status == 200
        assert answer.headers["Cache-Control"] == "public, max-age=86400"
        kinds[address.partition("?")[0]] = answer.headers["Content-Type"]

    assert kinds == {
        "/static/portal.css": "text/css; charset=utf-8",
        "/static/accent.css": "text/css; charset=utf-8",
        "/static/icon.svg": "image/svg+xml",
        "/static/logo.svg": "image/svg+xml",
    }


async def test_a_logo_that_is_opened_by_itself_runs_nothing(branded: Portal) -> None:
    """It has a policy of its own; a style sheet has that of all pages."""
    logo = await branded.fetch("/static/logo.svg")
    style = await branded.fetch("/static/portal.css")
    policy = "default-src 'none'; style-src 'unsafe-inline'; sandbox"

    assert logo.text == LOGO
    assert logo.headers.getall("Content-Security-Policy") == [policy]
    assert "script-src" not in style.headers["Content-Security-Policy"]
    assert style.headers["Content-Security-Policy"].startswith("default-src 'none'; style-src 'sel")


async def test_the_accent_is_the_operators(branded: Portal) -> None:
    """In the style sheet and in the icon."""
    sheet = (await branded.fetch("/static/accent.css")).text
    icon = (await branded.fetch("/static/icon.svg")).text

    assert sheet == accent.style_sheet("#7c3aed")
    assert accent.light("#7c3aed").plain in icon
    assert "#0b6b62" not in icon
    minidom.parseString(icon)  # noqa: S318  # our own


async def test_who_has_a_file_is_not_sent_it_again(portal: Portal) -> None:
    """304 without a body for its mark, the whole for another."""
    first = await portal.fetch("/static/accent.css")
    mark = first.headers["ETag"]
    again = await portal.fetch("/static/accent.css", headers={"If-None-Match": mark})
    other = await portal.fetch("/static/accent.css", headers={"If-None-Match": '"other"'})

    assert (again.status, again.text, again.headers["ETag"]) == (304, "", mark)
    assert again.headers["Cache-Control"] == "public, max-age=86400"
    assert (other.status, other.text) == (200, first.text)


async def test_no_other_file_is_served(portal: Portal) -> None:
    """A logo where there is none, a folder, a file outside."""
    for path in (
        "logo.svg",
        "logo.png",
        "",
        "../app.py",
        "%2e%2e/app.py",
        "portal.css/",
        "x" * 999,
    ):
        assert (await portal.fetch(f"/static/{path}")).status == 404


async def test_without_a_name_the_page_is_the_zones(portal: Portal) -> None:
    """And a square in the accent stands for the logo."""
    page = (await portal.fetch("/")).text

    assert '<span class="mark" aria-hidden="true"></span>' in page
    assert "<span>bl.example</span>" in page
    assert "<img" not in page


def test_an_address_changes_with_what_is_there(house: House) -> None:
    """So a browser that has the old file asks for the new one."""
    house.write_zone(ZONE_TEXT)
    config = house.config.portal
    house.write_config('accent = "#7c3aed"')
    (house.folder / "logo.png").write_bytes(b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + bytes(17))
    other = house.config.portal
    before, after = Look(config), Look(other)

    assert before.style.address == after.style.address
    assert before.accent.address != after.accent.address
    assert before.icon.address != after.icon.address
    assert before.logo is None


def test_a_picture_is_called_by_its_kind(house: House) -> None:
    """A PNG is sent as one, whatever its file was called."""
    (house.folder / "logo").write_bytes(b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + bytes(17))
    house.write_config('logo = "logo"')
    logo = Look(house.config.portal).logo

    assert isinstance(house.config.portal.logo, Logo)
    assert logo is not None
    assert (logo.name, logo.content_type) == ("logo.png", "image/png")
