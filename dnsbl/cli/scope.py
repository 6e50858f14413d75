"""The zone and the category that a command speaks of; left out, where there is just one."""

from __future__ import annotations

from dataclasses import dataclass

import click

from dnsbl.config import CategoryConfig, Config, ZoneConfig
from dnsbl.network import Network
from dnsbl.store import journal
from dnsbl.store.database import Database
from dnsbl.zone.zone import NEVER_LISTED, Zone


@dataclass(frozen=True, slots=True)
class Narrowing:
    """A zone and a category to keep to; None for all of them."""

    zone: str | None
    category: str | None

    def holds(self, zone: str, category: str) -> bool:
        """Whether a row of that zone and category is meant."""
        return self.zone in (None, zone) and self.category in (None, category)

    def __str__(self) -> str:
        """As a sentence goes on: " in bl.example/spam", or nothing."""
        if self.zone and self.category:
            return f" in {self.zone}/{self.category}"
        if self.category:
            return f" in the category {self.category}"
        return f" in {self.zone}" if self.zone else ""


def origin(text: str) -> str:
    """A zone's name as configurations have it: in lower case, without the last dot."""
    return text.removesuffix(".").lower()


def chosen_zone(config: Config, name: str | None) -> ZoneConfig:
    """The zone of that name, or the only one. Raises click.UsageError that lists the choices."""
    choices = ", ".join(zone.origin for zone in config.zones)
    if name is None:
        if len(config.zones) > 1:
            raise click.UsageError(f"there are several zones; choose one with --zone: {choices}")
        return config.zones[0]
    zone = config.zone(origin(name))
    if zone is None:
        raise click.UsageError(f"--zone: there is no zone {name!r}; the zones are: {choices}")
    return zone


def chosen_category(zone: ZoneConfig, name: str | None) -> CategoryConfig:
    """The zone's category of that name, or its only one. Raises click.UsageError as above."""
    choices = ", ".join(category.name for category in zone.categories)
    if name is None:
        if len(zone.categories) > 1:
            raise click.UsageError(
                f"{zone.origin} has several categories; choose one with --category: {choices}"
            )
        return zone.categories[0]
    category = zone.category(name)
    if category is None:
        raise click.UsageError(
            f"--category: {zone.origin} has no category {name!r}; its categories are: {choices}"
        )
    return category


def is_built_in(zone: ZoneConfig, network: Network) -> bool:
    """Whether RFC 5782 §5 says of an address what it is in a zone, whatever the database holds."""
    # A zone without any data still knows its test entries; they never expire.
    return network == NEVER_LISTED or bool(Zone(zone).decide(network, 0))


def narrowed(
    config: Config, database: Database, zone: str | None, category: str | None
) -> Narrowing:
    """What rows a command keeps to: any that the database has, though no file names them now.

    Raises click.UsageError for a zone that neither knows.
    """
    if zone is not None:
        zone = origin(zone)
        if config.zone(zone) is None and zone not in journal.serials(database):
            chosen_zone(config, zone)
    return Narrowing(zone, category)
