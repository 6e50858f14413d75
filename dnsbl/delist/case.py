"""One listing that a request asks to be rid of: all that a decision is told of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from dnsbl.delist.findings import Finding
from dnsbl.network import parse_address
from dnsbl.store import audit, delistings
from dnsbl.store.database import Database
from dnsbl.store.requests import DAY_S, Request

RELAPSE_WITHIN_S: Final = 90 * DAY_S  # what is longer ago is no relapse, whatever the policy
DELISTINGS_MAX: Final = 16  # more than any policy tells apart

# What somebody did because the address was seen again. What a feed's import changes is not told
# from a feed that has only not heard yet, and is none: it may do no more than set another expiry.
_EVIDENCE: Final = frozenset({"listing.added", "listing.changed"})

Key = tuple[str, str]  # zone and category: each has one listing that decides
Matter = tuple[int, str, str, str, int, tuple[int, ...]]


@dataclass(frozen=True, slots=True)
class Proof:
    """How far a request proved that its sender controls the address.

    ``level``: 0 nothing; 1 a mailbox in a domain of the address; 2 postmaster
    or abuse of it; 3 asked from the address itself. ``domains`` are those whose
    mailboxes would prove it.
    """

    level: int = 0
    domains: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Case:
    """One listing and the request that it is about. Times in Unix seconds.

    ``network`` is the listing's; ``exact``: it is of this very address.
    ``evidence_at`` is when it was listed, or brought up to date by anybody but
    an import. ``delistings`` are the times of earlier ones of the address there,
    the newest first, of the 90 days before ``confirmed_at`` and since: that is
    when the button was pressed first, ``now`` if this is the first press.
    """

    request_id: int
    address: str
    mailbox: str
    client: str
    language: str
    zone: str
    category: str
    network: str
    exact: bool
    reason: str
    source: str
    listed_at: int
    expires_at: int | None
    evidence_at: int
    delistings: tuple[int, ...]
    asked_at: int
    confirmed_at: int
    proven: int
    proof_domains: tuple[str, ...]
    now: int

    @property
    def key(self) -> Key:
        """What names it within its request."""
        return self.zone, self.category

    @property
    def matter(self) -> Matter:
        """What is decided about: where it is another one by now, a decision no longer holds."""
        return (
            self.request_id, self.zone, self.category, self.network, self.evidence_at,
            self.delistings,
        )  # fmt: skip


def cases(
    database: Database, request: Request, findings: Sequence[Finding], proof: Proof, now: int
) -> list[Case]:
    """A case for each finding of a request's address."""
    address = parse_address(request.address)
    seen = audit.last_times(database, address, _EVIDENCE)
    confirmed_at = request.confirmed_at or now
    made: list[Case] = []
    for finding in findings:
        listing = finding.listing
        zone, category, network = finding.zone.origin, finding.category.name, str(listing.network)
        made.append(
            Case(
                request_id=request.id,
                address=request.address,
                mailbox=request.mailbox,
                client=request.client,
                language=request.language,
                zone=zone,
                category=category,
                network=network,
                exact=finding.exact,
                reason=listing.reason,
                source=listing.source,
                listed_at=listing.listed_at,
                expires_at=listing.expires_at,
                evidence_at=max(listing.listed_at, seen.get((zone, network, category), 0)),
                delistings=delistings.times(
                    database,
                    zone,
                    address,
                    category,
                    confirmed_at - RELAPSE_WITHIN_S,
                    DELISTINGS_MAX,
                ),
                asked_at=request.created_at,
                confirmed_at=confirmed_at,
                proven=proof.level,
                proof_domains=proof.domains,
                now=now,
            )
        )
    return made
