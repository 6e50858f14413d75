"""The form: what it takes, what it refuses, and what it keeps."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest
from house import House
from portal import START, Clock, Portal
from structlog.typing import EventDict

from dnsbl.store import outbox, requests
from dnsbl.store.database import open_writer

ADDRESS = "203.0.113.7"
MAILBOX = "postmaster@sender.example"
FORM = "application/x-www-form-urlencoded"


async def held(portal: Portal) -> int:
    """How many requests there are."""
    return sum((await portal.sidecar.truth.read(requests.in_states)).values())


async def test_a_request_leads_to_a_status_page_of_its_own(
    portal: Portal, log: list[EventDict]
) -> None:
    """303 to an address that cannot be guessed; the page there tells of mail and mailbox."""
    await portal.add(ADDRESS)

    asked = await portal.ask(ADDRESS, MAILBOX)
    await portal.delivered()

    key = asked.location.removeprefix("/status/")
    assert (asked.status, len(key)) == (303, 43)
    page = await portal.fetch(asked.location)
    assert page.status == 200
    assert "p…@sender.example" in page.text
    assert "postmaster@" not in page.text
    assert "outbox/20270115T080000Z-1.eml" in page.text
    assert "it comes from delist@bl.example" in page.text
    events = {event["event"]: event for event in log}
    assert events["mail_written"]["file"].endswith("/data/outbox/20270115T080000Z-1.eml")
    assert "mail_sent" not in events
    assert page.headers["Refresh"] == "15"
    assert page.headers["Cache-Control"] == "no-store"


async def test_a_status_page_looks_again_until_told_to_stay(portal: Portal) -> None:
    """Who reads slowly, or by ear, may keep it as it is (WCAG 2.2 §2.2.1); in any language."""
    path = await portal.asked()
    page = await portal.fetch(f"{path}?lang=it")
    still = await portal.fetch(f"{path}?still=1&lang=it")

    assert page.headers["Refresh"]
    assert 'href="?still=1&amp;lang=it"' in page.text
    assert "Refresh" not in still.headers
    assert 'href="?lang=it"' in still.text
    assert "http-equiv" not in page.text + still.text


@pytest.mark.parametrize("key", ["x" * 43, "x", "%22%3E%3Cscript%3E"])
async def test_a_status_page_that_nobody_was_given_is_missing(portal: Portal, key: str) -> None:
    """Guessing finds nothing, and echoes nothing."""
    page = await portal.fetch(f"/status/{key}")

    assert page.status == 404
    assert "<script" not in page.text


@pytest.mark.parametrize(
    ("ip", "email", "wrong"),
    [
        ("1.2.3.400", MAILBOX, "ip"),
        ("203.0.113.0/24", MAILBOX, "ip"),
        ("", MAILBOX, "ip"),
        ("bl.example", MAILBOX, "ip"),
        ("203.0.113.7, 203.0.113.8", MAILBOX, "ip"),
        (ADDRESS, "", "email"),
        (ADDRESS, "postmaster", "email"),
        (ADDRESS, "a@b@sender.example", "email"),
        (ADDRESS, "a@sender.example\r\nBcc: all@sender.example", "email"),
        (ADDRESS, "a\x00b@sender.example", "email"),
        (ADDRESS, "a@sender.example, b@sender.example", "email"),
        (ADDRESS, "<a@sender.example>", "email"),
        (ADDRESS, f"{'a' * 65}@sender.example", "email"),
        (ADDRESS, f"a@{'b' * 60}.{'c' * 60}.{'d' * 60}.{'e' * 60}.{'f' * 60}.example", "email"),
        (ADDRESS, "jörg@sender.example", "email"),
        (ADDRESS, '"><script>alert(1)</script>@sender.example', "email"),
    ],
)
async def test_what_is_no_address_or_mailbox_is_said_beside_its_field(
    portal: Portal, ip: str, email: str, wrong: str
) -> None:
    """422, what is wrong with which field, both fields as they were, and no request."""
    await portal.add(ADDRESS)

    page = await portal.ask(ip, email)

    assert page.status == 422
    assert f'<a href="#{wrong}">' in page.text
    assert 'role="alert"' in page.text
    assert "<script" not in page.text
    fields = page.form("Submit").fields
    assert (fields["ip"], fields["email"]) == (ip, email)
    assert await held(portal) == 0


async def test_a_domain_name_beyond_ascii_is_written_in_ascii(portal: Portal) -> None:
    """Mail goes without SMTPUTF8: the domain's ASCII form is kept."""
    await portal.add(ADDRESS)

    await portal.ask(ADDRESS, "info@bücher.example")

    (kept,) = await portal.sidecar.truth.read(requests.of_address, ADDRESS, 9)
    assert kept.mailbox == "info@xn--bcher-kva.example"


async def test_an_address_may_come_as_the_bounce_prints_it(portal: Portal) -> None:
    """Square brackets and blanks around the address do no harm."""
    await portal.add(ADDRESS)

    assert (await portal.ask(f" [{ADDRESS}] ", MAILBOX)).status == 303


async def test_what_is_not_listed_needs_no_request(portal: Portal) -> None:
    """A page that says so, and nothing is kept or sent."""
    page = await portal.ask(ADDRESS, MAILBOX)

    assert page.status == 200
    assert "Not listed" in page.text
    assert await held(portal) == 0


async def test_what_is_never_removed_is_said_before_any_mail(portal: Portal) -> None:
    """Listed as "never" alone: a page with the contact, no request."""
    await portal.add("203.0.113.0/24", "hijacked")

    page = await portal.ask(ADDRESS, MAILBOX)

    assert page.status == 403
    assert "hostmaster@bl.example" in page.text
    assert not page.has_button("Submit")
    assert await held(portal) == 0


async def test_a_form_of_another_make_is_told_so(portal: Portal) -> None:
    """415 for other content, 413 over 16 KiB, 400 for a field given twice or bad encoding."""
    await portal.add(ADDRESS)

    async def status(body: bytes, kind: str = FORM) -> int:
        return (await portal.fetch("/", body, headers={"Content-Type": kind})).status

    assert await status(b"{}", "application/json") == 415
    assert await status(b"--x--", "multipart/form-data; boundary=x") == 415
    assert await status(b"ip=" + b"1" * 16_384) == 413
    assert await status(b"ip=1.2.3.4&ip=1.2.3.5") == 400
    assert await status(b"ip=%ff%fe") == 400
    assert await status(b"\xff\xfe=1") == 400
    assert await status(b"&".join(b"f%d=1" % number for number in range(17))) == 400
    assert await held(portal) == 0


async def test_a_forged_form_is_shown_again_and_nothing_is_kept(portal: Portal) -> None:
    """No form token, or one for another client or purpose: 403, with the fields as they were."""
    await portal.add(ADDRESS)
    link = await portal.link(ADDRESS, "first@sender.example")
    other_purpose = (await portal.fetch(link)).form("Delist IP").fields["form_token"]

    for token in ("", "1.abc", other_purpose):
        page = await portal.ask(ADDRESS, MAILBOX, form_token=token)
        assert page.status == 403
        assert page.form("Submit").fields["email"] == MAILBOX
    assert await held(portal) == 1


async def test_a_form_left_open_for_long_asks_for_another_press(portal: Portal) -> None:
    """409 with a form that works; a form opened before a restart works too."""
    await portal.add(ADDRESS)
    form = (await portal.fetch("/")).form("Submit")
    portal.clock.at += 7 * 3600
    filled = form.fields | {"ip": ADDRESS, "email": MAILBOX}

    page = await portal.fetch("/", filled)

    assert page.status == 409
    assert (await portal.fetch("/", page.form("Submit").fields)).status == 303


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://["},
    ],
)
async def test_a_form_from_another_site_is_refused(portal: Portal, headers: dict[str, str]) -> None:
    """As far as the browser tells, our form comes from our page."""
    await portal.add(ADDRESS)
    fields = (await portal.fetch("/")).form("Submit").fields | {"ip": ADDRESS, "email": MAILBOX}

    page = await portal.fetch("/", fields, headers=headers)

    assert page.status == 403
    assert await held(portal) == 0


async def test_a_forged_host_gets_into_no_link(portal: Portal) -> None:
    """Mail and redirects name the configured address, whatever Host says."""
    await portal.add(ADDRESS)
    forged = {"Host": "evil.example", "X-Forwarded-Host": "evil.example"}

    asked = await portal.ask(ADDRESS, MAILBOX, headers=forged)
    await portal.delivered()

    assert asked.location.startswith("/status/")
    (mail,) = portal.house.config.data.outbox.glob("*.eml")
    assert "evil" not in mail.read_text()
    assert f"{portal.house.portal_url}/confirm/" in mail.read_text()
    assert "evil" not in (await portal.fetch("/", headers=forged)).text


async def test_a_locked_database_is_a_page_and_not_a_loss(
    house: House, clock: Clock, log: list[EventDict]
) -> None:
    """503 with Retry-After while another program writes; look-ups go on; then it works again."""
    async with Portal(house, clock, write_wait_s=0.1) as portal:
        await portal.add(ADDRESS)
        with closing(sqlite3.connect(house.config.data.database)) as other:
            other.execute("BEGIN IMMEDIATE")

            refused = await portal.ask(ADDRESS, MAILBOX)
            looked = await portal.fetch(f"/?ip={ADDRESS}")
            ready = await portal.fetch("/readyz")
            other.rollback()
        assert (refused.status, looked.status, ready.status) == (503, 200, 200)
        assert int(refused.headers["Retry-After"]) > 0
        assert "Nothing was changed" in refused.text
        assert any(event["event"] == "database_unavailable" for event in log)
        assert await held(portal) == 0

        assert (await portal.ask(ADDRESS, MAILBOX)).status == 303


async def test_request_and_mail_stand_or_fall_together(portal: Portal) -> None:
    """Whoever was shown a status page has a queued mail: both are one transaction."""
    await portal.add(ADDRESS)

    await portal.ask(ADDRESS, MAILBOX)

    (asked,) = await portal.sidecar.truth.read(requests.of_address, ADDRESS, 9)
    mail = await portal.sidecar.truth.read(outbox.of_request, asked.id)
    assert mail is not None
    assert mail.created_at == asked.created_at == START


async def test_no_clear_secret_is_kept_or_logged(portal: Portal, log: list[EventDict]) -> None:
    """Tokens and status keys are hashed in the database; mailboxes are in no log line."""
    await portal.add(ADDRESS)
    asked = await portal.ask(ADDRESS, MAILBOX)
    await portal.delivered()
    (mail,) = portal.house.config.data.outbox.glob("*.eml")
    token = mail.read_text().partition("/confirm/")[2][:43]
    await portal.press(f"{portal.house.portal_url}/confirm/{token}")

    with closing(open_writer(portal.house.config.data.database)) as database:
        dump = "\n".join(database.db.conn.iterdump())

    secrets = (token, asked.location.removeprefix("/status/"))
    assert not any(secret in dump for secret in secrets)
    assert not any(text in str(log) for text in (*secrets, MAILBOX))
