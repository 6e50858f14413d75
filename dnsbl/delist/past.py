"""What the earlier delistings of an address mean for what lists it now."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from dnsbl.delist.findings import Finding
from dnsbl.network import Network, parse_canonical
from dnsbl.store import audit, delistings
from dnsbl.store.database import Database
from dnsbl.store.delistings import Delisting
from dnsbl.store.relapse import EVIDENCE
from dnsbl.store.requests import DAY_S

RELAPSE_WITHIN_S: Final = 90 * DAY_S  # what is longer ago is no relapse, whatever the policy
DELISTINGS_MAX: Final = 16  # more than any policy tells apart


@dataclass(frozen=True, slots=True)
class Past:
    """Of a listing that decides for an address; times in Unix seconds.

    ``evidence_at`` is when it was listed, or brought up to date by anybody but
    an import. ``delistings`` are the times of earlier ones after which the
    address was listed for something new, the newest first. ``renews``: since the
    last one nothing was seen, only its exclusion is over; then none counts, since
    what is asked for was granted already.
    """

    evidence_at: int
    delistings: tuple[int, ...] = ()
    renews: bool = False


def pasts(database: Database, address: Network, findings: Sequence[Finding], at: int) -> list[Past]:
    """The past of each finding, in their order, from 90 days before a time on."""
    seen = audit.last_times(database, address, EVIDENCE)
    made: list[Past] = []
    for finding in findings:
        zone, category, listing = finding.zone.origin, finding.category.name, finding.listing
        evidence_at = max(listing.listed_at, seen.get((zone, str(listing.network), category), 0))
        earlier = delistings.earlier(
            database, zone, address, category, at - RELAPSE_WITHIN_S, DELISTINGS_MAX
        )
        made.append(_past(finding, evidence_at, earlier))
    return made


def _past(finding: Finding, evidence_at: int, earlier: Sequence[Delisting]) -> Past:
    """Judged by what stands now, whatever the watch has noted so far."""
    if not earlier:
        return Past(evidence_at)
    last = earlier[0]

    def counts(one: Delisting) -> bool:
        if one.relisted_at is not None:
            return True
        if one.lapsed_at is not None and one is not last:
            return False
        # A delisting takes the listing of its very subject away: one that is there is new.
        return one.network == str(finding.listing.network) or evidence_at > one.at

    if not counts(last) and _decides_for(finding, last):
        return Past(evidence_at, renews=True)
    return Past(evidence_at, tuple(one.at for one in earlier if counts(one)))


def _decides_for(finding: Finding, one: Delisting) -> bool:
    """Whether the listing is of what was taken off, rather than of an address inside it."""
    listed = finding.listing.network
    return isinstance(listed, Network) and listed.covers(parse_canonical(one.network))
