"""What becomes of a mail that is not to go: what became of the last that went.

A mailbox that wants no mail, and one that can get none, must not be told from
others by their status page. So its mail is taken when others are, waits when
others wait, in the same words and for as long, and fails when others do.

Only what holds for every mail counts. What a server says of one mailbox tells
nothing of another; and whoever has a mailbox that is refused, or made wait,
would else learn who wants no mail, by asking for both. Words do not tell the two
apart: a relay that asks the recipient's own server first passes on what that says,
keeps silent as long as that does, and may hang up. So whatever it is, it counts
once mails to two registered domains met it. What fails before a recipient
is named needs no precedent: the trial of the withheld mail meets it itself.

That makes it dearer, not impossible: two registered domains are cheap where the
public suffix list has the suffixes of a dynamic DNS service. And where all mail
is made to wait, a withheld one passes until a mail to a second domain has met it.
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

# RFC 3463 §3: X.1 is about the addresses, X.2 about the mailbox. X.1.7 and X.1.8 are about the
# sender's address; X.2.0 is what greylisting says of everybody it has not met.
_ADDRESS: Final = 1
_SENDER: Final = frozenset({7, 8})
_MAILBOX: Final = 2
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
        if not _was_met_elsewhere(attempt, lately):
            continue
        reply = attempt.reply.replace(masked(attempt.mailbox), masked(request.mailbox))
        final = attempt.state == "failed" and reply.startswith("5")
        return Refused(reply) if final else Deferred(reply)
    return None


def _was_met_elsewhere(attempt: Attempt, lately: Sequence[Attempt]) -> bool:
    """Whether a mail to another registered domain met the same, in whatever words."""
    codes = _codes(attempt.reply)
    return any(
        other.mailbox_domain != attempt.mailbox_domain and _codes(other.reply) == codes
        for other in lately
    )


def _codes(reply: str) -> tuple[str, int, int]:
    return reply if reply in set(Trouble) else reply[:3], *subject_and_detail(reply)


def _is_of_one(attempt: Attempt, mailbox: str) -> bool:
    """Whether the outcome is that mail's own, or tells nothing of now."""
    reply = attempt.reply
    domain = attempt.mailbox_domain
    if not domain:
        return True  # forgotten: it is no second one
    if reply in set(Trouble):
        return reply in _BY_TRIAL
    is_cancelled = not reply[:3].isdigit()
    # Of its sender or of our login: the trial has come further.
    is_ours = attempt.state == "queued" and reply.startswith("5")
    if is_cancelled or is_ours:
        return True
    others = reply.replace(masked(attempt.mailbox), "").lower()
    if domain in others and not mailbox.lower().endswith(domain):
        return True  # it would name a stranger's domain
    subject, detail = subject_and_detail(reply)
    if subject == _ADDRESS and detail not in _SENDER:
        return not _RELAY.search(reply)
    return subject == _MAILBOX and (detail != 0 or reply.startswith("5"))
