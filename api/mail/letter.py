"""What every mail of ours has: its headers, its two alternatives, lines that are not too long."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Sequence
from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from typing import Final

from api.language import Language, Sentence
from api.pages import brand
from dnsbl.config import Config
from dnsbl.store.outbox import Mail
from dnsbl.store.requests import Request

LINE_CHARS_MAX: Final = 78  # RFC 5322 §2.1.1

SUBJECT_CHARS_MAX: Final = LINE_CHARS_MAX - len("Subject: ")  # it stays one line, in ASCII
NAMED_MAX: Final = 2  # lists that are named where there are more
DISPLAY_NAME_CHARS_MAX: Final = 64  # with the sender's address it takes two lines at most

_SCHEME = re.compile(r"[a-z0-9+.-]*://", re.IGNORECASE)
_BLANK_LINES = re.compile(r"\n{3,}")


def letter(
    config: Config,
    language: Language,
    mail: Mail,
    request: Request,
    subject: str,
    text: str,
    html: str,
    now: int,
) -> bytes:
    """The whole message to the mailbox of a request, CRLF-delimited.

    Lines hold at most 78 characters, but for a link that is longer by itself.
    """
    message = EmailMessage(policy=SMTP)
    message["From"] = Address(_display_name(config, language), addr_spec=config.mail.sender)
    message["To"] = Address(addr_spec=request.mailbox)
    message["Subject"] = subject
    message["Date"] = format_datetime(datetime.fromtimestamp(now, UTC))
    message["Message-ID"] = mail.message_id
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834 §5
    text, html = _wrapped(text), _wrapped(html)
    charset, encoding = _encoding(text)
    message.set_content(text, charset=charset, cte=encoding)
    charset, encoding = _encoding(html)
    message.add_alternative(html, subtype="html", charset=charset, cte=encoding)
    message["Content-Language"] = language.tag
    return message.as_bytes()


def lists_named(origins: Sequence[str], language: Language) -> str:
    """The names of lists, few enough for a subject: "a, b and 3 more"."""
    named, more = origins[:NAMED_MAX], len(origins) - NAMED_MAX
    if more <= 0:
        return language.enumeration(named)
    text = language.ngettext("%(names)s and %(count)s more", "%(names)s and %(count)s more", more)
    return text % {"names": ", ".join(named), "count": language.number(more)}


def plain(text: str) -> str:
    """Text of an operator's or a feed's as one line, without links: the mail holds ours alone."""
    visible = "".join(char if char.isprintable() else " " for char in text)
    # A blank in a scheme's place: what stood around it must not become another one.
    return " ".join(_SCHEME.sub(" ", visible).split())


def _display_name(config: Config, language: Language) -> str:
    """What a mail program shows as the sender."""
    name = brand(config, language)
    if not config.portal.name and len(config.zones) == 1:
        name = language.say(Sentence("%(zone)s blocklist", zone=name))
    # RFC 2047: an encoded word would be read as what it stands for, line breaks included
    fits = len(name) <= DISPLAY_NAME_CHARS_MAX and name.isprintable() and "=?" not in name
    return name if fits else language.gettext("Blocklist")


def _encoding(content: str) -> tuple[str, str]:
    """Charset and transfer encoding: seven bits either way, readable as it is where it can be."""
    return ("us-ascii", "7bit") if content.isascii() else ("utf-8", "quoted-printable")


def _wrapped(content: str) -> str:
    """Long lines broken at spaces; a link is never broken."""
    lines: list[str] = []
    for line in content.splitlines():
        if len(line) <= LINE_CHARS_MAX:
            lines.append(line.rstrip())
        else:
            indent = line[: len(line) - len(line.lstrip())]
            lines += textwrap.wrap(
                line, LINE_CHARS_MAX, subsequent_indent=indent,
                break_long_words=False, break_on_hyphens=False,
            )  # fmt: skip
    return _BLANK_LINES.sub("\n\n", "\n".join(lines)) + "\n"
