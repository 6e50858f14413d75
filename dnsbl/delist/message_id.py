"""The Message-ID of a mail that is queued, so that every attempt to send it has the same one."""

from __future__ import annotations

import secrets
from typing import Final

from dnsbl.config import Config

_OCTETS: Final = 16


def new_message_id(config: Config) -> str:
    """One that nobody has used (RFC 5322 §3.6.4), of the domain that mails come from."""
    domain = config.mail.sender.rpartition("@")[2]
    return f"<{secrets.token_hex(_OCTETS)}@{domain}>"
