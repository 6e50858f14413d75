"""What carries a mail away, and how that may end."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from dnsbl.store.outbox import Mail


@dataclass(frozen=True, slots=True)
class Envelope:
    """A composed mail with its way: `message` is CRLF-delimited and 7-bit clean."""

    mail: Mail
    sender: str
    recipient: str
    message: bytes


@dataclass(frozen=True, slots=True)
class Accepted:
    """The other side has the mail; its reply. ``file``: where it was written instead of sent."""

    reply: str
    file: Path | None = None


@dataclass(frozen=True, slots=True)
class Deferred:
    """Not this time; the reply, and whether it is the operator who has to mend something.

    ``reply`` is shown to the requester: the server's, beginning with its code,
    or a sentence of ours. ``detail`` is for the log alone.
    """

    reply: str
    operator_fault: bool = False
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Refused:
    """The other side does not want this mail, now or later; its reply."""

    reply: str


Outcome = Accepted | Deferred | Refused


class Carrier(Protocol):
    """A transport of the configuration."""

    async def carry(self, envelope: Envelope) -> Outcome:
        """Hands a mail over; every way in which that can fail is an outcome."""

    async def try_out(self, mail: Mail, sender: str) -> Outcome:
        """How far a mail that is withheld would come: up to where its recipient is named.

        It takes as long as that takes, and nobody hears of the recipient.
        """

    def unsent_reply(self, mail: Mail) -> str:
        """What a status page is to show of a mail that a suppressed mailbox never gets.

        It reads like an acceptance: nobody learns from here who wants no mail.
        """
