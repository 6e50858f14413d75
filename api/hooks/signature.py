"""The signature of a message to a web server, as Standard Webhooks 1.0 has it."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Iterable


def headers(uid: str, timestamp: int, body: bytes, secrets: Iterable[bytes]) -> dict[str, str]:
    """The three headers; ``timestamp`` is that of the attempt, in Unix seconds.

    Every secret signs, so that a receiver that knows one of them is content:
    that is how a secret is changed without losing a message.
    """
    signed = b".".join((uid.encode(), str(timestamp).encode(), body))
    return {
        "webhook-id": uid,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(_signature(secret, signed) for secret in secrets),
    }


def _signature(secret: bytes, signed: bytes) -> str:
    return "v1," + base64.b64encode(hmac.digest(secret, signed, hashlib.sha256)).decode()
