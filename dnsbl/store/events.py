"""What is to be told to hooks: a row, written in the transaction in which it happens.

`hooks` takes it from there.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from typing import Final, Literal

from dnsbl.store.database import Database, fitting

REASON_CHARS_MAX: Final = 1000

EventKind = Literal[
    "delist.requested",
    "delist.mail_sent",
    "delist.mail_failed",
    "delist.confirmed",
    "delist.completed",
    "delist.refused",
    "delist.review_needed",
    "delist.cancelled",
    "listing.added",
    "listing.removed",
    "listing.expired",
    "listing.relisted",
    "exclusion.added",
    "exclusion.removed",
    "hook.test",
]


@dataclass(frozen=True, slots=True)
class Event:
    """A row of `events`. ``uid`` names it to hooks; events of a ``subject`` are told in order.

    ``network`` is that of the listing that a decision was about, of which the
    subject may be one address; "" elsewhere.
    """

    id: int
    uid: str
    at: int
    kind: str
    subject: str
    zone: str
    category: str
    reason: str
    request_id: int | None
    network: str = ""


def event(row: sqlite3.Row) -> Event:
    """A row's event."""
    return Event(
        id=row["id"],
        uid=row["uid"],
        at=row["at"],
        kind=row["kind"],
        subject=row["subject"],
        zone=row["zone"],
        category=row["category"],
        reason=row["reason"],
        request_id=row["request_id"],
        network=row["network"],
    )


def record(
    database: Database,
    kind: EventKind,
    subject: str,
    *,
    now: int,
    zone: str = "",
    category: str = "",
    reason: str = "",
    request_id: int | None = None,
    network: str = "",
) -> int:
    """Notes an event in the caller's transaction; its number."""
    row = database.row(
        "INSERT INTO events (at, kind, subject, zone, category, reason, request_id, network) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?) RETURNING id",
        now, kind, subject, zone, category, fitting(reason, REASON_CHARS_MAX), request_id, network,
    )  # fmt: skip
    assert row is not None
    return int(row["id"])


def get(database: Database, event_id: int) -> Event | None:
    """An event by its number."""
    row = database.row("SELECT * FROM events WHERE id = ?", event_id)
    return event(row) if row else None
