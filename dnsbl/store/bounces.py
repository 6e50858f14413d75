"""Mail that came back: what a delivery report does to the mail, and to the request, that it is of.

The link in a mail that is said to have failed works all the same; whoever presses it has the mail.
"""

from __future__ import annotations

import enum
from typing import Final

from dnsbl.delivery_status import Action, Report
from dnsbl.store import audit, outbox, requests
from dnsbl.store.audit import Act
from dnsbl.store.database import Database, fitting
from dnsbl.store.outbox import REPLY_CHARS_MAX, Mail
from dnsbl.store.replies import discreet
from dnsbl.store.request_states import TRANSITIONS, State
from dnsbl.store.requests import Request, network_text

ACTOR: Final = "bounce"

# Of a request: whoever has its mail may answer as often as they like, each time in other words.
REPORTS_MAX: Final = 20

_ACTS: Final = {
    Action.FAILED: "mail.bounced",
    Action.DELAYED: "mail.delayed",
    Action.DELIVERED: "mail.delivered",
    Action.UNKNOWN: "mail.answered",
}


class Noted(enum.Enum):
    """What became of a report."""

    FAILED = enum.auto()  # the mail counts as not delivered from now on
    KEPT = enum.auto()  # it stands in the audit, and changed nothing else
    KNOWN = enum.auto()  # it was told before
    PASSED_OVER = enum.auto()  # it would change nothing, and REPORTS_MAX stand in the audit
    GONE = enum.auto()  # the mail is not, or no longer, in the database


def note(database: Database, mail_id: int, report: Report, *, now: int) -> Noted:
    """Notes a report of a mail, in one transaction; the same one twice changes nothing."""
    with database.transaction():
        mail = outbox.get(database, mail_id)
        request = None if mail is None else requests.get(database, mail.request_id)
        if mail is None or request is None:
            return Noted.GONE
        act = _ACTS[report.action]
        text = fitting(discreet(report.text, request.mailbox), audit.NOTE_CHARS_MAX)
        fails = report.action is Action.FAILED and _may_fail(database, mail, request)
        if not (fails and mail.state != "failed"):
            if _is_known(database, request, act, text):
                return Noted.KNOWN
            if _count(database, request) >= REPORTS_MAX:
                return Noted.PASSED_OVER
        network = network_text(request.address)
        audit.record(
            database, [Act(now, ACTOR, act, network=network, request_id=request.id, note=text)]
        )
        return _fail(database, mail, request, text, now) if fails else Noted.KEPT


def _is_known(database: Database, request: Request, act: str, text: str) -> bool:
    return database.row(
        "SELECT 1 FROM audit WHERE request_id = ? AND act = ? AND note = ?",
        request.id, act, text,
    ) is not None  # fmt: skip


def _count(database: Database, request: Request) -> int:
    row = database.row(
        "SELECT count(*) FROM audit WHERE request_id = ? AND actor = ?", request.id, ACTOR
    )
    assert row is not None
    return int(row[0])


def _may_fail(database: Database, mail: Mail, request: Request) -> bool:
    """Whether the mail may have failed to come: its link was not used yet, or it has none.

    Whose link made the request wait has come; what tells of the end of that wait is a later mail.
    """
    if mail.kind != "confirm_mail":
        return True
    waiting = (State.MAIL_QUEUED, State.MAIL_SENT, State.EXPIRED, State.COOLDOWN)
    if request.state not in waiting or outbox.of_request(database, request.id) != mail:
        return False
    # A wait of an earlier version may have no mail for its end yet: then the last is the first.
    return request.confirmed_at is None or outbox.has_earlier(database, mail)


def _fail(database: Database, mail: Mail, request: Request, text: str, now: int) -> Noted:
    failed = database.change(
        "UPDATE outbox SET state = 'failed', reply = ?, done_at = ? "
        "WHERE id = ? AND state <> 'failed'",
        fitting(text, REPLY_CHARS_MAX), now, mail.id,
    )  # fmt: skip
    if mail.kind == "confirm_mail" and State.MAIL_FAILED in TRANSITIONS[request.state]:
        requests.move(database, request.id, State.MAIL_FAILED, actor=ACTOR, now=now, note=text)
    return Noted.FAILED if failed else Noted.KEPT
