"""Secrets that have to outlive a restart, in the table `meta`."""

from __future__ import annotations

import secrets

from dnsbl.store.database import Database

KEY_OCTETS = 32


def get_or_create(database: Database, name: str) -> bytes:
    """The secret of that name, made at random where there is none yet."""
    secret = _find(database, name)
    if secret is None:  # only then is a lock waited for
        database.change(
            "INSERT INTO meta (key, value) VALUES (?, ?) ON CONFLICT (key) DO NOTHING",
            name, secrets.token_hex(KEY_OCTETS),
        )  # fmt: skip
        secret = _find(database, name)
        assert secret is not None
    return secret


def _find(database: Database, name: str) -> bytes | None:
    row = database.row("SELECT value FROM meta WHERE key = ?", name)
    return bytes.fromhex(row["value"]) if row else None
