"""Sessions of operators: a signed cookie that names a token's row, and nothing else.

The secret lives in the database, so that a restart logs nobody out; so do the
sessions that somebody left, so that it lets nobody in again. Whether the token is
still good is asked of its row at every request (`access`).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from dnsbl.store import ended_sessions, keys
from dnsbl.store.api_tokens import ApiToken
from dnsbl.store.database import Database

SESSION_S: Final = 12 * 3600  # a working day, then the token is asked for again
SECRET_NAME: Final = "operator_session_secret"  # noqa: S105  # its name in the database
ENDED_MAX: Final = 1000  # sessions that somebody left and that have not ended by themselves yet
_ID_OCTETS: Final = 16

_VALUE = re.compile(r"(\d{1,18})\.(\d{1,12})\.([A-Za-z0-9_-]{22})\.([A-Za-z0-9_-]{43})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Claim:
    """What a cookie of ours says: the number of a token's row, and until when (Unix s)."""

    token_id: int
    expires_at: int
    id: str


@dataclass(frozen=True, slots=True)
class Session:
    """An operator who is logged in: the claim of the cookie, and the token's row as it is now."""

    claim: Claim
    token: ApiToken

    @property
    def actor(self) -> str:
        """Who acts, for the audit."""
        return f"operator:{self.token.name}"


class Sessions:
    """Signs and reads the cookie's value, once a secret was read; `now` gives Unix seconds."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._secret = b""
        self._now = now
        self._ended: dict[str, int] = {}  # until when their cookies would be good

    def read_secret(self, database: Database) -> None:
        """Takes the database's secret, made where there is none, and which sessions were left.

        Raises StoreError.
        """
        self._secret = keys.get_or_create(database, SECRET_NAME)
        self._ended = self._ended | ended_sessions.all_of_them(database)

    def begin(self, token: ApiToken) -> tuple[Claim, str]:
        """A session of a token: the claim, and the cookie's value. It ends with the token."""
        expires_at = int(self._now()) + SESSION_S
        if token.expires_at is not None:
            expires_at = min(expires_at, token.expires_at)
        claim = Claim(token.id, expires_at, secrets.token_urlsafe(_ID_OCTETS))
        return claim, f"{_signed(claim)}.{self._mac(claim)}"

    def read(self, value: str) -> Claim | None:
        """What a cookie says; None where it is not ours, has had its time, or was left."""
        match = _VALUE.fullmatch(value)
        if match is None:
            return None
        claim = Claim(int(match[1]), int(match[2]), match[3])
        if not hmac.compare_digest(match[4], self._mac(claim)):
            return None
        if claim.expires_at <= self._now() or claim.id in self._ended:
            return None
        return claim

    def end(self, claim: Claim) -> None:
        """Nobody goes on with this cookie, whoever kept a copy of it.

        From the next start on that is so if the database was told (`ended_sessions`).
        """
        now = self._now()
        for old in [one for one, until in self._ended.items() if until <= now]:
            del self._ended[old]
        if len(self._ended) >= ENDED_MAX:  # only who can log in gets here
            self._ended.pop(next(iter(self._ended)))
        self._ended[claim.id] = claim.expires_at

    def _mac(self, claim: Claim) -> str:
        assert self._secret, "no secret was read yet"
        digest = hmac.digest(self._secret, _signed(claim).encode(), hashlib.sha256)
        return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def _signed(claim: Claim) -> str:
    return f"{claim.token_id}.{claim.expires_at}.{claim.id}"
