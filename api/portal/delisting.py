"""What a press of the button does, inside one transaction of the caller's.

Whatever is decided here rests on the database as the transaction sees it, so
fifty presses at once delist once, and the other forty-nine find the token used.
"""

from __future__ import annotations

import enum
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

from api.portal.findings import Finding, find
from dnsbl.config import Config
from dnsbl.network import Network, parse_address
from dnsbl.store import audit, exclusions, listings, outbox, requests
from dnsbl.store.audit import Act
from dnsbl.store.database import Database
from dnsbl.store.exclusions import Exclusion
from dnsbl.store.requests import Request, State

ACTOR = "portal"

# From where a token still opens something. A mail that came although its server refused it, or
# before its acceptance was noted, counts.
_OPEN_STATES = frozenset({State.MAIL_QUEUED, State.MAIL_SENT, State.MAIL_FAILED})


class Standing(enum.Enum):
    """What a token is worth."""

    OPEN = enum.auto()
    USED = enum.auto()
    EXPIRED = enum.auto()
    UNKNOWN = enum.auto()


@dataclass(frozen=True, slots=True)
class Looked:
    """A token, the request that it belongs to (None where the token is unknown), what lists now."""

    standing: Standing
    request: Request | None
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class Pressed:
    """What a press found and did.

    ``delisted`` are the listings that no longer decide because of it;
    ``remaining`` what lists the address still.
    """

    standing: Standing
    request: Request | None
    delisted: tuple[Finding, ...] = ()
    remaining: tuple[Finding, ...] = ()


def token_hash(token: str) -> bytes:
    """What the database keeps of a token, or of a status page's key."""
    return hashlib.sha256(token.encode()).digest()


def look(database: Database, config: Config, token: bytes, now: int) -> Looked:
    """What the SHA-256 of a token opens. Changes nothing."""
    found = requests.find_token(database, token)
    if found is None:
        return Looked(Standing.UNKNOWN, None, ())
    request = found.request
    if found.used_at is not None or request.state not in _OPEN_STATES | {State.EXPIRED}:
        standing = Standing.USED
    elif found.expires_at <= now or request.state == State.EXPIRED:
        standing = Standing.EXPIRED
    else:
        standing = Standing.OPEN
    return Looked(
        standing, request, tuple(find(database, config, parse_address(request.address), now))
    )


def confirm(database: Database, config: Config, token: bytes, now: int) -> Pressed:
    """Delists what may be delisted, and hands to an operator what may not."""
    looked = look(database, config, token, now)
    request = looked.request
    if request is None or looked.standing is not Standing.OPEN:
        return Pressed(looked.standing, request, (), looked.findings)
    address = parse_address(request.address)
    requests.use_tokens(database, request.id, now)
    _settle_mail(database, request.id, now)
    requests.move(database, request.id, State.CONFIRMED, actor=ACTOR, now=now)

    for finding in looked.findings:
        if finding.category.delist == "self":
            _delist(database, request.id, address, finding, now)
    remaining = tuple(find(database, config, address, now))
    kept = {(finding.zone.origin, finding.category.name) for finding in remaining}
    delisted = tuple(
        finding
        for finding in looked.findings
        if (finding.zone.origin, finding.category.name) not in kept
    )
    state, note = _decision(delisted, remaining)
    requests.move(database, request.id, state, actor=ACTOR, now=now, note=note)
    return Pressed(Standing.OPEN, requests.get(database, request.id), delisted, remaining)


def cancel(database: Database, config: Config, token: bytes, now: int) -> Pressed:
    """Ends a request that its mailbox's owner did not make, and sends no more mail there."""
    looked = look(database, config, token, now)
    request = looked.request
    if request is None or looked.standing is not Standing.OPEN:
        return Pressed(looked.standing, request, (), looked.findings)
    requests.use_tokens(database, request.id, now)
    requests.suppress(database, mailbox_hash(request.mailbox_key), request.id, now)
    outbox.cancel(database, request.id, now)
    requests.move(database, request.id, State.CANCELLED, actor=ACTOR, now=now)
    return Pressed(Standing.OPEN, requests.get(database, request.id), (), looked.findings)


def mailbox_hash(mailbox_key: str) -> bytes:
    """What the database keeps of a mailbox that wants no mail."""
    return hashlib.sha256(mailbox_key.encode()).digest()


def _settle_mail(database: Database, request_id: int, now: int) -> None:
    """Who holds the link got the mail, though its acceptance may not have been noted yet."""
    mail = outbox.of_request(database, request_id)
    if mail is not None and mail.state == "queued":
        outbox.settle(database, mail.id, "sent", "its link was used", now=now)


def _delist(
    database: Database, request_id: int, address: Network, finding: Finding, now: int
) -> None:
    """Takes a listing of the very address away; out of a wider one, the address is excluded.

    Both leave a grace exclusion, if the category has one: a feed that has not
    heard of this yet does not list the address again.
    """
    zone, category = finding.zone.origin, finding.category
    acts: list[Act] = []

    def noted(act: str, note: str) -> Act:
        return Act(now, ACTOR, act, zone, str(address), category.name, request_id, note)

    if finding.exact and listings.remove(database, zone, address, category.name):
        acts.append(noted("listing.removed", finding.listing.reason))
    if category.grace_s > 0:
        expires_at = now + category.grace_s
        excluded = Exclusion(
            zone, address, category.name, "delisted by request", grace=True,
            excluded_at=now, expires_at=expires_at,
        )  # fmt: skip
        if exclusions.exclude(database, excluded):
            acts.append(noted("exclusion.added", f"grace of {category.grace_s} s"))
    audit.record(database, acts)


def _decision(delisted: tuple[Finding, ...], remaining: tuple[Finding, ...]) -> tuple[State, str]:
    """The state that the request ends in, and the note that its status page shows."""
    never = _names(finding for finding in remaining if finding.category.delist == "never")
    # "self" remains where a network around the address lists it and the category allows no
    # exclusion out of it: only an operator can help then.
    review = _names(finding for finding in remaining if finding.category.delist != "never")
    parts: list[str] = []
    if delisted:
        parts.append(f"delisted: {_names(delisted)}")
    if review:
        parts.append(f"an operator decides: {review}")
    if never:
        parts.append(f"not removed on request: {never}")
    if not parts:
        parts.append("was not listed any more")
    if review:
        return State.REVIEW, "; ".join(parts)
    if never and not delisted:
        return State.REFUSED, "; ".join(parts)
    return State.DELISTED, "; ".join(parts)


def _names(findings: Iterable[Finding]) -> str:
    return ", ".join(f"{finding.category.name} in {finding.zone.origin}" for finding in findings)
