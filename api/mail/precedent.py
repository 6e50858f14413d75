"""What becomes of a mail that is not to go: what became of the last that went.

A mailbox that wants no mail, and one that can get none, must not be told from
others by their status page. So its mail is taken when others are, waits when
others wait, in the same words and for as long, and fails when others do.

Only what holds for every mail counts. What a server says of one mailbox tells
nothing of another; and whoever has a mailbox that is refused, or made wait,
would else learn who wants no mail, by asking for both. Much of what is said of
all is said of one in the same words: it counts once mails to two domains met it.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from typing import Final

from api.mail.carrier import Deferred, Refused
from api.mail.meaning import subject_and_detail
from api.mail.trouble import Trouble
from dnsbl.store.outbox import Attempt
from dnsbl.store.requests import Request, masked

ATTEMPTS_MAX: Final = 50  # looked through for one that tells

# What the trial of a withheld mail would have met just now, or what is a bug with one mail.
_BY_TRIAL: Final = frozenset(
    {Trouble.UNREACHABLE, Trouble.TLS, Trouble.LOGIN, Trouble.OFFER, Trouble.UNWRITTEN,
     Trouble.MISTAKE}
)  # fmt: skip

# RFC 3463 §3: X.1 is about the addresses, X.2 about the mailbox, X.7 about a policy, which may be
# the recipient's. X.1.7 and X.1.8 are about the sender's address; X.2.0 is what greylisting says of
# everybody it has not met.
_ADDRESS: Final = 1
_SENDER: Final = frozenset({7, 8})
_MAILBOX: Final = 2
_POLICY: Final = 7
# Where there is no enhanced code: a server that does not take our mail for others.
_RELAY: Final = re.compile(r"\brelay|\bprohibit", re.IGNORECASE)


def presumed(attempts: Sequence[Attempt], request: Request) -> Deferred | Refused | None:
    """What a mail to a request's mailbox would meet behind its sender; None where all is well.

    ``attempts`` are the last of others, the newest first.
    """
    lately = [
        attempt
        for attempt in itertools.takewhile(lambda attempt: attempt.state != "sent", attempts)
        if not _is_of_one(attempt, request.mailbox)
    ]
    for attempt in lately:
        if _may_be_of_one(attempt) and not _was_met_elsewhere(attempt, lately):
            continue
        reply = attempt.reply.replace(masked(attempt.mailbox), masked(request.mailbox))
        final = attempt.state == "failed" and reply.startswith("5")
        return Refused(reply) if final else Deferred(reply)
    return None


def _may_be_of_one(attempt: Attempt) -> bool:
    """Whether servers say the like of one recipient as well: any final refusal, any policy."""
    subject, detail = subject_and_detail(attempt.reply)
    if subject == _ADDRESS:
        return detail not in _SENDER
    return subject == _POLICY or attempt.reply.startswith("5")


def _was_met_elsewhere(attempt: Attempt, lately: Sequence[Attempt]) -> bool:
    """Whether a mail to another registered domain met the same, in whatever words."""
    codes = _codes(attempt.reply)
    return any(
        other.mailbox_domain != attempt.mailbox_domain and _codes(other.reply) == codes
        for other in lately
    )


def _codes(reply: str) -> tuple[str, int, int]:
    return reply[:3], *subject_and_detail(reply)


def _is_of_one(attempt: Attempt, mailbox: str) -> bool:
    """Whether the outcome is that mail's own, or tells nothing of now."""
    reply = attempt.reply
    if not reply or reply in _BY_TRIAL:
        return True
    if reply in set(Trouble):
        return False
    if attempt.state == "queued" and reply.startswith("5"):
        return True  # of its sender or of our login: the trial has come further
    domain = attempt.mailbox_domain
    others = reply.replace(masked(attempt.mailbox), "").lower()
    if domain in others and not mailbox.lower().endswith(domain):
        return True  # it would name a stranger's domain
    subject, detail = subject_and_detail(reply)
    if subject == _ADDRESS and detail not in _SENDER:
        return not _RELAY.search(reply)
    return subject == _MAILBOX and (detail != 0 or reply.startswith("5"))
