"""What a press of the button does: first what is asked, then one transaction of the caller's.

Whatever is decided rests on the database as the transaction sees it: the link
is looked at again there, so fifty presses at once delist once, and the other
forty-nine find it used. Where something lists the address by then that was not
decided about, or has changed since, nothing is done, and it takes another round.
"""

from __future__ import annotations

import enum
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from dnsbl.config import Config
from dnsbl.delist.case import Case, Key, Proof, cases
from dnsbl.delist.conclusion import conclude
from dnsbl.delist.decision import Decision
from dnsbl.delist.findings import Finding, find
from dnsbl.network import parse_address
from dnsbl.store import (
    delist_tokens,
    delistings,
    journal,
    outbox,
    request_items,
    requests,
    suppressions,
)
from dnsbl.store.database import Database
from dnsbl.store.request_items import Item
from dnsbl.store.request_states import PENDING, State
from dnsbl.store.requests import Request

ACTOR = "portal"

# From where a token still opens something. A mail that came although its server refused it, or
# before its acceptance was noted, counts.
_FIRST_STATES = frozenset({State.MAIL_QUEUED, State.MAIL_SENT, State.MAIL_FAILED})
_OPEN_STATES = _FIRST_STATES | {State.COOLDOWN}


class Standing(enum.Enum):
    """What a token is worth. WAITING: its button works again after a cooldown."""

    OPEN = enum.auto()
    WAITING = enum.auto()
    USED = enum.auto()
    EXPIRED = enum.auto()
    UNKNOWN = enum.auto()


@dataclass(frozen=True, slots=True)
class Looked:
    """A token, the request that it belongs to (None where the token is unknown), what lists now.

    ``items`` is what was decided about the request so far. ``lapsed``: what it took
    off is listed again, only since the time of its exclusion is over.
    """

    standing: Standing
    request: Request | None
    findings: tuple[Finding, ...]
    items: tuple[Item, ...] = ()
    lapsed: bool = False


@dataclass(frozen=True, slots=True)
class Pressed:
    """What a press found and did.

    ``delisted`` are the listings that no longer decide because of it;
    ``remaining`` what lists the address still. ``undecided``: something lists
    the address that was not decided about as it is now, and nothing was changed.
    ``seq`` is the journal's last number after it.
    """

    standing: Standing
    request: Request | None
    delisted: tuple[Finding, ...] = ()
    remaining: tuple[Finding, ...] = ()
    items: tuple[Item, ...] = ()
    undecided: bool = False
    seq: int = 0


def token_hash(token: str) -> bytes:
    """What the database keeps of a token, or of a status page's key."""
    return hashlib.sha256(token.encode()).digest()


def stands(request: Request, now: float) -> State:
    """The state that pages tell: what is late has expired, whatever the expiry has got to."""
    if request.state in (*PENDING, State.COOLDOWN) and request.expires_at <= now:
        return State.EXPIRED
    return request.state


def look(database: Database, config: Config, token: bytes, now: int) -> Looked:
    """What the SHA-256 of a token opens. Changes nothing."""
    found = delist_tokens.find(database, token)
    if found is None:
        return Looked(Standing.UNKNOWN, None, ())
    request = found.request
    if found.used_at is not None or request.state not in _OPEN_STATES | {State.EXPIRED}:
        standing = Standing.USED
    elif found.expires_at <= now or request.state == State.EXPIRED:
        standing = Standing.EXPIRED
    elif request.until is not None and request.until > now:
        standing = Standing.WAITING
    else:
        standing = Standing.OPEN
    address = parse_address(request.address)
    return Looked(
        standing,
        request,
        tuple(find(database, config, address, now)),
        tuple(request_items.of_request(database, request.id)),
        delistings.has_only_lapsed(database, address, request.id),
    )


def ask(
    database: Database, config: Config, token: bytes, proof: Proof, now: int
) -> tuple[Looked, list[Case]]:
    """What a press of the button has to have decided. Changes nothing."""
    looked = look(database, config, token, now)
    if looked.request is None or looked.standing is not Standing.OPEN:
        return looked, []
    return looked, cases(database, looked.request, looked.findings, proof, now)


def confirm(
    database: Database, config: Config, token: bytes,
    asked: Sequence[Case], decisions: Mapping[Key, Decision], now: int,
) -> Pressed:  # fmt: skip
    """Carries out what was decided about each listing of the address.

    ``asked`` is what was decided about, and ``now`` the time at which it was asked for.
    """
    looked = look(database, config, token, now)
    request = looked.request
    if request is None or looked.standing is not Standing.OPEN:
        return Pressed(looked.standing, request, (), looked.findings, looked.items)
    found = cases(database, request, looked.findings, Proof(), now)
    if not {case.matter for case in found} <= {case.matter for case in asked}:
        return Pressed(Standing.OPEN, request, (), looked.findings, looked.items, undecided=True)
    delist_tokens.use_all(database, request.id, now)
    if request.state in _FIRST_STATES:
        _settle_mail(database, request.id, now)
        requests.move(database, request.id, State.CONFIRMED, actor=ACTOR, now=now)
    concluded = conclude(database, config, request.id, decisions, actor=ACTOR, now=now)
    if any(item.until is not None for item in concluded.items):
        # The link that was pressed stays good for what has to wait; others of its request do not.
        latest = max(item.until for item in concluded.items if item.until is not None)
        delist_tokens.keep(database, token, latest + requests.COOLDOWN_OPEN_S)
    return Pressed(
        Standing.OPEN, concluded.request, concluded.delisted, concluded.remaining, concluded.items,
        seq=journal.position(database).last_seq,
    )  # fmt: skip


def cancel(database: Database, config: Config, token: bytes, now: int) -> Pressed:
    """Ends a request that its mailbox's owner did not make, and sends no more mail there."""
    looked = look(database, config, token, now)
    request = looked.request
    if request is None or looked.standing not in (Standing.OPEN, Standing.WAITING):
        return Pressed(looked.standing, request, (), looked.findings, looked.items)
    delist_tokens.use_all(database, request.id, now)
    hashed = suppressions.mailbox_hash(request.mailbox_key)
    suppressions.suppress(database, hashed, request.id, now)
    outbox.cancel(database, request.id, now)
    requests.move(database, request.id, State.CANCELLED, actor=ACTOR, now=now)
    return Pressed(
        Standing.OPEN, requests.get(database, request.id), (), looked.findings, looked.items
    )


def _settle_mail(database: Database, request_id: int, now: int) -> None:
    """Who holds the link got the mail, though its acceptance may not have been noted yet."""
    mail = outbox.of_request(database, request_id)
    if mail is not None and mail.state == "queued":
        outbox.settle(database, mail.id, "sent", "its link was used", now=now)
