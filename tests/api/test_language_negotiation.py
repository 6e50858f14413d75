"""Which language a page is in, and that it stays so along the way."""

from __future__ import annotations

import random
import time

import pytest
from house import House
from portal import LISTED, SENDER, Clock, Portal

from api.negotiation import accepted, settled
from dnsbl.config import ConfigError
from dnsbl.config.language import LANGUAGES
from dnsbl.store import requests


@pytest.mark.parametrize(
    ("header", "tag"),
    [
        ("it", "it"),
        ("de-AT,de;q=0.9,en;q=0.5", "de"),
        ("IT-ch ; q=0.8", "it"),
        ("en;q=0.5, it;q=0.9", "it"),
        ("it;q=0.5, fr;q=0.5", "it"),
        ("fr, it", "fr"),
        ("ja, es;q=0.3", "es"),
        ("ja", "en"),
        ("*", "en"),
        ("fr;q=0.3, *;q=0.5", "en"),
        ("de, *;q=0.5", "de"),
        ("en;q=0, *", "de"),
        ("it;q=0", "en"),
        ("it;q=0.000", "en"),
        ("en;q=0, de;q=0, es;q=0, fr;q=0, it;q=0", "en"),
        ("it;q=1.000", "it"),
        ("", "en"),
    ],
)
def test_the_browsers_wish_is_met(header: str, tag: str) -> None:
    """RFC 9110 §12.5.4: by weight, then by order; a region is content with its language."""
    assert accepted([header], "en") == tag


@pytest.mark.parametrize(
    "header",
    [
        "it;q=2",
        "it;q=-1",
        "it;q=0.1234",
        "it;q=",
        "it;level=1",
        "it q=1",
        "\N{FULLWIDTH LATIN SMALL LETTER I}t",
        "it\x00",
        ";;;,,,===",
        "-it",
        "x" * 10_000,
        "," * 10_000 + "it",
        "ja," * 3000 + "it",
        "it-" * 3000,
    ],
)
def test_junk_counts_as_nothing_said(header: str) -> None:
    """What is no language range is passed over, and so is what lies far out."""
    assert accepted([header], "fr") == "fr"


def test_several_headers_are_one() -> None:
    """RFC 9110 §5.3: in their order, as if they were one."""
    assert accepted(["ja", "it;q=0.4"], "en") == "it"


def test_any_header_gets_a_language_soon() -> None:
    """10,000 characters of anything: an answer from our languages, in a few ms."""
    chance = random.Random(7)
    began_at = time.process_time()

    for _ in range(200):
        header = "".join(chance.choices("itdefrsn*;q=0.19,- \t\xff", k=10_000))
        assert accepted([header], "en") in LANGUAGES

    assert time.process_time() - began_at < 4


@pytest.mark.parametrize(
    ("path", "header", "tag"),
    [
        ("/", None, "en"),
        ("/", "it", "it"),
        ("/?lang=de", "it", "de"),
        ("/?lang=xx", "it", "it"),
        ("/?lang=", "it", "it"),
        (f"/?lang={'x' * 4000}", None, "en"),
        ("/?lang=%3Cscript%3E", None, "en"),
        ("/policy?lang=fr", None, "fr"),
        ("/nowhere?lang=es", None, "es"),
        ("/status/nobodys", "it", "it"),
    ],
)
async def test_a_page_is_in_the_language_that_was_asked_for(
    portal: Portal, path: str, header: str | None, tag: str
) -> None:
    """The address before the browser's wish; both said in headers; failures too."""
    page = await portal.fetch(path, headers={} if header is None else {"Accept-Language": header})

    assert page.headers["Content-Language"] == tag
    assert page.headers["Vary"] == "Accept-Language"
    assert f'<html lang="{tag}">' in page.text
    assert "<script" not in page.text


async def test_the_configured_language_is_for_those_who_say_nothing(
    house: House, clock: Clock
) -> None:
    """`portal.language`, unless the browser or the visitor wishes another."""
    text = house.file.read_text()
    house.file.write_text(text.replace("[portal]", '[portal]\nlanguage = "it"'))
    async with Portal(house, clock) as portal:
        silent = await portal.fetch("/")
        wished = await portal.fetch("/", headers={"Accept-Language": "fr"})

    assert silent.headers["Content-Language"] == "it"
    assert wished.headers["Content-Language"] == "fr"


def test_a_language_that_there_is_not_is_an_error_of_the_configuration(house: House) -> None:
    """It names the key, and the languages that there are."""
    text = house.file.read_text()
    house.file.write_text(text.replace("[portal]", '[portal]\nlanguage = "xx"'))

    with pytest.raises(ConfigError, match=r'portal\.language: expected one of "en", "de"'):
        _ = house.config


def test_a_request_in_a_language_that_is_gone_is_answered_in_ours(house: House) -> None:
    """Rows of an older or a newer version may name any."""
    assert settled("xx", house.config).tag == "en"
    assert settled("it", house.config).tag == "it"


async def test_a_chosen_language_is_carried_on(portal: Portal) -> None:
    """By links and forms of the page, without a cookie; the request is kept in it."""
    await portal.add(LISTED)

    first = await portal.fetch("/?lang=it")
    looking, asking = first.form("Cerca"), first.form("Invia")
    found = await portal.fetch(f"{looking.action}?lang={looking.fields['lang']}&address={LISTED}")
    wrong = await portal.fetch(asking.action, asking.fields | {"ip": "x", "email": SENDER})
    again = wrong.form("Invia")
    asked = await portal.fetch(again.action, again.fields | {"ip": LISTED, "email": SENDER})

    assert 'href="/policy?lang=it"' in first.text
    assert "Set-Cookie" not in first.headers
    assert "In lista</span>" in found.text
    assert wrong.status == 422
    assert "x non è un indirizzo IP" in wrong.text
    assert asked.status == 303
    (kept,) = await portal.sidecar.truth.read(requests.of_address, LISTED, 9)
    assert kept.language == "it"


async def test_nothing_is_carried_where_the_browser_says_it_anyway(portal: Portal) -> None:
    """Addresses stay plain for those who never touch the switch."""
    page = await portal.fetch("/", headers={"Accept-Language": "it"})

    assert page.headers["Content-Language"] == "it"
    assert 'href="/policy"' in page.text
    assert page.form("Invia").action == "/"


async def test_the_switch_offers_the_same_page_in_each_language(portal: Portal) -> None:
    """With what was asked for, and nothing that could lead elsewhere."""
    await portal.add(LISTED)

    page = await portal.fetch(f"/?ip={LISTED}&x=%22%3E%3Cb%3E")
    lost = await portal.fetch("//evil.example/")

    for tag in LANGUAGES:
        assert f'href="?ip={LISTED}&amp;x=%22%3E%3Cb%3E&amp;lang={tag}"' in page.text
        assert f'href="?lang={tag}"' in lost.text
    assert "//evil.example" not in lost.text


async def test_the_switch_carries_on_a_bounded_number_of_fields(portal: Portal) -> None:
    """Of an address that somebody filled up, a page repeats little."""
    many = "&".join(f"f{number}={'x' * 700}" for number in range(10))

    page = await portal.fetch(f"/policy?{many}&{'n' * 500}=1")

    assert "f7=" in page.text
    assert "f8=" not in page.text
    assert "x" * 321 not in page.text
    assert "n" * 33 not in page.text


async def test_pages_of_a_request_speak_its_language(portal: Portal) -> None:
    """Whatever browser opens the link of the mail; the switch still works there."""
    await portal.add(LISTED)
    form = (await portal.fetch("/?lang=it")).form("Invia")
    asked = await portal.fetch(form.action, form.fields | {"ip": LISTED, "email": SENDER})
    german = {"Accept-Language": "de"}

    status = await portal.fetch(asked.location, headers=german)
    switched = await portal.fetch(f"{asked.location}?lang=fr", headers=german)

    assert status.headers["Content-Language"] == "it"
    assert 'href="/?lang=it"' in status.text
    assert switched.headers["Content-Language"] == "fr"
