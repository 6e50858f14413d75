"""All that is known of a request and of its address, for the operator who decides."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from dnsbl.config import Config
from dnsbl.delist.case import Matter, Proof, cases
from dnsbl.delist.findings import Finding, find
from dnsbl.delist.ruling import last_ruling, open_items
from dnsbl.network import parse_address
from dnsbl.store import audit, delistings, outbox, request_items, requests, suppressions
from dnsbl.store.audit import Act
from dnsbl.store.database import Database
from dnsbl.store.delistings import Delisting
from dnsbl.store.exclusions import Exclusion, covering_exclusions
from dnsbl.store.history import Event, history
from dnsbl.store.outbox import Mail
from dnsbl.store.request_items import Item
from dnsbl.store.request_states import DECIDABLE
from dnsbl.store.requests import Request
from dnsbl.store.suppressions import Suppression, mailbox_hash

ACTS_MAX: Final = 100
DELISTINGS_MAX: Final = 20
REQUESTS_MAX: Final = 20


@dataclass(frozen=True, slots=True)
class Dossier:
    """A request as it stands at one moment; lists of what happened have the newest first.

    ``findings`` are the listings that decide for its address now, and ``matters``
    tell them from what they may become; ``trail`` is what happened to the request,
    ``history`` what happened to the address. ``suppressed`` says that its mailbox
    gets no mail: what was to go there counts as sent, so that nobody learns of it.
    """

    request: Request
    items: list[Item]
    findings: list[Finding]
    matters: list[Matter]
    exclusions: list[Exclusion]
    mails: list[Mail]
    trail: list[Act]
    delistings: list[Delisting]
    others: list[Request]
    history: list[Event]
    suppressed: Suppression | None

    @property
    def ruled(self) -> Act | None:
        """The last ruling of an operator."""
        return last_ruling(self.trail)

    @property
    def in_review(self) -> list[Item]:
        """What an operator has to decide about."""
        return open_items(self.items, waiting_too=False)

    @property
    def waiting(self) -> list[Item]:
        """What has to wait for a time, and about which an operator may decide before."""
        return [item for item in self.items if item.until is not None]

    @property
    def is_open(self) -> bool:
        """Whether an operator may decide."""
        return self.request.state in DECIDABLE


def matters(database: Database, config: Config, request: Request, now: int) -> list[Matter]:
    """What there is to decide about for the address of a request."""
    findings = find(database, config, parse_address(request.address), now)
    return [case.matter for case in cases(database, request, findings, Proof(), now)]


def read(database: Database, config: Config, request_id: int, now: int) -> Dossier | None:
    """Reads all of it, of one moment; None where there is no such request."""
    with database.snapshot():
        request = requests.get(database, request_id)
        if request is None:
            return None
        address = parse_address(request.address)
        return Dossier(
            request=request,
            items=request_items.of_request(database, request_id),
            findings=find(database, config, address, now),
            matters=matters(database, config, request, now),
            exclusions=covering_exclusions(database, address),
            mails=outbox.all_of_request(database, request_id),
            trail=audit.of_request(database, request_id, ACTS_MAX),
            delistings=delistings.of_address(database, address, DELISTINGS_MAX),
            others=[
                other
                for other in requests.of_address(database, request.address, REQUESTS_MAX)
                if other.id != request_id
            ],
            history=history(database, address),
            suppressed=suppressions.find(database, mailbox_hash(request.mailbox_key)),
        )
