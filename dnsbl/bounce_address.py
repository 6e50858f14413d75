"""The address that a mail's bounces come back to: `bounces+NUMBER-MARK@bl.example` (VERP).

The mark is an HMAC over the number, keyed by a secret of the database, so that nobody who was not
sent the mail can say that it bounced. Letters are of one case alone: mail servers may fold it.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from typing import Final

SECRET_NAME: Final = "bounce_address_secret"  # noqa: S105  # its name in the database, not the secret
MARK_OCTETS: Final = 10  # 80 bits, without padding in base32

_SEPARATOR: Final = "+"  # recipient_delimiter of Postfix, local_part_suffix of Exim
_MARKED = re.compile(r"([1-9][0-9]{0,18})-([a-z2-7]{16})", re.ASCII)


def bounce_address(bounces: str, secret: bytes, mail_id: int) -> str:
    """The address for the bounces of a mail, below the mailbox `bounces`."""
    local, _, domain = bounces.rpartition("@")
    return f"{local}{_SEPARATOR}{mail_id}-{_mark(secret, mail_id)}@{domain}"


def bounced_mail(address: str, bounces: str, secret: bytes) -> int | None:
    """The number of the mail that an address is for; None where it is not one of ours."""
    local, _, domain = address.lower().rpartition("@")
    own_local, _, own_domain = bounces.lower().rpartition("@")
    suffix = local.removeprefix(f"{own_local}{_SEPARATOR}")
    marked = _MARKED.fullmatch(suffix)
    if domain.removesuffix(".") != own_domain or suffix == local or marked is None:
        return None
    mail_id = int(marked[1])
    return mail_id if hmac.compare_digest(marked[2], _mark(secret, mail_id)) else None


def _mark(secret: bytes, mail_id: int) -> str:
    digest = hmac.digest(secret, f"bounce|{mail_id}".encode(), hashlib.sha256)
    return base64.b32encode(digest[:MARK_OCTETS]).decode().lower()
