"""Form tokens against cross-site request forgery, without cookies.

A hidden field carries when the form was made, and an HMAC over that, the form's
purpose and who it was made for. The secret lives in the database, so that a form
opened before a restart is still good after it; it is read anew with each
database that is opened.
"""

from __future__ import annotations

import base64
import enum
import hashlib
import hmac
from collections.abc import Callable
from typing import Final

from dnsbl.store import keys
from dnsbl.store.database import Database

FORM_TOKEN_VALID_S: Final = 6 * 3600
SECRET_NAME: Final = "form_token_secret"  # noqa: S105  # its name in the database, not the secret
_CLOCK_SKEW_S: Final = 60


class Standing(enum.Enum):
    """What a form token is worth."""

    VALID = enum.auto()
    STALE = enum.auto()
    FORGED = enum.auto()


class FormTokens:
    """Mints and checks form tokens, once a secret was read; `now` gives Unix seconds."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._secret = b""
        self._now = now

    def read_secret(self, database: Database) -> None:
        """Takes the database's secret, made where there is none. Raises StoreError."""
        self._secret = keys.get_or_create(database, SECRET_NAME)

    def mint(self, purpose: str, holder: str) -> str:
        """The value of a hidden field, good for this purpose and holder."""
        issued_at = str(int(self._now()))
        return f"{issued_at}.{self._mac(issued_at, purpose, holder)}"

    def check(self, value: str, purpose: str, holder: str) -> Standing:
        """What a submitted value is worth for this purpose and holder."""
        issued_at, _, mac = value.partition(".")
        expected = self._mac(issued_at, purpose, holder)
        if not hmac.compare_digest(mac.encode(), expected.encode()):
            return Standing.FORGED
        age_s = self._now() - int(issued_at)  # we wrote it: the HMAC holds
        return Standing.VALID if -_CLOCK_SKEW_S <= age_s <= FORM_TOKEN_VALID_S else Standing.STALE

    def _mac(self, issued_at: str, purpose: str, holder: str) -> str:
        assert self._secret, "no secret was read yet"
        signed = f"{issued_at}|{purpose}|{holder}".encode()
        digest = hmac.digest(self._secret, signed, hashlib.sha256)
        return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
