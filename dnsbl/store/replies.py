"""What mail servers say, made fit to be kept, logged and shown to whoever asked for a mail."""

from __future__ import annotations

import re
from typing import Final

from dnsbl.store.requests import masked

# From the beginning of a word alone, so that a long one is not gone through again and again.
_ADDRESS: Final = re.compile(r"(?<![^\s@<>()\[\]\",;:])[^\s@<>()\[\]\",;:]+@[\w.-]*\w")
_OTHER_ADDRESS: Final = "…"


def discreet(words: str, mailbox: str) -> str:
    """The words in one line, with the mailbox masked, and without any other that they may name.

    Whoever asked need not be who owns the mailbox, and is not to learn where its
    mail is forwarded.
    """

    def said(found: re.Match[str]) -> str:
        return masked(mailbox) if found[0].lower() == mailbox.lower() else _OTHER_ADDRESS

    return _ADDRESS.sub(said, "".join(char if char.isprintable() else " " for char in words))
