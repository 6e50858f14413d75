"""A mail tells of the end of a wait, also of one that began before there were such mails."""

from __future__ import annotations

import asyncio
import functools
from contextlib import closing

from house import House
from mailserver import link_in_file
from portal import LISTED, PATIENCE_S, START, Clock, Portal
from structlog.typing import EventDict

from dnsbl.delivery_status import Action, Report
from dnsbl.network import parse
from dnsbl.store import bounces, delistings, outbox
from dnsbl.store.database import open_writer
from dnsbl.store.outbox import Mail
from dnsbl.store.request_states import State

DAY_S = 86_400
SCHEDULED = 'dnsbl_outbox_mails{state="scheduled"}'
QUEUED = 'dnsbl_outbox_mails{state="queued"}'


async def wait_begins(portal: Portal) -> tuple[str, str]:
    """A request that was confirmed, and has to wait for a day: its status page, and its link."""
    status = await portal.asked()
    await portal.delivered()
    note = functools.partial(delistings.record, now=START - 3 * DAY_S, request_id=1)
    await portal.sidecar.truth.write(note, "bl.example", parse(LISTED), "spam")
    link = link_in_file(portal.house.config.data.outbox)
    await portal.press(link)
    assert await portal.state() is State.COOLDOWN
    return status, link


def lose_reminders(house: House) -> None:
    """Leaves the database as a version without them did; of a portal that has ended."""
    with closing(open_writer(house.config.data.database)) as database:
        assert database.change("DELETE FROM outbox WHERE id > 1") == 1


async def mails(portal: Portal) -> list[Mail]:
    """The mails of the request, the oldest first."""
    return (await portal.sidecar.truth.read(outbox.all_of_request, 1))[::-1]


async def mails_after_a_round(portal: Portal) -> list[Mail]:
    """Those of the request, once it was looked for what is missing."""
    await portal.sidecar.reminders.round()
    return await mails(portal)


async def test_a_wait_of_an_earlier_version_gets_its_mail_once(
    house: House, clock: Clock, log: list[EventDict]
) -> None:
    """At the next start, for the wait's end; at later ones, before it and after it, no other."""
    async with Portal(house, clock) as portal:
        await wait_begins(portal)
    lose_reminders(house)
    for _ in range(2):
        async with Portal(house, clock) as portal:
            _, queued = await mails_after_a_round(portal)
    clock.at += DAY_S
    async with Portal(house, clock) as portal, asyncio.timeout(PATIENCE_S):
        while (await mails(portal))[-1].state != "sent":  # noqa: ASYNC110  # no event tells of it
            await asyncio.sleep(0)
    async with Portal(house, clock) as portal:
        found = await mails(portal)
        await portal.press(link_in_file(house.config.data.outbox))
        state = await portal.state()

    assert (queued.kind, queued.state, queued.next_attempt_at) == (
        "confirm_mail", "queued", START + DAY_S,
    )  # fmt: skip
    assert [event["mails"] for event in log if event["event"] == "reminders_queued"] == [1]
    assert [(mail.id, mail.state) for mail in found] == [(1, "sent"), (queued.id, "sent")]
    assert found[0].message_id != queued.message_id
    assert state is State.DELISTED


async def test_a_wait_that_ended_before_the_start_is_told_of_at_once(
    house: House, clock: Clock
) -> None:
    """The link works by then, until the request ends; after that there is nothing to tell."""
    async with Portal(house, clock) as portal:
        await wait_begins(portal)
    lose_reminders(house)
    clock.at += 2 * DAY_S
    async with Portal(house, clock) as portal:
        await portal.sidecar.reminders.round()
        await portal.delivered()
        told = await mails(portal)
    lose_reminders(house)
    clock.at += 30 * DAY_S
    async with Portal(house, clock) as portal:
        late = await mails_after_a_round(portal)

    assert [mail.state for mail in told] == ["sent", "sent"]
    assert len(late) == 1


async def test_a_database_that_is_put_in_place_of_another_is_looked_through(
    house: House, clock: Clock
) -> None:
    """A backup of an earlier version, brought back while the portal runs."""
    async with Portal(house, clock) as portal:
        await wait_begins(portal)
    lose_reminders(house)
    file = house.config.data.database
    backup = file.with_suffix(".backup")
    backup.write_bytes(file.read_bytes())
    file.unlink()
    async with Portal(house, clock) as portal:
        for name in (f"{file.name}-wal", f"{file.name}-shm"):
            file.with_name(name).unlink()
        backup.replace(file)
        await portal.sidecar.truth.write(lambda _: None)
        found = await mails_after_a_round(portal)

    assert [mail.next_attempt_at for mail in found] == [START, START + DAY_S]


async def test_a_mail_after_a_wait_that_comes_back_is_told_of(house: House, clock: Clock) -> None:
    """Where to go on is said, and works: by the link in the first mail."""
    report = Report(Action.FAILED, "552 5.2.2 over quota")
    async with Portal(house, clock) as portal:
        status, link = await wait_begins(portal)
        portal.turn_to(START + DAY_S)
        await portal.delivered()
        await portal.sidecar.truth.write(
            lambda database: bounces.note(database, 2, report, now=clock.at)
        )
        told = " ".join((await portal.fetch(status)).text.split())
        await portal.press(link)
        state = await portal.state()

    assert "could not be delivered; open the link in the first mail" in told
    assert state is State.DELISTED


async def test_metrics_tell_a_backlog_from_what_is_to_leave_later(
    house: House, clock: Clock
) -> None:
    """So an alert on queued mails is quiet while somebody has to wait."""
    async with Portal(house, clock) as portal:
        await wait_begins(portal)
        text = (await portal.fetch("/metrics")).text

    assert f"{SCHEDULED} 1.0\n" in text
    assert f"{QUEUED} 0.0\n" in text
