"""A mail server for tests: a real SMTP dialogue, whose mails can be awaited."""

from __future__ import annotations

import email
import email.policy
import re
import threading
import time
from collections.abc import Callable
from email.message import EmailMessage
from pathlib import Path

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

ARRIVAL_S = 60


class Mailbox:
    """Takes every mail, in the order of arrival.

    `reply` may be set to a function that decides the answer to DATA, after the
    mail is kept: the moment of the server's acceptance.
    """

    def __init__(self, port: int) -> None:
        self.mails: list[tuple[str, EmailMessage]] = []
        self.reply: Callable[[str], str] = lambda _: "250 2.0.0 accepted"
        self._arrived = threading.Condition()
        # Its own patience of five seconds is too little for a machine that is busy.
        self._controller = Controller(
            self, hostname="127.0.0.1", port=port, ready_timeout=ARRIVAL_S
        )

    def start(self) -> None:
        """Listens from now on, in a thread of its own."""
        self._controller.start()

    def stop(self) -> None:
        """Closes the port."""
        self._controller.stop()

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        """Called by aiosmtpd with each mail."""
        assert isinstance(envelope.content, bytes)
        message = email.message_from_bytes(envelope.content, policy=email.policy.default)
        assert isinstance(message, EmailMessage)
        recipient = envelope.rcpt_tos[0]
        with self._arrived:
            self.mails.append((recipient, message))
            self._arrived.notify_all()
        return self.reply(recipient)

    def wait_for(self, recipient: str, count: int = 1) -> EmailMessage:
        """The mail to a recipient that is the count-th of theirs."""

        def theirs() -> list[EmailMessage]:
            return [message for to, message in self.mails if to == recipient]

        with self._arrived:
            assert self._arrived.wait_for(lambda: len(theirs()) >= count, ARRIVAL_S), (
                f"no mail {count} for {recipient}: {[to for to, _ in self.mails]}"
            )
            return theirs()[count - 1]


def link(message: EmailMessage) -> str:
    """The one link that a mail holds."""
    part = message.get_body(("plain",))
    assert part is not None
    links = set(re.findall(r"https?://\S+", part.get_content()))
    assert len(links) == 1, links
    return links.pop()


def link_in_file(outbox: Path) -> str:
    """The link of the newest mail that the file transport wrote; waits for the first."""
    deadline = time.monotonic() + ARRIVAL_S
    while not (files := sorted(outbox.glob("*.eml"), key=lambda file: file.stat().st_mtime_ns)):
        assert time.monotonic() < deadline, "no mail was written"
    message = email.message_from_bytes(files[-1].read_bytes(), policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    return link(message)
