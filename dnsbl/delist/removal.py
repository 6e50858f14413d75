"""An address is taken off a listing, or out of a listed network."""

from __future__ import annotations

from collections.abc import Iterable

from dnsbl.config.category import GRACE_S_DEFAULT
from dnsbl.delist.findings import Finding, taken_off
from dnsbl.network import Network
from dnsbl.store import audit, exclusions, listings, relapse
from dnsbl.store.audit import Act
from dnsbl.store.database import Database
from dnsbl.store.exclusions import Exclusion


def subject(address: Network, finding: Finding) -> Network:
    """What is taken off: the address, or of IPv6 its /64 where the listing is as wide or wider."""
    return taken_off(address, finding.listing.network)


def removable(address: Network, findings: Iterable[Finding]) -> Network:
    """The most that a removal of the address could take off, by what lists it."""
    taken = [
        subject(address, finding) for finding in findings if finding.category.delist != "never"
    ]
    return min(taken, key=lambda network: network.length, default=address)


def take_off(
    database: Database, request_id: int, address: Network, finding: Finding,
    *, actor: str, now: int,
) -> None:  # fmt: skip
    """Takes a listing of the very address or its /64 away; out of a wider one, it is excluded.

    Never is a network taken off for one address. Both leave a grace exclusion,
    if the category has one: a feed that has not heard of this yet does not list
    the address again. Out of a network there is no other way, so an operator who
    consents where there is no grace gives the default one.
    """
    zone, category = finding.zone.origin, finding.category.name
    network = subject(address, finding)
    relapse.settle(database, address, finding.listing, now)
    if finding.exact and listings.remove(database, zone, network, category):
        removed = Act(
            now, actor, "listing.removed", zone, str(network), category, request_id,
            finding.listing.reason,
        )  # fmt: skip
        audit.record(database, [removed])
    if not finding.exact or finding.category.grace_s:
        take_out(database, request_id, address, finding, actor=actor, now=now)


def take_out(
    database: Database, request_id: int, address: Network, finding: Finding,
    *, actor: str, now: int,
) -> None:  # fmt: skip
    """Excludes an address from whatever lists it there, for the category's grace or the default."""
    zone, category = finding.zone.origin, finding.category
    network = subject(address, finding)
    grace_s = category.grace_s or GRACE_S_DEFAULT
    excluded = Exclusion(
        zone, network, category.name, "delisted by request", grace=True,
        excluded_at=now, expires_at=now + grace_s,
    )  # fmt: skip
    if exclusions.exclude(database, excluded):
        added = Act(
            now, actor, "exclusion.added", zone, str(network), category.name, request_id,
            f"grace of {grace_s} s",
        )  # fmt: skip
        audit.record(database, [added])
