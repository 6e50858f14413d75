"""What has had its time goes by itself."""

from __future__ import annotations

import sqlite3
from contextlib import closing

from house import House
from portal import START, Clock, Portal
from structlog.typing import EventDict

from api import expiry
from dnsbl.network import parse
from dnsbl.store import exclusions, outbox, overdue, requests
from dnsbl.store.exclusions import Exclusion
from dnsbl.store.request_states import State


async def test_listings_and_exclusions_end_at_their_time(portal: Portal) -> None:
    """Not before, and each with a line in the audit."""
    await portal.add("203.0.113.1", expires_at=START + 10, reason="spam trap")
    await portal.add("203.0.113.2", expires_at=START + 11)
    await portal.add("203.0.113.3")
    excluded = Exclusion("bl.example", parse("203.0.113.1/32"), expires_at=START + 10)
    await portal.sidecar.truth.write(exclusions.exclude, excluded)

    portal.clock.at += 9
    await portal.sidecar.expiry.round()
    before = await portal.listed()
    portal.clock.at += 1
    await portal.sidecar.expiry.round()

    assert len(before) == 3
    assert await portal.listed() == ["203.0.113.2 spam", "203.0.113.3 spam"]
    assert [(act.actor, act.act, act.note) for act in await portal.trail("203.0.113.1")] == [
        ("expiry", "listing.expired", "spam trap"),
        ("expiry", "exclusion.expired", ""),
    ]
    assert not await portal.sidecar.truth.read(overdue.is_anything_overdue, START + 10)


async def test_more_than_a_batch_ends_without_a_pause(portal: Portal) -> None:
    """Many small transactions at once, until nothing is overdue."""
    for number in range(expiry.BATCH_ROWS + 1):
        await portal.add(f"203.0.{number // 256}.{number % 256}", expires_at=START + 1)
    portal.clock.at += 1

    while await portal.sidecar.expiry.round():
        pass

    assert await portal.listed() == []


async def test_a_request_that_nobody_confirmed_ends(portal: Portal) -> None:
    """It expires with its mail, and its status page says so, even before the row does."""
    await portal.add("203.0.113.7")
    asked = await portal.ask("203.0.113.7", "me@sender.example")
    await portal.delivered()
    portal.clock.at += 86_400

    early = await portal.fetch(asked.location)
    await portal.sidecar.expiry.round()
    late = await portal.fetch(asked.location)

    assert "Expired" in early.text
    assert "Expired" in late.text
    request = await portal.sidecar.truth.read(requests.get, 1)
    mail = await portal.sidecar.truth.read(outbox.of_request, 1)
    assert request is not None
    assert mail is not None
    assert (request.state, mail.state) == (State.EXPIRED, "sent")


async def test_a_lock_delays_expiry_and_ends_nothing_else(
    house: House, clock: Clock, log: list[EventDict]
) -> None:
    """While another program writes, the round fails, is logged, and the next one succeeds."""
    async with Portal(house, clock, write_wait_s=0.05) as portal:
        await portal.add("203.0.113.7", expires_at=START + 1)
        with closing(sqlite3.connect(house.config.data.database)) as other:
            other.execute("BEGIN IMMEDIATE")
            clock.at += 1
            while not any(event["event"] == "round_delayed" for event in log):
                await portal.fetch("/healthz")
            other.rollback()

        while await portal.listed():
            await portal.fetch("/healthz")

        assert portal.sidecar.faults() == []
