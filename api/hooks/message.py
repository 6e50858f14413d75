"""What a hook is sent, and what it made of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

REPLY_OCTETS_MAX: Final = 65_536  # of what a hook says; what is beyond it is not read
DETAIL_CHARS_MAX: Final = 200
RETRY_AFTER_S_MAX: Final = 86_400  # whoever wants to be left alone for longer is asked each day

MISTAKE: Final = "this server made a mistake with the message; its log has more"

ReplyKind: TypeAlias = Literal["done", "later", "failed", "gone"]


@dataclass(frozen=True, slots=True)
class Message:
    """JSON for a hook: `uid` is the same over all attempts, `at` the Unix seconds of the event.

    ``attempt`` counts from 1.
    """

    uid: str
    at: int
    body: bytes
    attempt: int = 1


@dataclass(frozen=True, slots=True)
class Reply:
    """What a hook made of a message.

    "done": it has it. "later": not now; ``retry_after_s`` may say when. "failed":
    it said no, or something broke. "gone": it wants no more, ever. ``detail`` is
    one line for the log and for operators, of DETAIL_CHARS_MAX at most. ``body``
    is what a hook that decides said, up to REPLY_OCTETS_MAX. ``says_no``: what
    failed did not break, but answered no.
    """

    kind: ReplyKind
    detail: str = ""
    retry_after_s: int | None = None
    body: bytes = b""
    says_no: bool = False


def one_line(text: str) -> str:
    """Text from a hook made fit for a log: printable, in one line, not too long."""
    text = " ".join(text[: 4 * DETAIL_CHARS_MAX].split())
    text = "".join(char if char.isprintable() else "?" for char in text)
    return text if len(text) <= DETAIL_CHARS_MAX else f"{text[: DETAIL_CHARS_MAX - 1]}…"
