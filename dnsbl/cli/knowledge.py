"""Everything that the database knows of an address or a name: verdicts, rows, requests, history."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from dnsbl.cli.scope import built_in, fits
from dnsbl.config import CategoryConfig, Config, Reputation, ZoneConfig
from dnsbl.name import Name
from dnsbl.store import listings, requests
from dnsbl.store.database import Database
from dnsbl.store.exclusions import Exclusion, covering_exclusions
from dnsbl.store.history import Event, history
from dnsbl.store.listings import Listing
from dnsbl.store.requests import Request
from dnsbl.subject import Subject
from dnsbl.verdict import EVERY_CATEGORY, Entry, decide

REQUESTS_MAX: Final = 20


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
