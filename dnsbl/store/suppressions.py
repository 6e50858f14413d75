"""Mailboxes that are not written to: their owner said "this was not me"."""

from __future__ import annotations

from dnsbl.store.database import Database


def suppress(database: Database, mailbox_hash: bytes, request_id: int, now: int) -> None:
    """No further mail to a mailbox whose owner asked for none."""
    database.change(
        "INSERT INTO suppressions (mailbox_hash, request_id, at) VALUES (?, ?, ?) "
        "ON CONFLICT (mailbox_hash) DO NOTHING",
        mailbox_hash, request_id, now,
    )  # fmt: skip


def is_suppressed(database: Database, mailbox_hash: bytes) -> bool:
    """Whether a mailbox wants no mail from here."""
    return (
        database.row("SELECT 1 FROM suppressions WHERE mailbox_hash = ?", mailbox_hash) is not None
    )
