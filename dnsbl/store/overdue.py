"""Whether anything has had its time: a question cheap enough to ask each second."""

from __future__ import annotations

from dnsbl.store.database import Database


def is_anything_overdue(database: Database, now: int) -> bool:
    """Whether a listing, an exclusion or a request has expired and still stands."""
    # INDEXED BY: SQLite would look through all that are pending for those that are late.
    row = database.row(
        """
        SELECT EXISTS (SELECT 1 FROM listings WHERE expires_at <= ?)
            OR EXISTS (SELECT 1 FROM exclusions WHERE expires_at <= ?)
            OR EXISTS (SELECT 1 FROM delist_requests INDEXED BY requests_pending
                       WHERE expires_at <= ?
                       AND state IN ('requested', 'mail_queued', 'mail_sent'))
            OR EXISTS (SELECT 1 FROM delist_requests INDEXED BY requests_in_cooldown
                       WHERE expires_at <= ? AND state = 'cooldown')
        """,
        now, now, now, now,
    )  # fmt: skip
    return row is not None and bool(row[0])
