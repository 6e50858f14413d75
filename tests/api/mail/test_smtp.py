"""What a mail server may say, and what its word is worth: refusals, hangs, TLS, logins."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import ssl
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from house import House, free_port
from mailserver import ARRIVAL_S, Mailbox
from portal import LISTED, SENDER, Clock, Portal
from structlog.typing import EventDict

from dnsbl.store.request_states import State

Configure = Callable[..., None]


@pytest.mark.parametrize("stage", ["RCPT", "DATA"])
async def test_a_refused_mail_fails_with_its_text(
    house: House, clock: Clock, mailbox: Mailbox, stage: str
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
        path = await portal.asked()
        mail = await portal.attempted(1)

        status = await portal.fetch(path)

        assert (mail.state, mail.reply) == ("failed", refusal)
        assert await portal.state() is State.MAIL_FAILED
        assert refusal in status.text
        assert "Refresh" not in status.headers
        again = await portal.ask(LISTED, "right@sender.example")
        assert again.status == 303


async def test_a_recipient_deferred_is_tried_again(
    house: House, clock: Clock, mailbox: Mailbox
) -> None:
    """4xx at RCPT is no refusal."""

    async def defer(*_: object) -> str:
        return "450 4.2.1 mailbox busy"

    mailbox.handle_RCPT = defer
    async with Portal(house, clock) as portal:
        await portal.asked()

        mail = await portal.attempted(1)

        assert (mail.state, mail.reply) == ("queued", "450 4.2.1 mailbox busy")


async def test_a_refused_sender_is_the_operators_to_mend(
    house: House, clock: Clock, mailbox: Mailbox, log: list[EventDict]
) -> None:
    """5xx at MAIL FROM is no fault of the recipient's: logged as an error, and tried again."""

    async def refuse(*_: object) -> str:
        return "550 5.7.1 sender not allowed"

    mailbox.handle_MAIL = refuse
    async with Portal(house, clock) as portal:
        await portal.asked()

        mail = await portal.attempted(1)

    assert (mail.state, mail.reply) == ("queued", "550 5.7.1 sender not allowed")
    assert any(event["event"] == "mail_transport_faulty" for event in log)


async def test_a_server_that_hangs_is_left_after_the_timeout(
    house: House, clock: Clock, configure: Configure, smtp_port: int
) -> None:
    """Who accepts a connection and says nothing holds up one mail for timeout_s, not the queue."""
    hung: list[asyncio.StreamWriter] = []

    async def hang(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        hung.append(writer)

    server = await asyncio.start_server(hang, "127.0.0.1", smtp_port)
    configure(smtp_port)
    async with Portal(house, clock) as portal:
        await portal.asked()

        mail = await portal.attempted(1)

        assert (mail.state, mail.reply) == ("queued", "The mail server did not answer in time")
    server.close()
    for writer in hung:
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()
    await server.wait_closed()


async def test_an_acceptance_counts_whatever_follows_it(
    house: House, clock: Clock, configure: Configure, smtp_port: int
) -> None:
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

    server = await asyncio.start_server(serve, "127.0.0.1", smtp_port)
    configure(smtp_port)
    async with Portal(house, clock) as portal:
        await portal.asked()

        mail = await portal.attempted(1)

        assert (mail.state, mail.reply) == ("sent", "250 ok")
        assert greeted == ["[127.0.0.1]"]
    server.close()
    await server.wait_closed()


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
            ready_timeout=ARRIVAL_S,
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
def guarded(house: House, configure: Configure, certificate: Path) -> Iterator[Guarded]:
    """The house's server, which wants STARTTLS and a login."""
    guarded = Guarded(certificate)
    guarded.controller.start()
    configure(
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
        await portal.asked()
        await portal.delivered()

        assert (await portal.mail()).state == "sent"
    ((encrypted, envelope),) = guarded.mails
    assert encrypted
    assert envelope.rcpt_tos == [SENDER]


@pytest.mark.parametrize(
    ("fault", "reply", "detail"),
    [
        ("password", "535 ", ""),
        ("no password file", "This portal cannot log in", "password file cannot be read"),
        ("certificate", "No secure connection", "certificate verify failed"),
        ("no CA file", "No secure connection", "No such file"),
        ("no STARTTLS", "The mail server does not offer", "not supported"),
    ],
)
async def test_what_the_operator_has_to_mend_is_tried_again(
    house: House,
    clock: Clock,
    guarded: Guarded,
    server: Mailbox,
    smtp_port: int,
    fault: str,
    reply: str,
    detail: str,
    log: list[EventDict],
) -> None:
    """A wrong password, CA or server loses no mail, and is told at once without the password."""
    text = house.file.read_text()
    match fault:
        case "password":
            (house.folder / "password").write_text("wrong\n")
        case "no password file":
            (house.folder / "password").unlink()
        case "no CA file":
            (house.folder / "certificate.pem").unlink()
        case "certificate":
            house.file.write_text(text.replace('ca_file = "certificate.pem"', ""))
        case _:
            house.file.write_text(text.replace(str(guarded.port), str(smtp_port)))
    async with Portal(house, clock) as portal:
        path = await portal.asked()

        mail = await portal.attempted(1)
        status = await portal.fetch(path)

        assert mail.state == "queued"
        assert mail.reply.startswith(reply)
        assert mail.reply in status.text
        assert not detail or detail not in status.text
        (faulty,) = [event for event in log if event["event"] == "mail_transport_faulty"]
        assert detail in faulty["detail"]
        assert (guarded.mails, server.mails) == ([], [])
        assert "pa ss" not in str(log)
