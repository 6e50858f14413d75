"""Mailboxes that are not written to: their owner said "this was not me", or an operator did.

Of a mailbox a hash is kept alone, of its key: limits count whoever has it by the same.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from dnsbl.store.database import Database


@dataclass(frozen=True, slots=True)
class Suppression:
    """A mailbox that wants no mail, since ``at`` in Unix seconds.

    ``request_id`` is the request that its owner did not make, None where an
    operator suppressed it.
    """

    mailbox_hash: bytes
    request_id: int | None
    at: int


def mailbox_key(mailbox: str) -> str:
    """A mailbox in ASCII as it is counted: in lower case, without what follows a plus."""
    local, _, domain = mailbox.rpartition("@")
    untagged = local.partition("+")[0] or local
    return f"{untagged}@{domain}".lower()


def mailbox_hash(key: str) -> bytes:
    """What the database keeps of a mailbox that wants no mail."""
    return hashlib.sha256(key.encode()).digest()


def suppress(database: Database, hashed: bytes, request_id: int | None, now: int) -> bool:
    """No further mail to a mailbox whose owner asked for none; whether that is new."""
    return database.change(
        "INSERT INTO suppressions (mailbox_hash, request_id, at) VALUES (?, ?, ?) "
        "ON CONFLICT (mailbox_hash) DO NOTHING",
        hashed, request_id, now,
    ) > 0  # fmt: skip


def lift(database: Database, hashed: bytes) -> bool:
    """Mail goes to the mailbox again, from the next one on; whether none did."""
    return database.change("DELETE FROM suppressions WHERE mailbox_hash = ?", hashed) > 0


def is_suppressed(database: Database, hashed: bytes) -> bool:
    """Whether a mailbox wants no mail from here."""
    return find(database, hashed) is not None


def find(database: Database, hashed: bytes) -> Suppression | None:
    """Since when a mailbox wants no mail; None where it may get some."""
    row = database.row("SELECT * FROM suppressions WHERE mailbox_hash = ?", hashed)
    return Suppression(row["mailbox_hash"], row["request_id"], row["at"]) if row else None


def browse(database: Database, limit: int) -> list[Suppression]:
    """At most so many, the newest first."""
    rows = database.rows("SELECT * FROM suppressions ORDER BY at DESC, mailbox_hash LIMIT ?", limit)
    return [Suppression(row["mailbox_hash"], row["request_id"], row["at"]) for row in rows]
