"""The mail that tells of an operator's ruling: what was decided, why, and what to do."""

from __future__ import annotations

import email
import email.policy
import functools
import html
import re
from dataclasses import replace
from email.message import EmailMessage

import petitions
import pytest
from house import ZONE_TEXT, House
from petitions import ADDRESS, ASK_AN_OPERATOR, MAILBOX, ZONE
from portal import START, Portal

from api.mail.decision import compose_decision
from api.pages import Pages
from dnsbl.config import Config
from dnsbl.delist import ruling
from dnsbl.delist.decision import Decision, Outcome
from dnsbl.delist.ruling import Ruling
from dnsbl.store import outbox, request_items, requests, suppressions
from dnsbl.store.database import Database
from dnsbl.store.outbox import Mail
from dnsbl.store.request_items import Item
from dnsbl.store.request_states import State

HOUR_S = 3600
REVIEWED = ZONE_TEXT + '[category.policy]\nanswer = "127.0.0.10"\ntext = "x"\ndelist = "review"\n'
WAITS = Decision(Outcome.DEFER, "relapse", until=START + HOUR_S)
BOTH = {(ZONE, "policy"): ASK_AN_OPERATOR, (ZONE, "spam"): ASK_AN_OPERATOR}
MIXED = {(ZONE, "policy"): ASK_AN_OPERATOR, (ZONE, "spam"): WAITS}


@pytest.fixture
def config(house: House) -> Config:
    """The house with a category about which an operator decides."""
    house.write_zone(REVIEWED)
    return house.config


def ruled(
    database: Database, config: Config, ruling_: Ruling, *,
    decisions: dict[tuple[str, str], Decision] | None = None, language: str = "en",
    address: str = ADDRESS,
) -> bytes:  # fmt: skip
    """The mail of a ruling on a request that has come to so much."""
    request_id = petitions.in_review(
        database, config, now=START, decisions=decisions, language=language, address=address
    )
    with database.transaction():
        ruling.rule(database, config, request_id, ruling_, actor="cli:root", now=START)
    request = requests.get(database, request_id)
    mail = outbox.of_request(database, request_id, "decision_mail")
    assert request is not None
    assert mail is not None
    items = request_items.of_request(database, request_id)
    return compose_decision(config, Pages(config), mail, request, items, START)


def parsed(message: bytes) -> EmailMessage:
    """The mail as its reader's program sees it."""
    found = email.message_from_bytes(message, policy=email.policy.default)
    assert isinstance(found, EmailMessage)
    return found


def body(message: bytes, kind: str = "plain") -> str:
    """One of the alternatives, with its line breaks as blanks."""
    part = parsed(message).get_body((kind,))
    assert part is not None
    text = part.get_content()
    return " ".join((html.unescape(text) if kind == "html" else text).split())


APPROVED = Ruling(approves=True, reason="Thank you.")
REFUSED = Ruling(approves=False, reason="It still sends spam.")


def test_headers_say_whom_it_is_for_and_that_a_program_wrote(
    database: Database, config: Config
) -> None:
    """RFC 3834's mark, the outbox's Message-ID, and the mailbox that confirmed."""
    message = parsed(ruled(database, config, APPROVED))

    headers = dict(message.items())
    assert headers.pop("Message-ID").endswith("@bl.example>")
    assert headers | {"Content-Type": ""} == {
        "From": '"bl.example blocklist" <delist@bl.example>',
        "To": MAILBOX,
        "Subject": f"Your request for {ADDRESS}: approved",
        "Date": "Fri, 15 Jan 2027 08:00:00 +0000",
        "Auto-Submitted": "auto-generated",
        "Content-Language": "en",
        "MIME-Version": "1.0",
        "Content-Type": "",
    }


@pytest.mark.parametrize("kind", ["plain", "html"])
def test_an_approval_says_what_is_off_and_when_it_is_felt(
    database: Database, config: Config, kind: str
) -> None:
    """And that nothing has to be done."""
    text = body(ruled(database, config, APPROVED), kind)

    assert "taken off the blocklist bl.example." in text
    assert "policy in bl.example" in text
    assert kind == "html" or "Delisted: policy in bl.example" in text
    assert "Thank you." in text
    assert "forget their old answer within 5 minutes." in text
    assert "stays listed" not in text


@pytest.mark.parametrize("kind", ["plain", "html"])
def test_a_refusal_says_why_and_what_to_do(database: Database, config: Config, kind: str) -> None:
    """The reason, once for several listings, and whom to write to."""
    message = ruled(database, config, REFUSED, decisions=BOTH)
    text = body(message, kind)

    assert parsed(message)["Subject"] == f"Your request for {ADDRESS}: refused"
    assert text.count("It still sends spam.") == 1
    assert "policy in bl.example" in text
    assert "spam in bl.example" in text
    assert "What was not removed stays listed." in text
    assert "write to hostmaster@bl.example and name the address." in text
    assert "is off the list now" not in text


def test_it_is_in_the_language_of_the_request(database: Database, config: Config) -> None:
    """Subject, text, labels, times, and the page that the link leads to."""
    message = ruled(database, config, REFUSED, language="it")
    text = body(message)

    assert parsed(message)["Subject"] == f"Richiesta per {ADDRESS}: rifiutata"
    assert "Un operatore ha esaminato la Sua richiesta, e ha deciso." in text
    assert "Non rimosso: policy in bl.example" in text
    assert "Motivo: It still sends spam." in text
    assert "Richiesto: venerdì 15 gennaio 2027" in text
    assert "Ciò che non è stato rimosso resta in lista." in text
    assert f"/?ip={ADDRESS}&lang=it" in text
    assert "Ciò che non è stato rimosso resta in lista." in body(message, "html")


def test_what_has_to_wait_still_is_told(database: Database, config: Config) -> None:
    """Of another listing of the same request."""
    text = body(ruled(database, config, APPROVED, decisions=MIXED))

    assert "Something else has to wait until 15 January 2027, 09:00 UTC" in text
    assert "spam in bl.example" not in text


def test_a_listing_that_went_away_is_told_as_such(config: Config) -> None:
    """Nothing was left to decide about."""
    gone = Item(1, ZONE, "policy", f"{ADDRESS}/32", request_items.ItemOutcome.DELISTED, "gone",
                "", "", None, START)  # fmt: skip
    mail = Mail(1, "decision_mail", 1, "<1@bl.example>", "queued", 0, START, "", START, None)
    request = requests.Request(
        1, ADDRESS, MAILBOX, MAILBOX, "198.51.100.7/32", "en", State.DELISTED, "", START, START,
        START, START, None,
    )  # fmt: skip

    message = compose_decision(config, Pages(config), mail, request, [gone], START)
    stays = replace(gone, category="spam", outcome=request_items.ItemOutcome.REFUSED, rule="never")
    partly = compose_decision(config, Pages(config), mail, request, [gone, stays], START)

    assert parsed(message)["Subject"] == f"Your request for {ADDRESS}: no longer listed"
    text = " ".join(body(message).split())
    assert "taken off the blocklist bl.example. What you asked about is no longer listed." in text
    assert "No longer listed: policy in bl.example" in text
    assert "You need not do anything." in text
    assert "operator" not in text
    assert parsed(partly)["Subject"] == f"Your request for {ADDRESS}: decided"
    assert "Not removed: spam in bl.example" in body(partly)
    assert "What was not removed stays listed." in body(partly)
    assert "You need not do anything" not in body(partly)


@pytest.mark.parametrize("language", ["en", "it", "de", "fr", "es"])
@pytest.mark.parametrize("verdict", [APPROVED, REFUSED], ids=["approved", "refused"])
@pytest.mark.parametrize("address", [ADDRESS, "2001:db8:aaaa:bbbb:cccc:dddd:eeee:ffff"])
def test_lines_are_short_and_the_link_is_one(
    database: Database, config: Config, language: str, verdict: Ruling, address: str
) -> None:
    """At most 78 characters each but for the link, seven bits, one link in each alternative."""
    message = ruled(database, config, verdict, language=language, address=address)
    link = f"{config.portal.public_url}/?ip={address}&lang={language}"

    assert message.isascii()
    assert max(len(line) for line in message.split(b"\r\n")) <= max(78, len(link) + 8)
    assert parsed(message)["Content-Language"] == language
    for kind in ("plain", "html"):
        assert set(re.findall(r"https?://[^\s\"<]+", body(message, kind))) == {link}


def test_a_reason_brings_neither_links_nor_lines(database: Database, config: Config) -> None:
    """The mail has one link, ours; what an operator pastes is one line of text."""
    pasted = "See https://evil.example/x\r\nBcc: all@evil.example\n\n<b>bold</b>"
    message = ruled(database, config, Ruling(approves=False, reason=pasted))

    assert parsed(message)["Bcc"] is None
    assert "https://evil" not in body(message)
    assert "evil.example/x Bcc: all@evil.example <b>bold</b>" in body(message)
    part = parsed(message).get_body(("html",))
    assert part is not None
    assert "&lt;b&gt;bold&lt;/b&gt;" in part.get_content()


async def delivered(portal: Portal, verdict: Ruling, *, language: str = "en") -> list[EmailMessage]:
    """The mails in the outbox's folder after a ruling."""
    make = functools.partial(
        petitions.in_review, config=portal.house.config, now=portal.clock.at, language=language
    )
    request_id = await portal.sidecar.truth.write(make)
    await portal.sidecar.truth.write(
        ruling.rule, portal.house.config, request_id, verdict, actor="cli:root",
        now=portal.clock.at,
    )  # fmt: skip
    portal.sidecar.delivery.wake()
    await portal.delivered()
    return [parsed(file.read_bytes()) for file in portal.house.config.data.outbox.glob("*.eml")]


async def test_a_ruling_of_the_command_line_is_delivered(portal: Portal) -> None:
    """What another process queues goes as well; the request stays as the ruling left it."""
    [message] = await delivered(portal, REFUSED)

    mail = await portal.sidecar.truth.read(outbox.of_request, 1, "decision_mail")
    assert message["Subject"] == f"Your request for {ADDRESS}: refused"
    assert mail is not None
    assert (mail.state, mail.attempts) == ("sent", 1)
    assert await portal.state() is State.REFUSED


async def test_a_mailbox_that_wants_no_mail_gets_none(portal: Portal) -> None:
    """Though it confirmed a request once."""
    await portal.sidecar.truth.write(
        suppressions.suppress, suppressions.mailbox_hash(MAILBOX), 1, START
    )

    assert await delivered(portal, APPROVED) == []
    assert await portal.state() is State.DELISTED
