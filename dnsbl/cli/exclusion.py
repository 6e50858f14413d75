"""`exclude`: what must not be listed, though a covering listing exists."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import click

from dnsbl.cli import options, report
from dnsbl.cli.scope import (
    Narrowing,
    check_fits,
    check_has_own,
    chosen_category,
    chosen_zone,
    is_built_in,
    narrowed,
)
from dnsbl.cli.verb import Verb
from dnsbl.config import Config, ZoneConfig, load
from dnsbl.errors import DnsblError
from dnsbl.network import Network, NotListableError
from dnsbl.store import audit, exclusions
from dnsbl.store.audit import Act
from dnsbl.store.database import Database
from dnsbl.store.exclusions import Exclusion, covering_exclusions
from dnsbl.subject import Subject
from dnsbl.verdict import EVERY_CATEGORY

Result = Literal["excluded", "updated", "already_excluded", "removed"]

_SAYINGS: dict[Result, str] = {
    "excluded": "excluded from",
    "updated": "exclusion updated in",
    "already_excluded": "was already excluded from",
    "removed": "no longer excluded from",
}


class NotExcludedError(DnsblError):
    """An exclusion to be removed that is not there."""


@dataclass(frozen=True, slots=True)
class Excluded:
    """What became of one exclusion; `category` is None for all of them."""

    network: str
    zone: str
    category: str | None
    result: Result
    expires_at: int | None

    def __str__(self) -> str:
        """As a person reads it."""
        where = f"{self.zone}/{self.category}" if self.category else self.zone
        until = "" if self.expires_at is None else f" until {report.moment(self.expires_at)}"
        return f"{self.network} {_SAYINGS[self.result]} {where}{until}"


class BuiltInEntryError(DnsblError):
    """A test entry of RFC 5782 §5, which nothing changes."""


def check_excludable(zone: ZoneConfig, network: Subject) -> None:
    """Raises NotListableError for a whole family, BuiltInEntryError for a built-in test entry."""
    if isinstance(network, Network) and network.length == 0:
        raise NotListableError(
            f"{network} is the whole of IPv{network.family}; it is never excluded"
        )
    if is_built_in(zone, network):
        raise BuiltInEntryError(
            f"{network.text} is a test entry of {zone.origin} (RFC 5782 §5); it is never excluded"
        )


def exclude_one(database: Database, exclusion: Exclusion) -> Excluded:
    """Excludes a network or a name, or brings its exclusion up to date, with its audit line."""
    now, network = exclusion.excluded_at, exclusion.network
    standing = any(
        item.network == network and item.zone == exclusion.zone
        and item.category == exclusion.category and item.entry.live(now)
        for item in covering_exclusions(database, network)
    )  # fmt: skip
    changed = exclusions.exclude(database, exclusion)
    if changed:
        act = "exclusion.changed" if standing else "exclusion.added"
        _record(database, exclusion, act, now)
    result: Result = "already_excluded" if not changed else "updated" if standing else "excluded"
    return Excluded(
        network.text, exclusion.zone, exclusion.category or None, result, exclusion.expires_at
    )


def unexclude_one(
    database: Database, network: Subject, keep_to: Narrowing, now: int
) -> list[Excluded]:
    """Removes the exclusions of that very network or name, with their audit lines."""
    removed: list[Excluded] = []
    for exclusion in covering_exclusions(database, network):
        if exclusion.network == network and keep_to.holds(exclusion.zone, exclusion.category):
            exclusions.unexclude(database, exclusion.zone, network, exclusion.category)
            _record(database, exclusion, "exclusion.removed", now)
            removed.append(
                Excluded(network.text, exclusion.zone, exclusion.category or None, "removed", None)
            )
    return removed


def _record(database: Database, exclusion: Exclusion, act: str, now: int) -> None:
    line = Act(
        now, options.actor(), act, exclusion.zone, str(exclusion.network), exclusion.category,
        note=exclusion.reason,
    )  # fmt: skip
    audit.record(database, [line])


@click.command(
    short_help="Keep addresses or names unlisted though a listing covers them.",
    cls=Verb,
    examples=(
        'dnsbl exclude 192.0.2.1 --reason "customer\'s mail server" --for 4w',
        "dnsbl exclude 192.0.2.1 --remove",
        "dnsbl exclude mail.example.com --zone names.example",
    ),
)
@click.argument("networks", metavar="ADDRESS|NAME...", nargs=-1, required=True,
                type=options.SubjectType())  # fmt: skip
@click.option("--zone", metavar="ZONE",
              help="Needed where there are several; with --remove, default all.")  # fmt: skip
@click.option("--category", metavar="CATEGORY", help="Of this category only.  [default: all]")
@click.option("--reason", type=options.Prose(options.REASON_CHARS_MAX), default="",
              help="Why; for operators.")  # fmt: skip
@options.for_option("until it is removed")
@click.option("--remove", "removes", is_flag=True, help="Take the exclusions away.")
@options.wait_option
@options.config_option
@options.output_option
def exclude(
    networks: tuple[Subject, ...],
    zone: str | None,
    category: str | None,
    reason: str,
    for_s: int | None,
    removes: bool,  # noqa: FBT001  # click's way
    wait_s: int,
    config_file: Path,
    output: report.Output,
) -> None:
    """Keep addresses, networks or names unlisted though a wider listing covers them.

    A listing that is more specific than the exclusion still lists. With
    --remove, exclusions of exactly these are taken away, those that a
    delisting made among them; the exit code is 1 where there is none.
    """
    if removes and (reason or for_s is not None):
        raise click.UsageError("--remove goes with neither --reason nor --for")
    config = load(config_file)
    now = int(time.time())
    if removes:
        done, missing = _remove(config, networks, zone, category, wait_s, now)
    else:
        chosen = chosen_zone(config, zone)
        check_has_own(chosen)
        of = EVERY_CATEGORY if category is None else chosen_category(chosen, category).name
        for network in networks:
            check_fits(chosen, network)
            check_excludable(chosen, network)
        missing = []
        expires_at = options.expiry(now, for_s)
        with options.writer(config, wait_s) as database, database.transaction():
            done = [
                exclude_one(
                    database,
                    Exclusion(chosen.origin, network, of, reason, excluded_at=now,
                              expires_at=expires_at),
                )
                for network in networks
            ]  # fmt: skip
    if output == "json":
        report.print_json([asdict(one) for one in done])
    else:
        for one in done:
            report.say(str(one))
    report.refuse(missing, NotExcludedError)


def _remove(
    config: Config,
    networks: tuple[Subject, ...],
    zone: str | None,
    category: str | None,
    wait_s: int,
    now: int,
) -> tuple[list[Excluded], list[str]]:
    done: list[Excluded] = []
    missing: list[str] = []
    with options.writer(config, wait_s) as database:
        keep_to = narrowed(config, database, zone, category)
        with database.transaction():
            for network in networks:
                gone = unexclude_one(database, network, keep_to, now)
                done += gone
                if not gone:
                    missing.append(f"{network.text} is not excluded{keep_to}")
    return done, missing
