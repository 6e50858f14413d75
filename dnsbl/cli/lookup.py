"""`show`: everything known of an address or a name."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import click

from dnsbl.cli import options, report
from dnsbl.cli.entry import (
    EXCLUSION_HEADERS,
    LISTING_HEADERS,
    exclusion_json,
    exclusion_row,
    listing_json,
    listing_row,
)
from dnsbl.cli.scope import built_in, check_fits_any, fits
from dnsbl.cli.verb import Verb
from dnsbl.config import CategoryConfig, Config, Reputation, ZoneConfig, load
from dnsbl.name import Name
from dnsbl.store import audit, journal, listings, requests
from dnsbl.store.audit import Act
from dnsbl.store.database import Database
from dnsbl.store.exclusions import Exclusion, covering_exclusions
from dnsbl.store.journal import Happening
from dnsbl.store.listings import Listing
from dnsbl.store.requests import Request
from dnsbl.subject import Subject
from dnsbl.verdict import EVERY_CATEGORY, Entry, decide

HISTORY_LINES_MAX: Final = 100
REQUESTS_MAX: Final = 20

# The journal's clock is read where the row is written, the audit's where the act began.
SAME_CHANGE_S: Final = 1
# What the journal says of an act of the audit, by its verb.
_OPS: Final[dict[str, journal.Op]] = {
    "added": "added",
    "changed": "changed",
    "removed": "removed",
    "expired": "removed",
}


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one category of a zone says of the address or name, and by which entry.

    ``entry`` is None where nothing covers it; ``built_in`` where RFC 5782 §5
    decides, whatever the database holds. Who is listed by a zone of
    ``reputation`` "good" has a good one.
    """

    zone: str
    reputation: Reputation
    category: CategoryConfig
    listed: bool
    entry: Entry | None
    built_in: bool


@dataclass(frozen=True, slots=True)
class Event:
    """A line of the history of it: of the journal, or of the audit, which knows the actor."""

    at: int
    source: str
    what: str
    zone: str
    network: str
    category: str
    actor: str
    note: str


@dataclass(frozen=True, slots=True)
class Known:
    """Everything known of an address or a name at one moment."""

    subject: Subject
    verdicts: list[Verdict]
    listings: list[Listing]
    exclusions: list[Exclusion]
    requests: list[Request]
    history: list[Event]

    @property
    def listed(self) -> bool:
        """Whether any category of any zone lists it, the lists of the good aside."""
        return any(verdict.listed and verdict.reputation == "bad" for verdict in self.verdicts)


def known(config: Config, database: Database, subject: Subject, now: int) -> Known:
    """Reads all of it, of one moment. A zone that includes others says what those say."""
    is_name = isinstance(subject, Name)
    with database.snapshot():
        return Known(
            subject=subject,
            verdicts=[
                verdict
                for zone in config.zones
                if fits(zone, subject)
                for verdict in verdicts(
                    zone, subject, listings.covering_entries(database, zone.origin, subject), now
                )
            ],
            listings=listings.covering(database, subject),
            exclusions=covering_exclusions(database, subject),
            # Nobody asks at the portal for the removal of a name.
            requests=[]
            if is_name
            else requests.of_address(database, subject_text(subject), REQUESTS_MAX),
            history=history(database, subject),
        )


def subject_text(subject: Subject) -> str:
    """One address or name, as a person writes it."""
    return subject.domain if isinstance(subject, Name) else subject.address_text


def verdicts(zone: ZoneConfig, subject: Subject, entries: list[Entry], now: int) -> list[Verdict]:
    """What each category of a zone says, from the entries that cover it."""
    tested = built_in(zone, subject)
    if tested is not None:
        return [
            Verdict(
                zone.origin, zone.reputation, category, category.name in tested, None,
                built_in=True,
            )
            for category in zone.categories
        ]  # fmt: skip
    listed = decide(entries, now)
    return [
        Verdict(
            zone.origin, zone.reputation, category, category.name in listed,
            listed.get(category.name) or _excluding(entries, category.name, now),
            built_in=False,
        )
        for category in zone.categories
    ]  # fmt: skip


def _excluding(entries: list[Entry], category: str, now: int) -> Entry | None:
    """The exclusion that decides for a category which lists nothing."""
    return next(
        (
            entry
            for entry in entries
            if entry.excludes and entry.category in (EVERY_CATEGORY, category) and entry.live(now)
        ),
        None,
    )


def history(database: Database, subject: Subject) -> list[Event]:
    """Journal and audit merged by time, the newest first; a change that both tell of is one event.

    What the journal alone tells of was done by another client, or is part of a whole feed.
    """
    acts = audit.trail(database, subject, HISTORY_LINES_MAX)
    events = [
        Event(act.at, "audit", act.act, act.zone, act.network, act.category, act.actor, act.note)
        for act in acts
    ]
    events += [
        Event(item.at, "journal", f"{item.kind} {item.op}", item.zone, item.network,
              item.category, "", "")
        for item in journal.history(database, subject, HISTORY_LINES_MAX)
        if not _taken(acts, item)
    ]  # fmt: skip
    return sorted(events, key=lambda event: -event.at)[:HISTORY_LINES_MAX]


def _taken(acts: list[Act], item: Happening) -> bool:
    """Takes the act that tells of a change out of the list, so that it tells of no other."""
    for act in acts:
        kind, _, verb = act.act.partition(".")
        if (
            (act.zone, act.network, act.category) == (item.zone, item.network, item.category)
            and kind == item.kind
            and _OPS.get(verb) == item.op
            and abs(act.at - item.at) <= SAME_CHANGE_S
        ):
            acts.remove(act)
            return True
    return False


def as_json(found: Known, now: int) -> dict[str, object]:
    """The stable shape that docs/commands.md describes; times in Unix seconds."""
    is_name = isinstance(found.subject, Name)
    text = subject_text(found.subject)
    return {
        "address": None if is_name else text,
        "name": text if is_name else None,
        "at": now,
        "listed": found.listed,
        "verdicts": [
            {
                "zone": verdict.zone,
                "reputation": verdict.reputation,
                "category": verdict.category.name,
                "listed": verdict.listed,
                "answer": str(verdict.category.answer) if verdict.listed else None,
                "delist": verdict.category.delist,
                "built_in": verdict.built_in,
                "decided_by": _entry_json(verdict.entry),
            }
            for verdict in found.verdicts
        ],
        "listings": [listing_json(item) for item in found.listings],
        "exclusions": [exclusion_json(item) for item in found.exclusions],
        "requests": [
            {
                "id": item.id,
                "mailbox": requests.masked(item.mailbox),
                "state": str(item.state),
                "note": item.note,
                "created_at": item.created_at,
                "state_at": item.state_at,
                "expires_at": item.expires_at,
            }
            for item in found.requests
        ],
        "history": [
            {
                "at": event.at,
                "source": event.source,
                "what": event.what,
                "zone": event.zone,
                "network": event.network,
                "category": event.category,
                "actor": event.actor,
                "note": event.note,
            }
            for event in found.history
        ],
    }


def _entry_json(entry: Entry | None) -> dict[str, object] | None:
    if entry is None:
        return None
    return {
        "kind": "exclusion" if entry.excludes else "listing",
        "network": str(entry.network),
        "expires_at": entry.expires_at,
    }


def as_text(found: Known, now: int) -> str:
    """The same for people: a sentence, then a table for whatever there is."""
    parts = [f"{subject_text(found.subject)} is {_saying(found)}."]

    def part(title: str, headers: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        if rows:
            parts.append(f"{title}\n{report.table(headers, rows)}")

    part(
        "Verdicts",
        ("zone", "category", "verdict", "answer", "decided by"),
        [
            (
                verdict.zone, verdict.category.name, _said(verdict),
                str(verdict.category.answer) if verdict.listed else "", _decider(verdict),
            )
            for verdict in found.verdicts
        ],
    )  # fmt: skip
    part(
        "Listings that cover it",
        (*LISTING_HEADERS, "evidence", "text"),
        [
            (*_marked(listing_row(item), item.entry, now), item.evidence, item.text)
            for item in found.listings
        ],
    )
    part(
        "Exclusions that cover it",
        EXCLUSION_HEADERS,
        [_marked(exclusion_row(item), item.entry, now) for item in found.exclusions],
    )
    part(
        "Delist requests, the newest first",
        ("id", "mailbox", "state", "since", "asked at", "valid until", "note"),
        [
            (
                str(item.id), requests.masked(item.mailbox), str(item.state),
                report.moment(item.state_at), report.moment(item.created_at),
                report.moment(item.expires_at), item.note,
            )
            for item in found.requests
        ],
    )  # fmt: skip
    part(
        "History, the newest first",
        ("at", "what", "zone", "network", "category", "by", "note"),
        [
            (
                report.moment(event.at), event.what, event.zone, event.network, event.category,
                event.actor or event.source, event.note,
            )
            for event in found.history
        ],
    )  # fmt: skip
    return "\n\n".join(parts)


def _saying(found: Known) -> str:
    """The verdicts in a word."""
    if found.listed:
        return "listed"
    return "listed as good" if any(item.listed for item in found.verdicts) else "not listed"


def _said(verdict: Verdict) -> str:
    if not verdict.listed:
        return "not listed"
    return "listed as good" if verdict.reputation == "good" else "listed"


def _decider(verdict: Verdict) -> str:
    if verdict.built_in:
        return "built-in test entry (RFC 5782 §5)"
    if verdict.entry is None:
        return "nothing covers it"
    kind = "exclusion" if verdict.entry.excludes else "listing"
    return f"{kind} of {verdict.entry.network}"


def _marked(row: tuple[str, ...], entry: Entry, now: int) -> tuple[str, ...]:
    """The row, whose last cell is its end, with a mark if that has passed."""
    return row if entry.live(now) else (*row[:-1], f"{row[-1]} (expired)")


@click.command(
    short_help="Everything known of an address or a name.",
    cls=Verb,
    examples=(
        "dnsbl show 192.0.2.1",
        "dnsbl show 2001:db8::1 -o json",
        "dnsbl show www.example.com",
    ),
)
@click.argument("subject", metavar="ADDRESS|NAME", type=options.SubjectType(one=True))
@options.config_option
@options.output_option
def show(subject: Subject, config_file: Path, output: report.Output) -> None:
    """Everything known of an address or a name, from the database.

    The verdict of each zone and category and the entry that decides it, the
    listings and exclusions that cover it, delist requests, history.
    The exit code is 0 whether it is listed or not; `dnsbl query` tells by its
    exit code.
    """
    config = load(config_file)
    check_fits_any(config.zones, subject)
    now = int(time.time())
    with options.reader(config) as database:
        found = known(config, database, subject, now)
    if output == "json":
        report.print_json(as_json(found, now))
    else:
        click.echo(as_text(found, now))
