"""A wait, and what pages and mails say of it: while it lasts, at its end, after the request's.

One address is listed twice: as spam, which a press takes off at once, and as bots, which it was
delisted from lately, so that it has to wait for a day.
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import AsyncIterator

import pytest
from house import ZONE_TEXT, House
from mailserver import link_in_file
from portal import LISTED, PATIENCE_S, SENDER, START, Clock, Portal

from api import expiry
from dnsbl.delist.ruling import Ruling, rule
from dnsbl.network import parse
from dnsbl.store import delistings, listings, outbox
from dnsbl.store.outbox import Mail
from dnsbl.store.request_states import State

DAY_S = 86_400
WEEK_S = 7 * DAY_S
KEPT = "What was removed before that stays removed; nothing else was changed."
NOTHING = "Nothing was changed."
TWO = (
    ZONE_TEXT
    + """
[category.bots]
answer = "127.0.0.4"
text = "A bot"
delist = "self"
"""
)


@pytest.fixture
async def portal(house: House, clock: Clock) -> AsyncIterator[Portal]:
    """A portal that writes mails into files; its zone has the two categories."""
    house.write_zone(TWO)
    async with Portal(house, clock) as portal:
        yield portal


async def waiting(portal: Portal, *categories: str) -> tuple[str, str]:
    """A request that was confirmed and has to wait: its status page, and its link."""
    for category in categories:
        await portal.add(LISTED, category)
    note = functools.partial(delistings.record, now=START - 3 * DAY_S, request_id=1)
    await portal.sidecar.truth.write(note, "bl.example", parse(LISTED), "bots")
    status = (await portal.ask(LISTED, SENDER)).location
    await portal.delivered()
    link = link_in_file(portal.house.config.data.outbox)
    await portal.press(link)
    assert await portal.state() is State.COOLDOWN
    return status, link


async def mails(portal: Portal) -> list[Mail]:
    """The mails of the request, the oldest first."""
    return (await portal.sidecar.truth.read(outbox.all_of_request, 1))[::-1]


async def reminded(portal: Portal) -> str:
    """The link of the mail that comes after the wait."""
    portal.turn_to(START + DAY_S)
    async with asyncio.timeout(PATIENCE_S):
        while (await mails(portal))[-1].state != "sent":  # noqa: ASYNC110  # no event tells of it
            await asyncio.sleep(0)
    return link_in_file(portal.house.config.data.outbox)


def lead(text: str) -> str:
    """The first sentences of a page, as one line."""
    return " ".join(text.partition('class="lead">')[2].partition("</p>")[0].split())


@pytest.mark.parametrize(
    ("categories", "said", "step"),
    [
        (("spam", "bots"), KEPT, "<span>Removed in part</span>"),
        (("bots",), NOTHING, "<span>Not removed</span>"),
    ],
)
async def test_a_wait_that_lapsed_tells_what_was_changed(
    portal: Portal, categories: tuple[str, ...], said: str, step: str
) -> None:
    """Nobody pressed again: confirmed all the same, and what went before the end stays told."""
    status, link = await waiting(portal, *categories)
    portal.clock.at += DAY_S + WEEK_S
    before = await portal.fetch(status)
    await portal.sidecar.truth.write(expiry.end_overdue, portal.clock.at)

    for page in (before, await portal.fetch(status)):
        assert said in lead(page.text)
        assert "“Delist IP” was not pressed in time" in lead(page.text)
        assert step in page.text
        assert "Not given" not in page.text
        assert "Refresh" not in page.headers
        assert "works again" not in page.text
        assert "the request ended before it was removed" in page.text
    closed = await portal.fetch(link)
    assert closed.status == 410
    assert said in lead(closed.text)
    assert "works again" not in closed.text


@pytest.mark.parametrize(
    ("categories", "said", "step"),
    [
        (("spam", "bots"), KEPT, "<span>Removed in part</span>"),
        (("bots",), NOTHING, "<span>Not removed</span>"),
    ],
)
async def test_a_wait_that_was_cancelled_tells_what_was_changed(
    portal: Portal, categories: tuple[str, ...], said: str, step: str
) -> None:
    """During the wait somebody presses "This was not me": told by each page from then on."""
    status, link = await waiting(portal, *categories)

    cancelled = await portal.press(link, "This was not me")

    assert await portal.state() is State.CANCELLED
    told = await portal.fetch(status)
    for page in (cancelled, told, await portal.fetch(link)):
        assert said in lead(page.text)
        assert "works again" not in page.text
    assert step in told.text
    assert "Not given" not in told.text
    assert "the request ended before it was removed" in told.text


async def test_a_request_that_nobody_confirmed_changed_nothing(portal: Portal) -> None:
    """Expired before its link was used: no confirmation, and nothing removed."""
    status = await portal.asked()
    portal.clock.at += 2 * DAY_S

    page = await portal.fetch(status)

    assert NOTHING in lead(page.text)
    assert "The link was not used in time." in lead(page.text)
    assert "<span>Not given</span>" in page.text
    assert "<span>Not removed</span>" in page.text


async def test_a_mail_comes_when_the_wait_is_over(portal: Portal) -> None:
    """Whoever lost the first mail gets a new link; it works, and so does the old one until then."""
    status, old = await waiting(portal, "spam", "bots")
    first, second = await mails(portal)
    told = await portal.fetch(status)

    new = await reminded(portal)

    assert (first.state, second.state, second.next_attempt_at) == ("sent", "queued", START + DAY_S)
    assert "Then a mail with a new link comes" in lead(told.text)
    assert "Written to" in told.text
    assert new != old
    assert "the wait is over" in lead((await portal.fetch(status)).text)
    assert (await portal.fetch(old)).has_button("Delist IP")
    await portal.press(new)
    assert await portal.state() is State.DELISTED
    assert await portal.listed() == []
    assert "Already delisted" in (await portal.fetch(old)).text


async def test_the_mail_after_a_wait_says_what_it_is_for(portal: Portal) -> None:
    """Not the words of the first one; until when its link works, which is not once."""
    await waiting(portal, "bots")

    await reminded(portal)

    texts = [file.read_text() for file in portal.house.config.data.outbox.glob("*.eml")]
    (text,) = [text for text in texts if "The wait for" in text]
    assert f"Subject: The wait for {LISTED} in bl.example is over" in text
    flowing = " ".join(text.split())
    assert "and confirmed it. It had to wait, and the wait is over." in flowing
    assert 'If what it was listed for has ended, open this page and press "Delist IP":' in flowing
    assert "The link works until 23 January 2027" in flowing
    assert not [text for text in texts if "works once" in text]


async def test_it_says_where_nothing_is_left_to_remove(portal: Portal) -> None:
    """The listing ended by itself during the wait: no mail bids its reader remove it."""
    await waiting(portal, "bots")
    await portal.sidecar.truth.write(listings.remove, "bl.example", parse(LISTED), "bots")

    await reminded(portal)

    (text,) = [
        text
        for file in portal.house.config.data.outbox.glob("*.eml")
        if "The wait for" in (text := file.read_text())
    ]
    assert "Nothing lists it any more, and you need not do anything." in text
    assert "If what it was listed for" not in text


@pytest.mark.parametrize("end", ["pressed", "cancelled", "expired", "ruled"])
async def test_no_mail_comes_for_a_request_that_ended(portal: Portal, end: str) -> None:
    """However it ended: what was queued for the end of the wait is not sent."""
    _, link = await waiting(portal, "bots")

    match end:
        case "pressed":  # before the delivery looks
            portal.clock.at += DAY_S
            await portal.press(link)
        case "cancelled":
            await portal.press(link, "This was not me")
        case "expired":
            portal.clock.at += DAY_S + WEEK_S
            await portal.sidecar.truth.write(expiry.end_overdue, portal.clock.at)
        case "ruled":
            await portal.sidecar.truth.write(
                rule, portal.house.config, 1, Ruling(approves=True, waiting_too=True),
                actor="cli:root", now=portal.clock.at,
            )  # fmt: skip

    assert await portal.state() is not State.COOLDOWN
    last = [mail for mail in await mails(portal) if mail.kind == "confirm_mail"][-1]
    assert (last.state, last.attempts) == ("failed", 0)


async def test_a_link_that_another_one_outdid_says_so(portal: Portal) -> None:
    """Two links of a request, of which one was pressed: the other promises nothing any more."""
    status, old = await waiting(portal, "bots")
    new = await reminded(portal)
    await portal.add(LISTED, "spam")
    for days in (20, 2):  # twice before: a week's wait, from the confirmation on
        note = functools.partial(delistings.record, now=START - days * DAY_S, request_id=1)
        await portal.sidecar.truth.write(note, "bl.example", parse(LISTED), "spam")
    await portal.press(new)
    assert await portal.state() is State.COOLDOWN

    page = await portal.fetch(old)

    assert "this link is used up" in lead(page.text)
    assert not page.has_button("This was not me")
    assert "this link works again" in lead((await portal.fetch(new)).text)
    assert "Then a mail with a new link comes" in lead((await portal.fetch(status)).text)
