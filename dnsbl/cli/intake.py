"""A feed on its way into the database: its lines as listings, few one by one, many in bulk."""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from ipaddress import IPv4Address
from typing import IO, Final

from dnsbl.config import Lists
from dnsbl.errors import DnsblError
from dnsbl.formats.harvest import Harvest
from dnsbl.formats.plain import BadLine, Line, read, unlistable
from dnsbl.store import bulk, exclusions, listings
from dnsbl.store.database import Database
from dnsbl.store.exclusions import Exclusion
from dnsbl.store.listings import Listing
from dnsbl.subject import Subject

BAD_LINES_SHOWN_MAX: Final = 20
SPOOL_OCTETS_IN_MEMORY: Final = 16 << 20

# A file with fewer octets for each of so many networks or names cannot name them: most names have
# three characters at least, there being so few of two.
_LINE_OCTETS_MIN: Final = 3
# Of the time that a bulk import takes, what reading the feed takes.
_READING_SHARE: Final = 0.1
# A bulk import computes for a minute; who answers questions meanwhile comes first.
_NICE: Final = 10

OnProgress = Callable[[int], None]  # hears how many octets of the feed are done


class ImportRefusedError(DnsblError):
    """An import that was stopped; nothing of it was kept."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What every listing of an import has in common, and what is refused; times in Unix seconds.

    ``answer`` is the category's.
    """

    zone: str
    category: str
    answer: IPv4Address
    reason: str
    source: str
    listed_at: int
    expires_at: int | None
    strict: bool
    force: bool
    lists: Lists = "addresses"


@dataclass(slots=True)
class Tally:
    """What became of a feed's lines so far; the first bad ones are kept to be shown."""

    file: str
    read: int = 0
    changed: int = 0
    in_grace: int = 0
    excluded: int = 0
    bad: int = 0
    bad_lines: list[str] = field(default_factory=list)

    def note_bad(self, line: BadLine) -> None:
        """Counts a bad line, and keeps it if it is among the first."""
        self.bad += 1
        if len(self.bad_lines) < BAD_LINES_SHOWN_MAX:
            self.bad_lines.append(self.place(line))

    def place(self, line: BadLine) -> str:
        """The line as file:line with its fault."""
        return f"{self.file}:{line.number}: {line.fault}"

    @property
    def unchanged(self) -> int:
        """Lines that found their listing as they would have it."""
        return self.read - self.changed - self.in_grace

    def add(self, batch: listings.Batch) -> None:
        """Counts what became of good lines."""
        self.read += batch.read
        self.changed += batch.changed
        self.in_grace += batch.in_grace

    def __str__(self) -> str:
        """The numbers, for people and for the audit."""
        excluded = f"{self.excluded} excluded, " if self.excluded else ""
        return (
            f"{self.file}: {self.read} read, {self.changed} added or changed, "
            f"{self.unchanged} already there, {self.in_grace} in grace after a delisting, "
            f"{excluded}{self.bad} bad lines"
        )


@contextlib.contextmanager
def at_hand(stream: IO[bytes]) -> Iterator[tuple[IO[bytes], int]]:
    """The feed as a file with its size in octets.

    A pipe is read to its end first: nobody else's write has to wait, inside
    our transaction, for a slow download.
    """
    try:
        status = os.fstat(stream.fileno())
    except OSError:  # a stream in memory has no descriptor
        status = None
    if status and stat.S_ISREG(status.st_mode):
        yield stream, status.st_size
        return
    with tempfile.SpooledTemporaryFile(SPOOL_OCTETS_IN_MEMORY) as spool:
        shutil.copyfileobj(stream, spool)
        size = spool.tell()
        spool.seek(0)
        yield spool, size


def names_many(feed: IO[bytes], octets: int, terms: Terms, file: str) -> bool:
    """Whether a feed names so much that it comes in in bulk; the feed is rewound.

    Raises ImportRefusedError at a bad line that spoils the others, or where strict at any.
    """
    if octets < bulk.BULK_ROWS_MIN * _LINE_OCTETS_MIN:
        return False
    start = feed.tell()
    networks: set[Subject] = set()
    for listing in _wanted(feed, terms, Tally(file), []):
        networks.add(listing.network)
        if len(networks) > bulk.BULK_ROWS_MIN:
            break
    feed.seek(start)
    return len(networks) > bulk.BULK_ROWS_MIN


def bring_in(
    database: Database, feed: IO[bytes], terms: Terms, tally: Tally, on_progress: OnProgress
) -> None:
    """Imports a feed inside the caller's transaction, in the order of its lines."""
    excluded: list[Subject] = []
    for batch in listings.add_many(database, _wanted(feed, terms, tally, excluded)):
        tally.add(batch)
        on_progress(feed.tell())
    _exclude(database, excluded, terms, tally)


def gather(feed: IO[bytes], terms: Terms, tally: Tally, on_progress: OnProgress) -> Harvest:
    """Reads a feed that names many, before any transaction begins.

    Raises ImportRefusedError at a bad line that spoils the others, or where strict at any.
    """
    os.nice(_NICE)
    harvest = Harvest(terms.answer, force=terms.force, lists=terms.lists)
    for done in harvest.bring_in(feed, lambda bad: _note_bad(bad, terms, tally)):
        on_progress(int(_READING_SHARE * done))
    return harvest


def bring_in_bulk(
    database: Database, harvest: Harvest, octets: int, terms: Terms, tally: Tally,
    on_progress: OnProgress,
) -> None:  # fmt: skip
    """Imports what was gathered inside the caller's transaction."""
    common = bulk.Common(
        terms.zone, terms.category, terms.reason, terms.source, terms.listed_at, terms.expires_at
    )

    def on_rows(done: int) -> None:
        share = _READING_SHARE + (1 - _READING_SHARE) * done / len(harvest)
        on_progress(int(share * octets))

    tally.add(bulk.add_in_bulk(database, common, harvest.batches, on_rows))
    _exclude(database, harvest.excluded, terms, tally)


def _exclude(database: Database, excluded: list[Subject], terms: Terms, tally: Tally) -> None:
    """What a feed does not want listed is excluded from the category that it lists in."""
    tally.excluded += len(excluded)
    exclusions.exclude_many(
        database,
        (
            Exclusion(
                terms.zone, subject, terms.category, terms.reason,
                excluded_at=terms.listed_at, expires_at=terms.expires_at,
            )
            for subject in excluded
        ),
    )  # fmt: skip


def _wanted(
    feed: IO[bytes], terms: Terms, tally: Tally, excluded: list[Subject]
) -> Iterator[Listing]:
    """A listing for each good line that lists; what the others exclude is put into the list.

    Raises ImportRefusedError as `_note_bad` does.
    """
    for line in read(feed, terms.answer, terms.lists):
        bad = line if isinstance(line, BadLine) else unlistable(line, force=terms.force)
        if bad is None:
            assert isinstance(line, Line)
            if line.excludes:
                excluded.append(line.network)
                continue
            yield Listing(
                terms.zone, line.network, terms.category, terms.reason, terms.source,
                listed_at=terms.listed_at, expires_at=terms.expires_at,
            )  # fmt: skip
        else:
            _note_bad(bad, terms, tally)


def _note_bad(line: BadLine, terms: Terms, tally: Tally) -> None:
    if terms.strict or line.spoils:
        raise ImportRefusedError(f"{tally.place(line)}; nothing was imported")
    tally.note_bad(line)
