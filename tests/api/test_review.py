"""What an operator decides about ends when the operator has acted, by whatever means."""

from __future__ import annotations

import asyncio

import pytest
from house import ZONE_TEXT, House
from portal import PATIENCE_S, START, Clock, Portal
from running import run_dnsbl
from structlog.typing import EventDict

from api import review
from dnsbl.network import parse
from dnsbl.store import exclusions, listings, outbox, requests
from dnsbl.store.exclusions import Exclusion
from dnsbl.store.request_states import State

ADDRESS = "203.0.113.7"


async def in_review(portal: Portal, network: str = ADDRESS) -> str:
    """A confirmed request that waits for an operator; the path of its status page."""
    await portal.add(network, "policy")
    asked = await portal.ask(ADDRESS, "postmaster@sender.example")
    await portal.delivered()
    (mail,) = portal.house.config.data.outbox.glob("*.eml")
    token = mail.read_text().partition("/confirm/")[2][:43]
    await portal.press(f"/confirm/{token}")
    assert await portal.state() is State.REVIEW
    return asked.location


@pytest.mark.parametrize("command", ["remove", "exclude"])
async def test_an_operators_consent_is_the_outcome(
    portal: Portal, log: list[EventDict], command: str
) -> None:
    """`dnsbl remove` or `dnsbl exclude`: delisted, in the audit, the log and on the status page."""
    path = await in_review(portal)
    waiting = await portal.fetch(path)
    portal.clock.at += 60

    done = await asyncio.to_thread(run_dnsbl, portal.house.file, command, ADDRESS)
    await portal.sidecar.review.round()

    assert done.returncode == 0, done.stderr
    assert await portal.state() is State.DELISTED
    page = await portal.fetch(path)
    assert "With an operator" in waiting.text
    assert waiting.headers["Refresh"] == "60"
    assert "The address is no longer listed" in page.text
    assert "Refresh" not in page.headers
    (act,) = [act for act in await portal.trail(ADDRESS) if act.actor == "review"]
    assert (act.act, act.at, act.note) == (
        "request.delisted",
        START + 60,
        "delisted: policy in bl.example",
    )
    assert any(event["event"] == "review_ended" for event in log)


@pytest.mark.parametrize("cause", ["remove", "exclude", "expiry"])
async def test_its_sender_is_told_once_that_it_is_no_longer_listed(
    portal: Portal, cause: str
) -> None:
    """Whatever took the listing away while an operator was to decide: by mail, and not again."""
    await in_review(portal)
    if cause == "expiry":
        await portal.sidecar.truth.write(listings.remove, "bl.example", parse(ADDRESS), "policy")
    else:
        await asyncio.to_thread(run_dnsbl, portal.house.file, cause, ADDRESS)

    for _ in range(3):
        portal.clock.at += 60
        await portal.sidecar.review.round()
        await portal.sidecar.truth.write(review.end_settled, portal.house.config, [1], START)
        portal.sidecar.delivery.wake()
        await portal.delivered()

    mails = await portal.sidecar.truth.read(outbox.all_of_request, 1)
    assert [(mail.kind, mail.state) for mail in mails] == [
        ("decision_mail", "sent"), ("confirm_mail", "sent"),
    ]  # fmt: skip
    told = [file.read_text() for file in portal.house.config.data.outbox.glob("*.eml")]
    assert sum(f"Your request for {ADDRESS}: no longer listed" in text for text in told) == 1


async def test_it_waits_while_anything_to_decide_about_lists_the_address(portal: Portal) -> None:
    """One of two listings removed is no consent yet; what is never removed does not count."""
    await portal.add(ADDRESS, "hijacked")
    await in_review(portal, "203.0.113.0/24")
    await portal.add(ADDRESS, "policy")
    network = parse("203.0.113.0/24")

    await portal.sidecar.truth.write(listings.remove, "bl.example", parse(ADDRESS), "policy")
    await portal.sidecar.review.round()
    half_done = await portal.state()
    await portal.sidecar.truth.write(listings.remove, "bl.example", network, "policy")
    await portal.sidecar.review.round()

    assert half_done is State.REVIEW
    assert await portal.state() is State.DELISTED
    assert await portal.listed() == [f"{ADDRESS} hijacked"]


async def test_more_than_a_batch_is_gone_through(
    portal: Portal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those that wait on do not keep later ones from being looked at; then all rests."""
    monkeypatch.setattr(review, "BATCH_REQUESTS", 1)
    await portal.add("203.0.113.0/24", "policy")
    for host in (1, 2, 3):
        link = await portal.link(f"203.0.113.{host}", f"me@d{host}.example")
        await portal.press(link)

    excluded = Exclusion("bl.example", parse("203.0.113.3"))
    await portal.sidecar.truth.write(exclusions.exclude, excluded)
    for _ in range(5):
        await portal.sidecar.review.round()

    found = await portal.sidecar.truth.read(requests.in_review, 0, 9)
    assert [request.address for request in found] == ["203.0.113.1", "203.0.113.2"]


async def test_what_was_decided_while_it_was_away_is_found(house: House, clock: Clock) -> None:
    """The sidecar looks by itself, at its start too."""
    house.write_zone(ZONE_TEXT.replace('"self"', '"review"'))
    async with Portal(house, clock) as portal:
        await portal.add(ADDRESS)
        await portal.press(await portal.link(ADDRESS))
    assert (await asyncio.to_thread(run_dnsbl, house.file, "remove", ADDRESS)).returncode == 0

    async with Portal(house, clock) as portal, asyncio.timeout(PATIENCE_S):
        while await portal.state() is State.REVIEW:
            await portal.fetch("/healthz")
