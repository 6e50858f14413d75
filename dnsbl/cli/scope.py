"""The zone and the category that a command speaks of; left out, where there is just one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import click

from dnsbl.config import CategoryConfig, Config, ZoneConfig
from dnsbl.name import Name
from dnsbl.store import journal
from dnsbl.store.database import Database
from dnsbl.store.listings import has_category
from dnsbl.subject import Subject
from dnsbl.zone.builtin import NEVER_LISTED, test_entries


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
    check_has_own(zone)
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


def check_has_own(zone: ZoneConfig) -> None:
    """Raises click.UsageError for a zone that only includes others, and names those."""
    if not zone.categories:
        raise click.UsageError(
            f"{zone.origin} has no listings of its own, but those of the zones that it includes; "
            f"choose one of them with --zone: {', '.join(zone.include)}"
        )


def fits(zone: ZoneConfig, subject: Subject) -> bool:
    """Whether a zone lists subjects of that kind: addresses and networks, or names."""
    return isinstance(subject, Name) == (zone.lists == "names")


def check_fits(zone: ZoneConfig, subject: Subject) -> None:
    """Raises click.UsageError for a name in a zone of addresses, or the other way round."""
    check_fits_any([zone], subject)


def check_fits_any(zones: Sequence[ZoneConfig], subject: Subject) -> None:
    """Raises click.UsageError where none of the zones (there are some) lists such things."""
    if any(fits(zone, subject) for zone in zones):
        return
    if isinstance(subject, Name):
        kind = "a name"
    else:
        kind = "an address" if subject.is_address else "a network"
    where = zones[0].origin if len(zones) == 1 else "every zone"
    raise click.UsageError(f"{subject.text} is {kind}, and {where} lists {zones[0].lists}")


def built_in(zone: ZoneConfig, subject: Subject) -> frozenset[str] | None:
    """The categories in which RFC 5782 §5 lists it, whatever the database holds; some test none.

    None if it is no test entry of the zone.
    """
    if not fits(zone, subject):
        return None
    if subject in NEVER_LISTED:
        return frozenset()
    return frozenset(test_entries(zone).get(subject, ())) or None


def is_built_in(zone: ZoneConfig, subject: Subject) -> bool:
    """Whether it is a test entry of the zone."""
    return built_in(zone, subject) is not None


def narrowed(
    config: Config, database: Database, zone: str | None, category: str | None
) -> Narrowing:
    """What rows a command keeps to: any that the database has, though no file names them now.

    Raises click.UsageError for a zone or a category that neither knows, and for a zone that has no
    rows of its own.
    """
    if zone is not None:
        zone = origin(zone)
        configured = config.zone(zone)
        if configured is not None:
            check_has_own(configured)
        elif zone not in journal.serials(database):
            chosen_zone(config, zone)
    names = dict.fromkeys(
        item.name
        for each in config.zones
        if zone in (None, each.origin)
        for item in each.categories
    )
    if not (category is None or category in names or has_category(database, zone, category)):
        where = f" in {zone}" if zone else ""
        raise click.UsageError(
            f"--category: there is no category {category!r}{where}; "
            f"the categories are: {', '.join(names)}"
        )
    return Narrowing(zone, category)
