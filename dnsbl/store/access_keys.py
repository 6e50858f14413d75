"""The keys that clients ask with: one label of the name, `4.3.2.1.KEY.bl.example`.

A key is made here, shown once, and kept as its SHA-256 alone. It is 26 letters
and digits, 130 bits, so that nobody guesses one; since it is no octet, no
nibble and no number, a label is never both a key and part of an address.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Final

from dnsbl.config.keys import KEY_ALPHABET, KEY_CHARS, may_be_key
from dnsbl.errors import DnsblError
from dnsbl.store.access_key_table import VERSION_KEY
from dnsbl.store.database import Database

HOLDER_CHARS_MAX: Final = 64
QUOTA_MAX: Final = 1_000_000_000_000  # queries a day

_HOLDER = re.compile(rf"[a-z0-9][a-z0-9._-]{{0,{HOLDER_CHARS_MAX - 1}}}", re.ASCII)


class HolderError(DnsblError):
    """A name that no holder of a key can have, or that another has."""


@dataclass(frozen=True, slots=True)
class AccessKey:
    """A row: who asks which zone with it, how many queries in a UTC day, and until when.

    Times are Unix seconds. ``quota_per_day`` is None where there is no limit,
    ``expires_at`` for never, ``revoked_at`` while the key is good.
    """

    key_hash: bytes
    zone: str
    holder: str
    quota_per_day: int | None
    created_at: int
    expires_at: int | None = None
    revoked_at: int | None = None


def new_key() -> str:
    """A key at random, in lower case."""
    while True:
        key = "".join(secrets.choice(KEY_ALPHABET) for _ in range(KEY_CHARS))
        if not key.isdigit():
            return key


def key_hash(label: bytes) -> bytes | None:
    """What the database holds of a key; None for what is none by its form."""
    # RFC 4343: names match without regard to case; resolvers mix it on purpose (0x20).
    return hashlib.sha256(label.lower()).digest() if may_be_key(label) else None


def parse_holder(text: str) -> str:
    """The name of who has a key. Raises HolderError with what a name is made of."""
    if _HOLDER.fullmatch(text) is None:
        raise HolderError(
            f"a holder's name is 1 to {HOLDER_CHARS_MAX} of a-z, 0-9, dot, - and _, "
            "and begins with a letter or a digit"
        )
    if may_be_key(text.encode()):
        raise HolderError("that has the form of a key; a holder's name must not")
    return text


def add(database: Database, key: AccessKey) -> None:
    """Adds a key. Raises HolderError where the holder has one of the zone that is not revoked."""
    with database.transaction():
        if find(database, key.zone, key.holder) is not None:
            raise HolderError(
                f"{key.holder} has a key of {key.zone}; revoke it first, or let the new one have "
                f"a name of its own, such as {key.holder[: HOLDER_CHARS_MAX - 2]}-2"
            )
        database.change(
            "INSERT INTO access_keys (key_hash, zone, holder, quota_per_day, created_at, "
            "expires_at, revoked_at) VALUES (?, ?, ?, ?, ?, ?, ?)",
            key.key_hash, key.zone, key.holder, key.quota_per_day, key.created_at, key.expires_at,
            key.revoked_at,
        )  # fmt: skip


def find(database: Database, zone: str, holder: str) -> AccessKey | None:
    """The holder's key of that zone that is not revoked."""
    row = database.row(
        "SELECT key_hash FROM access_keys WHERE zone = ? AND holder = ? AND revoked_at IS NULL",
        zone, holder,
    )  # fmt: skip
    return None if row is None else find_by_hash(database, row["key_hash"])


def of_holder(database: Database, holder: str, zone: str | None = None) -> list[AccessKey]:
    """The keys of a holder that are not revoked, of every zone or of one."""
    return list(_read(
        database,
        "WHERE holder = ? AND revoked_at IS NULL AND (? IS NULL OR zone = ?) ORDER BY zone",
        holder, zone, zone,
    ))  # fmt: skip


def find_by_hash(database: Database, hashed: bytes) -> AccessKey | None:
    """The key of that hash, revoked or not."""
    keys = _read(database, "WHERE key_hash = ?", hashed)
    return next(keys, None)


def change(
    database: Database, hashed: bytes, quota_per_day: int | None, expires_at: int | None
) -> bool:
    """Gives a key another quota and end; whether that changed anything."""
    return database.change(
        "UPDATE access_keys SET quota_per_day = ?, expires_at = ? "
        "WHERE key_hash = ? AND (quota_per_day, expires_at) IS NOT (?, ?)",
        quota_per_day, expires_at, hashed, quota_per_day, expires_at,
    ) > 0  # fmt: skip


def revoke(database: Database, hashed: bytes, now: int) -> bool:
    """Makes a key of no use, for good; whether it was of any."""
    return database.change(
        "UPDATE access_keys SET revoked_at = ? WHERE key_hash = ? AND revoked_at IS NULL",
        now, hashed,
    ) > 0  # fmt: skip


def browse(database: Database, zone: str | None = None) -> Iterator[AccessKey]:
    """Every key by zone and holder, the good one of a holder first, or those of one zone."""
    return _read(
        database,
        "WHERE ? IS NULL OR zone = ? ORDER BY zone, holder, revoked_at IS NOT NULL, created_at",
        zone, zone,
    )  # fmt: skip


def of_zones(database: Database, zones: Collection[str]) -> Iterator[AccessKey]:
    """Every key of those zones, the good before the revoked, the new before the old."""
    marks = ", ".join("?" * len(zones))
    return _read(
        database,
        f"WHERE zone IN ({marks}) ORDER BY revoked_at IS NOT NULL, created_at DESC, key_hash",
        *zones,
    )


def version(database: Database) -> str | None:
    """What is another text after each change of a key, whoever made it; None: it is not known.

    In another database it is another text too.
    """
    row = database.row(
        "SELECT version.value || '/' || identity.value AS version "
        "FROM meta AS version JOIN meta AS identity ON identity.key = 'identity' "
        "WHERE version.key = ?",
        VERSION_KEY,
    )
    return None if row is None else str(row["version"])


def _read(database: Database, where: str, *parameters: object) -> Iterator[AccessKey]:
    rows = database.each(
        "SELECT key_hash, zone, holder, quota_per_day, created_at, expires_at, revoked_at "
        f"FROM access_keys {where}",  # made of constants above
        *parameters,
    )
    for row in rows:
        yield AccessKey(*row)
