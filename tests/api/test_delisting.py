"""The flow from the link to the end, over HTTP, with mails written to files."""

from __future__ import annotations

import asyncio
import re

import pytest
from house import ZONE_TEXT, House
from portal import START, Clock, Portal

from dnsbl.network import parse
from dnsbl.store import listings, requests
from dnsbl.store.exclusions import covering_exclusions
from dnsbl.store.request_states import State

ADDRESS = "203.0.113.7"
DAY_S = 86_400


async def states(portal: Portal) -> dict[State, int]:
    """How many requests are in each state that has any."""
    found = await portal.sidecar.truth.read(requests.in_states)
    return {state: count for state, count in found.items() if count}


async def test_a_press_removes_the_listing_and_leaves_a_grace_exclusion(portal: Portal) -> None:
    """The very address goes from the list, an exclusion keeps feeds from relisting it, all told."""
    await portal.add(ADDRESS)
    link = await portal.link(ADDRESS)

    page = await portal.press(link)

    assert page.status == 200
    assert "Delisted" in page.text
    assert await portal.listed() == []
    (excluded,) = await portal.sidecar.truth.read(covering_exclusions, parse(ADDRESS))
    assert (str(excluded.network), excluded.category, excluded.grace, excluded.expires_at) == (
        f"{ADDRESS}/32", "spam", True, START + 7 * DAY_S,
    )  # fmt: skip
    assert [(act.actor, act.act) for act in await portal.trail(ADDRESS)] == [
        ("portal", "request.requested"),
        ("portal", "request.mail_queued"),
        ("mail", "request.mail_sent"),
        ("portal", "request.confirmed"),
        ("portal", "listing.removed"),
        ("portal", "exclusion.added"),
        ("portal", "request.delisted"),
    ]


async def test_a_mail_scanner_changes_nothing(portal: Portal) -> None:
    """GET and HEAD of the link, as often as they come, leave link and listing as they are."""
    await portal.add(ADDRESS)
    link = await portal.link(ADDRESS)
    before = await portal.trail(ADDRESS)

    for method in ("HEAD", "GET", "HEAD", "GET"):
        assert (await portal.fetch(link, method=method)).status == 200

    assert await portal.trail(ADDRESS) == before
    assert await portal.listed() == [f"{ADDRESS} spam"]
    assert (await portal.fetch(link)).has_button("Delist IP")


async def test_a_second_press_says_already_delisted(portal: Portal) -> None:
    """The same form sent again, by a reload or a double click, is told that all is done."""
    await portal.add(ADDRESS)
    link = await portal.link(ADDRESS)
    form = (await portal.fetch(link)).form("Delist IP")
    await portal.fetch(link, form.fields)
    trail = await portal.trail(ADDRESS)

    again = await portal.fetch(link, form.fields)

    assert again.status == 200
    assert "Already delisted" in again.text
    assert await portal.trail(ADDRESS) == trail
    assert "Already delisted" in (await portal.fetch(link)).text


async def test_fifty_presses_at_once_delist_once(portal: Portal) -> None:
    """One of them delists; the others find the link used."""
    await portal.add(ADDRESS)
    link = await portal.link(ADDRESS)
    fields = (await portal.fetch(link)).form("Delist IP").fields

    pages = await asyncio.gather(*(portal.fetch(link, fields) for _ in range(50)))

    assert {page.status for page in pages} == {200}
    assert sum("Already delisted" in page.text for page in pages) == 49
    acts = [act.act for act in await portal.trail(ADDRESS)]
    assert acts.count("listing.removed") == acts.count("request.delisted") == 1


@pytest.mark.parametrize("token", ["x" * 43, "short", "a" * 44, "%00" * 43, "..%2f..%2fetc"])
async def test_a_token_that_nobody_was_sent_opens_nothing(portal: Portal, token: str) -> None:
    """Whatever is not a token of ours is a missing page, to look at and to press."""
    await portal.add(ADDRESS)

    looked = await portal.fetch(f"/confirm/{token}")
    pressed = await portal.fetch(f"/confirm/{token}", {"action": "delist"})

    assert (looked.status, pressed.status) == (404, 404)
    assert await portal.listed() == [f"{ADDRESS} spam"]


async def test_a_link_delists_its_own_address_only(portal: Portal) -> None:
    """A token opens the request that it was made for, whatever else is listed or asked for."""
    await portal.add(ADDRESS)
    await portal.add("203.0.113.8")
    await portal.link(ADDRESS)
    foreign = await portal.link("203.0.113.8", "other@sender.example")

    await portal.press(foreign)

    assert await portal.listed() == [f"{ADDRESS} spam"]


async def test_an_expired_link_delists_nothing(portal: Portal) -> None:
    """After its time a link is gone (410), to look at and to press."""
    await portal.add(ADDRESS)
    link = await portal.link(ADDRESS)
    fields = (await portal.fetch(link)).form("Delist IP").fields
    portal.clock.at += DAY_S - 1
    fresh = (await portal.fetch(link)).form("Delist IP").fields
    portal.clock.at += 1

    assert (await portal.fetch(link)).status == 410
    assert (await portal.fetch(link, fresh)).status == 410
    assert (await portal.fetch(link, fields)).status == 410
    assert await portal.listed() == [f"{ADDRESS} spam"]


async def test_not_me_cancels_and_sends_no_more_mail(portal: Portal) -> None:
    """The other button ends the request, keeps the listing, and silences us for that mailbox."""
    await portal.add(ADDRESS)
    link = await portal.link(ADDRESS, "Victim+tag@sender.example")

    page = await portal.press(link, "This was not me")

    assert page.status == 200
    assert "Cancelled" in page.text
    assert await portal.listed() == [f"{ADDRESS} spam"]
    assert await states(portal) == {State.CANCELLED: 1}
    assert not (await portal.fetch(link)).has_button("Delist IP")
    written = len(list(portal.house.config.data.outbox.glob("*.eml")))
    again = await portal.ask(ADDRESS, "victim@sender.example")
    await portal.delivered()
    assert again.status == 303
    assert len(list(portal.house.config.data.outbox.glob("*.eml"))) == written


async def test_a_suppressed_mailbox_looks_like_any_other(portal: Portal) -> None:
    """Form, status page and its words are the same, whether or not a mailbox wants our mail."""
    await portal.add(ADDRESS)
    await portal.add("203.0.113.8")
    await portal.press(await portal.link(ADDRESS, "victim@sender.example"), "This was not me")

    async def status(ip: str, email: str) -> str:
        asked = await portal.ask(ip, email)
        await portal.delivered()
        text = (await portal.fetch(asked.location)).text
        return re.sub(r"\d+\.eml|203\.0\.113\.\d", "", text)

    silent = await status(ADDRESS, "victim@sender.example")
    other = await status("203.0.113.8", "vacuum@sender.example")

    assert silent == other
    assert "Waiting for you" in silent


async def test_an_address_inside_a_listed_network_is_excluded(portal: Portal) -> None:
    """The network stays listed; the one address is taken out of it for the grace time."""
    await portal.add("203.0.113.0/24")
    link = await portal.link(ADDRESS)

    page = await portal.press(link)

    assert "Delisted" in page.text
    assert await portal.listed() == ["203.0.113.0/24 spam"]
    assert "Not listed" in (await portal.fetch(f"/?ip={ADDRESS}")).text
    assert "Not listed" not in (await portal.fetch("/?ip=203.0.113.8")).text


async def test_a_wider_listing_beneath_does_not_surface(portal: Portal) -> None:
    """Address and network listed both: after the press neither lists the address."""
    await portal.add("203.0.113.0/24")
    await portal.add(ADDRESS)

    await portal.press(await portal.link(ADDRESS))

    assert await portal.listed() == ["203.0.113.0/24 spam"]
    assert "Not listed" in (await portal.fetch(f"/?ip={ADDRESS}")).text


async def test_without_grace_an_operator_takes_it_out_of_a_network(portal: Portal) -> None:
    """A category that allows no exclusion: the address goes to an operator, and nothing changes."""
    await portal.add("203.0.113.0/24", "strict")

    link = await portal.link(ADDRESS)
    promised = await portal.fetch(link)
    page = await portal.press(link)

    assert "at once" not in promised.text
    assert "With an operator" in page.text
    assert await states(portal) == {State.REVIEW: 1}
    assert await portal.sidecar.truth.read(covering_exclusions, parse(ADDRESS)) == []


async def test_without_grace_the_very_address_is_removed(portal: Portal) -> None:
    """grace_s = 0: the listing goes, and no exclusion stays."""
    await portal.add(ADDRESS, "strict")

    page = await portal.press(await portal.link(ADDRESS))

    assert "Delisted" in page.text
    assert await portal.listed() == []
    assert await portal.sidecar.truth.read(covering_exclusions, parse(ADDRESS)) == []


async def test_what_needs_an_operator_waits_for_one(portal: Portal) -> None:
    """The press removes what is "self" and leaves "review" to an operator; the page says which."""
    await portal.add(ADDRESS)
    await portal.add("203.0.113.0/24", "policy")

    page = await portal.press(await portal.link(ADDRESS))

    assert "With an operator" in page.text
    assert await portal.listed() == ["203.0.113.0/24 policy"]
    (asked,) = await portal.sidecar.truth.read(requests.of_address, ADDRESS, 9)
    assert (asked.state, asked.note) == (
        State.REVIEW,
        "delisted: spam in bl.example; an operator decides: policy in bl.example",
    )


async def test_a_press_that_only_asks_promises_nothing_else(portal: Portal) -> None:
    """Mail, page and result of a listing that an operator decides about say so."""
    await portal.add(ADDRESS, "policy")
    link = await portal.link(ADDRESS)
    (mail,) = portal.house.config.data.outbox.glob("*.eml")

    page = await portal.fetch(link)
    done = await portal.press(link)

    assert "Subject: Confirm your request to delist" in mail.read_text()
    assert "Ask for the removal of" in page.text
    assert "goes to an operator" in page.text
    assert "at once" not in page.text
    assert page.has_button("Delist IP")
    assert "Your request is with an operator now" in done.text
    assert "The status page that you saw after Submit" in done.text


async def test_what_is_never_removed_stays(portal: Portal) -> None:
    """What is "never" removed survives a press that removes another, and the page says so."""
    await portal.add(ADDRESS)
    await portal.add(ADDRESS, "hijacked")

    page = await portal.press(await portal.link(ADDRESS))

    assert await portal.listed() == [f"{ADDRESS} hijacked"]
    assert "not removed on request" in page.text
    assert await states(portal) == {State.DELISTED: 1}


async def test_only_never_remaining_is_a_refusal(portal: Portal) -> None:
    """Listed as "self" when asked, only as "never" when pressed: the request is refused."""
    await portal.add(ADDRESS)
    link = await portal.link(ADDRESS)
    await portal.sidecar.truth.write(listings.remove, "bl.example", parse(ADDRESS), "spam")
    await portal.add(ADDRESS, "hijacked")

    page = await portal.press(link)

    assert "The address was not removed." in page.text
    assert "This category is not removed on request" in page.text
    assert await portal.listed() == [f"{ADDRESS} hijacked"]
    assert await states(portal) == {State.REFUSED: 1}


async def test_a_listing_that_is_gone_already_ends_well(portal: Portal) -> None:
    """Expired between mail and press: the request ends as delisted, with nothing removed."""
    await portal.add(ADDRESS, expires_at=START + 60)
    link = await portal.link(ADDRESS)
    portal.clock.at += 60

    page = await portal.press(link)

    assert page.status == 200
    assert "no longer listed" in page.text
    assert await states(portal) == {State.DELISTED: 1}


async def test_a_forged_press_is_refused_and_shows_the_button_again(portal: Portal) -> None:
    """Without our form token, or with one of another link, nothing is delisted."""
    await portal.add(ADDRESS)
    await portal.add("203.0.113.8")
    link = await portal.link(ADDRESS)
    other = await portal.link("203.0.113.8", "other@sender.example")
    foreign = (await portal.fetch(other)).form("Delist IP").fields

    for fields in ({"action": "delist"}, foreign, {"form_token": "1.x", "action": "delist"}):
        page = await portal.fetch(link, fields)
        assert page.status == 403
        assert page.has_button("Delist IP")
    assert len(await portal.listed()) == 2


async def test_a_page_left_open_for_long_asks_for_another_press(portal: Portal) -> None:
    """A stale form token delists nothing, and the page that says so works."""
    await portal.add(ADDRESS)
    link = await portal.link(ADDRESS)
    fields = (await portal.fetch(link)).form("Delist IP").fields
    portal.clock.at += 7 * 3600

    page = await portal.fetch(link, fields)

    assert page.status == 409
    assert await portal.listed() == [f"{ADDRESS} spam"]
    done = await portal.fetch(link, page.form("Delist IP").fields)
    assert "Delisted" in done.text


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Sec-Fetch-Site": "same-origin", "Origin": "null"}, 200),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 200),  # browsers send it from a page under no-referrer
    ],
)
async def test_a_press_comes_from_our_own_page(
    portal: Portal, headers: dict[str, str], status: int
) -> None:
    """A form of another site's is refused, as far as the browser tells."""
    await portal.add(ADDRESS)
    link = await portal.link(ADDRESS)
    fields = (await portal.fetch(link)).form("Delist IP").fields

    page = await portal.fetch(link, fields, headers=headers)

    assert page.status == status
    assert await portal.listed() == ([] if status == 200 else [f"{ADDRESS} spam"])


async def test_a_press_without_a_button_is_refused(portal: Portal) -> None:
    """A form that names neither button changes nothing."""
    await portal.add(ADDRESS)
    link = await portal.link(ADDRESS)
    fields = (await portal.fetch(link)).form("Delist IP").fields

    page = await portal.fetch(link, fields | {"action": "delete"})

    assert page.status == 400
    assert await portal.listed() == [f"{ADDRESS} spam"]


async def test_dns_is_not_asked_what_it_cannot_tell(house: House, clock: Clock) -> None:
    """Two categories with one answer, one of them stays: the page claims nothing about DNS."""
    house.write_zone(
        f'{ZONE_TEXT}[category.policy]\nanswer = "127.0.0.2"\ntext = "x"\ndelist = "review"\n'
    )
    async with Portal(house, clock) as portal:
        await portal.add(ADDRESS)
        await portal.add(ADDRESS, "policy")

        page = await portal.press(await portal.link(ADDRESS))

        assert portal.nameserver.asked == []
        assert "over DNS" not in page.text
