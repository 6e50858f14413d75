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
from api.pages import Pages
from api.portal.findings import Finding
from dnsbl.config import Config
from dnsbl.network import parse
from dnsbl.store.outbox import Mail
from dnsbl.store.requests import Request

LINE_CHARS_MAX: Final = 78  # RFC 5322 §2.1.1

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
    values = {
        "request": request,
        "findings": findings,
        "link": f"{config.portal.public_url}/confirm/{token}",
        "asked_from": shortened(parse(request.client)).text,
    }
    message = EmailMessage(policy=SMTP)
    message["From"] = Address(addr_spec=config.mail.sender)
    message["To"] = Address(addr_spec=request.mailbox)
    message["Subject"] = f"Confirm the delisting of {request.address}"
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
