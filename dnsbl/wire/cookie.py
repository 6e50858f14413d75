"""DNS cookies, the server's half (RFC 7873, with the form that RFC 9018 gives it).

A COOKIE option of 24 octets: the client's cookie of 8, then ours of 16, which is
version 1, three reserved octets, the Unix second in which it was made, modulo
2^32, and a hash of all that and the client's address under a secret. Servers
that share the secret accept each other's. The compiled twin is
`dnsbl/native/cookie.pyx`.
"""

from __future__ import annotations

import hmac
import re
from dataclasses import dataclass
from typing import Final

from dnsbl.errors import DnsblError
from dnsbl.wire.edns import CLIENT_COOKIE_BYTES
from dnsbl.wire.siphash import HASH_BYTES, KEY_BYTES, siphash

VERSION: Final = 1  # RFC 9018 §4.1
COOKIE_BYTES: Final = 24  # §4.4: that of a client, and one of ours

AGE_S_MAX: Final = 3600  # §4.3
AHEAD_S_MAX: Final = 300  # §4.3: of the clocks of servers with the same secret
RENEWED_AFTER_S: Final = 1800  # §4.3

SECRETS_MAX: Final = 8  # all of them are tried on a cookie that is none

_TIME_MODULUS = 1 << 32  # RFC 1982 §2, with SERIAL_BITS 32
_FIXED = slice(CLIENT_COOKIE_BYTES, CLIENT_COOKIE_BYTES + 4)
_TIME = slice(12, 16)
_HEAD = bytes([VERSION, 0, 0, 0])  # §4.2: reserved octets are zero where we make them
_SECRET = re.compile(rf"[0-9A-Fa-f]{{{2 * KEY_BYTES}}}")


class SecretsError(DnsblError):
    """A text that holds no secrets: which line of which file, and what is wrong."""


@dataclass(frozen=True, slots=True)
class Secrets:
    """Keys of 16 octets: the first makes cookies, all verify them."""

    keys: tuple[bytes, ...]

    def __post_init__(self) -> None:
        assert 1 <= len(self.keys) <= SECRETS_MAX
        assert all(len(key) == KEY_BYTES for key in self.keys)


@dataclass(frozen=True, slots=True)
class Exchange:
    """What comes of a query's COOKIE option.

    ``reply`` is the option of the reply. ``valid``: the query had a cookie of
    ours that holds, so it is from who it says. ``invalid``: it had one that
    does not. Neither where the client has none yet.
    """

    reply: bytes
    valid: bool
    invalid: bool


def exchange(cookie: bytes, address: bytes, now: float, secrets: Secrets) -> Exchange:
    """Judges a COOKIE option of a query, and makes that of the reply.

    ``address`` is the client's: 4 octets, or 16. The cookie that came goes back
    if we would make the like of it ourselves, less than half an hour old.
    """
    client = cookie[:CLIENT_COOKIE_BYTES]
    if len(cookie) == CLIENT_COOKIE_BYTES:
        return Exchange(make(client, address, now, secrets), valid=False, invalid=False)
    signer = _signer(cookie, address, now, secrets)
    is_young = _age(cookie, now) <= RENEWED_AFTER_S
    # A secret that no longer makes cookies (RFC 9018 §A.4), or reserved octets (§A.3), are not
    # passed on.
    if signer == 0 and is_young and cookie[_FIXED] == _HEAD:
        return Exchange(cookie, valid=True, invalid=False)
    made = make(client, address, now, secrets)
    return Exchange(made, valid=signer is not None, invalid=signer is None)


def make(client: bytes, address: bytes, now: float, secrets: Secrets) -> bytes:
    """A COOKIE option for a client: its cookie of 8 octets, and one of ours."""
    unsigned = client + _HEAD + (int(now) % _TIME_MODULUS).to_bytes(4, "big")
    return unsigned + siphash(secrets.keys[0], unsigned + address)


def verify(cookie: bytes, address: bytes, now: float, secrets: Secrets) -> bool:
    """Whether a COOKIE option holds one of ours, for that client and this time."""
    return _signer(cookie, address, now, secrets) is not None


def _signer(cookie: bytes, address: bytes, now: float, secrets: Secrets) -> int | None:
    """The place of the secret that made a cookie; None where none did, or it is out of time."""
    # §4.4: with any other length, octets of the cookie could stand for those of an address
    if len(cookie) != COOKIE_BYTES or cookie[CLIENT_COOKIE_BYTES] != VERSION:
        return None
    if not -AHEAD_S_MAX <= _age(cookie, now) <= AGE_S_MAX:
        return None
    signed = cookie[:-HASH_BYTES] + address
    for place, key in enumerate(secrets.keys):
        if hmac.compare_digest(siphash(key, signed), cookie[-HASH_BYTES:]):
            return place
    return None


def _age(cookie: bytes, now: float) -> int:
    """Seconds, below zero where it is from the future (RFC 1982 §3.2)."""
    made = int.from_bytes(cookie[_TIME], "big")
    age = (int(now) - made) % _TIME_MODULUS
    return age if age < _TIME_MODULUS // 2 else age - _TIME_MODULUS


def read_secrets(text: str, file: str) -> Secrets:
    """Secrets as a file has them: 32 hex digits a line; empty lines and # lines are passed over.

    Raises SecretsError; it never quotes what the file holds.
    """
    keys: list[bytes] = []
    for number, line in enumerate(text.splitlines(), 1):
        stripped = line.strip()
        if not stripped or stripped.startswith("#"):
            continue
        if not _SECRET.fullmatch(stripped):
            raise SecretsError(
                f"{file}:{number}: expected a secret of {2 * KEY_BYTES} hexadecimal digits"
            )
        keys.append(bytes.fromhex(stripped))
        if len(keys) > SECRETS_MAX:
            raise SecretsError(f"{file}:{number}: expected at most {SECRETS_MAX} secrets")
    if not keys:
        raise SecretsError(f"{file}: expected a line with {2 * KEY_BYTES} hexadecimal digits")
    return Secrets(tuple(keys))
