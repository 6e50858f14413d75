"""Mail through a real SMTP dialogue, and everything that can go wrong in one."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import sqlite3
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from house import House, free_port
from mailserver import Mailbox, link
from portal import START, Clock, Portal
from structlog.typing import EventDict

from api.mail.delivery import Delivery
from api.mail.schedule import RETRY_AFTER_S
from dnsbl.store import outbox, requests
from dnsbl.store.database import open_writer
from dnsbl.store.outbox import Mail
from dnsbl.store.requests import State

ADDRESS = "203.0.113.7"
MAILBOX = "postmaster@sender.example"
PATIENCE_S = 30


def configure(house: House, port: int, more: str = "", mail: str = "") -> None:
    """Makes the house send by SMTP to a port of the loopback."""
    house.write_config(
        f'[mail]\ntransport = "smtp"\n{mail}\n[mail.smtp]\nport = {port}\ntimeout_s = 1\n{more}\n'
    )


class Server(Mailbox):
    """A mail server whose port is known."""

    def __init__(self) -> None:
        self.port = free_port()
        super().__init__(self.port)


@pytest.fixture
def server() -> Iterator[Server]:
    """A mail server that knows neither TLS nor logins."""
    server = Server()
    server.start()
    yield server
    server.stop()


@pytest.fixture
def mailbox(house: House, server: Server) -> Server:
    """The mail server that the house sends through."""
    configure(house, server.port)
    return server


async def asked(portal: Portal) -> str:
    """Asks for the address; the path of the status page."""
    await portal.add(ADDRESS)
    page = await portal.ask(ADDRESS, MAILBOX)
    assert page.status == 303, page.text
    return page.location


async def mail_of(portal: Portal, request_id: int = 1) -> Mail:
    """The mail of a request as the outbox has it."""
    mail = await portal.sidecar.truth.read(outbox.of_request, request_id)
    assert mail is not None
    return mail


async def attempted(portal: Portal, attempts: int) -> Mail:
    """The mail, once so many attempts were noted."""
    async with asyncio.timeout(PATIENCE_S):
        # No event tells a test of a commit, and the asking itself takes its time.
        while (mail := await mail_of(portal)).attempts < attempts:  # noqa: ASYNC110
            await asyncio.sleep(0)
        return mail


async def state(portal: Portal) -> State:
    """Where the first request stands."""
    request = await portal.sidecar.truth.read(requests.get, 1)
    assert request is not None
    return request.state


async def turn_to(portal: Portal, at: int) -> None:
    """Turns the clock, and lets the delivery notice."""
    portal.clock.at = at
    portal.sidecar.delivery.wake()


async def test_a_mail_goes_through_and_its_link_delists(
    house: House, clock: Clock, mailbox: Server
) -> None:
    """From the form to the removal, by a mail that a server took."""
    async with Portal(house, clock) as portal:
        path = await asked(portal)
        message = await asyncio.to_thread(mailbox.wait_for, MAILBOX)
        await portal.delivered()

        status = await portal.fetch(path)
        done = await portal.press(link(message))

        assert "accepted it" in status.text
        assert "reply 250" in status.text
        assert "Delisted" in done.text
        assert await portal.listed() == []
        mail = await mail_of(portal)
        assert (mail.state, mail.attempts) == ("sent", 1)
        assert mail.reply.startswith("250 ")
        assert message["Message-ID"] == mail.message_id


async def test_a_deferred_mail_is_tried_again_with_a_token_of_its_own(
    house: House, clock: Clock, mailbox: Server, log: list[EventDict]
) -> None:
    """4xx: shown with its text and the time of the next try; either mail's link then works once."""
    mailbox.reply = lambda to: f"451 4.7.1 <{to}> greylisted"
    async with Portal(house, clock) as portal:
        path = await asked(portal)
        first = await asyncio.to_thread(mailbox.wait_for, MAILBOX)
        mail = await attempted(portal, 1)

        status = await portal.fetch(path)
        mailbox.reply = lambda _: "250 2.0.0 queued"
        await turn_to(portal, mail.next_attempt_at)
        second = await asyncio.to_thread(mailbox.wait_for, MAILBOX, 2)
        await portal.delivered()

        assert mail.next_attempt_at == START + RETRY_AFTER_S[0]
        assert "451 4.7.1 &lt;p…r@sender.example&gt; greylisted" in status.text
        assert MAILBOX not in str(log)
        assert first["Message-ID"] == second["Message-ID"]
        assert link(first) != link(second)
        assert await state(portal) is State.MAIL_SENT
        assert "Delisted" in (await portal.press(link(first))).text
        assert "Already delisted" in (await portal.fetch(link(second))).text


@pytest.mark.parametrize("stage", ["RCPT", "DATA"])
async def test_a_refused_mail_fails_with_its_text(
    house: House, clock: Clock, mailbox: Server, stage: str
) -> None:
    """5xx about the recipient or the mail is final: the status page shows it, and asks anew."""
    refusal = "550 5.1.1 no such user here"

    async def refuse(*_: object) -> str:
        return refusal

    if stage == "RCPT":
        mailbox.handle_RCPT = refuse
    else:
        mailbox.reply = lambda _: refusal
    async with Portal(house, clock) as portal:
        path = await asked(portal)
        mail = await attempted(portal, 1)

        status = await portal.fetch(path)

        assert (mail.state, mail.reply) == ("failed", refusal)
        assert await state(portal) is State.MAIL_FAILED
        assert refusal in status.text
        assert 'http-equiv="refresh"' not in status.text
        again = await portal.ask(ADDRESS, "right@sender.example")
        assert again.status == 303


async def test_a_recipient_deferred_is_tried_again(
    house: House, clock: Clock, mailbox: Server
) -> None:
    """4xx at RCPT is no refusal."""

    async def defer(*_: object) -> str:
        return "450 4.2.1 mailbox busy"

    mailbox.handle_RCPT = defer
    async with Portal(house, clock) as portal:
        await asked(portal)

        mail = await attempted(portal, 1)

        assert (mail.state, mail.reply) == ("queued", "450 4.2.1 mailbox busy")


async def test_a_refused_sender_is_the_operators_to_mend(
    house: House, clock: Clock, mailbox: Server, log: list[EventDict]
) -> None:
    """5xx at MAIL FROM is no fault of the recipient's: logged as an error, and tried again."""

    async def refuse(*_: object) -> str:
        return "550 5.7.1 sender not allowed"

    mailbox.handle_MAIL = refuse
    async with Portal(house, clock) as portal:
        await asked(portal)

        mail = await attempted(portal, 1)

    assert (mail.state, mail.reply) == ("queued", "550 5.7.1 sender not allowed")
    assert any(event["event"] == "mail_transport_faulty" for event in log)


async def test_a_server_that_is_away_is_tried_again_until_it_is_back(
    house: House, clock: Clock
) -> None:
    """Connection refused, by the schedule; then the mail goes."""
    port = free_port()
    configure(house, port)
    async with Portal(house, clock) as portal:
        await asked(portal)
        for attempt, wait_s in enumerate(RETRY_AFTER_S[:3], start=1):
            mail = await attempted(portal, attempt)
            assert mail.next_attempt_at == clock.at + wait_s
            assert "Error connecting" in mail.reply
            if attempt < 3:
                await turn_to(portal, mail.next_attempt_at)

        mailbox = Mailbox(port)
        mailbox.start()
        await turn_to(portal, mail.next_attempt_at)
        await asyncio.to_thread(mailbox.wait_for, MAILBOX)
        await portal.delivered()
        mailbox.stop()

        assert await state(portal) is State.MAIL_SENT


async def test_a_server_that_hangs_is_left_after_the_timeout(house: House, clock: Clock) -> None:
    """Who accepts a connection and says nothing holds up one mail for timeout_s, not the queue."""
    hung: list[asyncio.StreamWriter] = []

    async def hang(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        hung.append(writer)

    server = await asyncio.start_server(hang, "127.0.0.1", 0)
    configure(house, server.sockets[0].getsockname()[1])
    async with Portal(house, clock) as portal:
        await asked(portal)

        mail = await attempted(portal, 1)

        assert (mail.state, "Timed out" in mail.reply) == ("queued", True)
    server.close()
    for writer in hung:
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()
    await server.wait_closed()


async def test_an_acceptance_counts_whatever_follows_it(house: House, clock: Clock) -> None:
    """A server that drops the connection instead of answering QUIT has the mail: no second one."""
    greeted: list[str] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 ready\r\n")
        while line := await reader.readline():
            verb = line.split()[0].upper()
            if verb == b"EHLO":
                greeted.append(line.decode().split()[1])
            if verb == b"QUIT":
                break
            if verb == b"DATA":
                writer.write(b"354 go on\r\n")
                await reader.readuntil(b"\r\n.\r\n")
            writer.write(b"250 ok\r\n")
        writer.transport.abort()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    configure(house, server.sockets[0].getsockname()[1])
    async with Portal(house, clock) as portal:
        await asked(portal)

        mail = await attempted(portal, 1)

        assert (mail.state, mail.reply) == ("sent", "250 ok")
        assert greeted == ["[127.0.0.1]"]
    server.close()
    await server.wait_closed()


async def test_a_mail_that_cannot_go_in_time_fails(house: House, clock: Clock) -> None:
    """Once the next try would come after the request's end, the mail has failed, with its text."""
    configure(house, free_port())
    async with Portal(house, clock) as portal:
        await asked(portal)
        attempt = 1
        while (mail := await attempted(portal, attempt)).state == "queued":
            attempt += 1
            await turn_to(portal, mail.next_attempt_at)

        assert mail.state == "failed"
        assert START + 86_400 - RETRY_AFTER_S[-1] <= clock.at < START + 86_400
        assert "Error connecting" in mail.reply
        assert await state(portal) is State.MAIL_FAILED


async def test_a_killed_process_sends_what_it_had_not_settled(
    house: House, clock: Clock, mailbox: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed between the server's acceptance and its note: sent again, under one Message-ID."""
    accepted = asyncio.Event()

    async def forever(*_: object) -> None:
        accepted.set()
        await asyncio.Event().wait()

    with monkeypatch.context() as patched:
        # The process "dies" after the acceptance: it never comes to settle.
        patched.setattr("api.mail.delivery.STOP_WITHIN_S", 0.0)
        patched.setattr(Delivery, "_report", lambda *_: None)
        async with Portal(house, clock) as portal:
            write = portal.sidecar.truth.write

            async def write_unless_settling(change: object, *args: object) -> object:
                if getattr(change, "__name__", "") == "_settle":
                    await forever()
                return await write(change, *args)

            patched.setattr(portal.sidecar.truth, "write", write_unless_settling)
            await asked(portal)
            first = await asyncio.to_thread(mailbox.wait_for, MAILBOX)
            await accepted.wait()
    async with Portal(house, clock) as portal:
        second = await asyncio.to_thread(mailbox.wait_for, MAILBOX, 2)
        await portal.delivered()

        assert first["Message-ID"] == second["Message-ID"]
        assert (await mail_of(portal)).attempts == 1
        assert "Delisted" in (await portal.press(link(first))).text


async def test_what_was_handed_over_is_settled_once_the_database_allows(
    house: House, clock: Clock, mailbox: Server, log: list[EventDict]
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
            await asked(portal)
            async with asyncio.timeout(PATIENCE_S):
                while not any(event["event"] == "mail_unsettled" for event in log):  # noqa: ASYNC110
                    await asyncio.sleep(0)
            other.rollback()
            await portal.delivered()

            assert len(mailbox.mails) == 1
            assert (await mail_of(portal)).state == "sent"


async def test_no_more_mails_leave_in_a_minute_than_configured(
    house: House, clock: Clock, mailbox: Server
) -> None:
    """The third of three waits until the first is a minute old."""
    configure(house, house.config.mail.smtp.port, mail="per_minute = 2")
    async with Portal(house, clock) as portal:
        for number in range(3):
            await portal.add(f"203.0.113.{number}")
            await portal.ask(f"203.0.113.{number}", f"me@d{number}.example")
        for number in range(2):
            await asyncio.to_thread(mailbox.wait_for, f"me@d{number}.example")
        await turn_to(portal, START + 59)
        assert len(mailbox.mails) == 2

        await turn_to(portal, START + 60)

        await asyncio.to_thread(mailbox.wait_for, "me@d2.example")


async def test_a_cancelled_request_sends_nothing_more(
    house: House, clock: Clock, mailbox: Server
) -> None:
    """Cancelled while its mail waits for another try: that try is not made."""
    mailbox.reply = lambda _: "451 later"
    async with Portal(house, clock) as portal:
        await asked(portal)
        message = await asyncio.to_thread(mailbox.wait_for, MAILBOX)
        mail = await attempted(portal, 1)
        await portal.press(link(message), "This was not me")

        await turn_to(portal, mail.next_attempt_at)
        await portal.delivered()

        assert len(mailbox.mails) == 1
        assert (await mail_of(portal)).state == "failed"


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A certificate for 127.0.0.1 with its key, in one file."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("openssl is not installed")
    file = tmp_path / "certificate.pem"
    subprocess.run(
        [openssl, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
         "-days", "2", "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1",
         "-keyout", str(tmp_path / "key.pem"), "-out", str(file)],
        check=True, capture_output=True,
    )  # fmt: skip
    file.write_text(file.read_text() + (tmp_path / "key.pem").read_text())
    return file


class Guarded:
    """A server that wants STARTTLS and a login before it takes mail."""

    def __init__(self, certificate: Path) -> None:
        self.mails: list[tuple[bool, Envelope]] = []
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        self.port = free_port()
        self.controller = Controller(
            self, hostname="127.0.0.1", port=self.port, tls_context=context,
            require_starttls=True, auth_required=True, authenticator=self.authenticate,
        )  # fmt: skip

    def authenticate(
        self, _server: SMTP, _session: Session, _envelope: Envelope, _mechanism: str, data: object
    ) -> AuthResult:
        assert isinstance(data, LoginPassword)
        right = (data.login, data.password) == (b"portal", b"pa ss")
        return AuthResult(success=right, handled=False)

    async def handle_DATA(self, _server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        self.mails.append((session.ssl is not None, envelope))
        return "250 2.0.0 ok"


@pytest.fixture
def guarded(house: House, certificate: Path) -> Iterator[Guarded]:
    """The house's server, which wants STARTTLS and a login."""
    guarded = Guarded(certificate)
    guarded.controller.start()
    configure(
        house,
        guarded.port,
        'security = "starttls"\nusername = "portal"\npassword_file = "password"\n'
        'ca_file = "certificate.pem"\n',
    )
    (house.folder / "password").write_text("pa ss\n")
    yield guarded
    guarded.controller.stop()


async def test_starttls_and_login(house: House, clock: Clock, guarded: Guarded) -> None:
    """The mail goes over TLS, to a server that the CA file vouches for, after a login."""
    async with Portal(house, clock) as portal:
        await asked(portal)
        await portal.delivered()

        assert (await mail_of(portal)).state == "sent"
    ((encrypted, envelope),) = guarded.mails
    assert encrypted
    assert envelope.rcpt_tos == [MAILBOX]


@pytest.mark.parametrize(
    ("fault", "reply"),
    [
        ("password", "535"),
        ("no password file", "password file cannot be read"),
        ("certificate", "certificate verify failed"),
        ("no STARTTLS", "not supported"),
    ],
)
async def test_what_the_operator_has_to_mend_is_tried_again(
    house: House,
    clock: Clock,
    guarded: Guarded,
    server: Server,
    fault: str,
    reply: str,
    log: list[EventDict],
) -> None:
    """A wrong password, CA or server loses no mail, and is told at once without the password."""
    text = house.file.read_text()
    match fault:
        case "password":
            (house.folder / "password").write_text("wrong\n")
        case "no password file":
            (house.folder / "password").unlink()
        case "certificate":
            house.file.write_text(text.replace('ca_file = "certificate.pem"', ""))
        case _:
            house.file.write_text(text.replace(str(guarded.port), str(server.port)))
    async with Portal(house, clock) as portal:
        await asked(portal)

        mail = await attempted(portal, 1)

        assert mail.state == "queued"
        assert reply in mail.reply
        assert (guarded.mails, server.mails) == ([], [])
        assert "pa ss" not in str(log)
