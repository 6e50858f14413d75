"""`add` and `remove`: listings, one by one."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Literal

import click

from dnsbl.cli import options, report
from dnsbl.cli.scope import (
    Narrowing,
    built_in,
    check_fits,
    chosen_category,
    chosen_zone,
    is_built_in,
    narrowed,
)
from dnsbl.cli.verb import Verb
from dnsbl.config import Config, ZoneConfig, load
from dnsbl.config.category import ADDRESS_CHARS_MAX, NAME_CHARS_MAX, Setting, expand_text
from dnsbl.errors import DnsblError
from dnsbl.network import NotListableError
from dnsbl.store import audit, listings
from dnsbl.store.audit import Act
from dnsbl.store.database import Database
from dnsbl.store.exclusions import covering_exclusions
from dnsbl.store.listings import Listing
from dnsbl.subject import Subject, check_listable
from dnsbl.verdict import EVERY_CATEGORY, decide

Result = Literal["listed", "updated", "already_listed"]

_SAYINGS: dict[Result, str] = {
    "listed": "listed in",
    "updated": "listing updated in",
    "already_listed": "was already listed in",
}


class NotListedError(DnsblError):
    """Something to be removed that is not there."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What `add` was told of a listing; None for a text that was left out."""

    zone: str
    category: str
    reason: str | None
    source: str | None
    evidence: str | None
    expires_at: int | None
    text: str | None = None


@dataclass(frozen=True, slots=True)
class Added:
    """What became of one address, network or name."""

    network: str
    zone: str
    category: str
    result: Result
    expires_at: int | None
    warning: str | None

    def __str__(self) -> str:
        """As a person reads it; of an update always with its end, which may be what changed."""
        until = ""
        if self.expires_at is not None:
            until = f" until {report.moment(self.expires_at)}"
        elif self.result == "updated":
            until = " until it is removed"
        return f"{self.network} {_SAYINGS[self.result]} {self.zone}/{self.category}{until}"


def add_one(database: Database, network: Subject, wish: Wish, now: int) -> Added:
    """Lists a network or a name, or brings its listing up to date, with its audit line.

    A text that was left out stays as it stands; the expiry is always the wish's.
    """
    standing = listings.get(database, wish.zone, network, wish.category)
    if standing and not standing.entry.live(now):  # nobody has swept it up yet
        listings.remove(database, wish.zone, network, wish.category)
        standing = None
    base = standing or Listing(wish.zone, network, wish.category, listed_at=now)
    listing = replace(
        base,
        reason=base.reason if wish.reason is None else wish.reason,
        source=base.source if wish.source is None else wish.source,
        evidence=base.evidence if wish.evidence is None else wish.evidence,
        expires_at=wish.expires_at,
        text=base.text if wish.text is None else wish.text,
    )
    changed = listings.add(database, listing)
    result: Result = "already_listed" if not changed else "updated" if standing else "listed"
    if changed:
        act = "listing.changed" if standing else "listing.added"
        line = Act(
            now, options.actor(), act, wish.zone, str(network), wish.category, note=listing.reason
        )
        audit.record(database, [line])
    return Added(
        network.text, wish.zone, wish.category, result, wish.expires_at,
        _exclusion_warning(database, listing, now),
    )  # fmt: skip


def _exclusion_warning(database: Database, listing: Listing, now: int) -> str | None:
    """What an exclusion means for a listing; None where none matters."""
    for exclusion in covering_exclusions(database, listing.network):
        if (
            exclusion.zone != listing.zone
            or exclusion.category not in (EVERY_CATEGORY, listing.category)
            or not exclusion.entry.live(now)
        ):
            continue
        until = "it is removed" if exclusion.expires_at is None else report.moment(
            exclusion.expires_at
        )  # fmt: skip
        reason = f" ({exclusion.reason})" if exclusion.reason else ""
        if exclusion.network == listing.network:
            return (
                f"{listing.network.text} stays unlisted in {listing.zone}/{listing.category}: "
                f"it is excluded until {until}{reason}"
            )
        return (
            f"{listing.network.text} is now listed in {listing.zone}/{listing.category} "
            f"although {exclusion.network} is excluded{reason}: the more specific entry decides"
        )
    return None


def check_not_built_in(zone: ZoneConfig, subject: Subject) -> None:
    """Raises NotListableError for what RFC 5782 §5 decides: a row would change nothing."""
    listing = built_in(zone, subject)
    if listing is None:
        return
    if not listing:
        raise NotListableError(f"{subject.text} is never listed (RFC 5782 §5), --force or not")
    raise NotListableError(
        f"{subject.text} is a built-in test entry of {zone.origin} (RFC 5782 §5); "
        "it is always listed"
    )


def own_text(config: Config, zone: ZoneConfig, template: str | None) -> str | None:
    """A listing's own TXT text, with ``{portal}`` replaced; "" for its category's, None unsaid.

    Raises click.UsageError as a zone file's text is refused.
    """
    if not template:
        return template
    if not template.isprintable():
        raise click.UsageError("--text: the text holds control characters")
    setting = Setting(
        config.portal.public_url,
        subject_chars_max=NAME_CHARS_MAX if zone.lists == "names" else ADDRESS_CHARS_MAX,
        delistable=zone.reputation == "bad",
    )
    try:
        return expand_text(template, setting)
    except ValueError as error:
        raise click.UsageError(f"--text: expected {error}") from None


@click.command(
    short_help="List addresses, networks or names.",
    cls=Verb,
    examples=(
        'dnsbl add 192.0.2.1 --reason "spam trap" --for 7d',
        "dnsbl add 198.51.100.0/24 2001:db8::/48 --zone bl.example --category spam",
        "dnsbl add example.com '*.example.net' --zone names.example",
    ),
)
@click.argument("networks", metavar="ADDRESS|NAME...", nargs=-1, required=True,
                type=options.SubjectType())  # fmt: skip
@click.option("--zone", metavar="ZONE", help="Needed where there are several.")
@click.option("--category", metavar="CATEGORY", help="Needed where the zone has several.")
@click.option("--reason", type=options.Prose(options.REASON_CHARS_MAX),
              help="Why; shown to whoever asks for removal.")  # fmt: skip
@click.option("--source", type=options.Prose(options.SOURCE_CHARS_MAX),
              help="Who found it: a feed, a trap, a person.")  # fmt: skip
@click.option("--evidence", type=options.Prose(options.EVIDENCE_CHARS_MAX),
              help="What was seen, such as log lines; for operators.")  # fmt: skip
@click.option("--text", metavar="TEXT",
              help="The TXT record, as in a zone file: $ is what is asked about.  "
                   "[default: the category's]")  # fmt: skip
@options.for_option("until it is removed")
@click.option("--force", is_flag=True,
              help="List private or reserved space, or all below a top-level domain, too.",
              )  # fmt: skip
@options.wait_option
@options.config_option
@options.output_option
def add(
    networks: tuple[Subject, ...],
    zone: str | None,
    category: str | None,
    reason: str | None,
    source: str | None,
    evidence: str | None,
    text: str | None,
    for_s: int | None,
    force: bool,  # noqa: FBT001  # click's way
    wait_s: int,
    config_file: Path,
    output: report.Output,
) -> None:
    """List addresses and networks, or names: all of them, or, where one is wrong, none.

    In a zone of names, example.com is that name alone, *.example.com any name
    below it, .example.com both. What is listed already is brought up to date:
    texts that are given replace those that stand, and it ends when --for says.
    """
    config = load(config_file)
    chosen = chosen_zone(config, zone)
    into = chosen_category(chosen, category)
    for network in networks:
        check_fits(chosen, network)
        check_not_built_in(chosen, network)
        check_listable(network, force=force)
    now = int(time.time())
    wish = Wish(
        chosen.origin, into.name, reason, source, evidence, options.expiry(now, for_s),
        own_text(config, chosen, text),
    )  # fmt: skip
    with options.writer(config, wait_s) as database, database.transaction():
        added = [add_one(database, network, wish, now) for network in networks]
    for one in added:
        if one.warning:
            report.warn(one.warning)
        if output == "table":
            report.say(str(one))
    if output == "json":
        report.print_json([asdict(one) for one in added])


def remove_one(database: Database, network: Subject, keep_to: Narrowing, now: int) -> list[Listing]:
    """Removes the listings of that very network or name, with their audit lines; what they were."""
    removed = [
        listing
        for listing in listings.covering(database, network)
        if listing.network == network and keep_to.holds(listing.zone, listing.category)
    ]
    for listing in removed:
        listings.remove(database, listing.zone, network, listing.category)
        audit.record(
            database,
            [Act(now, options.actor(), "listing.removed", listing.zone, str(network),
                 listing.category, note=listing.reason)],
        )  # fmt: skip
    return removed


def still_listed(database: Database, network: Subject, keep_to: Narrowing, now: int) -> str | None:
    """What wider listing still lists a network that was removed, and what to do about it."""
    for zone in dict.fromkeys(item.zone for item in listings.covering(database, network)):
        decided = decide(listings.covering_entries(database, zone, network), now)
        for category, entry in decided.items():
            if keep_to.holds(zone, category):
                return (
                    f"{entry.network} in {zone}/{category} covers it; "
                    f"`dnsbl exclude {network.text} --zone {zone}` takes it out"
                )
    return None


def _not_listed(config: Config, network: Subject, keep_to: Narrowing, wider: str | None) -> str:
    """Why there was nothing to remove."""
    if any(is_built_in(zone, network) for zone in config.zones):
        return f"{network.text} is a test entry (RFC 5782 §5); it stays as it is"
    return f"{network.text} is not listed{keep_to}" + (f"; {wider}" if wider else "")


@click.command(
    short_help="Take listings away.",
    cls=Verb,
    examples=(
        "dnsbl remove 192.0.2.1",
        "dnsbl remove 198.51.100.0/24 --category spam",
    ),
)
@click.argument("networks", metavar="ADDRESS|NAME...", nargs=-1, required=True,
                type=options.SubjectType())  # fmt: skip
@click.option("--zone", metavar="ZONE", help="Of this zone only.  [default: all]")
@click.option("--category", metavar="CATEGORY", help="Of this category only.  [default: all]")
@options.wait_option
@options.config_option
@options.output_option
def remove(
    networks: tuple[Subject, ...],
    zone: str | None,
    category: str | None,
    wait_s: int,
    config_file: Path,
    output: report.Output,
) -> None:
    """Take the listings of exactly these addresses, networks or names away.

    Whatever is listed is removed; one that is not is reported, and the exit
    code is then 1. An address inside a listed network is taken out with
    `dnsbl exclude`. A later import of a feed that names it lists it again, for
    only a delisting at the portal leaves a grace; `dnsbl exclude` prevents that.
    """
    config = load(config_file)
    now = int(time.time())
    removed: list[Listing] = []
    missing: list[str] = []
    still: list[str] = []
    with options.writer(config, wait_s) as database:
        keep_to = narrowed(config, database, zone, category)
        with database.transaction():
            for network in networks:
                gone = remove_one(database, network, keep_to, now)
                removed += gone
                wider = still_listed(database, network, keep_to, now)
                if not gone:
                    missing.append(_not_listed(config, network, keep_to, wider))
                elif wider:
                    still.append(f"{network.text} is still listed: {wider}")
    for sentence in still:
        report.warn(sentence)
    if output == "json":
        report.print_json(
            [{"network": item.network.text, "zone": item.zone, "category": item.category}
             for item in removed]
        )  # fmt: skip
    else:
        for item in removed:
            report.say(f"{item.network.text} removed from {item.zone}/{item.category}")
    report.refuse(missing, NotListedError)
