"""The mail itself: its headers, its lines, its one link."""

from __future__ import annotations

import email
import email.policy
import re
from email.message import EmailMessage

import pytest
from house import House
from portal import START

from api.mail.compose import compose
from api.pages import Pages
from api.portal.findings import Finding
from dnsbl.config import Config
from dnsbl.network import parse
from dnsbl.store.listings import Listing
from dnsbl.store.outbox import Mail
from dnsbl.store.requests import Request, State

TOKEN = "t" * 43
MAIL = Mail(1, 1, "<abc@bl.example>", "queued", 0, START, "", START, None)


def request(mailbox: str = "me@sender.example", address: str = "203.0.113.7") -> Request:
    """A request as the database has it."""
    return Request(
        1, address, mailbox, mailbox, "198.51.100.77/32", "en", State.MAIL_QUEUED, "", START,
        START, START + 86_400,
    )  # fmt: skip


def composed(config: Config, asked: Request) -> bytes:
    """The mail of a request for a listed address."""
    zone = config.zones[0]
    network = parse(asked.address)
    listing = Listing(zone.origin, network, "spam")
    finding = Finding(zone, zone.categories[0], listing, "", exact=True)
    return compose(config, Pages(config), MAIL, asked, [finding], TOKEN, START)


def parsed(message: bytes) -> EmailMessage:
    """The mail as its reader's program sees it."""
    found = email.message_from_bytes(message, policy=email.policy.default)
    assert isinstance(found, EmailMessage)
    return found


def test_headers_say_who_what_when_and_that_a_program_wrote(house: House) -> None:
    """From, To, Subject, Date, the outbox's Message-ID, and RFC 3834's mark."""
    message = parsed(composed(house.config, request()))

    assert dict(message.items()) | {"Content-Type": ""} == {
        "From": "delist@bl.example",
        "To": "me@sender.example",
        "Subject": "Confirm the delisting of 203.0.113.7",
        "Date": "Fri, 15 Jan 2027 08:00:00 +0000",
        "Message-ID": "<abc@bl.example>",
        "Auto-Submitted": "auto-generated",
        "Content-Language": "en",
        "MIME-Version": "1.0",
        "Content-Type": "",
    }


def test_text_and_html_hold_one_link(house: House) -> None:
    """Both alternatives name the same link, each once, and what it is for."""
    message = parsed(composed(house.config, request()))

    for kind in ("plain", "html"):
        part = message.get_body((kind,))
        assert part is not None
        text = part.get_content()
        links = re.findall(r"https?://[^\s\"<>]+", text)
        assert links == [f"{house.portal_url}/confirm/{TOKEN}"]
        for words in ("203.0.113.7", "spam in bl.example", "198.51.100.0/24", "This was not"):
            assert words in text.replace("&rdquo;", "").replace("\n", " ")
        assert "198.51.100.77" not in text


@pytest.mark.parametrize("address", ["203.0.113.7", "2001:db8:1111:2222:3333:4444:5555:6666"])
def test_lines_are_short_and_of_seven_bits(house: House, address: str) -> None:
    """RFC 5322 §2.1.1: at most 78 characters a line, delimited by CRLF, in ASCII."""
    message = composed(house.config, request(address=address))

    lines = message.split(b"\r\n")
    assert max(map(len, lines)) <= 78
    assert not any(b"\n" in line or b"\r" in line for line in lines)
    assert message.isascii()


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
