"""The outbox's mails through a real SMTP dialogue: sent, tried again, never lost or doubled."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from contextlib import closing

import pytest
from house import House
from mailserver import Mailbox, link
from portal import PATIENCE_S, SENDER, START, Clock, Portal
from structlog.typing import EventDict

from api.mail.delivery import Delivery
from api.mail.schedule import RETRY_AFTER_S
from dnsbl.store import outbox
from dnsbl.store.database import open_writer
from dnsbl.store.request_states import State

Configure = Callable[..., None]


async def test_a_mail_goes_through_and_its_link_delists(
    house: House, clock: Clock, mailbox: Mailbox
) -> None:
    """From the form to the removal, by a mail that a server took."""
    async with Portal(house, clock) as portal:
        path = await portal.asked()
        message = await asyncio.to_thread(mailbox.wait_for, SENDER)
        await portal.delivered()

        status = await portal.fetch(path)
        done = await portal.press(link(message))

        assert "accepted it" in status.text
        assert "reply 250" in status.text
        assert "Delisted" in done.text
        assert await portal.listed() == []
        mail = await portal.mail()
        assert (mail.state, mail.attempts) == ("sent", 1)
        assert mail.reply.startswith("250 ")
        assert message["Message-ID"] == mail.message_id


async def test_a_deferred_mail_is_tried_again_with_a_token_of_its_own(
    house: House, clock: Clock, mailbox: Mailbox, log: list[EventDict]
) -> None:
    """4xx: shown with its text and the time of the next try; either mail's link then works once."""
    mailbox.reply = lambda to: f"451 4.7.1 <{to}> greylisted"
    async with Portal(house, clock) as portal:
        path = await portal.asked()
        first = await asyncio.to_thread(mailbox.wait_for, SENDER)
        mail = await portal.attempted(1)

        status = await portal.fetch(path)
        mailbox.reply = lambda _: "250 2.0.0 queued"
        portal.turn_to(mail.next_attempt_at)
        second = await asyncio.to_thread(mailbox.wait_for, SENDER, 2)
        await portal.delivered()

        assert mail.next_attempt_at == START + RETRY_AFTER_S[0]
        assert "451 4.7.1 &lt;p…@sender.example&gt; greylisted" in status.text
        assert SENDER not in str(log)
        assert first["Message-ID"] == second["Message-ID"]
        assert link(first) != link(second)
        assert await portal.state() is State.MAIL_SENT
        assert "Delisted" in (await portal.press(link(first))).text
        assert "Already delisted" in (await portal.fetch(link(second))).text


async def test_a_server_that_is_away_is_tried_again_until_it_is_back(
    house: House, clock: Clock, configure: Configure, smtp_port: int
) -> None:
    """Connection refused, by the schedule; then the mail goes."""
    configure(smtp_port)
    async with Portal(house, clock) as portal:
        path = await portal.asked()
        for attempt, wait_s in enumerate(RETRY_AFTER_S[:3], start=1):
            mail = await portal.attempted(attempt)
            status = await portal.fetch(path)
            assert "The mail server could not be reached. We try again at" in status.text
            assert "could not leave yet" in status.text
            assert "127.0.0.1" not in status.text
            assert "about to leave" not in status.text
            assert status.headers["Refresh"] == "60"
            assert mail.next_attempt_at == clock.at + wait_s
            assert mail.reply == "The mail server could not be reached"
            if attempt < 3:
                portal.turn_to(mail.next_attempt_at)

        mailbox = Mailbox(smtp_port)
        mailbox.start()
        portal.turn_to(mail.next_attempt_at)
        await asyncio.to_thread(mailbox.wait_for, SENDER)
        await portal.delivered()
        mailbox.stop()

        assert await portal.state() is State.MAIL_SENT


async def test_a_mail_that_cannot_go_in_time_fails(
    house: House, clock: Clock, configure: Configure, smtp_port: int
) -> None:
    """Once the next try would come after the request's end, the mail has failed, with its text."""
    configure(smtp_port)
    async with Portal(house, clock) as portal:
        await portal.asked()
        attempt = 1
        while (mail := await portal.attempted(attempt)).state == "queued":
            attempt += 1
            portal.turn_to(mail.next_attempt_at)

        assert mail.state == "failed"
        assert START + 86_400 - RETRY_AFTER_S[-1] <= clock.at < START + 86_400
        assert mail.reply == "The mail server could not be reached"
        assert await portal.state() is State.MAIL_FAILED


async def test_a_killed_process_sends_what_it_had_not_settled(
    house: House, clock: Clock, mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed between the server's acceptance and its note: sent again, under one Message-ID."""
    accepted = asyncio.Event()

    async def forever(*_: object) -> None:
        accepted.set()
        await asyncio.Event().wait()

    with monkeypatch.context() as patched:
        # The process "dies" after the acceptance: it never comes to settle.
        patched.setattr("api.dispatch.STOP_WITHIN_S", 0.0)
        patched.setattr(Delivery, "_report", lambda *_: None)
        async with Portal(house, clock) as portal:
            write = portal.sidecar.truth.write

            async def write_unless_settling(change: object, *args: object) -> object:
                if getattr(change, "__name__", "") == "_settle":
                    await forever()
                return await write(change, *args)

            patched.setattr(portal.sidecar.truth, "write", write_unless_settling)
            await portal.asked()
            first = await asyncio.to_thread(mailbox.wait_for, SENDER)
            await accepted.wait()
    async with Portal(house, clock) as portal:
        second = await asyncio.to_thread(mailbox.wait_for, SENDER, 2)
        await portal.delivered()

        assert first["Message-ID"] == second["Message-ID"]
        assert (await portal.mail()).attempts == 1
        assert "Delisted" in (await portal.press(link(first))).text


async def test_what_was_handed_over_is_settled_once_the_database_allows(
    house: House, clock: Clock, mailbox: Mailbox, log: list[EventDict]
) -> None:
    """A lock between acceptance and note delays the note; the mail is not sent a second time."""
    path = house.config.data.database
    open_writer(path).close()
    with closing(sqlite3.connect(path, check_same_thread=False)) as other:

        def lock_then_accept(_: str) -> str:
            other.execute("BEGIN IMMEDIATE")
            return "250 ok"

        mailbox.reply = lock_then_accept
        async with Portal(house, clock, write_wait_s=0.05) as portal:
            await portal.asked()
            async with asyncio.timeout(PATIENCE_S):
                while not any(event["event"] == "mail_unsettled" for event in log):  # noqa: ASYNC110
                    await asyncio.sleep(0)
            other.rollback()
            await portal.delivered()

            assert len(mailbox.mails) == 1
            assert (await portal.mail()).state == "sent"


async def test_no_more_mails_leave_in_a_minute_than_configured(
    house: House, clock: Clock, mailbox: Mailbox, configure: Configure, smtp_port: int
) -> None:
    """The third of three waits until the first is a minute old."""
    configure(smtp_port, mail="per_minute = 2")
    async with Portal(house, clock) as portal:
        for number in range(3):
            await portal.add(f"203.0.113.{number}")
            await portal.ask(f"203.0.113.{number}", f"me@d{number}.example")
        for number in range(2):
            await asyncio.to_thread(mailbox.wait_for, f"me@d{number}.example")
        portal.turn_to(START + 59)
        assert len(mailbox.mails) == 2

        portal.turn_to(START + 60)

        await asyncio.to_thread(mailbox.wait_for, "me@d2.example")


async def test_a_restart_lets_no_more_mails_leave_in_a_minute(
    house: House, clock: Clock, mailbox: Mailbox, configure: Configure, smtp_port: int
) -> None:
    """The limit is kept in the database: two before a restart, and none in its first seconds."""
    configure(smtp_port, mail="per_minute = 2")
    mailbox.reply = lambda to: "451 later" if "d0" in to else "250 ok"  # each attempt counts
    async with Portal(house, clock) as portal:
        for number in range(4):
            await portal.add(f"203.0.113.{number}")
            await portal.ask(f"203.0.113.{number}", f"me@d{number}.example")
        for number in range(2):
            await asyncio.to_thread(mailbox.wait_for, f"me@d{number}.example")
    async with Portal(house, clock) as portal:
        clock.at += 59
        for _ in range(20):  # each turn would have sent one
            portal.sidecar.delivery.wake()
            await portal.sidecar.truth.read(outbox.next_due_at)
        assert [to for to, _ in mailbox.mails] == ["me@d0.example", "me@d1.example"]
        portal.turn_to(clock.at + 1)
        for number in (2, 3):
            await asyncio.to_thread(mailbox.wait_for, f"me@d{number}.example")

    assert len(mailbox.mails) == 4


async def test_a_cancelled_request_sends_nothing_more(
    house: House, clock: Clock, mailbox: Mailbox
) -> None:
    """Cancelled while its mail waits for another try: that try is not made."""
    mailbox.reply = lambda _: "451 later"
    async with Portal(house, clock) as portal:
        await portal.asked()
        message = await asyncio.to_thread(mailbox.wait_for, SENDER)
        mail = await portal.attempted(1)
        await portal.press(link(message), "This was not me")

        portal.turn_to(mail.next_attempt_at)
        await portal.delivered()

        assert len(mailbox.mails) == 1
        assert (await portal.mail()).state == "failed"


async def test_a_mail_that_breaks_us_is_not_tried_without_a_pause(
    house: House,
    clock: Clock,
    mailbox: Mailbox,
    monkeypatch: pytest.MonkeyPatch,
    log: list[EventDict],
) -> None:
    """A bug of ours would come again at once, and take the processor and the disk's log with it."""

    def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("api.mail.delivery.draft", broken)
    async with Portal(house, clock) as portal:
        await portal.asked()
        while "mail_crashed" not in {one["event"] for one in log}:
            await portal.sidecar.truth.read(outbox.next_due_at)
        for _ in range(100):  # it would have had time for another try with every two of them
            await portal.sidecar.truth.read(outbox.next_due_at)

    assert [one["event"] for one in log].count("mail_crashed") == 1
    assert mailbox.mails == []
