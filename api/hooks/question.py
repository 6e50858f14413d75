"""The question that a hook is asked before a delisting, and what its answer says."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

from api.hooks.message import Message, Reply
from dnsbl.delist.case import Case
from dnsbl.delist.decision import Decision, Outcome
from dnsbl.errors import DnsblError
from dnsbl.store.database import fitting

KIND: Final = "delist.decide"
REMARK_CHARS_MAX: Final = 500  # of a reason or a note
UNTIL_S_MAX: Final = 366 * 86_400  # a deferral is no longer than that
LATER_S: Final = 3_600  # what "later" means where a hook gives no time

_OUTCOMES: Final = {outcome.name.lower(): outcome for outcome in Outcome}
_EXPECTED: Final = ", ".join(f'"{name}"' for name in _OUTCOMES)


class AnswerError(DnsblError):
    """A hook gave no decision, or none that can be understood."""


class GoneError(AnswerError):
    """A hook wants to be asked no more, ever."""


def question(case: Case, *, mailbox: bool) -> Message:
    """A case as a hook is told of it: thin, and with the mailbox only for those that want it."""
    at = datetime.fromtimestamp(case.now, UTC)
    data: dict[str, object] = {
        "request_id": case.request_id,
        "address": case.address,
        "zone": case.zone,
        "category": case.category,
        "network": case.network,
        "reason": case.reason,
        "source": case.source,
        "listed_at": case.listed_at,
        "expires_at": case.expires_at,
        "evidence_at": case.evidence_at,
        "delistings": case.delistings,
        "asked_at": case.asked_at,
        "confirmed_at": case.confirmed_at,
        "proven": case.proven,
    }
    if mailbox:
        data["mailbox"] = case.mailbox
    payload = {"type": KIND, "timestamp": f"{at:%Y-%m-%dT%H:%M:%SZ}", "data": data}
    body = json.dumps(payload, separators=(",", ":")).encode()
    return Message(f"msg_{secrets.token_hex(16)}", case.now, body)


def read_answer(reply: Reply, rule: str, now: int, *, silence_accepts: bool) -> Decision:
    """The decision in a reply, by that rule. Raises AnswerError, or GoneError among these.

    What says "later" defers. A program says yes by its exit status alone
    (``silence_accepts``); one that says no refuses, and its output may add why.
    """
    match reply.kind:
        case "done":
            if silence_accepts and not reply.body.strip():
                return Decision(Outcome.ACCEPT, rule)
            return _decision(_object(reply), None, rule, now)
        case "later":
            values = _object(reply) if reply.body.strip() else {}
            after_s = LATER_S if reply.retry_after_s is None else max(1, reply.retry_after_s)
            values.setdefault("until", now + after_s)
            return _decision(values, Outcome.DEFER, rule, now)
        case "failed" if reply.says_no:
            values = _object(reply) if reply.body.strip() else {}
            return _decision(values, Outcome.REFUSE, rule, now)
        case "gone":
            raise GoneError(f"{reply.detail}: wants to be asked no more")
    raise AnswerError(reply.detail or "failed")


def checked(returned: object, rule: str, now: int) -> Decision | None:
    """What a plugin returned, as a decision by that rule. Raises AnswerError."""
    if returned is None:
        return None
    if not isinstance(returned, Decision):
        raise AnswerError(f"returned {type(returned).__name__}; expected a Decision or None")
    if not isinstance(returned.outcome, Outcome):
        raise AnswerError("returned a Decision whose outcome is no Outcome")
    values: dict[str, object] = {
        "reason": returned.reason,
        "note": returned.note,
        "until": returned.until,
    }
    return _decision(values, returned.outcome, rule, now)


def _object(reply: Reply) -> dict[str, object]:
    try:
        values = json.loads(reply.body)
    except (ValueError, RecursionError):
        values = None
    if not isinstance(values, dict):
        raise AnswerError(f"{reply.detail}: expected a JSON object as its answer")
    return values


def _decision(values: dict[str, object], outcome: Outcome | None, rule: str, now: int) -> Decision:
    """The decision that the values describe; of that outcome, whatever they say, where one is."""
    if outcome is None:
        word = values.get("decision")
        outcome = _OUTCOMES.get(word) if isinstance(word, str) else None
        if outcome is None:
            raise AnswerError(f"its answer has no decision; expected one of {_EXPECTED}")
    until = values.get("until") if outcome is Outcome.DEFER else None
    if outcome is Outcome.DEFER and (
        not isinstance(until, int)
        or isinstance(until, bool)
        or not now < until <= now + UNTIL_S_MAX
    ):
        raise AnswerError(
            f"its until is not in Unix seconds from now to {UNTIL_S_MAX // 86_400} days on"
        )
    assert until is None or isinstance(until, int)
    return Decision(outcome, rule, _remark(values, "reason"), _remark(values, "note"), until)


def _remark(values: Mapping[str, object], key: str) -> str:
    """One printable line of what a hook says to people; a decision is not lost over its length."""
    value = values.get(key, "")
    if value is None:
        return ""
    if not isinstance(value, str):
        raise AnswerError(f"its {key} is no text")
    return fitting(" ".join(value[: 4 * REMARK_CHARS_MAX].split()), REMARK_CHARS_MAX)
