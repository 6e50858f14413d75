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
from api.language import Language, Sentence
from api.negotiation import settled
from api.pages import Pages, brand, contact_of
from dnsbl.config import Config
from dnsbl.delist.findings import Finding, asks_operator, zones_that
from dnsbl.network import parse
from dnsbl.store.outbox import Mail
from dnsbl.store.requests import Request

LINE_CHARS_MAX: Final = 78  # RFC 5322 §2.1.1

SUBJECT_CHARS_MAX: Final = LINE_CHARS_MAX - len("Subject: ")  # it stays one line, in ASCII
NAMED_MAX: Final = 2  # lists that are named where there are more
DISPLAY_NAME_CHARS_MAX: Final = 64  # with the sender's address it takes two lines at most

_SCHEME = re.compile(r"[a-z0-9+.-]*://", re.IGNORECASE)
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
    language = settled(request.language, config)
    zones = list(dict.fromkeys(finding.zone for finding in findings))
    zones = zones or zones_that(config, "bad") or list(config.zones)
    lists = _lists([zone.origin for zone in zones], language)
    asks = asks_operator(findings)
    subject = _subject(language, request.address, lists, asks=asks)
    facts = _facts(request, findings, language)
    values = {
        "request": request,
        "facts": facts,
        "label_chars": max(len(label) for label, _ in facts) + len(":  "),
        "lists": lists,
        "zone_count": len(zones),
        "write_to": _plain(contact_of(config, zones[0])),
        "asks_operator": asks,
        "subject": subject,
        "link": f"{config.portal.public_url}/confirm/{token}",
    }
    message = EmailMessage(policy=SMTP)
    message["From"] = Address(_display_name(config, language), addr_spec=config.mail.sender)
    message["To"] = Address(addr_spec=request.mailbox)
    message["Subject"] = subject
    message["Date"] = format_datetime(datetime.fromtimestamp(now, UTC))
    message["Message-ID"] = mail.message_id
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834 §5
    text = _wrapped(pages.text("mail.txt", values, language))
    html = _wrapped(pages.text("mail.html", values, language))
    charset, encoding = _encoding(text)
    message.set_content(text, charset=charset, cte=encoding)
    charset, encoding = _encoding(html)
    message.add_alternative(html, subtype="html", charset=charset, cte=encoding)
    message["Content-Language"] = language.tag
    return message.as_bytes()


def _subject(language: Language, address: str, lists: str, *, asks: bool) -> str:
    """What the mail is about, in one line; without the lists where they are too many for it."""
    if asks:
        subject = Sentence(
            "Confirm your request to delist %(address)s from %(lists)s",
            address=address,
            lists=lists,
        )
        short = Sentence("Confirm your request to delist %(address)s", address=address)
    else:
        subject = Sentence(
            "Confirm the delisting of %(address)s from %(lists)s", address=address, lists=lists
        )
        short = Sentence("Confirm the delisting of %(address)s", address=address)
    text = language.say(subject)
    return text if len(text) <= SUBJECT_CHARS_MAX else language.say(short)


def _facts(
    request: Request, findings: Sequence[Finding], language: Language
) -> list[tuple[str, str]]:
    """What the mail tells, each with its label."""
    facts = [(language.gettext("Address"), request.address)]
    for finding in findings:
        listed = Sentence(
            "%(category)s in %(zone)s", category=finding.category.name, zone=finding.zone.origin
        )
        facts.append((language.gettext("Listed as"), language.say(listed)))
        if not finding.exact:
            facts.append((language.gettext("Network"), finding.listing.network.text))
        if reason := _plain(finding.listing.reason):
            facts.append((language.gettext("Why"), reason))
    facts += [
        (language.gettext("Asked from"), shortened(parse(request.client)).text),
        (language.gettext("Asked at"), language.moment(request.created_at)),
    ]
    return facts


def _lists(origins: Sequence[str], language: Language) -> str:
    """The names of lists, few enough for a subject: "a, b and 3 more"."""
    named, more = origins[:NAMED_MAX], len(origins) - NAMED_MAX
    if more <= 0:
        return language.enumeration(named)
    text = language.ngettext("%(names)s and %(count)s more", "%(names)s and %(count)s more", more)
    return text % {"names": ", ".join(named), "count": language.number(more)}


def _display_name(config: Config, language: Language) -> str:
    """What a mail program shows as the sender."""
    name = brand(config, language)
    if not config.portal.name and len(config.zones) == 1:
        name = language.say(Sentence("%(zone)s blocklist", zone=name))
    # RFC 2047: an encoded word would be read as what it stands for, line breaks included
    fits = len(name) <= DISPLAY_NAME_CHARS_MAX and name.isprintable() and "=?" not in name
    return name if fits else language.gettext("Blocklist")


def _plain(text: str) -> str:
    """Text of an operator's or a feed's as one line, without links: the mail holds ours alone."""
    visible = "".join(char if char.isprintable() else " " for char in text)
    # A blank in a scheme's place: what stood around it must not become another one.
    return " ".join(_SCHEME.sub(" ", visible).split())


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
