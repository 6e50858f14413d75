"""Mail to be sent: a row is committed before anything is sent, and marked after.

A mail is sent at least once: killed between the server's acceptance and the
mark, it is sent again, under the same Message-ID.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from typing import Final, Literal

from dnsbl.store.database import Database, fitting

REPLY_CHARS_MAX = 1000
MINUTE_S: Final = 60

MailState = Literal["queued", "sent", "failed"]
MailKind = Literal["confirm_mail", "decision_mail"]


@dataclass(frozen=True, slots=True)
class Mail:
    """A row of `outbox`: a mail of a request, and how it fares. Times in Unix seconds."""

    id: int
    kind: MailKind
    request_id: int
    message_id: str
    state: MailState
    attempts: int
    next_attempt_at: int
    reply: str
    created_at: int
    done_at: int | None


def _mail(row: sqlite3.Row) -> Mail:
    return Mail(
        id=row["id"],
        kind=row["kind"],
        request_id=row["request_id"],
        message_id=row["message_id"],
        state=row["state"],
        attempts=row["attempts"],
        next_attempt_at=row["next_attempt_at"],
        reply=row["reply"],
        created_at=row["created_at"],
        done_at=row["done_at"],
    )


def queue(
    database: Database, request_id: int, message_id: str, now: int,
    kind: MailKind = "confirm_mail", due_at: int | None = None,
) -> None:  # fmt: skip
    """Queues a mail of a request, in the transaction that it tells of; to leave at `due_at`."""
    database.change(
        "INSERT INTO outbox (kind, request_id, message_id, next_attempt_at, created_at) "
        "VALUES (?, ?, ?, ?, ?)",
        kind, request_id, message_id, now if due_at is None else due_at, now,
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Wait:
    """A request that has to wait ``until`` its link works again, in Unix seconds."""

    request_id: int
    until: int


def unannounced(database: Database, now: int) -> list[Wait]:
    """The waits of whose end no mail tells, nor will: none was queued, in whatever state it is."""
    rows = database.rows(
        # Whatever led to the wait was due before it, and what tells of its end is not.
        """
        SELECT id, until FROM delist_requests AS r
        WHERE state = 'cooldown' AND expires_at > ? AND NOT EXISTS (
            SELECT 1 FROM outbox WHERE request_id = r.id AND kind = 'confirm_mail'
            AND next_attempt_at >= r.until)
        ORDER BY id
        """,
        now,
    )
    return [Wait(row["id"], row["until"]) for row in rows]


def due(database: Database, now: int, limit: int) -> list[Mail]:
    """Queued mails whose time has come, the longest waiting first."""
    rows = database.rows(
        "SELECT * FROM outbox WHERE state = 'queued' AND next_attempt_at <= ? "
        "ORDER BY next_attempt_at, id LIMIT ?",
        now, limit,
    )  # fmt: skip
    return [_mail(row) for row in rows]


def next_due_at(database: Database) -> int | None:
    """When the next queued mail is due, in Unix seconds; None where none waits."""
    row = database.row("SELECT min(next_attempt_at) FROM outbox WHERE state = 'queued'")
    return int(row[0]) if row and row[0] is not None else None


def get(database: Database, mail_id: int) -> Mail | None:
    """A mail by its number."""
    row = database.row("SELECT * FROM outbox WHERE id = ?", mail_id)
    return _mail(row) if row else None


def of_request(database: Database, request_id: int, kind: MailKind = "confirm_mail") -> Mail | None:
    """The last mail of that kind of a request."""
    row = database.row(
        "SELECT * FROM outbox WHERE request_id = ? AND kind = ? ORDER BY id DESC LIMIT 1",
        request_id, kind,
    )  # fmt: skip
    return _mail(row) if row else None


def has_earlier(database: Database, mail: Mail) -> bool:
    """Whether another mail of the kind came before, of the same request."""
    return database.row(
        "SELECT 1 FROM outbox WHERE request_id = ? AND kind = ? AND id < ?",
        mail.request_id, mail.kind, mail.id,
    ) is not None  # fmt: skip


def all_of_request(database: Database, request_id: int) -> list[Mail]:
    """Every mail of a request, the newest first."""
    rows = database.rows("SELECT * FROM outbox WHERE request_id = ? ORDER BY id DESC", request_id)
    return [_mail(row) for row in rows]


def settle(
    database: Database, mail_id: int, state: MailState, reply: str, *,
    now: int, next_attempt_at: int | None = None,
) -> bool:  # fmt: skip
    """Notes how an attempt went; whether the mail was still queued.

    "queued" goes with the time of the next attempt.
    """
    assert (state == "queued") == (next_attempt_at is not None)
    return database.change(
        "UPDATE outbox SET state = ?, reply = ?, attempts = attempts + 1, "
        "next_attempt_at = coalesce(?, next_attempt_at), done_at = ? "
        "WHERE id = ? AND state = 'queued'",
        state, fitting(reply, REPLY_CHARS_MAX), next_attempt_at, None if state == "queued" else now,
        mail_id,
    ) > 0  # fmt: skip


def note_attempt(database: Database, mail_id: int, at: int | None) -> None:
    """Notes when a mail is handed over, before it is; None where it is withheld instead."""
    database.change("UPDATE outbox SET attempted_at = ? WHERE id = ?", at, mail_id)


def paced_until(database: Database, per_minute: int, now: int) -> int | None:
    """Until when no mail may leave, since so many did within a minute; None where one may.

    A mail that a killed process had begun with is sent again, and counts once.
    """
    row = database.row(
        # What the clock says of times to come is that it was set back.
        "SELECT attempted_at FROM outbox WHERE attempted_at > ? AND attempted_at <= ? "
        "ORDER BY attempted_at DESC LIMIT 1 OFFSET ?",
        now - MINUTE_S, now + 1, per_minute - 1,
    )  # fmt: skip
    return int(row["attempted_at"]) + MINUTE_S if row else None


@dataclass(frozen=True, slots=True)
class Attempt:
    """How a mail that was handed over fared there last; withheld ones are none.

    ``state`` is what that attempt made of it, whatever came later, but "failed"
    where it was cancelled; ``reply`` is the server's, with ``mailbox`` masked, or
    why it was cancelled.
    """

    state: MailState
    reply: str
    mailbox: str
    mailbox_domain: str


def last_attempts(database: Database, mail: Mail, limit: int) -> list[Attempt]:
    """The last attempts to hand over other mails of a mail's kind, the newest first.

    Of the newest so many attempts, those that have ended.
    """
    rows = database.rows(
        # What failed later, by a bounce, was sent. Which of a request's mails that was is told by
        # the time: a report that makes a mail fail is noted with it.
        """
        SELECT CASE WHEN o.state = 'failed' AND EXISTS (
                   SELECT 1 FROM audit WHERE request_id = o.request_id
                   AND act = 'mail.bounced' AND at = o.done_at)
               THEN 'sent' ELSE o.state END,
               o.reply, r.mailbox, r.mailbox_domain
        FROM (SELECT * FROM outbox WHERE attempted_at IS NOT NULL
              ORDER BY attempted_at DESC, id DESC LIMIT ?) AS o
        JOIN delist_requests AS r ON r.id = o.request_id
        WHERE o.kind = ? AND o.id <> ? AND o.attempts > 0
        ORDER BY o.attempted_at DESC, o.id DESC
        """,
        limit, mail.kind, mail.id,
    )  # fmt: skip
    return [Attempt(*row) for row in rows]


def depths(database: Database, now: int) -> dict[str, int]:
    """How many mails are in each state, for metrics.

    "scheduled" is what was never tried, since it is to leave later: no backlog, as "queued" is.
    """
    rows = database.rows(
        "SELECT CASE WHEN state = 'queued' AND attempts = 0 AND next_attempt_at > ? "
        "THEN 'scheduled' ELSE state END AS depth, count(*) AS n FROM outbox GROUP BY depth",
        now,
    )
    found = {row["depth"]: int(row["n"]) for row in rows}
    return {depth: found.get(depth, 0) for depth in ("queued", "scheduled", "sent", "failed")}


def cancel(
    database: Database, request_id: int, now: int, reply: str = "cancelled",
    kind: MailKind | None = None,
) -> None:  # fmt: skip
    """What is still queued for a request, of a kind or any, is not sent; `reply` says why."""
    database.change(
        "UPDATE outbox SET state = 'failed', done_at = ?, reply = ? "
        "WHERE request_id = ? AND state = 'queued' AND kind = coalesce(?, kind)",
        now, reply, request_id, kind,
    )  # fmt: skip
