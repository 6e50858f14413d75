"""`bounce`: what a mail server pipes in reaches the request that it is about, once."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from typing import Any

import pytest
from house import House

from dnsbl.bounce_address import SECRET_NAME, bounce_address
from dnsbl.delivery_status import MESSAGE_OCTETS_MAX, Action, Report
from dnsbl.store import bounces, keys, outbox, requests
from dnsbl.store.bounces import REPORTS_MAX, Noted
from dnsbl.store.database import Database
from dnsbl.store.outbox import Mail, MailKind
from dnsbl.store.request_states import State
from dnsbl.store.requests import NewRequest

Run = Callable[..., Any]

AT = 1_800_000_000
REPLY = "550 5.1.1 <p…@sender.example>: User unknown"


@pytest.fixture
def bounced(house: House) -> House:
    """The house, with a mailbox for bounces."""
    house.write_config('[mail]\nbounces = "bounces@bl.example"')
    return house


def sent(database: Database, kind: MailKind = "confirm_mail", state: str = "sent") -> Mail:
    """A mail of a request; the request waits for the link in it, or an operator's word was sent."""
    new = NewRequest(
        b"s" * 32, "203.0.113.7", "postmaster@sender.example", "postmaster@sender.example",
        "sender.example", "198.51.100.1/32", "en", AT, AT + 86_400,
    )  # fmt: skip
    request_id = requests.create(database, new)
    requests.move(database, request_id, State.MAIL_QUEUED, actor="portal", now=AT)
    outbox.queue(database, request_id, "<1@bl.example>", AT, kind)
    if state == "sent":
        mail = outbox.of_request(database, request_id, kind)
        assert mail is not None
        outbox.settle(database, mail.id, "sent", "250 ok", now=AT)
        requests.move(database, request_id, State.MAIL_SENT, actor="mail", now=AT)
    mail = outbox.of_request(database, request_id, kind)
    assert mail is not None
    return mail


def address(database: Database, mail: Mail) -> str:
    """Where the mail's bounces come."""
    secret = keys.get_or_create(database, SECRET_NAME)
    return bounce_address("bounces@bl.example", secret, mail.id)


def dsn(to: str, action: str = "failed", status: str = "5.1.1") -> bytes:
    """A delivery status, as it is piped in."""
    return f"""\
X-Original-To: {to}
Delivered-To: bounces@bl.example
Subject: Undelivered Mail Returned to Sender
Content-Type: multipart/report; report-type=delivery-status; boundary="B"

--B
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.example

Final-Recipient: rfc822; postmaster@sender.example
Action: {action}
Status: {status}
Diagnostic-Code: smtp; 550 {status} <postmaster@sender.example>: User
    unknown

--B--
""".encode()


def standing(database: Database, mail: Mail) -> tuple[State, str, str]:
    """The request's state, the mail's, and its reply."""
    request = requests.get(database, mail.request_id)
    now = outbox.get(database, mail.id)
    assert request is not None
    assert now is not None
    return request.state, now.state, now.reply


def trail(database: Database) -> list[tuple[str, str, str]]:
    """What was noted of bounces: actor, act, note."""
    rows = database.rows("SELECT actor, act, note FROM audit WHERE actor = 'bounce' ORDER BY id")
    return [tuple(row) for row in rows]


@pytest.mark.usefixtures("bounced")
@pytest.mark.parametrize("given", [True, False], ids=["argument", "header"])
def test_a_failed_mail_fails_its_request_once(run: Run, database: Database, given: bool) -> None:  # noqa: FBT001
    """With the server's words, the mailbox masked, an audit line, an event; again: nothing more."""
    mail = sent(database)
    to = address(database, mail)
    arguments = ("--recipient", to) if given else ()
    message = dsn("bounces@bl.example" if given else to)

    first = run("bounce", *arguments, stdin=message)
    second = run("bounce", *arguments, stdin=message)

    assert (first.exit_code, second.exit_code) == (0, 0)
    assert first.stdout == "mail 1: failed; it was not delivered\n"
    assert second.stdout == "mail 1: failed; known already\n"
    assert standing(database, mail) == (State.MAIL_FAILED, "failed", REPLY)
    assert trail(database) == [
        ("bounce", "mail.bounced", REPLY), ("bounce", "request.mail_failed", REPLY),
    ]  # fmt: skip
    told = database.rows("SELECT kind FROM events WHERE kind = 'delist.mail_failed'")
    assert len(told) == 1


@pytest.mark.usefixtures("bounced")
def test_a_mail_that_was_not_settled_yet_is_not_sent_again(run: Run, database: Database) -> None:
    """The bounce may be quicker than the note that the server took it."""
    mail = sent(database, state="queued")

    assert run("bounce", stdin=dsn(address(database, mail))).exit_code == 0

    assert standing(database, mail) == (State.MAIL_FAILED, "failed", REPLY)
    assert outbox.due(database, AT + 86_400, 10) == []


@pytest.mark.usefixtures("bounced")
@pytest.mark.parametrize(
    ("message", "act"),
    [
        (lambda to: dsn(to, "delayed", "4.4.1"), "mail.delayed"),
        (lambda to: dsn(to, "relayed", "2.0.0"), "mail.delivered"),
        (lambda to: f"To: {to}\nSubject: Out of office\n\nBack soon.\n".encode(), "mail.answered"),
        (lambda to: f"To: {to}\n\n".encode() + b"x" * 2 * MESSAGE_OCTETS_MAX, "mail.answered"),
    ],
    ids=["delayed", "relayed", "answer", "two megabytes"],
)
def test_anything_else_is_noted_and_changes_nothing(
    run: Run, database: Database, message: Callable[[str], bytes], act: str
) -> None:
    """A delay, a delivery, an answer of a person: the audit has it, the request goes on waiting."""
    mail = sent(database)

    result = run("bounce", stdin=message(address(database, mail)))

    assert result.exit_code == 0
    assert result.stdout.endswith("; noted\n")
    assert standing(database, mail) == (State.MAIL_SENT, "sent", "250 ok")
    assert [noted for _, noted, _ in trail(database)] == [act]


@pytest.mark.usefixtures("bounced")
def test_a_thousand_answers_are_not_all_kept(run: Run, database: Database) -> None:
    """Whoever has a mail may write to where it came from without end; a bounce counts still."""
    mail = sent(database)
    to = address(database, mail)
    for number in range(REPORTS_MAX):
        report = Report(Action.UNKNOWN, f"Hello {number}")
        assert bounces.note(database, mail.id, report, now=AT) is Noted.KEPT

    another = run("bounce", stdin=f"To: {to}\nSubject: Hello again\n\n".encode())
    kept = trail(database)
    failed = run("bounce", stdin=dsn(to))

    assert (another.exit_code, failed.exit_code) == (0, 0)
    assert another.stdout == "mail 1: unknown; not noted, since so many came before\n"
    assert len(kept) == REPORTS_MAX
    assert standing(database, mail) == (State.MAIL_FAILED, "failed", REPLY)


@pytest.mark.usefixtures("bounced")
def test_a_message_that_is_for_nobody_is_not_read(
    run: Run, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may be made to cost much: without a mark of ours, its header is all that is looked at."""
    sent(database)
    monkeypatch.setattr("dnsbl.cli.bounce.read_message", None)

    assert run("bounce", stdin=dsn("bounces@bl.example")).exit_code == os.EX_DATAERR


@pytest.mark.usefixtures("bounced")
def test_a_bounce_after_the_press_undoes_nothing(run: Run, database: Database) -> None:
    """Who pressed the button has the mail, whatever a server says of it."""
    mail = sent(database)
    requests.move(database, mail.request_id, State.CONFIRMED, actor="portal", now=AT)

    result = run("bounce", stdin=dsn(address(database, mail)))

    assert result.exit_code == 0
    assert standing(database, mail) == (State.CONFIRMED, "sent", "250 ok")
    assert trail(database) == [("bounce", "mail.bounced", REPLY)]


@pytest.mark.usefixtures("bounced")
def test_a_bounce_of_a_decisions_mail_moves_no_request(run: Run, database: Database) -> None:
    """The mail has failed, for operators to see; what was decided stands."""
    mail = sent(database, "decision_mail")

    assert run("bounce", stdin=dsn(address(database, mail))).exit_code == 0

    assert standing(database, mail) == (State.MAIL_SENT, "failed", REPLY)


@pytest.mark.usefixtures("bounced")
def test_no_mailbox_that_mail_was_forwarded_to_is_kept(run: Run, database: Database) -> None:
    """Whoever asked may not own the mailbox, and is not to learn what is behind it."""
    mail = sent(database)
    message = dsn(address(database, mail)).replace(
        b"smtp; 550 5.1.1 <postmaster@sender.example>", b"smtp; 550 5.1.1 <secret@home.example>"
    )

    run("bounce", stdin=message)

    assert standing(database, mail)[2] == "550 5.1.1 <…>: User unknown"
    assert "secret" not in str(trail(database))


@pytest.mark.usefixtures("bounced")
@pytest.mark.parametrize(
    "to",
    [
        "bounces+1-aaaaaaaaaaaaaaaa@bl.example",
        "bounces@bl.example",
        "someone@else.example",
        "",
    ],
)
def test_what_is_not_for_us_is_refused(run: Run, database: Database, to: str) -> None:
    """A mark that was guessed, no mark, another mailbox, no recipient: EX_DATAERR."""
    mail = sent(database)

    result = run("bounce", stdin=dsn(to))

    assert result.exit_code == os.EX_DATAERR
    assert result.stderr == (
        "dnsbl: the mail is for no bounce address of ours; "
        "--recipient may name the one that it came to\n"
    )
    assert standing(database, mail) == (State.MAIL_SENT, "sent", "250 ok")
    assert trail(database) == []


@pytest.mark.usefixtures("bounced")
def test_a_mail_that_is_not_in_the_database_any_more_is_done_with(
    run: Run, database: Database
) -> None:
    """Its request was removed: nothing to do, and nothing for the mail server to keep."""
    mail = sent(database)
    to = address(database, mail)
    database.change("DELETE FROM delist_requests")

    result = run("bounce", stdin=dsn(to))

    assert (result.exit_code, result.stdout) == (
        0, "mail 1: failed; it is not in the database any more\n",
    )  # fmt: skip


def test_a_locked_database_keeps_the_mail_in_the_mail_servers_queue(
    run: Run, bounced: House, database: Database
) -> None:
    """EX_TEMPFAIL, and the same mail a little later counts."""
    mail = sent(database)
    message = dsn(address(database, mail))
    with closing(sqlite3.connect(bounced.config.data.database)) as other:
        other.execute("BEGIN IMMEDIATE")
        locked = run("bounce", "--wait", "1s", stdin=message)
        other.rollback()

    later = run("bounce", stdin=message)

    assert locked.exit_code == os.EX_TEMPFAIL
    assert "is locked by another program" in locked.stderr
    assert later.exit_code == 0
    assert standing(database, mail)[0] is State.MAIL_FAILED


def test_a_configuration_without_bounces_is_mended_before_mail_is_lost(
    run: Run, database: Database
) -> None:
    """The mail server keeps what comes until the operator has set it up."""
    mail = sent(database)

    result = run("bounce", stdin=dsn(address(database, mail)))

    assert result.exit_code == os.EX_TEMPFAIL
    assert "mail.bounces: is missing" in result.stderr
