"""An operator's ruling on a request: approved or refused, and told to its sender by mail.

Both the command line and the operators' page come here, inside one transaction:
whoever is second finds the request settled, and is told by whom.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from dnsbl.config import Config
from dnsbl.delist.case import Key
from dnsbl.delist.conclusion import Concluded, conclude
from dnsbl.delist.decision import OPERATOR, Decision, Outcome
from dnsbl.delist.findings import find
from dnsbl.delist.message_id import new_message_id
from dnsbl.errors import DnsblError
from dnsbl.network import parse_address
from dnsbl.store import audit, outbox, request_items, requests
from dnsbl.store.audit import Act
from dnsbl.store.database import Database
from dnsbl.store.request_items import Item, ItemOutcome
from dnsbl.store.request_states import DECIDABLE
from dnsbl.store.requests import Request

REASON_CHARS_MAX: Final = 500  # it goes into a mail, and is read on a phone
APPROVED: Final = "ruling.approved"  # as the audit has them
REFUSED: Final = "ruling.refused"

_ACTS_MAX: Final = 100  # of a request, looked through for the ruling


class NoRequestError(DnsblError):
    """A request that is not there."""


class SettledError(DnsblError):
    """A request about which there is nothing to decide, or not any more.

    ``ruled`` is the operator's act that settled it, where one did.
    """

    def __init__(self, sentence: str, request: Request, ruled: Act | None) -> None:
        super().__init__(sentence)
        self.request = request
        self.ruled = ruled


@dataclass(frozen=True, slots=True)
class Ruling:
    """What an operator decides. ``reason`` reaches the sender.

    ``waiting_too``: also about listings that only have to wait for a time.
    """

    approves: bool
    reason: str = ""
    waiting_too: bool = False

    @property
    def decision(self) -> Decision:
        """As it is carried out, for each listing that is open."""
        outcome = Outcome.ACCEPT if self.approves else Outcome.REFUSE
        return Decision(outcome, OPERATOR, self.reason)


def rule(
    database: Database, config: Config, request_id: int, ruling: Ruling, *, actor: str, now: int
) -> Concluded:
    """Carries a ruling out, and queues the mail that tells of it, in the caller's transaction.

    Raises NoRequestError, or SettledError where nothing of the request is open.
    """
    request = requests.get(database, request_id)
    if request is None:
        raise NoRequestError(f"there is no request {request_id}")
    decisions = _decisions(database, config, request, ruling, now)
    network = requests.network_text(request.address)
    act = APPROVED if ruling.approves else REFUSED
    audit.record(
        database,
        [Act(now, actor, act, network=network, request_id=request_id, note=ruling.reason)],
    )
    concluded = conclude(database, config, request_id, decisions, actor=actor, now=now)
    outbox.queue(database, request_id, new_message_id(config), now, kind="decision_mail")
    return concluded


def last_ruling(acts: Iterable[Act]) -> Act | None:
    """The last act of an operator's who decided, among acts of which the newest come first."""
    return next((act for act in acts if act.act in (APPROVED, REFUSED)), None)


def open_items(items: Iterable[Item], *, waiting_too: bool) -> list[Item]:
    """What is with an operator, and what waits, if that is meant too."""
    meant = {ItemOutcome.REVIEW, ItemOutcome.COOLDOWN} if waiting_too else {ItemOutcome.REVIEW}
    return [item for item in items if item.outcome in meant]


def _decisions(
    database: Database, config: Config, request: Request, ruling: Ruling, now: int
) -> Mapping[Key, Decision]:
    """The ruling, for each listing that it is about. Raises SettledError."""
    ruled = last_ruling(audit.of_request(database, request.id, _ACTS_MAX))
    if request.state not in DECIDABLE:
        by = "" if ruled is None else f", decided by {ruled.actor}"
        raise SettledError(
            f"request {request.id} is {request.state}{by}; there is nothing to decide about",
            request, ruled,
        )  # fmt: skip
    items = request_items.of_request(database, request.id)
    if not items:  # of an older version, which noted none
        address = parse_address(request.address)
        return {
            (finding.zone.origin, finding.category.name): ruling.decision
            for finding in find(database, config, address, now)
            if finding.category.delist != "never"
        }
    meant = open_items(items, waiting_too=ruling.waiting_too)
    if not meant:
        raise SettledError(
            f"request {request.id} is not with an operator: it has to wait, and then its sender's "
            "button works; with --all it is decided now",
            request, ruled,
        )  # fmt: skip
    return {(item.zone, item.category): ruling.decision for item in meant}
