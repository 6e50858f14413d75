"""The mail itself: its headers, its lines, its one link."""

from __future__ import annotations

import email
import email.policy
import html
import re
from dataclasses import replace
from email.message import EmailMessage

import pytest
from house import ZONE_TEXT, House
from portal import START

from api.language import language
from api.mail.compose import compose
from api.pages import Pages
from dnsbl.config import Config
from dnsbl.config.category import Delist
from dnsbl.config.language import LANGUAGES
from dnsbl.delist.findings import Finding
from dnsbl.network import parse
from dnsbl.store.listings import Listing
from dnsbl.store.outbox import Mail
from dnsbl.store.request_states import State
from dnsbl.store.requests import Request

TOKEN = "t" * 43
MAIL = Mail(1, "confirm_mail", 1, "<abc@bl.example>", "queued", 0, START, "", START, None)


def request(mailbox: str = "me@sender.example", address: str = "203.0.113.7") -> Request:
    """A request as the database has it."""
    return Request(
        1, address, mailbox, mailbox, "198.51.100.77/32", "en", State.MAIL_QUEUED, "", START,
        START, START + 86_400, None, None,
    )  # fmt: skip


def composed(
    config: Config, asked: Request, *, reason: str = "", network: str = "", delist: Delist = "self"
) -> bytes:
    """The mail of a request for an address that each zone lists."""
    listed = parse(network or asked.address)
    findings = [
        Finding(
            zone,
            replace(zone.categories[0], delist=delist),
            Listing(zone.origin, listed, "spam", reason),
            "",
            exact=not network,
        )
        for zone in config.zones
    ]
    return compose(config, Pages(config), MAIL, asked, findings, TOKEN, START)


def body(message: bytes, kind: str = "plain") -> str:
    """One of the alternatives, with its line breaks as blanks."""
    part = parsed(message).get_body((kind,))
    assert part is not None
    return " ".join(part.get_content().split())


def parsed(message: bytes) -> EmailMessage:
    """The mail as its reader's program sees it."""
    found = email.message_from_bytes(message, policy=email.policy.default)
    assert isinstance(found, EmailMessage)
    return found


def test_headers_say_who_what_when_and_that_a_program_wrote(house: House) -> None:
    """From, To, Subject, Date, the outbox's Message-ID, and RFC 3834's mark."""
    message = parsed(composed(house.config, request()))

    assert dict(message.items()) | {"Content-Type": ""} == {
        "From": '"bl.example blocklist" <delist@bl.example>',
        "To": "me@sender.example",
        "Subject": "Confirm the delisting of 203.0.113.7 from bl.example",
        "Date": "Fri, 15 Jan 2027 08:00:00 +0000",
        "Message-ID": "<abc@bl.example>",
        "Auto-Submitted": "auto-generated",
        "Content-Language": "en",
        "MIME-Version": "1.0",
        "Content-Type": "",
    }


def test_text_and_html_hold_one_link(house: House) -> None:
    """Both alternatives show the same link, and what it is for; HTML is its own link's text."""
    message = parsed(composed(house.config, request()))

    for kind in ("plain", "html"):
        part = message.get_body((kind,))
        assert part is not None
        text = part.get_content()
        links = re.findall(r"https?://[^\s\"<>]+", text)
        assert set(links) == {f"{house.portal_url}/confirm/{TOKEN}"}
        assert len(links) == (1 if kind == "plain" else 2)
        words = " ".join(text.split())
        for said in (
            "the blocklist bl.example", "203.0.113.7", "spam in bl.example", "198.51.100.0/24",
            "This was not me", "hostmaster@bl.example",
        ):  # fmt: skip
            assert said in words
        assert "198.51.100.77" not in text


@pytest.mark.parametrize("address", ["203.0.113.7", "2001:1db8:1111:2222:3333:4444:5555:6666"])
def test_lines_are_short_and_of_seven_bits(house: House, address: str) -> None:
    """RFC 5322 §2.1.1: at most 78 characters a line, delimited by CRLF, in ASCII."""
    message = composed(house.config, request(address=address))

    lines = message.split(b"\r\n")
    assert max(map(len, lines)) <= 78
    assert not any(b"\n" in line or b"\r" in line for line in lines)
    assert message.isascii()


@pytest.mark.parametrize("tag", LANGUAGES)
@pytest.mark.parametrize("delist", ["self", "review"])
@pytest.mark.parametrize("address", ["203.0.113.7", "2001:1db8:1111:2222:3333:4444:5555:6666"])
def test_every_language_keeps_lines_short_and_headers_whole(
    house: House, address: str, delist: Delist, tag: str
) -> None:
    """At most 78 characters of ASCII a line, also where headers are encoded (RFC 2047)."""
    asked = replace(request(address=address), language=tag)

    message = composed(house.config, asked, reason="spam trap", delist=delist)

    assert max(map(len, message.split(b"\r\n"))) <= 78
    assert message.isascii()
    subject = parsed(message)["Subject"]
    assert subject.startswith(language(tag).gettext("Confirm"))
    assert address in subject
    assert parsed(message)["From"].addresses[0].addr_spec == "delist@bl.example"
    assert parsed(message)["Content-Language"] == tag


def test_a_language_that_is_gone_is_answered_in_the_configured_one(house: House) -> None:
    """A row of another version may name a language that this one has not."""
    message = composed(house.config, replace(request(), language="xx"))

    assert parsed(message)["Content-Language"] == "en"


def test_a_long_mailbox_survives_the_folding(house: House) -> None:
    """A mailbox of 254 characters reaches the header unbroken."""
    mailbox = f"{'a' * 64}@{'.'.join(['b' * 60] * 3)}.example"

    message = parsed(composed(house.config, request(mailbox)))

    assert message["To"].addresses[0].addr_spec == mailbox


@pytest.mark.parametrize(
    "mailbox",
    [
        "a@b.example\r\nBcc: c@d.example",
        "a@b.example\nX: y",
        "a@b.example, c@d.example",
        "a\x00@b.c",
    ],
)
def test_no_header_can_be_injected(house: House, mailbox: str) -> None:
    """Even if such a mailbox had got past the form, no mail is made of it."""
    with pytest.raises(ValueError, match=r".+"):
        composed(house.config, request(mailbox))


def test_a_long_public_address_stays_in_one_piece(house: House) -> None:
    """A link that is longer than a line is not broken."""
    long_url = f"https://{'portal.' * 10}example/delist"
    house.file.write_text(house.file.read_text().replace(house.portal_url, long_url))

    message = parsed(composed(house.config, request()))

    part = message.get_body(("plain",))
    assert part is not None
    assert f"\n{long_url}/confirm/{TOKEN}\n" in part.get_content().replace("\r\n", "\n")


@pytest.mark.parametrize("kind", ["plain", "html"])
def test_reason_and_network_are_told(house: House, kind: str) -> None:
    """Why it is listed, and as what where that is more than the address; no link but our own."""
    message = composed(
        house.config,
        request(),
        reason="spam trap,\r\nsee HTTPS://evidence.example/1 & <more>",
        network="203.0.113.0/24",
    )

    text = html.unescape(body(message, kind))
    assert "spam trap, see evidence.example/1 & <more>" in text
    assert "203.0.113.0/24" in text
    assert set(re.findall(r"https?://[^\s\"<>]+", text, re.IGNORECASE)) == {
        f"{house.portal_url}/confirm/{TOKEN}"
    }


def test_a_mail_to_ask_an_operator_says_so(house: House) -> None:
    """Where no press removes anything, subject and text promise no removal."""
    message = composed(house.config, request(), delist="review")

    assert parsed(message)["Subject"] == (
        "Confirm your request to delist 203.0.113.7 from bl.example"
    )
    for kind in ("plain", "html"):
        assert "An operator decides" in body(message, kind)
        assert "To have it removed" not in body(message, kind)


def test_several_lists_are_named(house: House) -> None:
    """Those that list the address, the first two by name, under a neutral sender's name."""
    for origin in ("b.test", "c.test"):
        house.write_zone(ZONE_TEXT.replace("bl.example", origin), origin)

    composed_ = composed(house.config, request(address="192.0.2.1"))

    message = parsed(composed_)
    assert message["Subject"] == (
        "Confirm the delisting of 192.0.2.1 from b.test, bl.example and 1 more"
    )
    assert "the blocklists b.test, bl.example and 1 more" in body(composed_)
    assert message["From"].addresses[0].display_name == "Blocklist removal"


def test_a_list_of_a_long_name_keeps_lines_short(house: House) -> None:
    """Only what cannot be broken, a sender's address of 195 characters say, exceeds its line."""
    origin = ".".join(["b" * 46] * 4)
    house.write_zone(ZONE_TEXT.replace("bl.example", origin), origin)
    (house.folder / "zones" / "bl.example.toml").unlink()

    message = composed(house.config, request(), reason="Spam \N{EM DASH} ja " * 60)

    long = [line for line in message.split(b"\r\n") if len(line) > 78]
    assert all(origin.encode() in line for line in long)
    assert max(map(len, long)) < 998  # RFC 5321 §4.5.3.1.6
    assert message.isascii()
    assert parsed(message)["Subject"] == "Confirm the delisting of 203.0.113.7"
    assert origin in body(message)
    assert parsed(message)["From"].addresses[0].addr_spec == f"delist@{origin}"
