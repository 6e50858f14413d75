"""What lists an address or a name now, per zone and category, by the rule of `dnsbl.verdict`."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from dnsbl.config import CategoryConfig, Config, Lists, Reputation, ZoneConfig
from dnsbl.name import Name
from dnsbl.network import IPV4, IPV6, Network
from dnsbl.store import journal, listings
from dnsbl.store.database import Database
from dnsbl.store.exclusions import covering_exclusions
from dnsbl.store.listings import Listing
from dnsbl.store.requests import IPV6_HOST_LENGTH
from dnsbl.subject import Subject
from dnsbl.verdict import decide

_HISTORY_ROWS: Final = 50
_TEST_ENTRY: Final = ipaddress.IPv4Address("127.0.0.2")  # RFC 5782 §5


@dataclass(frozen=True, slots=True)
class Finding:
    """A listing that decides for the address, with its zone and category.

    ``text`` is what the zone's TXT record says of it. ``exact``: it lists just what
    a removal takes off, the very address or its /64, rather than a network around that.
    """

    zone: ZoneConfig
    category: CategoryConfig
    listing: Listing
    text: str
    exact: bool

    @property
    def in_network(self) -> bool:
        """Whether it lists more than the one address: a network that holds it, its /64 say."""
        network = self.listing.network
        return isinstance(network, Network) and not network.is_address

    @property
    def at_once(self) -> bool:
        """Whether a press of the button takes it off, without an operator.

        Out of a network the address is taken by a grace exclusion, if its
        category has one.
        """
        return self.category.delist == "self" and (self.exact or self.category.grace_s > 0)

    @property
    def for_operator(self) -> bool:
        """Whether a press of the button asks an operator."""
        return self.category.delist != "never" and not self.at_once


def taken_off(address: Network, listed: Subject) -> Network:
    """What a removal takes off: the address, or of IPv6 its /64 where that or more is listed."""
    if address.family == IPV6 and listed.length <= IPV6_HOST_LENGTH:
        return address.widened(IPV6_HOST_LENGTH)
    return address


def zones_that(config: Config, reputation: Reputation) -> list[ZoneConfig]:
    """The zones of that reputation that have listings of addresses.

    Those that only include others have none. Removals are about addresses; see `find_name`.
    """
    return _zones(config, reputation, "addresses")


def zones_of_names(config: Config, reputation: Reputation) -> list[ZoneConfig]:
    """The zones of that reputation that have listings of domain names."""
    return _zones(config, reputation, "names")


def _zones(config: Config, reputation: Reputation, lists: Lists) -> list[ZoneConfig]:
    return [
        zone
        for zone in config.zones
        if zone.reputation == reputation and zone.lists == lists and zone.categories
    ]


def find(database: Database, config: Config, address: Network, now: float) -> list[Finding]:
    """What blocks the address, in the order of the configuration; what nothing serves is left out.

    A listing in a zone or a category that the configuration lacks is not served
    either. To be listed among the good blocks nobody, and needs no removal.
    """
    return _find(database, zones_that(config, "bad"), address, now)


def find_good(database: Database, config: Config, address: Network, now: float) -> list[Finding]:
    """What lists the address among the good, as `find` has the others."""
    return _find(database, zones_that(config, "good"), address, now)


def find_name(
    database: Database, config: Config, name: Name, reputation: Reputation, now: float
) -> list[Finding]:
    """What lists a name in the zones of that reputation, as `find` has it of an address."""
    return _find(database, zones_of_names(config, reputation), name, now)


def _find(
    database: Database, zones: Iterable[ZoneConfig], subject: Subject, now: float
) -> list[Finding]:
    covering = listings.covering(database, subject)
    excluded = covering_exclusions(database, subject)
    said = subject.domain if isinstance(subject, Name) else subject.address_text
    found: list[Finding] = []
    for zone in zones:
        entries = [item.entry for item in covering if item.zone == zone.origin]
        entries += [item.entry for item in excluded if item.zone == zone.origin]
        decided = decide(sorted(entries, key=lambda entry: entry.precedence), now)
        for category in zone.categories:
            if (entry := decided.get(category.name)) is None:
                continue
            listing = next(
                item
                for item in covering
                if (item.zone, item.network, item.category)
                == (zone.origin, entry.network, category.name)
            )
            text = (listing.text or category.text).replace("$", said)
            meant = subject if isinstance(subject, Name) else taken_off(subject, listing.network)
            exact = entry.network == meant
            found.append(Finding(zone, category, listing, text, exact))
    return found


def asks_operator(findings: Iterable[Finding]) -> bool:
    """Whether a press of the button could do no more than ask an operator."""
    found = list(findings)
    return any(finding.for_operator for finding in found) and not any(
        finding.at_once for finding in found
    )


def last_changes(database: Database, subject: Subject) -> dict[tuple[str, str, str], int | None]:
    """When listings that cover an address or a name were changed: by zone, network and category.

    None where the last that happened to one was its listing.
    """
    changed: dict[tuple[str, str, str], int | None] = {}
    for happening in journal.history(database, subject, _HISTORY_ROWS):  # the newest first
        if happening.kind == "listing":
            key = (happening.zone, happening.network, happening.category)
            changed.setdefault(key, happening.at if happening.op == "changed" else None)
    return changed


def is_test_entry(config: Config, address: Network) -> bool:
    """Whether every zone, or one of them, always lists the address, for tests.

    RFC 5782 §5: 127.0.0.2, and one address for each value that a zone answers.
    """
    if address.family != IPV4:
        return False
    tested = ipaddress.IPv4Address(address.bits)
    return tested == _TEST_ENTRY or any(
        category.answer == tested
        for zone in config.zones
        if zone.lists == "addresses"
        for category in zone.categories
    )
