"""Servers that want patience: greylisting, away for an hour, slow, silent, or gone half-way."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from house import House
from mailserver import Mailbox
from portal import SENDER, START, Clock, Portal
from strictserver import StrictServer
from structlog.typing import EventDict

from api.mail.schedule import RETRY_AFTER_S
from dnsbl.store.request_states import State

Configure = Callable[..., None]
Speaking = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

HOUR_S = 3600


@asynccontextmanager
async def listening(port: int, speak: Speaking) -> AsyncIterator[list[int]]:
    """A server that behaves so; one number is in the list for each connection."""
    connections: list[int] = []
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        connections.append(len(connections))
        try:
            with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
                await speak(reader, writer)
        finally:
            writer.transport.abort()
            tasks.discard(task)

    server = await asyncio.start_server(serve, "127.0.0.1", port)
    try:
        yield connections
    finally:
        server.close()
        for task in list(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await server.wait_closed()


async def dialogue(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, until: bytes
) -> None:
    """An ordinary dialogue, up to a command, or the mail's end, whose answer is the caller's."""
    writer.write(b"220 ready\r\n")
    while line := await reader.readline():
        if line.startswith(until):
            return
        if line.startswith(b"DATA"):
            writer.write(b"354 go on\r\n")
            await reader.readuntil(b"\r\n.\r\n")
            return
        writer.write(b"250 ok\r\n")


async def test_a_greylisting_server_meets_the_same_envelope_again(
    house: House, clock: Clock, mailbox: Mailbox, configure: Configure, smtp_port: int
) -> None:
    """It knows a mail by client, sender and recipient, and lets it in after five minutes."""
    configure(smtp_port, mail='bounces = "bounces@bl.example"')
    met: dict[tuple[str, str], int] = {}

    async def greylist(
        _server: object, _session: object, envelope: object, address: str, _options: object
    ) -> str:
        triplet = (envelope.mail_from, address)  # type: ignore[attr-defined]
        if clock.at - met.setdefault(triplet, clock.at) < 300:
            return "450 4.2.0 Greylisted, see https://postgrey.example/"
        envelope.rcpt_tos.append(address)  # type: ignore[attr-defined]
        return "250 ok"

    mailbox.handle_RCPT = greylist
    async with Portal(house, clock) as portal:
        path = await portal.asked()
        attempt = 1
        while (mail := await portal.attempted(attempt)).state == "queued":
            status = await portal.fetch(path)
            assert "(greylisting)" in status.text
            assert ("Tried once so far" if attempt == 1 else "Tried 2 times") in status.text
            assert "you need not do" in status.text
            attempt += 1
            portal.turn_to(mail.next_attempt_at)

        assert (mail.state, mail.attempts) == ("sent", 3)
        assert clock.at == START + RETRY_AFTER_S[0] + RETRY_AFTER_S[1]
        assert len(met) == 1
        [(_, message)] = mailbox.mails
        assert message["Message-ID"] == mail.message_id


async def test_a_server_that_is_down_for_an_hour_gets_one_mail(
    house: House, clock: Clock, configure: Configure, smtp_port: int
) -> None:
    """Tried by the schedule all the while, told on the status page, and sent once it is back."""
    configure(smtp_port)
    tried_at: list[int] = []
    async with Portal(house, clock) as portal:
        path = await portal.asked()
        mail = await portal.attempted(1)
        while mail.next_attempt_at < START + HOUR_S:
            tried_at.append(clock.at - START)
            status = await portal.fetch(path)
            assert "The mail server could not be reached. We try again at" in status.text
            portal.turn_to(mail.next_attempt_at)
            mail = await portal.attempted(mail.attempts + 1)
        tried_at.append(clock.at - START)
        clock.at = START + HOUR_S
        async with StrictServer(smtp_port) as server:
            assert await portal.state() is State.MAIL_QUEUED
            portal.turn_to(mail.next_attempt_at)
            await portal.delivered()

            assert server.faults == []
            assert len(server.mails) == 1
    assert tried_at == [0, 60, 360, 1260, 3060]
    assert server.mails[0].message["Message-ID"] == mail.message_id


async def say_nothing(_reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    """Takes the connection, and that is all."""
    await asyncio.Event().wait()


async def close_at_once(_reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    """Takes the connection and closes it."""


async def close_half(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Asks for the mail, then will say no more, and reads on."""
    await dialogue(reader, writer, until=b"DATA")
    writer.write(b"354 go on\r\n")
    writer.write_eof()
    await reader.read()


async def close_after_the_mail(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Takes the mail, and is gone before it says so."""
    await dialogue(reader, writer, until=b".")


async def hang_after_the_mail(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Takes the mail, and never says so."""
    await dialogue(reader, writer, until=b".")
    await asyncio.Event().wait()


async def drip(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Greets one line at a time, each within the time for a step, without an end."""
    while True:
        writer.write(b"220-still\r\n")
        await writer.drain()
        await asyncio.sleep(0.2)


async def flood(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Greets with lines without an end, as fast as they go."""
    while True:
        writer.write(b"220-more\r\n" * 10_000)
        await writer.drain()


async def one_long_line(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Greets with a line that does not end."""
    while True:
        writer.write(b"2" * 65_536)
        await writer.drain()


async def gibberish(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Speaks another protocol."""
    writer.write(b"\x15\x03\x01\x00\x02\x02\x28HTTP/1.1 400 Bad Request\r\n\r\n")
    await asyncio.Event().wait()


@pytest.mark.parametrize(
    "speak",
    [say_nothing, close_at_once, close_half, close_after_the_mail, hang_after_the_mail, drip,
     flood, one_long_line, gibberish],
)  # fmt: skip
async def test_a_server_that_misbehaves_holds_up_one_mail_for_some_seconds(
    house: House,
    clock: Clock,
    configure: Configure,
    smtp_port: int,
    log: list[EventDict],
    speak: Speaking,
) -> None:
    """It is left in time, told in a word of ours, and met again; the mail is then the same one."""
    configure(smtp_port)
    async with Portal(house, clock) as portal:
        async with listening(smtp_port, speak) as connections:
            path = await portal.asked()
            mail = await portal.attempted(1)
            status = await portal.fetch(path)

            assert (mail.state, len(connections)) == ("queued", 1)
            assert "you need not do" in status.text
            assert not any(event["event"] == "mail_crashed" for event in log)
            assert len(mail.reply) <= 1000
        async with StrictServer(smtp_port) as server:
            portal.turn_to(mail.next_attempt_at)
            await portal.delivered()

            [taken] = server.mails
            assert taken.message["Message-ID"] == mail.message_id
            assert taken.recipient == SENDER
