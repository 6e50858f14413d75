"""Whoever sends mail to the mail server of the small internet, from an address of their choice."""

from __future__ import annotations

import functools
import smtplib
from collections.abc import Iterator
from dataclasses import dataclass

from internet import MAIL_SERVER, MAIL_SERVER_IPV6, Internet, until

ENVELOPE = "someone@sender.example", "user@destination.example"
MESSAGE = b"""\
From: Someone <someone@sender.example>
To: User <user@destination.example>
Subject: lunch
Date: Mon, 04 Jan 2027 10:00:00 +0000
Message-ID: <1@sender.example>

At noon?
"""
TIMEOUT_S = 30


@dataclass(frozen=True)
class Reply:
    """The mail server's last word on a mail, in one line."""

    code: int
    text: str


def send(internet: Internet, source: str, mail_from: str = ENVELOPE[0]) -> Reply:
    """Hands in a mail; the reply that refused it, or that took it."""
    server = MAIL_SERVER_IPV6 if ":" in source else MAIL_SERVER
    with (
        internet.namespace.inside(),
        smtplib.SMTP(
            server, local_hostname="sender.example", timeout=TIMEOUT_S, source_address=(source, 0)
        ) as dialogue,
    ):
        dialogue.ehlo_or_helo_if_needed()
        replies = [Reply(code, text) for code, text in _steps(dialogue, mail_from)]
        return replies[-1]


def _steps(dialogue: smtplib.SMTP, mail_from: str) -> Iterator[tuple[int, str]]:
    """The replies to MAIL, RCPT and DATA, until one refuses."""
    for step in (
        functools.partial(dialogue.mail, mail_from),
        functools.partial(dialogue.rcpt, ENVELOPE[1]),
        functools.partial(dialogue.data, MESSAGE),
    ):
        code, text = step()
        yield code, " ".join(text.decode().split())
        if code >= 400:
            return


def until_taken(internet: Internet, source: str) -> None:
    """Returns once a mail from that address is taken: its listing is forgotten by all caches."""
    until(lambda: send(internet, source).code == 250, f"mail from {source} is still refused")
