"""Tokens of links in mails: only their SHA-256 is kept, and any use of one is the use of all."""

from __future__ import annotations

from dataclasses import dataclass

from dnsbl.store import requests
from dnsbl.store.database import Database
from dnsbl.store.requests import Request


def add(database: Database, token_hash: bytes, request_id: int, expires_at: int) -> None:
    """Keeps the SHA-256 of a token that a mail is about to carry."""
    database.change(
        "INSERT INTO delist_tokens (token_hash, request_id, expires_at) VALUES (?, ?, ?)",
        token_hash, request_id, expires_at,
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class TokenState:
    """What is known of a token: its request, and whether it still opens anything."""

    request: Request
    expires_at: int
    used_at: int | None


def find(database: Database, token_hash: bytes) -> TokenState | None:
    """A token by its SHA-256, used or not, in time or not."""
    row = database.row(
        "SELECT request_id, expires_at AS token_expires_at, used_at FROM delist_tokens "
        "WHERE token_hash = ?",
        token_hash,
    )
    if row is None:
        return None
    request = requests.get(database, int(row["request_id"]))
    if request is None:  # other clients of the database need not heed the foreign key
        return None
    return TokenState(request, int(row["token_expires_at"]), row["used_at"])


def use_all(database: Database, request_id: int, now: int) -> None:
    """Voids all tokens of a request: any use of one is the use of all."""
    database.change(
        "UPDATE delist_tokens SET used_at = ? WHERE request_id = ? AND used_at IS NULL",
        now, request_id,
    )  # fmt: skip


def prolong(database: Database, request_id: int, expires_at: int) -> None:
    """A link that was kept works for as long as its request does."""
    database.change(
        "UPDATE delist_tokens SET expires_at = max(expires_at, ?) "
        "WHERE request_id = ? AND used_at IS NULL",
        expires_at, request_id,
    )  # fmt: skip


def keep(database: Database, token_hash: bytes, expires_at: int) -> None:
    """A link that was pressed works again, until a time: its button has to wait for a cooldown."""
    database.change(
        "UPDATE delist_tokens SET used_at = NULL, expires_at = ? WHERE token_hash = ?",
        expires_at, token_hash,
    )  # fmt: skip
