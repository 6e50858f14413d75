"""Nothing that a stranger, a feed or an operator writes becomes a header of a mail, or its link."""

from __future__ import annotations

import email
import email.policy
import html
import re
import unicodedata
from dataclasses import replace
from email.message import EmailMessage
from pathlib import Path
from typing import Final
from urllib.parse import urlencode

import pytest
from house import ZONE_TEXT, House, free_port
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from portal import LISTED, SENDER, START, Portal
from raw_connection import connect

from api import mailbox
from api.mail.compose import compose
from api.mail.decision import compose_decision
from api.pages import Pages
from dnsbl.config import Config
from dnsbl.config.language import LANGUAGES
from dnsbl.delist.decision import OPERATOR
from dnsbl.delist.findings import Finding
from dnsbl.network import parse
from dnsbl.store.listings import Listing
from dnsbl.store.outbox import Mail
from dnsbl.store.request_items import Item, ItemOutcome
from dnsbl.store.request_states import State
from dnsbl.store.requests import Request

HEADERS: Final = [
    "From", "To", "Subject", "Date", "Message-ID", "Auto-Submitted", "MIME-Version",
    "Content-Type", "Content-Language",
]  # fmt: skip
TOKEN: Final = "t" * 43

PIECES: Final = (
    "\r\nBcc: all@sender.example", "\n\nhello", "\r", "\0", "\x1b[2J", "\x85X: y", "\u2028X: y",
    "\u2029", "\x0b", "\x0c", "\x1c", "\u202eevil\u202c", "\u2066", "\u200f", "\u200b", "\ufeff",
    "=?utf-8?q?=0d=0aBcc:_x@y.example?=", "=?utf-8?b?DQpCY2M6?=", "http://evil.example/",
    "HTTPS://evil.example", "http:x:////evil.example", "javascript://x", "<a href=//evil.example>",
    "\N{SNOWMAN}", "\N{PILE OF POO}", "e\u0301", "\uff20", "%0d%0aBcc: x", "--=====", ".\r\n.\r\n",
    "From x", "a" * 300, '"', "<", ">", "&lt;", "{{ link }}", "$", "%(link)s", ";", ",", "  ", "@",
)  # fmt: skip
HOSTILE = st.lists(
    st.one_of(st.sampled_from(PIECES), st.text(st.characters(codec="utf-8"), max_size=8)),
    max_size=6,
).map("".join)


@pytest.fixture(scope="module")
def pages(config: Config) -> Pages:
    """The templates, read once."""
    return Pages(config)


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Config:
    """One configuration for all examples."""
    house = House(Path(tmp_path_factory.mktemp("house")), free_port(), free_port())
    house.write_zone(ZONE_TEXT)
    house.write_config()
    return house.config


def parsed(message: bytes) -> EmailMessage:
    """The mail as a strict reader sees it."""
    found = email.message_from_bytes(message, policy=email.policy.default)
    assert isinstance(found, EmailMessage)
    return found


def check(message: bytes, link: str, to: str) -> None:
    """The headers that are meant, one link, seven bits, and nothing that steers a terminal."""
    mail = parsed(message)
    assert mail.keys() == HEADERS
    assert mail["To"].addresses[0].addr_spec == to
    assert len(mail["To"].addresses) == len(mail["From"].addresses) == 1
    assert not mail.defects
    assert re.search(rb"[^\r]\n|\r[^\n]|[\0-\x08\x0b-\x0c\x0e-\x1f\x7f-\xff]", message) is None
    assert all(len(line) <= 998 for line in message.split(b"\r\n"))
    for kind, times in (("plain", 1), ("html", 2)):
        part = mail.get_body((kind,))
        assert part is not None
        assert not part.defects
        content = html.unescape(part.get_content()) if kind == "html" else part.get_content()
        assert content.count("://") == content.count(link) == times
        assert {unicodedata.category(char) for char in content} & {"Cc", "Cf", "Zl", "Zp"} <= {"Cc"}
        assert {char for char in content if unicodedata.category(char) == "Cc"} <= {"\r", "\n"}
    page = mail.get_body(("html",)).get_content()  # type: ignore[union-attr]
    assert len(re.findall(r"<a\b", page)) == 1


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=300)
@given(
    reason=HOSTILE,
    contact=HOSTILE,
    name=HOSTILE,
    wanted=HOSTILE,
    language=st.sampled_from(LANGUAGES),
)
def test_what_operators_and_feeds_write_stays_a_line_of_text(
    config: Config, pages: Pages, reason: str, contact: str, name: str, wanted: str, language: str
) -> None:
    """A reason, a contact, a name: text in the body or the display name, whatever they hold."""
    try:
        to = mailbox.parse(f"{wanted}@sender.example").text
    except mailbox.MailboxError:
        to = SENDER
    named = "".join(name.split()) if name.isprintable() else ""
    config = replace(config, portal=replace(config.portal, contact=contact, name=named[:60]))
    zone = config.zones[0]
    listing = Listing(zone.origin, parse(LISTED), "spam", reason)
    request = Request(
        1, LISTED, to, to, "198.51.100.7/32", language, State.MAIL_QUEUED, "", START, START,
        START + 86_400, None, None,
    )  # fmt: skip
    finding = Finding(zone, zone.categories[0], listing, "", exact=True)
    mail = Mail(1, "confirm_mail", 1, "<abc@bl.example>", "queued", 0, START, "", START, None)

    message = compose(config, pages, mail, request, [finding], TOKEN, START)

    check(message, f"{config.portal.public_url}/confirm/{TOKEN}", to)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150)
@given(reason=HOSTILE, contact=HOSTILE, language=st.sampled_from(LANGUAGES), kept=st.booleans())
def test_what_an_operator_answers_stays_a_line_of_text(
    config: Config, pages: Pages, reason: str, contact: str, language: str, *, kept: bool
) -> None:
    """The mail of a decision: its reason is text, its one link is the look-up page."""
    config = replace(config, portal=replace(config.portal, contact=contact))
    outcome = ItemOutcome.REFUSED if kept else ItemOutcome.DELISTED
    item = Item(1, "bl.example", "spam", f"{LISTED}/32", outcome, OPERATOR, reason, "", None, START)
    request = Request(
        1, LISTED, SENDER, SENDER, "198.51.100.7/32", language, State.DELISTED, "", START, START,
        START + 86_400, None, None,
    )  # fmt: skip
    mail = Mail(1, "decision_mail", 1, "<abc@bl.example>", "queued", 0, START, "", START, None)

    message = compose_decision(config, pages, mail, request, [item], START)

    check(message, f"{config.portal.public_url}/?ip={LISTED}&lang={language}", SENDER)


@pytest.mark.parametrize("piece", PIECES)
async def test_what_a_visitor_sends_makes_no_header(portal: Portal, piece: str) -> None:
    """In either field and in every header of the request: a mail as it is meant, or none."""
    await portal.add(LISTED)
    form = (await portal.fetch("/")).form("Submit")
    raw = piece.replace("\r", "").replace("\n", "").replace("\0", "").encode()[:200]
    for fields in (
        {"ip": LISTED, "email": f"{piece}@sender.example"},
        {"ip": LISTED, "email": f"me@{piece}.example"},
        {"ip": LISTED, "email": f"{SENDER}{piece}"},
        {"ip": f"{LISTED}{piece}", "email": SENDER},
        {"ip": LISTED, "email": SENDER},
    ):
        body = urlencode(form.fields | fields).encode()
        wire = await connect(portal.house.portal_port)
        names = (b"X-Forwarded-For", b"X-Forwarded-Host", b"Accept-Language", b"User-Agent")
        lines = b"".join(b"%b: it%b\r\n" % (name, raw) for name in names)
        kind = b"Content-Type: application/x-www-form-urlencoded\r\nConnection: close\r\n"
        head = b"POST / HTTP/1.1\r\nHost: evil.example%b\r\n%b%bContent-Length: %d\r\n\r\n"
        await wire.say(head % (raw, lines, kind, len(body)) + body)
        assert (await wire.gone()).startswith((b"HTTP/1.1 ", b"HTTP/1.0 400 "))
        wire.close()
    await portal.delivered()

    files = list(portal.house.config.data.outbox.glob("*.eml"))
    assert len(files) <= 1
    for file in files:
        # The envelope's sender stands before what the mail itself is, as in a mailbox.
        envelope, _, message = file.read_bytes().partition(b"\r\n")
        assert envelope == b"Return-Path: <delist@bl.example>"
        token = message.partition(b"/confirm/")[2][:43].decode()
        to = parsed(message)["To"].addresses[0].addr_spec
        check(message, f"{portal.house.portal_url}/confirm/{token}", to)
        assert to.endswith(".example")
