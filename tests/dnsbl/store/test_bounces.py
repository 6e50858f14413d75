"""A bounce marks the mail that did not come, and no mail whose link was used."""

from __future__ import annotations

import pytest
from house import House
from petitions import ADDRESS, ZONE, add, confirmed

from dnsbl.delist.conclusion import conclude
from dnsbl.delist.decision import Decision, Outcome
from dnsbl.delivery_status import Action, Report
from dnsbl.store import bounces, outbox, requests
from dnsbl.store.bounces import Noted
from dnsbl.store.database import Database
from dnsbl.store.outbox import Mail
from dnsbl.store.request_states import State

NOW = 1_800_000_000
UNTIL = NOW + 86_400
FAILED = Report(Action.FAILED, "550 5.1.1 no such user")


@pytest.fixture
def sent(database: Database, house: House) -> tuple[Mail, Mail]:
    """The mails of a request that had to wait: the first one, and that after the wait."""
    add(database, ADDRESS, "spam", now=NOW)
    request_id = confirmed(database, now=NOW)
    waits = {(ZONE, "spam"): Decision(Outcome.DEFER, "relapse", until=UNTIL)}
    with database.transaction():
        conclude(database, house.config, request_id, waits, actor="portal", now=NOW)
    reminder, first = outbox.all_of_request(database, request_id)
    outbox.settle(database, reminder.id, "sent", "250 OK", now=UNTIL)
    return first, reminder


def standing(database: Database, *mails: Mail) -> list[str]:
    """The request's state, and that of each mail."""
    request = requests.get(database, mails[0].request_id)
    assert request is not None
    found = [outbox.get(database, mail.id) for mail in mails]
    return [request.state, *(mail.state for mail in found if mail is not None)]


def test_a_mail_after_a_wait_that_came_back_is_marked(
    database: Database, sent: tuple[Mail, Mail]
) -> None:
    """Its status page may say so; the request waits on for the link in the first one."""
    _, reminder = sent

    noted = [bounces.note(database, reminder.id, FAILED, now=UNTIL) for _ in range(2)]

    assert noted == [Noted.FAILED, Noted.KNOWN]
    assert standing(database, *sent) == [State.COOLDOWN, "sent", "failed"]
    marked = outbox.get(database, reminder.id)
    assert marked is not None
    assert (marked.reply, marked.done_at) == (FAILED.text, UNTIL)


def test_a_mail_whose_link_was_used_came(database: Database, sent: tuple[Mail, Mail]) -> None:
    """Whatever a server says of it while the request waits; the audit has that."""
    first, _ = sent

    assert bounces.note(database, first.id, FAILED, now=UNTIL) is Noted.KEPT
    assert standing(database, *sent) == [State.COOLDOWN, "sent", "sent"]


def test_the_same_words_of_another_mail_are_news(
    database: Database, sent: tuple[Mail, Mail]
) -> None:
    """A report of the first one, come late, does not hide that the second has failed."""
    first, reminder = sent
    bounces.note(database, first.id, FAILED, now=UNTIL)

    assert bounces.note(database, reminder.id, FAILED, now=UNTIL) is Noted.FAILED
    assert standing(database, *sent) == [State.COOLDOWN, "sent", "failed"]


def test_a_request_that_ended_after_its_wait_still_learns_of_it(
    database: Database, sent: tuple[Mail, Mail]
) -> None:
    """Nobody pressed in time, since the mail did not come; the first one had."""
    first, reminder = sent
    requests.expire_overdue(database, UNTIL + 30 * 86_400, 9)

    assert bounces.note(database, first.id, FAILED, now=UNTIL) is Noted.KEPT
    assert bounces.note(database, reminder.id, FAILED, now=UNTIL) is Noted.FAILED
    assert standing(database, *sent) == [State.EXPIRED, "sent", "failed"]


@pytest.mark.parametrize("ended", [False, True])
def test_the_only_mail_of_a_wait_without_another_came(
    database: Database, sent: tuple[Mail, Mail], *, ended: bool
) -> None:
    """A wait that an earlier version began has one mail, and its link was used."""
    first, reminder = sent
    database.change("DELETE FROM outbox WHERE id = ?", reminder.id)
    if ended:
        requests.expire_overdue(database, UNTIL + 30 * 86_400, 9)

    assert bounces.note(database, first.id, FAILED, now=UNTIL) is Noted.KEPT
    assert standing(database, first) == [State.EXPIRED if ended else State.COOLDOWN, "sent"]
