"""Mail through a server that allows nothing beyond the standards, in every language."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlsplit

import pytest
from house import ZONE_TEXT, House
from portal import LISTED, SENDER, START, Clock, Portal
from strictserver import FaultError, StrictServer, check

from api.language import language
from dnsbl.bounce_address import SECRET_NAME, bounced_mail
from dnsbl.config.language import LANGUAGES
from dnsbl.store import keys, outbox, request_items, requests
from dnsbl.store.database import Database
from dnsbl.store.request_items import Item, ItemOutcome
from dnsbl.store.request_states import State

Configure = Callable[..., None]

BOUNCES = "bounces@bl.example"
# A feed's reason that has what would have to be folded, encoded, stuffed with dots or left out.
REASON = f"{'Größe ' * 30}. https://evil.example/ {'x' * 300} From here \N{PILE OF POO}"


async def asked_in(portal: Portal, tag: str, address: str, mailbox: str) -> str:
    """Asks for an address in a language; the path of the status page."""
    found = await portal.fetch(f"/?lang={tag}&ip={address}")
    form = found.form(language(tag).gettext("Submit"))
    page = await portal.fetch(form.action, form.fields | {"ip": address, "email": mailbox})
    assert page.status == 303, page.text
    parts = urlsplit(page.location)
    return f"{parts.path}?{parts.query}"


def is_of_first_mail(database: Database, sender: str) -> bool:
    """Whether an envelope's sender is the bounce address of the first mail."""
    return bounced_mail(sender, BOUNCES, keys.get_or_create(database, SECRET_NAME)) == 1


@pytest.mark.parametrize("tag", LANGUAGES)
@pytest.mark.parametrize("address", [LISTED, "2001:db8:1111:2222:3333:4444:5555:6666"])
async def test_a_strict_server_takes_the_mail_in_every_language(
    house: House, clock: Clock, configure: Configure, smtp_port: int, tag: str, address: str
) -> None:
    """Short lines of seven bits that end in CRLF, one of each header, no extension asked for."""
    house.write_zone(ZONE_TEXT.replace("bl.example", "b.test"), "b.test")
    configure(smtp_port, mail=f'sender = "delist@bl.example"\nbounces = "{BOUNCES}"')
    async with StrictServer(smtp_port) as server, Portal(house, clock) as portal:
        await portal.add(address, reason=REASON)
        await portal.add(address, reason=REASON, zone="b.test")
        await asked_in(portal, tag, address, SENDER)
        await portal.delivered()

        assert server.faults == []
        [taken] = server.mails
        assert taken.message["Content-Language"] == tag
        assert await portal.state() is State.MAIL_SENT
        assert await portal.sidecar.truth.write(is_of_first_mail, taken.sender)


def decide(database: Database) -> None:
    """An operator has refused, and the mail that says so is queued."""
    requests.move(database, 1, State.CONFIRMED, actor="portal", now=START)
    requests.move(database, 1, State.REVIEW, actor="portal", now=START)
    request_items.put(
        database,
        Item(1, "bl.example", "spam", f"{LISTED}/32", ItemOutcome.REFUSED, "operator",
             REASON, "", None, START),
    )  # fmt: skip
    requests.move(database, 1, State.REFUSED, actor="operator:anna", now=START)
    outbox.queue(database, 1, "<decision@bl.example>", START, "decision_mail")


@pytest.mark.parametrize("tag", LANGUAGES)
@pytest.mark.parametrize("refused", [False, True])
async def test_the_mail_of_a_decision_is_as_strict_and_moves_no_request(
    house: House, clock: Clock, configure: Configure, smtp_port: int, tag: str, *, refused: bool
) -> None:
    """Whether the server takes it or not, what was decided stands; it holds no link to press."""
    configure(smtp_port, mail=f'bounces = "{BOUNCES}"')
    async with StrictServer(smtp_port) as server, Portal(house, clock) as portal:
        await portal.add(LISTED)
        await asked_in(portal, tag, LISTED, SENDER)
        await portal.delivered()
        server.refusal = "550 5.1.1 unknown" if refused else ""
        await portal.sidecar.truth.write(decide)
        portal.sidecar.delivery.wake()
        await portal.delivered()

        assert server.faults == []
        assert await portal.state() is State.REFUSED
        mail = await portal.sidecar.truth.read(outbox.get, 2)
        assert mail is not None
        assert mail.state == ("failed" if refused else "sent")
        assert len(server.mails) == (1 if refused else 2)
        if not refused:
            assert server.mails[1].message["Message-ID"] == "<decision@bl.example>"
            assert server.mails[1].sender.startswith("bounces+2-")
            assert b"/confirm/" not in server.mails[1].octets


async def test_an_international_domain_is_written_in_ascii(
    house: House, clock: Clock, configure: Configure, smtp_port: int
) -> None:
    """RFC 5890's A-labels in the envelope and in To, so that no SMTPUTF8 is needed."""
    configure(smtp_port)
    async with StrictServer(smtp_port) as server, Portal(house, clock) as portal:
        await portal.add(LISTED)
        await asked_in(portal, "de", LISTED, "postmaster@Bücher.example")
        await portal.delivered()

        assert server.faults == []
        [taken] = server.mails
        assert taken.recipient == "postmaster@xn--bcher-kva.example"


async def test_an_international_local_part_is_refused_at_once(
    house: House, clock: Clock, configure: Configure, smtp_port: int
) -> None:
    """What only SMTPUTF8 could carry is told on the form, and no request is made."""
    configure(smtp_port)
    async with Portal(house, clock) as portal:
        await portal.add(LISTED)

        page = await portal.ask(LISTED, "büro@sender.example")

        assert page.status == 422
        assert "What stands before the @ is no name of a mailbox" in page.text
        assert "from a to z" in page.text


MAIL = (
    b"From: a <delist@bl.example>\r\nTo: p@b.example\r\nSubject: s\r\n"
    b"Date: Fri, 15 Jan 2027 08:00:00 +0000\r\nMessage-ID: <1@bl.example>\r\n"
    b"Auto-Submitted: auto-generated\r\nContent-Language: en\r\nMIME-Version: 1.0\r\n"
    b"Content-Type: text/plain\r\nContent-Transfer-Encoding: 7bit\r\n\r\nhello\r\n"
)


def test_the_strict_server_would_take_a_good_mail() -> None:
    """What it refuses below is refused for the fault alone."""
    check(MAIL, "p@b.example")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"Subject: s", b"Subject: " + b"s " * 40),
        (b"Date: Fri", b"Date: Someday"),
        (b"Subject: s", b"Subject: s\r\nSubject: t"),
        (b"Subject: s", b"Subject: s\r\nBcc: c@d.example"),
        (b"Message-ID: <1@bl.example>\r\n", b""),
        (b"To: p@", b"To: q@"),
        (b"7bit", b"8bit"),
        (b"Subject: s", b"Subject: s\r\n\r\nbody"),
        (b"Subject: s", b"no field"),
        (b"hello", b"hello " * 20),
    ],
)
def test_the_strict_server_refuses_a_faulty_mail(old: bytes, new: bytes) -> None:
    """Each of these would be a reason to refuse, somewhere."""
    with pytest.raises(FaultError):
        check(MAIL.replace(old, new, 1), "p@b.example")
