"""The tokens of operators and of their programs: who may decide about requests, read, or write.

A token is made here, shown once, and kept as its SHA-256 alone: 32 random
octets behind a prefix by which people and secret scanners know what it is.
"""

from __future__ import annotations

import hashlib
import re
import secrets
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal, get_args

from dnsbl.errors import DnsblError
from dnsbl.store.database import Database

TOKEN_PREFIX: Final = "dnsbl_"  # noqa: S105  # what every token begins with, no secret
TOKEN_OCTETS: Final = 32
NAME_CHARS_MAX: Final = 64
MINUTE_S: Final = 60  # as finely as the last use is kept: a busy program costs no write each time

Scope = Literal["review", "read", "write"]
SCOPES: Final[tuple[Scope, ...]] = get_args(Scope)

_NAME = re.compile(rf"[a-z0-9][a-z0-9._-]{{0,{NAME_CHARS_MAX - 1}}}", re.ASCII)
_TOKEN = re.compile(rf"{TOKEN_PREFIX}[A-Za-z0-9_-]{{43}}", re.ASCII)


class TokenNameError(DnsblError):
    """A name that no token can have, or that another one has."""


@dataclass(frozen=True, slots=True)
class ApiToken:
    """A row, but for the hash. Times are Unix seconds.

    ``scopes`` are those of SCOPES, and whatever a later version knows; a name is
    given once, so that the audit tells for ever who `operator:NAME` was.
    """

    id: int
    name: str
    scopes: frozenset[str]
    created_at: int
    expires_at: int | None = None
    revoked_at: int | None = None
    last_used_at: int | None = None

    def is_good(self, now: float) -> bool:
        """Whether it opens anything: neither revoked nor past its end."""
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)


def new_token() -> str:
    """A token at random."""
    return TOKEN_PREFIX + secrets.token_urlsafe(TOKEN_OCTETS)


def token_hash(text: str) -> bytes:
    """What the database holds of a token."""
    return hashlib.sha256(text.encode(errors="replace")).digest()


def may_be_token(text: str) -> bool:
    """Whether a text has the form of a token: such a text is shown and logged nowhere."""
    return _TOKEN.fullmatch(text) is not None


def parse_name(text: str) -> str:
    """The name of a token. Raises TokenNameError with what a name is made of."""
    if _NAME.fullmatch(text) is None:
        raise TokenNameError(
            f"a token's name is 1 to {NAME_CHARS_MAX} of a-z, 0-9, dot, - and _, "
            "and begins with a letter or a digit"
        )
    if may_be_token(text):
        raise TokenNameError("that has the form of a token; a token's name must not")
    return text


def add(
    database: Database, name: str, hashed: bytes, scopes: frozenset[str], *,
    now: int, expires_at: int | None = None,
) -> ApiToken:  # fmt: skip
    """Adds a token. Raises TokenNameError where one has, or had, that name."""
    with database.transaction():
        if find(database, name) is not None:
            raise TokenNameError(
                f"there is, or was, a token {name}; give the new one a name of its own, "
                f"such as {name[: NAME_CHARS_MAX - 2]}-2"
            )
        database.change(
            "INSERT INTO api_tokens (name, token_hash, scopes, created_at, expires_at) "
            "VALUES (?, ?, ?, ?, ?)",
            name, hashed, " ".join(sorted(scopes)), now, expires_at,
        )  # fmt: skip
        made = find(database, name)
    assert made is not None
    return made


def find(database: Database, name: str) -> ApiToken | None:
    """The token of that name, good or not."""
    return next(_read(database, "WHERE name = ?", name), None)


def find_by_hash(database: Database, hashed: bytes) -> ApiToken | None:
    """The token of that hash, good or not.

    Finding it by its hash tells a guesser nothing by how long it takes: whose
    hashes share a beginning is not for him to choose.
    """
    return next(_read(database, "WHERE token_hash = ?", hashed), None)


def get(database: Database, token_id: int) -> ApiToken | None:
    """The token of that number, good or not."""
    return next(_read(database, "WHERE id = ?", token_id), None)


def browse(database: Database) -> Iterator[ApiToken]:
    """Every token, by name."""
    return _read(database, "ORDER BY name")


def revoke(database: Database, token_id: int, now: int) -> bool:
    """Makes a token, and every session begun with it, of no use; whether it was of any."""
    return database.change(
        "UPDATE api_tokens SET revoked_at = ? WHERE id = ? AND revoked_at IS NULL", now, token_id
    ) > 0  # fmt: skip


def is_use_noted(token: ApiToken, now: float) -> bool:
    """Whether a use now needs no note: one of the same minute stands."""
    return token.last_used_at is not None and token.last_used_at >= _minute(now)


def note_use(database: Database, token_id: int, now: int) -> None:
    """Keeps when a token was last used, to the minute."""
    minute = _minute(now)
    database.change(
        "UPDATE api_tokens SET last_used_at = ? "
        "WHERE id = ? AND (last_used_at IS NULL OR last_used_at < ?)",
        minute, token_id, minute,
    )  # fmt: skip


def _minute(now: float) -> int:
    return int(now) // MINUTE_S * MINUTE_S


def _read(database: Database, where: str, *parameters: object) -> Iterator[ApiToken]:
    rows = database.each(
        "SELECT id, name, scopes, created_at, expires_at, revoked_at, last_used_at "
        f"FROM api_tokens {where}",
        *parameters,
    )
    for row in rows:
        yield _token(row)


def _token(row: sqlite3.Row) -> ApiToken:
    return ApiToken(
        id=row["id"],
        name=row["name"],
        scopes=frozenset(row["scopes"].split()),
        created_at=row["created_at"],
        expires_at=row["expires_at"],
        revoked_at=row["revoked_at"],
        last_used_at=row["last_used_at"],
    )
