"""What a request would meet is told before anybody asks, and comes true."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping

import pytest
from house import ZONE_TEXT, House
from mailserver import link_in_file
from portal import LISTED, START, Clock, Portal
from scripted_dns import Script, records

from dnsbl.network import parse
from dnsbl.store import delistings, listings, request_items, requests
from dnsbl.store.listings import Listing
from dnsbl.store.request_states import State

DAY_S = 86_400
REVERSE = "7.113.0.203.in-addr.arpa"
FROM_THERE: Mapping[str, str] = {"X-Forwarded-For": LISTED}
STRANGER = "jo@other.example"
POSTMASTER = "abuse@sender.example"


@pytest.fixture
async def script() -> AsyncIterator[Script]:
    """The name server; the listed address is mx.sender.example."""
    async with Script() as script:
        script.say(
            records(REVERSE, "PTR", "mx.sender.example."),
            records("mx.sender.example", "A", LISTED),
            records("sender.example", "MX", "10 mx.sender.example."),
            records("other.example", "MX", "10 mx.other.example."),
        )
        yield script


@pytest.fixture
async def portal(house: House, clock: Clock, script: Script) -> AsyncIterator[Portal]:
    """A portal with that resolver; the category strict asks for a mailbox of the address."""
    house.write_zone(
        f'{ZONE_TEXT}\n[category.strict]\nanswer = "127.0.0.3"\ntext = "$"\npolicy.proof = 1\n'
    )
    house.write_config(
        'trusted_proxies = ["127.0.0.0/8"]\n'
        f'[resolver]\nservers = ["127.0.0.1:{script.port}"]\ntimeout_s = 1'
    )
    async with Portal(house, clock) as portal:
        yield portal


async def delisted(portal: Portal, *days_ago: float, category: str = "spam") -> None:
    """Notes that the address was delisted so long ago."""
    for days in days_ago:
        at = START - int(days * DAY_S)
        await portal.sidecar.truth.write(
            lambda database, at=at: delistings.record(
                database, "bl.example", parse(LISTED), category, now=at, request_id=1
            )
        )


def newest_link(portal: Portal) -> str:
    """That of the mail that was written last."""
    return link_in_file(portal.house.config.data.outbox)


async def told(portal: Portal, headers: Mapping[str, str] | None = None) -> str:
    """What the look-up page says is to be done, without its markup."""
    page = await portal.fetch(f"/?ip={LISTED}", headers=headers)
    (way,) = re.findall(r"<dt>What to do</dt><dd>(.*?)</dd>", page.text, re.DOTALL)
    return " ".join(re.sub(r"<[^>]*>", "", way).split())


async def test_a_first_removal_is_at_once(portal: Portal, script: Script) -> None:
    """And no name server is asked for it."""
    await portal.add(LISTED)

    assert await told(portal) == "You can have it removed yourself with the form on this page."
    assert script.asked == []


async def test_a_wait_is_told_with_its_end(portal: Portal) -> None:
    """For a second removal, a day from now; and what proves that it is the sender's to ask for."""
    await portal.add(LISTED)
    await delisted(portal, 3)

    said = await told(portal)
    assert "you can have it removed from 16 January 2027, 08:00 UTC on." in said
    assert "With a mailbox at one of these domains it needs no operator: sender.example, mx" in said


async def test_that_an_operator_decides_is_told(portal: Portal) -> None:
    """For a fourth removal in 90 days; nothing else is asked for then."""
    await portal.add(LISTED)
    await delisted(portal, 3, 20, 40)

    assert await told(portal) == (
        "It was removed several times lately, and was listed again each time; so an operator "
        "decides. Ask with the form on this page. Once you have confirmed by mail, an operator "
        "decides."
    )


async def test_what_proves_control_is_told(portal: Portal) -> None:
    """The domains of the address, where the category wants one of its mailboxes."""
    await portal.add(LISTED, "strict")

    assert (await told(portal)).endswith(
        "You have to be in charge of this address for that; if nothing shows it, an operator "
        "decides. With a mailbox at one of these domains it needs no operator: sender.example, "
        "mx.sender.example."
    )


async def test_who_is_at_the_address_need_not_prove_more(portal: Portal) -> None:
    """The page knows where it is read."""
    await portal.add(LISTED, "strict")

    said = await told(portal, FROM_THERE)
    assert said == "You can have it removed yourself with the form on this page."


async def test_an_address_without_a_name_is_told_how_to_get_one(portal: Portal) -> None:
    """There is nothing that a mailbox could be of."""
    await portal.add("203.0.113.8", "strict")

    page = await portal.fetch("/?ip=203.0.113.8")

    assert "Give the address a reverse name whose own address is this one" in page.text


@pytest.mark.parametrize(
    ("mailbox", "headers", "state"),
    [
        (STRANGER, None, State.REVIEW),
        (POSTMASTER, None, State.DELISTED),
        (STRANGER, FROM_THERE, State.DELISTED),
    ],
)
async def test_who_proves_control_delists_and_others_meet_an_operator(
    portal: Portal, mailbox: str, headers: Mapping[str, str] | None, state: State
) -> None:
    """By the mailbox, or by the address that the request came from."""
    await portal.add(LISTED, "strict")
    page = await portal.ask(LISTED, mailbox, headers)
    assert page.status == 303
    await portal.delivered()

    await portal.press(newest_link(portal))
    assert await portal.state() is state
    (item,) = await portal.sidecar.truth.read(request_items.of_request, 1)
    assert (item.outcome, item.rule) == (
        ("review", "proof") if state is State.REVIEW else ("delisted", "policy")
    )


async def test_the_status_page_says_which_mailbox_would_do(portal: Portal) -> None:
    """A request is not turned away, and its sender learns the quicker way."""
    await portal.add(LISTED, "strict")
    status = (await portal.ask(LISTED, STRANGER)).location
    await portal.delivered()

    await portal.press(newest_link(portal))
    shown = await portal.fetch(status)
    assert "needs no operator: sender.example, mx.sender.example" in shown.text


async def test_a_relapse_waits_and_then_its_link_works(portal: Portal) -> None:
    """Nothing before the time, once more the same link after it."""
    await portal.add(LISTED)
    await delisted(portal, 3)
    await portal.ask(LISTED, POSTMASTER)
    await portal.delivered()
    link = newest_link(portal)

    first = await portal.press(link)
    assert "16 January 2027, 08:00 UTC" in first.text
    assert (await portal.state(), await portal.listed()) == (State.COOLDOWN, [f"{LISTED} spam"])
    assert not (await portal.fetch(link)).has_button("Delist IP")
    portal.clock.at = START + DAY_S
    await portal.press(link)
    assert (await portal.state(), await portal.listed()) == (State.DELISTED, [])
    request = await portal.sidecar.truth.read(requests.get, 1)
    assert request is not None
    assert request.confirmed_at == START


async def test_no_link_is_promised_that_an_operator_still_holds(house: House, clock: Clock) -> None:
    """What waits beside a review has its time; the link works once the operator has decided."""
    house.write_zone(
        f'{ZONE_TEXT}\n[category.policy]\nanswer = "127.0.0.3"\ntext = "$"\ndelist = "review"\n'
    )
    async with Portal(house, clock) as portal:
        for category in ("spam", "policy"):
            await portal.add(LISTED, category)
        await delisted(portal, 3)
        link = await portal.link(LISTED)

        pressed = await portal.press(link)
        looked = await portal.fetch(link)

        assert await portal.state() is State.REVIEW
        for page in (pressed, looked):
            assert re.search(r"Has to wait until\s+<[^>]+>16 January 2027, 08:00 UTC", page.text)
            assert "the link in your mail works again" not in page.text


async def test_new_evidence_while_a_request_waits_ends_it(portal: Portal) -> None:
    """What was called mended was seen again."""
    await portal.add(LISTED)
    await delisted(portal, 3)
    await portal.ask(LISTED, POSTMASTER)
    await portal.delivered()
    link = newest_link(portal)
    await portal.press(link)
    portal.clock.at = START + DAY_S + 60
    again = Listing("bl.example", parse(LISTED), "spam", "seen again", listed_at=START + 3600)
    await portal.sidecar.truth.write(listings.remove, "bl.example", parse(LISTED), "spam")
    await portal.sidecar.truth.write(listings.add, again)

    shown = await portal.press(link)
    assert "the address was seen again doing what it is listed for" in shown.text
    assert (await portal.state(), await portal.listed()) == (State.REFUSED, [f"{LISTED} spam"])
