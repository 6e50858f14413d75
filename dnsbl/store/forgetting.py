"""Whose mailbox asked, and from where, is forgotten once a request has ended long ago.

What was asked, decided and done stays: the trail, the delistings, the statistics.
"""

from __future__ import annotations

from typing import Final

from dnsbl.store import audit
from dnsbl.store.audit import Act
from dnsbl.store.database import Database
from dnsbl.store.requests import FORGOTTEN

BATCH_REQUESTS: Final = 100  # a transaction of so many takes some 10 ms

ACTOR: Final = "pruning"

# Where a request has not ended, whatever its age. One whose mail failed has: its link is void.
_OPEN_SQL: Final = "('requested', 'mail_queued', 'mail_sent', 'confirmed', 'review', 'cooldown')"

# INDEXED BY: that of requests whose mailbox and client are still known.
_ENDED_SQL: Final = f"""
    SELECT id FROM delist_requests INDEXED BY requests_to_forget
    WHERE client <> '' AND state_at < ? AND state NOT IN {_OPEN_SQL} ORDER BY state_at LIMIT ?
"""

# What people and servers wrote, with the mailbox in it, and that of no other request.
_NOTES: Final = (
    ("audit", "note", "request_id"),
    ("delist_requests", "note", "id"),
    ("request_items", "reason", "request_id"),
    ("request_items", "note", "request_id"),
)


def is_due(database: Database, age_s: int, now: int) -> bool:
    """Whether a request ended longer ago than that, and its mailbox is still known."""
    return database.row(_ENDED_SQL, now - age_s, 1) is not None


def forget(database: Database, age_s: int, now: int) -> int:
    """Forgets a batch of those, with a line in the audit; how many requests."""
    with database.transaction():
        ids = [row["id"] for row in database.rows(_ENDED_SQL, now - age_s, BATCH_REQUESTS)]
        for request_id in ids:
            _forget(database, request_id)
        if ids:
            word = "request" if len(ids) == 1 else "requests"
            audit.record(
                database, [Act(now, ACTOR, "requests.forgotten", note=f"{len(ids)} {word}")]
            )
    return len(ids)


def _forget(database: Database, request_id: int) -> None:
    # What mail servers said may name a mailbox in part, or one that its mail was passed on to.
    database.change("UPDATE outbox SET reply = '' WHERE request_id = ?", request_id)
    database.change(
        "UPDATE audit SET note = '' WHERE request_id = ? AND actor IN ('mail', 'bounce')",
        request_id,
    )
    database.change(
        "UPDATE delist_requests SET note = '' WHERE id = ? AND state = 'mail_failed'", request_id
    )
    for table, column, key in _NOTES:
        database.change(
            f"""
            UPDATE {table}
            SET {column} = substr(replace({column}, mailbox.text, ?), 1, {audit.NOTE_CHARS_MAX})
            FROM (SELECT mailbox AS text FROM delist_requests WHERE id = ?) AS mailbox
            WHERE {table}.{key} = ? AND instr({column}, mailbox.text)
            """,
            FORGOTTEN, request_id, request_id,
        )  # fmt: skip
    database.change("DELETE FROM delist_tokens WHERE request_id = ?", request_id)
    database.change(
        "UPDATE delist_requests SET mailbox = ?, mailbox_key = ?, mailbox_domain = '', client = '' "
        "WHERE id = ?",
        FORGOTTEN, FORGOTTEN, request_id,
    )  # fmt: skip
