"""What a mail server's reply means in plain words, and what to do about it.

Codes (RFC 5321 §4.2, RFC 3463) are used loosely out there; what is said here claims
no more than the common meaning of each, and the page shows the reply itself beside it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from api.language import Sentence
from api.mail.trouble import Trouble
from dnsbl.store.outbox import Mail

# The code of a reply and the enhanced one behind it, or that alone, as a bounce may have it.
_CODES = re.compile(
    r"(?:(?P<reply>[245][0-9]{2})[ -])?\s*(?:(?P<class>[245])\.(?P<subject>[0-9]{1,3})\."
    r"(?P<detail>[0-9]{1,3})\b)?",
    re.ASCII,
)
_GREYLISTED = re.compile(r"gr[ea]y[- ]?list", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Meaning:
    """How a mail fares: the server's own `answer` ("" where there is none), `means`, `advice`."""

    answer: str
    means: Sentence
    advice: Sentence


_ACCEPTED = Sentence("The mail server accepted the mail.")
_NO_MAILBOX = Sentence("There is no such mailbox.")
_NO_MAIL = Sentence("That mailbox takes no mail.")
_NO_DOMAIN = Sentence("Its domain is not known to the mail server, or takes no mail.")
_FULL = Sentence("The mailbox is full.")
_TOO_LONG = Sentence("The mail is larger than that mailbox takes.")
_BUSY = Sentence("The mailbox cannot take mail just now.")
_SYSTEM = Sentence("The mail server takes no mail just now.")
_NO_WAY = Sentence("The mail server could not pass the mail on to where that mailbox is.")
_LATE = Sentence("The mail could not be passed on in time.")
_FORM = Sentence("The mail server does not take mail of this form.")
_RULES = Sentence("The mail server refuses the mail by its own rules; you did nothing wrong.")
_GREYLIST = Sentence(
    "The mail server lets those wait whom it has not met before (greylisting). "
    "That passes in some minutes."
)
_OWN_FAULT = Sentence(
    "The mail server does not take mail from this portal; its operators have been told."
)
_LATER = Sentence("The mail server cannot take the mail just now.")
_REFUSED = Sentence("The mail server does not take the mail.")
_NOT_IN_TIME = Sentence("The request ended before the mail could be sent.")
_UNKNOWN = Sentence("The mail did not go through.")

_WAIT = Sentence("We try again by ourselves; you need not do anything.")
_LOOK = Sentence(
    "If it does not come within some minutes, look among unwanted mail, "
    "or ask again with another mailbox."
)
_MISTYPED = Sentence("Please look for a typing mistake, and ask again.")
_EMPTY_IT = Sentence("Please make room in it and ask again, or ask with another mailbox.")
_ANOTHER = Sentence("Please ask again with another mailbox, best at another provider.")
_AGAIN = Sentence("Please ask again; should it go on, write to us.")

_OURS: Final[dict[str, Sentence]] = {
    Trouble.UNREACHABLE: Sentence("The mail server could not be reached."),
    Trouble.SLOW: Sentence("The mail server did not answer in time."),
    Trouble.CLOSED: Sentence("The mail server closed the connection."),
    Trouble.TLS: Sentence("No secure connection to the mail server could be made (TLS)."),
    Trouble.LOGIN: Sentence("This portal cannot log in to the mail server."),
    Trouble.OFFER: Sentence("The mail server does not offer what this portal is set up to use."),
    Trouble.UNWRITTEN: Sentence("The mail could not be written."),
    Trouble.MISTAKE: Sentence("This portal made a mistake with the mail."),
    "not sent in time": _NOT_IN_TIME,  # the expiry's word
}

# RFC 3463 §3, and what RFC 7372 and RFC 7505 add: subject and detail, or all of a subject.
_PERMANENT: Final[dict[tuple[int, int | None], tuple[Sentence, Sentence]]] = {
    (1, None): (_NO_MAILBOX, _MISTYPED),
    (1, 2): (_NO_DOMAIN, _MISTYPED),
    (1, 8): (_RULES, _ANOTHER),  # of the sender, that is us
    (1, 7): (_RULES, _ANOTHER),
    (1, 10): (_NO_MAIL, _MISTYPED),
    (2, None): (_NO_MAIL, _ANOTHER),
    (2, 2): (_FULL, _EMPTY_IT),
    (2, 3): (_TOO_LONG, _ANOTHER),
    (3, None): (_SYSTEM, _ANOTHER),
    (3, 4): (_TOO_LONG, _ANOTHER),
    (4, None): (_NO_WAY, _ANOTHER),
    (4, 7): (_LATE, _ANOTHER),
    (5, None): (_FORM, _ANOTHER),
    (6, None): (_FORM, _ANOTHER),
    (7, None): (_RULES, _ANOTHER),
}
_TRANSIENT: Final[dict[tuple[int, int | None], Sentence]] = {
    (1, 2): _NO_DOMAIN,
    (2, None): _BUSY,
    (2, 2): _FULL,
    (3, None): _SYSTEM,
    (4, None): _NO_WAY,
    (7, None): _GREYLIST,
}
# RFC 5321 §4.2.3, where a server gives no enhanced code.
_REPLIES: Final[dict[int, tuple[int, int]]] = {
    450: (2, 0),
    452: (3, 1),
    550: (1, 1),
    551: (1, 6),
    552: (2, 2),
    553: (1, 3),
    554: (7, 1),
}


def meaning(mail: Mail) -> Meaning | None:
    """What became of a mail so far; None where it was not tried yet."""
    reply = mail.reply
    if mail.state == "sent":
        # Its code alone: the rest may tell that the mailbox wants no mail, and nobody learns that.
        return Meaning(reply[:3] if reply[:3].isdigit() else "", _ACCEPTED, _LOOK)
    waits = mail.state == "queued"
    if waits and mail.attempts == 0:
        return None
    if (ours := _OURS.get(reply)) is not None:
        return Meaning("", ours, _WAIT if waits else _AGAIN)
    if waits:
        return Meaning(reply, _transient(reply), _WAIT)
    means, advice = _permanent(reply)
    return Meaning(reply, means, advice)


def _transient(reply: str) -> Sentence:
    """What a reply means after which the mail is tried again."""
    if reply.startswith("5"):  # final, and no fault of the mailbox's: else it would have failed
        return _OWN_FAULT
    if _GREYLISTED.search(reply):
        return _GREYLIST
    subject, detail = subject_and_detail(reply)
    exact = _TRANSIENT.get((subject, detail))
    return exact or _TRANSIENT.get((subject, None), _LATER)


def _permanent(reply: str) -> tuple[Sentence, Sentence]:
    """What a reply means that was the last one, and what to do."""
    codes = _CODES.match(reply)
    if codes is None or not codes[0]:
        return _UNKNOWN, _AGAIN
    if reply.startswith("4"):  # tried as long as the request lived, or as another server would
        return _LATE, _ANOTHER
    subject, detail = subject_and_detail(reply)
    exact = _PERMANENT.get((subject, detail))
    return exact or _PERMANENT.get((subject, None), (_REFUSED, _ANOTHER))


def subject_and_detail(reply: str) -> tuple[int, int]:
    """RFC 3463's, or what stands for them; (0, 0) where nothing is known."""
    codes = _CODES.match(reply)
    if codes is None or not codes[0]:
        return 0, 0
    if codes["subject"] and (codes["subject"], codes["detail"]) != ("0", "0"):
        return int(codes["subject"]), int(codes["detail"])
    return _REPLIES.get(int(codes["reply"] or 0), (0, 0))
