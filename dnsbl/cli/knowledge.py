"""Everything that the database knows of an address or a name: verdicts, rows, requests, history."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from dnsbl.cli.scope import built_in, fits
from dnsbl.config import CategoryConfig, Config, Reputation, ZoneConfig
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
