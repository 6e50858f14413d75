"""A secret that signs what hooks are sent, in a file of its own: `whsec_` and base64."""

from __future__ import annotations

import base64
import binascii
from pathlib import Path
from typing import Final

from dnsbl.errors import DnsblError

PREFIX: Final = "whsec_"
# Standard Webhooks 1.0, "Signature scheme": 24 to 64 octets
OCTETS_LEAST: Final = 24
OCTETS_MOST: Final = 64
FILE_OCTETS_MAX: Final = 1024


class SecretError(DnsblError):
    """A file that holds no such secret, or cannot be read. The secret is not in the sentence."""


def read_secret(file: Path) -> bytes:
    """The octets of the secret in a file. Raises SecretError."""
    try:
        with file.open("rb") as stream:
            text = stream.read(FILE_OCTETS_MAX + 1).strip()
    except OSError as error:
        raise SecretError(f"{file}: cannot be read: {error.strerror}") from None
    expected = (
        f"expected {PREFIX} and the base64 of {OCTETS_LEAST} to {OCTETS_MOST} octets; "
        f"`echo {PREFIX}$(openssl rand -base64 32)` makes one"
    )
    encoded = text.removeprefix(PREFIX.encode())
    if encoded == text:
        raise SecretError(f"{file}: does not begin with {PREFIX}; {expected}")
    try:
        secret = base64.b64decode(encoded, validate=True)
    except binascii.Error:
        raise SecretError(f"{file}: is not base64 after {PREFIX}; {expected}") from None
    if not OCTETS_LEAST <= len(secret) <= OCTETS_MOST:
        raise SecretError(f"{file}: has {len(secret)} octets; {expected}")
    return secret
