"""What the decisions about a request come to, inside one transaction of the caller's.

Each listing of the address that was decided about is taken off, or it is noted
why not; then the request goes to the state that these make.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from dnsbl.config import Config
from dnsbl.delist.case import Key
from dnsbl.delist.decision import OPERATOR, Decision, Outcome
from dnsbl.delist.findings import Finding, find
from dnsbl.delist.message_id import new_message_id
from dnsbl.delist.removal import subject, take_off, take_out
from dnsbl.network import parse_address
from dnsbl.store import delist_tokens, delistings, events, outbox, request_items, requests
from dnsbl.store.database import Database
from dnsbl.store.events import EventKind
from dnsbl.store.request_items import Item, ItemOutcome
from dnsbl.store.request_states import EVENTS, State
from dnsbl.store.requests import Request

_OUTCOMES: Final = {
    Outcome.DEFER: ItemOutcome.COOLDOWN,
    Outcome.REVIEW: ItemOutcome.REVIEW,
    Outcome.REFUSE: ItemOutcome.REFUSED,
}
_EVENTS: Final[dict[ItemOutcome, EventKind]] = {
    ItemOutcome.DELISTED: "delist.completed",
    ItemOutcome.REVIEW: "delist.review_needed",
    ItemOutcome.REFUSED: "delist.refused",
}
_WORDS: Final = {
    ItemOutcome.DELISTED: "delisted",
    ItemOutcome.REVIEW: "an operator decides",
    ItemOutcome.COOLDOWN: "has to wait",
    ItemOutcome.REFUSED: "not removed",
}

NOT_LISTED_NOTE: Final = "was not listed any more"
GONE: Final = "gone"  # the rule of an item whose listing went away, whoever took it


@dataclass(frozen=True, slots=True)
class Concluded:
    """The request as it stands now.

    ``delisted`` are the listings that no longer decide because of this;
    ``remaining`` what lists the address still; ``items`` all that was decided
    about the request so far.
    """

    request: Request
    delisted: tuple[Finding, ...]
    remaining: tuple[Finding, ...]
    items: tuple[Item, ...]


def conclude(
    database: Database,
    config: Config,
    request_id: int,
    decisions: Mapping[Key, Decision],
    *,
    actor: str,
    now: int,
) -> Concluded:
    """Carries the decisions out, and moves the request.

    What is not decided about stays as it is; so does what an operator refused, whatever the policy
    or a hook says of it at a later press. Raises TransitionError where the
    request is in no state to be concluded.
    """
    request = requests.get(database, request_id)
    if request is None:
        raise requests.TransitionError(f"request {request_id} is gone")
    address = parse_address(request.address)
    findings = find(database, config, address, now)
    refused = _refused_by_operator(database, request_id)
    decided = [
        (finding, decision)
        for finding in findings
        if (decision := decisions.get(_key(finding))) is not None
        and (decision.rule == OPERATOR or _key(finding) not in refused)
    ]
    for finding, decision in decided:
        if _is_accepted(decision, now):
            take_off(database, request_id, address, finding, actor=actor, now=now)
    for finding in find(database, config, address, now):
        # Without a grace the network around a listing that is gone lists the address still. To
        # others it goes to an operator; there is nobody whom an operator could ask.
        consent = decisions.get(_key(finding))
        if consent is not None and consent.rule == OPERATOR and _is_accepted(consent, now):
            take_out(database, request_id, address, finding, actor=actor, now=now)
    remaining = tuple(find(database, config, address, now))
    kept = {_key(finding) for finding in remaining}
    told: set[EventKind | None] = set()
    for finding, decision in decided:
        outcome = _outcome(decision, now, gone=_key(finding) not in kept)
        if outcome is ItemOutcome.DELISTED:  # what something else lists still is no delisting
            zone, category = _key(finding)
            delistings.record(
                database, zone, subject(address, finding), category, now=now, request_id=request_id
            )
        _note(database, request, finding, decision, outcome, now)
        told.add(_EVENTS.get(outcome))
    _close_gone(database, request_id, kept, now)

    items = tuple(request_items.of_request(database, request_id))
    state = _state(items)
    until, expires_at = _window(items, now) if state is State.COOLDOWN else (None, None)
    requests.move(
        database, request_id, state, actor=actor, now=now, note=_words(items),
        until=until, expires_at=expires_at, told=EVENTS.get(state) in told,
    )  # fmt: skip
    outbox.cancel(database, request_id, now, "another decision came", "confirm_mail")
    if until is not None and expires_at is not None:
        delist_tokens.prolong(database, request_id, expires_at)
        # The first mail may be lost by then: another one comes when the button works again.
        outbox.queue(database, request_id, new_message_id(config), now, due_at=until)
    concluded = requests.get(database, request_id)
    assert concluded is not None
    delisted = tuple(
        finding
        for finding, _ in decided
        if (finding.zone.origin, finding.category.name) not in kept
    )
    return Concluded(concluded, delisted, remaining, items)


def _key(finding: Finding) -> Key:
    return finding.zone.origin, finding.category.name


def _refused_by_operator(database: Database, request_id: int) -> set[Key]:
    """The listings about which an operator said no; only an operator may change that."""
    return {
        (item.zone, item.category)
        for item in request_items.of_request(database, request_id)
        if item.rule == OPERATOR and item.outcome is ItemOutcome.REFUSED
    }


def _is_accepted(decision: Decision, now: int) -> bool:
    """Whether the listing may go now: also one that had to wait, and did."""
    return decision.outcome is Outcome.ACCEPT or (
        decision.outcome is Outcome.DEFER and decision.until is not None and decision.until <= now
    )


def _outcome(decision: Decision, now: int, *, gone: bool) -> ItemOutcome:
    if _is_accepted(decision, now):
        # A listing that stands in spite of it is covered by more than one address may leave.
        return ItemOutcome.DELISTED if gone else ItemOutcome.REVIEW
    return _OUTCOMES[decision.outcome]


def _note(
    database: Database, request: Request, finding: Finding, decision: Decision,
    outcome: ItemOutcome, now: int,
) -> None:  # fmt: skip
    zone, category = _key(finding)
    request_items.put(
        database,
        Item(
            request_id=request.id,
            zone=zone,
            category=category,
            network=str(finding.listing.network),
            outcome=outcome,
            rule=decision.rule,
            reason=decision.reason,
            note=decision.note,
            until=decision.until if outcome is ItemOutcome.COOLDOWN else None,
            at=now,
        ),
    )
    if (kind := _EVENTS.get(outcome)) is not None:
        events.record(
            database, kind, requests.network_text(request.address), now=now, zone=zone,
            category=category, reason=decision.reason, request_id=request.id,
            network=str(finding.listing.network),
        )  # fmt: skip


def _close_gone(database: Database, request_id: int, kept: set[Key], now: int) -> None:
    """What waited or was with an operator, and lists the address no more, is settled."""
    for item in request_items.of_request(database, request_id):
        if (item.zone, item.category) in kept or item.outcome is ItemOutcome.DELISTED:
            continue
        request_items.put(
            database,
            Item(
                request_id=request_id,
                zone=item.zone,
                category=item.category,
                network=item.network,
                outcome=ItemOutcome.DELISTED,
                rule=GONE,
                reason="",
                note="",
                until=None,
                at=now,
            ),
        )


def _state(items: Iterable[Item]) -> State:
    """The state that the items make: what is open first, then what was reached."""
    outcomes = {item.outcome for item in items}
    if ItemOutcome.REVIEW in outcomes:
        return State.REVIEW
    if ItemOutcome.COOLDOWN in outcomes:
        return State.COOLDOWN
    if ItemOutcome.REFUSED in outcomes and ItemOutcome.DELISTED not in outcomes:
        return State.REFUSED
    return State.DELISTED


def _window(items: Iterable[Item], now: int) -> tuple[int, int]:
    """From when to when the button works for what has to wait.

    From the first that may go; until all of them had their time, and after an
    operator who took longer than that to decide about others.
    """
    waiting = [item.until for item in items if item.until is not None]
    return min(waiting), max(now, *waiting) + requests.COOLDOWN_OPEN_S


def _words(items: Iterable[Item]) -> str:
    """The outcome in one line, for the trail."""
    found = list(items)
    parts = [
        f"{words}: "
        + ", ".join(f"{item.category} in {item.zone}" for item in found if item.outcome is outcome)
        for outcome, words in _WORDS.items()
        if any(item.outcome is outcome for item in found)
    ]
    return "; ".join(parts) or NOT_LISTED_NOTE
