"""What mail servers say, made fit to be kept, logged and shown to whoever asked for a mail."""

from __future__ import annotations

import re
from typing import Final

from dnsbl.store.requests import masked

_ADDRESS: Final = re.compile(r"[^\s@<>()\[\]\",;:]+@[\w.-]*\w")
_MASKED_ADDRESS: Final = "…"


def discreet(words: str, mailbox: str) -> str:
    """The words in one line, without the mailbox, and without any other that they may name.

    Whoever asked need not be who owns the mailbox, and is not to learn where its
    mail is forwarded.
    """
    shown = masked(mailbox)

    def said(found: re.Match[str]) -> str:
        return shown if found[0].lower() == mailbox.lower() else _MASKED_ADDRESS

    words = "".join(char if char.isprintable() else " " for char in words)
    if mailbox.rpartition("@")[0].startswith('"'):  # its parts would not be found as one
        words = words.replace(mailbox, shown)
    return _ADDRESS.sub(said, words)
