"""The mail that asks its reader to confirm: text and HTML, one link, no header of a stranger's."""

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

from api.client_address import shortened
from api.pages import Pages, brand, contact_of
from dnsbl.config import Config
from dnsbl.delist.findings import Finding, asks_operator, zones_that
from dnsbl.network import parse
from dnsbl.store.outbox import Mail
from dnsbl.store.requests import Request

LINE_CHARS_MAX: Final = 78  # RFC 5322 §2.1.1

SUBJECT_CHARS_MAX: Final = LINE_CHARS_MAX - len("Subject: ") - len(" from ")  # it stays one line
DISPLAY_NAME_CHARS_MAX: Final = 64  # with the sender's address it takes two lines at most

_SCHEME = re.compile(r"\b[a-z][a-z0-9+.-]*://", re.IGNORECASE)
_BLANK_LINES = re.compile(r"\n{3,}")


def compose(
    config: Config,
    pages: Pages,
    mail: Mail,
    request: Request,
    findings: Sequence[Finding],
    token: str,
    now: int,
) -> bytes:
    """The whole message, CRLF-delimited.

    Lines hold at most 78 characters, but for a link that is longer by itself.
    """
    zones = list(dict.fromkeys(finding.zone for finding in findings))
    zones = zones or zones_that(config, "bad") or list(config.zones)
    lists = _lists([zone.origin for zone in zones])
    asks = asks_operator(findings)
    act = "your request to delist" if asks else "the delisting of"
    subject = f"Confirm {act} {request.address}"
    if len(subject) + len(lists) <= SUBJECT_CHARS_MAX:
        subject += f" from {lists}"
    values = {
        "request": request,
        "findings": findings,
        "reasons": [_plain(finding.listing.reason) for finding in findings],
        "lists": f"the blocklist{'' if len(zones) == 1 else 's'} {lists}",
        "write_to": _plain(contact_of(config, zones[0])),
        "asks_operator": asks,
        "subject": subject,
        "link": f"{config.portal.public_url}/confirm/{token}",
        "asked_from": shortened(parse(request.client)).text,
    }
    message = EmailMessage(policy=SMTP)
    message["From"] = Address(_display_name(config), addr_spec=config.mail.sender)
    message["To"] = Address(addr_spec=request.mailbox)
    message["Subject"] = subject
    message["Date"] = format_datetime(datetime.fromtimestamp(now, UTC))
    message["Message-ID"] = mail.message_id
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834 §5
    text = _wrapped(pages.text("mail.txt", values))
    html = _wrapped(pages.text("mail.html", values))
    charset, encoding = _encoding(text)
    message.set_content(text, charset=charset, cte=encoding)
    charset, encoding = _encoding(html)
    message.add_alternative(html, subtype="html", charset=charset, cte=encoding)
    message["Content-Language"] = request.language
    return message.as_bytes()


def _lists(origins: Sequence[str]) -> str:
    """The names of lists, few enough for a subject: "a, b and 3 more"."""
    named, more = origins[:2], len(origins) - 2
    if more > 0:
        return f"{', '.join(named)} and {more} more"
    return " and ".join(named)


def _display_name(config: Config) -> str:
    """What a mail program shows as the sender, in ASCII."""
    name = brand(config)
    if len(config.zones) == 1:
        name = f"{name} blocklist"
    return name if len(name) <= DISPLAY_NAME_CHARS_MAX else "Blocklist"


def _plain(text: str) -> str:
    """Text of an operator's or a feed's as one line, without links: the mail holds ours alone."""
    return _SCHEME.sub("", " ".join(text.split()))


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
