"""The outbox: nothing is lost, nothing settled twice."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable

import pytest

from dnsbl.store import audit, outbox, requests
from dnsbl.store.audit import Act
from dnsbl.store.database import Database, InvalidRowError
from dnsbl.store.outbox import Attempt, Mail, MailState
from dnsbl.store.requests import NewRequest

NOW = 1_000_000


@pytest.fixture
def queue(database: Database) -> Callable[[int], Mail]:
    """Queues the mail of a new request at a time."""

    def queue(at: int) -> Mail:
        depth = sum(outbox.depths(database, at).values())
        request_id = requests.create(
            database,
            NewRequest(
                depth.to_bytes(32, "big"), "192.0.2.1", "a@b", "a@b", "b", "c", "en", at, at + 99
            ),
        )
        outbox.queue(database, request_id, f"<{depth}@bl.example>", at)
        mail = outbox.of_request(database, request_id)
        assert mail is not None
        return mail

    return queue


def test_a_queued_mail_is_due_at_once(database: Database, queue: Callable[[int], Mail]) -> None:
    """In the state in which it was committed."""
    mail = queue(NOW)

    assert mail == Mail(
        mail.id, "confirm_mail", mail.request_id, "<0@bl.example>", "queued", 0, NOW, "", NOW, None
    )  # fmt: skip
    assert outbox.due(database, NOW, 9) == [mail]
    assert outbox.due(database, NOW - 1, 9) == []
    assert outbox.next_due_at(database) == NOW
    assert outbox.of_request(database, mail.request_id + 1) is None


def test_the_longest_waiting_are_first(database: Database, queue: Callable[[int], Mail]) -> None:
    """At most so many at once."""
    mails = [queue(at) for at in (NOW, NOW - 5, NOW - 5)]
    order = [mails[1].id, mails[2].id, mails[0].id]

    assert [mail.id for mail in outbox.due(database, NOW, 9)] == order
    assert [mail.id for mail in outbox.due(database, NOW, 2)] == order[:2]
    assert outbox.next_due_at(database) == NOW - 5


def test_an_empty_outbox_waits_for_nothing(database: Database) -> None:
    """No time, no mail, and zeros for the metrics."""
    assert outbox.next_due_at(database) is None
    assert outbox.due(database, NOW, 9) == []
    assert outbox.depths(database, NOW) == {"queued": 0, "scheduled": 0, "sent": 0, "failed": 0}


@pytest.mark.parametrize("state", ["sent", "failed"])
def test_a_mail_is_settled_once(
    database: Database, queue: Callable[[int], Mail], state: MailState
) -> None:
    """The server's reply and the time stay; whoever comes later is told that he is late."""
    mail = queue(NOW)

    assert outbox.settle(database, mail.id, state, "250 OK", now=NOW + 1)
    assert not outbox.settle(database, mail.id, "failed", "again", now=NOW + 2)
    settled = outbox.of_request(database, mail.request_id)
    assert settled is not None
    assert (settled.state, settled.reply, settled.attempts) == (state, "250 OK", 1)
    assert (settled.done_at, settled.next_attempt_at) == (NOW + 1, NOW)
    assert outbox.due(database, NOW + 9, 9) == []
    assert outbox.next_due_at(database) is None
    assert outbox.depths(database, NOW)[state] == 1


def test_a_deferred_mail_comes_again(database: Database, queue: Callable[[int], Mail]) -> None:
    """At its new time, with one attempt more and the reply of the last."""
    mail = queue(NOW)
    for attempt in (1, 2):
        assert outbox.settle(
            database, mail.id, "queued", f"450 {attempt}", now=NOW, next_attempt_at=NOW + attempt
        )
    assert outbox.due(database, NOW + 1, 9) == []
    (again,) = outbox.due(database, NOW + 2, 9)

    assert (again.attempts, again.reply, again.done_at) == (2, "450 2", None)
    assert outbox.next_due_at(database) == NOW + 2


def test_a_deferral_has_a_time(database: Database, queue: Callable[[int], Mail]) -> None:
    """And an end has none: anything else is a bug of the caller."""
    mail = queue(NOW)
    with pytest.raises(AssertionError):
        outbox.settle(database, mail.id, "queued", "", now=NOW)
    with pytest.raises(AssertionError):
        outbox.settle(database, mail.id, "sent", "", now=NOW, next_attempt_at=NOW)

    assert outbox.of_request(database, mail.request_id) == mail


@pytest.mark.parametrize(
    ("reply", "kept"),
    [("250 caf\udce9", "250 caf?"), ("x" * 5000, "x" * 1000), ("a\r\nb\0", "a  b ")],
)
def test_any_reply_can_be_kept(
    database: Database, queue: Callable[[int], Mail], reply: str, kept: str
) -> None:
    """A server that answers in Latin-1, or at length, must not make its mail be sent for ever."""
    mail = queue(NOW)

    assert outbox.settle(database, mail.id, "sent", reply, now=NOW)
    settled = outbox.of_request(database, mail.request_id)
    assert settled is not None
    assert settled.reply == kept


def test_what_is_to_leave_later_is_no_backlog(
    database: Database, queue: Callable[[int], Mail]
) -> None:
    """A mail for the end of a wait is told apart, until it is due; one that is retried is not."""
    retried = queue(NOW)
    outbox.settle(database, retried.id, "queued", "450 d", now=NOW, next_attempt_at=NOW + 60)
    outbox.queue(database, retried.request_id, "<later@bl.example>", NOW, due_at=NOW + 50)
    found = [outbox.depths(database, at) for at in (NOW, NOW + 50)]

    assert found == [
        {"queued": 1, "scheduled": 1, "sent": 0, "failed": 0},
        {"queued": 2, "scheduled": 0, "sent": 0, "failed": 0},
    ]


def test_a_cancelled_mail_is_not_sent(database: Database, queue: Callable[[int], Mail]) -> None:
    """But what was sent stays sent."""
    queued, sent, other = (queue(NOW) for _ in range(3))
    outbox.settle(database, sent.id, "sent", "250 OK", now=NOW)
    for mail in (queued, sent):
        outbox.cancel(database, mail.request_id, NOW + 1)
    found = [outbox.of_request(database, mail.request_id) for mail in (queued, sent, other)]

    assert [mail and (mail.state, mail.reply, mail.done_at) for mail in found] == [
        ("failed", "cancelled", NOW + 1), ("sent", "250 OK", NOW), ("queued", "", None),
    ]  # fmt: skip


def test_an_expiry_leaves_the_news_of_a_decision(
    database: Database, queue: Callable[[int], Mail]
) -> None:
    """A request that waits on after a ruling may end before a slow server has taken its mail."""
    mail = queue(NOW)
    database.change("UPDATE delist_requests SET state = 'cooldown', expires_at = ?", NOW)
    outbox.queue(database, mail.request_id, "<news@bl.example>", NOW, kind="decision_mail")

    assert requests.expire_overdue(database, NOW, 10) == [mail.request_id]
    assert [(one.kind, one.state) for one in outbox.all_of_request(database, mail.request_id)] == [
        ("decision_mail", "queued"), ("confirm_mail", "failed"),
    ]  # fmt: skip


def test_mails_of_a_minute_are_counted(database: Database, queue: Callable[[int], Mail]) -> None:
    """So many may leave in any minute; the next one when the first of them is a minute old."""
    assert outbox.paced_until(database, 1, NOW) is None
    for at in (NOW - 30, NOW - 10, NOW):
        outbox.note_attempt(database, queue(at).id, at)

    found = [outbox.paced_until(database, per_minute, NOW) for per_minute in (1, 2, 3, 4)]
    assert found == [NOW + 60, NOW + 50, NOW + 30, None]
    assert outbox.paced_until(database, 3, NOW + 29) == NOW + 30
    assert outbox.paced_until(database, 3, NOW + 30) is None
    assert outbox.paced_until(database, 1, NOW - 9000) is None  # the clock was set back


def test_the_last_attempts_are_told(database: Database, queue: Callable[[int], Mail]) -> None:
    """As each ended when it was made: not what became of the mail later, nor what was withheld."""
    mails = [queue(NOW + number) for number in range(9)]
    sent, deferred, refused, bounced, cancelled, withheld, under_way, news, own = mails
    for number, mail in enumerate(mails):
        outbox.note_attempt(database, mail.id, None if mail is withheld else NOW + number)
    outbox.settle(database, deferred.id, "queued", "450 d", now=NOW, next_attempt_at=NOW + 60)
    outbox.settle(database, cancelled.id, "queued", "450 c", now=NOW, next_attempt_at=NOW + 60)
    outbox.cancel(database, cancelled.request_id, NOW)
    for mail in (sent, bounced, withheld, own, news):
        outbox.settle(database, mail.id, "sent", "250 ok", now=NOW)
    outbox.settle(database, refused.id, "failed", "554 r", now=NOW)
    database.change(
        "UPDATE outbox SET state = 'failed', reply = 'b', done_at = ? WHERE id = ?",
        NOW + 50, bounced.id,
    )  # fmt: skip
    database.change("UPDATE outbox SET kind = 'decision_mail' WHERE id = ?", news.id)
    audit.record(
        database,
        [Act(NOW + 50, "bounce", "mail.bounced", request_id=bounced.request_id)],
    )

    found = outbox.last_attempts(database, own, 50)
    assert found == [
        Attempt("failed", "cancelled", "a@b", "b"),
        Attempt("sent", "b", "a@b", "b"), Attempt("failed", "554 r", "a@b", "b"),
        Attempt("queued", "450 d", "a@b", "b"), Attempt("sent", "250 ok", "a@b", "b"),
    ]  # fmt: skip
    assert outbox.last_attempts(database, own, 3) == []  # of these, none is of use
    assert under_way.attempts == 0


def test_each_mail_of_a_request_is_told_by_itself(
    database: Database, queue: Callable[[int], Mail]
) -> None:
    """A first one that was refused, and came; of those after waits one that bounced, one refused.

    The link in the first one made the request wait: no later one moves it.
    """
    first, own = queue(NOW), queue(NOW)
    outbox.settle(database, first.id, "failed", "554 first", now=NOW)
    outbox.note_attempt(database, first.id, NOW)
    for number, (state, reply) in enumerate((("sent", "250"), ("failed", "554 last")), start=1):
        outbox.queue(database, first.request_id, f"<after{number}@bl.example>", NOW)
        mail = outbox.of_request(database, first.request_id)
        assert mail is not None
        outbox.note_attempt(database, mail.id, NOW + number)
        outbox.settle(database, mail.id, state, reply, now=NOW + number)
        if state == "sent":
            database.change(
                "UPDATE outbox SET state = 'failed', reply = '550 back', done_at = ? WHERE id = ?",
                NOW + 9, mail.id,
            )  # fmt: skip
    audit.record(database, [Act(NOW + 9, "bounce", "mail.bounced", request_id=first.request_id)])

    found = outbox.last_attempts(database, own, 50)
    assert [(attempt.state, attempt.reply) for attempt in found] == [
        ("failed", "554 last"), ("sent", "550 back"), ("failed", "554 first"),
    ]  # fmt: skip


def test_attempts_are_found_by_index(database: Database) -> None:
    """Each mail asks for them: what is long ago costs nothing."""
    plan: list[str] = []
    database.connection.set_trace_callback(plan.append)
    outbox.paced_until(database, 60, NOW)
    database.connection.set_trace_callback(None)
    (step,) = [row["detail"] for row in database.rows(f"EXPLAIN QUERY PLAN {plan[0]}")]

    assert step.startswith("SEARCH outbox USING COVERING INDEX outbox_by_attempt (attempted_at>?")


def test_a_mail_belongs_to_a_request(database: Database, queue: Callable[[int], Mail]) -> None:
    """None is queued without one; with the request goes its mail."""
    mail = queue(NOW)
    with pytest.raises(InvalidRowError, match="FOREIGN KEY") as refused:
        outbox.queue(database, mail.request_id + 1, "<x@y>", NOW)
    database.change("DELETE FROM delist_requests")

    assert isinstance(refused.value.__cause__, sqlite3.IntegrityError)
    assert outbox.of_request(database, mail.request_id) is None
