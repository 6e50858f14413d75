"""One listing that a request asks to be rid of: all that a decision is told of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dnsbl.delist.findings import Finding
from dnsbl.delist.past import pasts
from dnsbl.network import parse_address
from dnsbl.store.database import Database
from dnsbl.store.requests import Request

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

    ``network`` is the listing's; ``exact``: it is of this very address, or its /64.
    ``evidence_at``, ``delistings`` and ``renews`` are as a `Past` has them, of the
    90 days before ``confirmed_at`` and since: that is when the button was pressed
    first, ``now`` if this is the first press.
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
    renews: bool = False

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
    confirmed_at = request.confirmed_at or now
    made: list[Case] = []
    for finding, past in zip(
        findings, pasts(database, address, findings, confirmed_at), strict=True
    ):
        listing = finding.listing
        made.append(
            Case(
                request_id=request.id,
                address=request.address,
                mailbox=request.mailbox,
                client=request.client,
                language=request.language,
                zone=finding.zone.origin,
                category=finding.category.name,
                network=str(listing.network),
                exact=finding.exact,
                reason=listing.reason,
                source=listing.source,
                listed_at=listing.listed_at,
                expires_at=listing.expires_at,
                evidence_at=past.evidence_at,
                delistings=past.delistings,
                asked_at=request.created_at,
                confirmed_at=confirmed_at,
                proven=proof.level,
                proof_domains=proof.domains,
                now=now,
                renews=past.renews,
            )
        )
    return made
