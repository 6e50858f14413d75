"""A mail that comes back is told on its status page, in plain words and in the server's."""

from __future__ import annotations

import pytest
from house import House
from mailserver import Mailbox, link
from portal import SENDER, Clock, Portal

from dnsbl.delivery_status import Action, Report
from dnsbl.store import bounces
from dnsbl.store.bounces import Noted
from dnsbl.store.database import Database
from dnsbl.store.request_states import State


@pytest.mark.usefixtures("mailbox")
async def test_a_bounce_is_shown_with_its_meaning_and_the_way_on(
    house: House, clock: Clock
) -> None:
    """Accepted at first; then the page says that it was not, why, and asks for another mailbox."""
    async with Portal(house, clock) as portal:
        path = await portal.asked()
        await portal.delivered()
        report = Report(Action.FAILED, f"552 5.2.2 <{SENDER}>: over quota")

        def note(database: Database) -> Noted:
            return bounces.note(database, 1, report, now=clock.at)

        noted = await portal.sidecar.truth.write(note)
        status = await portal.fetch(path)

        assert noted is Noted.FAILED
        assert await portal.state() is State.MAIL_FAILED
        assert "Mail not delivered" in status.text
        assert "The mailbox is full." in status.text
        assert "make room in it" in status.text
        assert "552 5.2.2 &lt;p…@sender.example&gt;: over quota" in status.text
        assert SENDER not in status.text


async def test_a_link_works_though_its_mail_is_said_to_have_failed(
    house: House, clock: Clock, mailbox: Mailbox
) -> None:
    """Whoever presses the button has the mail, whatever a server wrote of it."""
    async with Portal(house, clock) as portal:
        await portal.asked()
        await portal.delivered()
        report = Report(Action.FAILED, "5.0.0")
        await portal.sidecar.truth.write(
            lambda database: bounces.note(database, 1, report, now=clock.at)
        )

        done = await portal.press(link(mailbox.wait_for(SENDER)))

        assert "Delisted" in done.text
        assert await portal.listed() == []
