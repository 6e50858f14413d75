"""What lists an address now: per zone and category, by the one rule of `dnsbl.verdict`."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import Final

from dnsbl.config import CategoryConfig, Config, ZoneConfig
from dnsbl.network import IPV4, Network
from dnsbl.store import journal, listings
from dnsbl.store.database import Database
from dnsbl.store.exclusions import covering_exclusions
from dnsbl.store.listings import Listing
from dnsbl.verdict import decide

_HISTORY_ROWS: Final = 50
_TEST_ENTRY: Final = ipaddress.IPv4Address("127.0.0.2")  # RFC 5782 §5


@dataclass(frozen=True, slots=True)
class Finding:
    """A listing that decides for the address, with its zone and category.

    ``text`` is what the zone's TXT record says. ``exact``: it lists this very
    address, rather than a network around it.
    """

    zone: ZoneConfig
    category: CategoryConfig
    listing: Listing
    text: str
    exact: bool


def find(database: Database, config: Config, address: Network, now: float) -> list[Finding]:
    """What lists the address, in the order of the configuration; what nothing serves is left out.

    A listing in a zone or a category that the configuration lacks is not served
    either.
    """
    covering = listings.covering(database, address)
    excluded = covering_exclusions(database, address)
    found: list[Finding] = []
    for zone in config.zones:
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
            text = category.text.replace("$", address.address_text)
            found.append(Finding(zone, category, listing, text, entry.network == address))
    return found


def last_changes(database: Database, address: Network) -> dict[tuple[str, str, str], int]:
    """When each listing that covers the address was last changed: by zone, network, category."""
    changed: dict[tuple[str, str, str], int] = {}
    for happening in journal.history(database, address, _HISTORY_ROWS):  # the newest first
        if happening.kind == "listing":
            changed.setdefault(
                (happening.zone, happening.network, happening.category), happening.at
            )
    return changed


def is_test_entry(config: Config, address: Network) -> bool:
    """Whether every zone, or one of them, always lists the address, for tests.

    RFC 5782 §5: 127.0.0.2, and one address for each value that a zone answers.
    """
    if address.family != IPV4:
        return False
    tested = ipaddress.IPv4Address(address.bits)
    return tested == _TEST_ENTRY or any(
        category.answer == tested for zone in config.zones for category in zone.categories
    )
