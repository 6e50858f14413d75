"""The database as the follower sees it: loaded whole once, then asked for what is new.

Everything here blocks, and runs in a thread of the follower's.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import structlog

from dnsbl.config import ZoneConfig
from dnsbl.store import journal
from dnsbl.store.database import (
    FOLLOWER_CACHE_KIB,
    Database,
    DatabaseLockedError,
    DatabaseMissingError,
    StoreError,
    open_reader,
)
from dnsbl.zone import image
from dnsbl.zone.contents import Contents
from dnsbl.zone.image import Mark, Stand
from dnsbl.zone.key_source import KeySource
from dnsbl.zone.skipped import SkippedRows
from dnsbl.zone.twin import AnyRadix, give_back

FILE_CHECK_S: Final = 1.0  # how often the file's name is looked at, not only its contents
WAIT_S: Final = 0.25  # for news, at a time
PROGRESS_S: Final = 2.0  # between two lines in the log about a load
# An image that so many changes came after is slower than reading everything.
IMAGE_BEHIND_MAX: Final = 100_000
START: Final = "start"  # the reason of the first load

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Loaded:
    """All that the database holds at one position of the journal. ``reason``: why it was read.

    ``number`` counts the loads of a source. ``stand`` is that of the image,
    where it came from one.
    """

    contents: Contents
    last_seq: int
    reason: str
    number: int
    stand: Stand | None = None


@dataclass(frozen=True, slots=True)
class News:
    """Changes in order, and the position of the journal that they reach."""

    changes: list[journal.Change | journal.Bulk]
    last_seq: int


@dataclass(frozen=True, slots=True)
class Reread:
    """One zone as a database holds it at one position of its journal."""

    identity: str
    radix: AnyRadix
    last_seq: int


class Source:
    """Reads the database at a path, read-only, and notices when it is not the same any more.

    For one thread at a time. After a StoreError the next call begins with a
    connection of its own. ``keys`` are followed with the rest.
    """

    def __init__(
        self,
        path: Path,
        configs: Iterable[ZoneConfig],
        skipped: SkippedRows,
        now: Callable[[], float] = time.time,
        image_path: Path | None = None,
        keys: KeySource | None = None,
    ) -> None:
        self._path = path
        self._keys = keys
        self._image = image_path
        self._configs = tuple(configs)
        self._skipped = skipped
        self._now = now
        self._database: Database | None = None
        self._file: tuple[int, int] | None = None  # device and inode
        self._file_checked_at = 0.0
        self._identity = ""
        self._data_version = 0
        self._last_seq = 0
        self._load_reason: str | None = START
        self._loads = 0
        self._stopped = threading.Event()

    def news(self, applied: int, limit: int) -> Loaded | News | None:
        """What is new beyond a number of the journal, at most so many changes; None: nothing.

        Loaded in the place of News where the changes would not lead from what
        was applied to what the database holds now. Raises StoreError.
        """
        try:
            return self._news(applied, limit)
        except DatabaseLockedError:
            raise  # the connection is sound
        except BaseException:
            self._give_up()
            raise

    def wait(self, applied: int, limit: int, poll_s: float) -> Loaded | News | None:
        """As `news`, but waits for it; None after WAIT_S, or when stopped. Raises StoreError."""
        until = time.monotonic() + WAIT_S
        while (found := self.news(applied, limit)) is None and time.monotonic() < until:
            if self._stopped.wait(poll_s):
                break
        return found

    def stop(self) -> None:
        """Ends a wait, or a load that is under way, from any thread; many rows take minutes."""
        self._stopped.set()

    def close(self) -> None:
        """Closes the connection."""
        database, self._database = self._database, None
        if database is not None:
            database.close()

    def _give_up(self) -> None:
        # What was read before the file was damaged may not be what stands there once it can be
        # read again, though its journal looks alike.
        self._load_reason = "database_unreadable"
        with contextlib.suppress(Exception):  # a connection that is broken may not even close
            self.close()

    def _news(self, applied: int, limit: int) -> Loaded | News | None:
        database = self._checked()
        # Before the journal is read: a commit in between changes it once more.
        data_version = journal.data_version(database)
        if self._keys is not None:  # before all else: a key is revoked at once
            self._keys.follow(database, data_version, anew=self._load_reason is not None)
        if (
            self._load_reason is None
            and data_version == self._data_version
            and applied >= self._last_seq
        ):
            return None
        with database.snapshot():
            position = journal.position(database)
            reason = self._load_reason or self._broken(position, applied)
            found: Loaded | News
            if reason is not None:
                found = self._from_image(database, position, reason) or self._load(
                    database, position, reason
                )
            else:
                found = _changes(database, position, applied, limit)
        if isinstance(found, Loaded):
            database.shrink()
            give_back()
        self._data_version = data_version
        self._identity = position.identity
        self._last_seq = position.last_seq
        self._load_reason = None
        return found

    def _broken(self, position: journal.Position, applied: int) -> str | None:
        """Why the journal does not lead on from what was applied."""
        if position.identity != self._identity:
            return "another_database"
        if position.last_seq < applied:
            return "older_copy"
        if position.first_seq > applied + 1:
            return "journal_pruned"
        return None

    def reread(self, contents: Contents, origin: str) -> Reread:
        """Reads one zone anew, of the database that bears the name now. Raises StoreError."""
        self._file_checked_at = 0.0
        try:
            database = self._checked()
            with database.snapshot():
                position = journal.position(database)
                radix = contents.load(origin, self._chunks(database), self._now())
            database.shrink()
            give_back()
        except BaseException:
            self._give_up()
            raise
        return Reread(position.identity, radix, position.last_seq)

    def mark(self, load: int, seq: int | None = None) -> Mark | None:
        """The mark of that position, or of the journal's end; None: it could not be told.

        ``load`` is the number of the load that the zones answer by. Where another
        followed it, the database is not the one that they came from. Raises StoreError.
        """
        if self._database is None or self._load_reason is not None or load != self._loads:
            return None
        with self._database.snapshot():
            position = journal.position(self._database)
            at = position.last_seq if seq is None else seq
            fingerprint = journal.fingerprint(self._database, at)
        if fingerprint is None or position.identity != self._identity:
            return None
        return Mark(at, fingerprint)

    def _from_image(
        self, database: Database, position: journal.Position, reason: str
    ) -> Loaded | None:
        """What the image holds, if the journal leads on from there; at the first load only."""
        if self._image is None or reason != START:
            return None
        contents = Contents(self._configs, self._skipped)
        found = image.find(self._image, contents)
        if found is None:
            return None
        stand = found.stand
        stale = _stale(database, position, stand, self._now())
        if stale is not None:
            _log.info("image_stale", file=str(self._image), reason=stale)
            return None
        try:
            found.fill(contents)
        except ValueError as error:
            _log.warning("image_unusable", file=str(self._image), error=str(error))
            return None
        self._add_rest(database, contents)
        contents.serials = self._serials(database, contents)
        contents.identity = position.identity
        self._loads += 1
        return Loaded(contents, stand.begun.seq, "image", self._loads, stand)

    def _add_rest(self, database: Database, contents: Contents) -> None:
        """What an image leaves out, as it is now: what came meanwhile is then read once more."""
        chunks, now = self._chunks(database), self._now()
        kept = image.kept(contents.radixes)
        for origin, radix in kept.items():
            rows = journal.texted(database, origin)
            radix.take(rows, excludes=False, now=now, odd=lambda _: None)
        for origin in contents.radixes.keys() - kept.keys():
            contents.radixes[origin] = contents.load(origin, chunks, now)

    def _serials(self, database: Database, contents: Contents) -> dict[str, int]:
        serials = journal.serials(database)
        first = journal.first_serial(database)
        return {origin: serials.get(origin, first) for origin in contents.serials}

    def _load(self, database: Database, position: journal.Position, reason: str) -> Loaded:
        contents = Contents(self._configs, self._skipped)
        chunks = self._chunks(database)
        for origin in contents.radixes:
            contents.radixes[origin] = contents.load(origin, chunks, self._now())
        for origin, rows in journal.rows_elsewhere(database, contents.radixes).items():
            _log.warning("zone_not_served", zone=origin, rows=rows)
        contents.serials = self._serials(database, contents)
        contents.identity = position.identity
        self._loads += 1
        return Loaded(contents, position.last_seq, reason, self._loads)

    def _chunks(self, database: Database) -> Callable[[str, journal.Kind], Iterator[bytes]]:
        """The rows of a zone, with a line in the log now and then, until `stop`."""
        told_at = time.monotonic()
        rows = 0

        def chunks(origin: str, kind: journal.Kind) -> Iterator[bytes]:
            nonlocal told_at, rows
            for chunk in journal.chunks(database, origin, kind):
                if self._stopped.is_set():
                    raise StoreError(f"{self._path}: was not read to its end")
                yield chunk
                rows += chunk.count(b"\n") + 1
                if time.monotonic() - told_at >= PROGRESS_S:
                    told_at = time.monotonic()
                    _log.info("loading", zone=origin, rows=rows)

        return chunks

    def _checked(self) -> Database:
        """The connection, to the file that bears the name now."""
        if self._database is not None:
            if time.monotonic() - self._file_checked_at < FILE_CHECK_S:
                return self._database
            if self._stat() == self._file:
                self._file_checked_at = time.monotonic()
                return self._database
            self.close()
            self._load_reason = "file_replaced"
        file = self._stat()  # before it is opened: one put there in between is noticed next time
        self._database = open_reader(self._path, FOLLOWER_CACHE_KIB)
        if self._file is not None and file != self._file:
            self._load_reason = "file_replaced"
        self._file = file
        self._file_checked_at = time.monotonic()
        return self._database

    def _stat(self) -> tuple[int, int]:
        try:
            status = self._path.stat()
        except FileNotFoundError:
            raise DatabaseMissingError(f"{self._path}: does not exist") from None
        except OSError as error:
            raise StoreError(f"{self._path}: cannot be looked at: {error.strerror}") from None
        return status.st_dev, status.st_ino


def _stale(database: Database, position: journal.Position, stand: Stand, now: float) -> str | None:
    """Why the journal does not lead on from what an image stands for; None if it does."""

    def differs(mark: Mark) -> bool:
        return journal.fingerprint(database, mark.seq) != mark.fingerprint

    begun, ended = stand.begun, stand.ended
    reasons: tuple[tuple[str, Callable[[], bool]], ...] = (
        ("another_database", lambda: stand.identity != position.identity),
        ("older_copy", lambda: ended.seq > position.last_seq),
        ("journal_pruned", lambda: begun.seq < position.first_seq),
        ("another_history", lambda: differs(begun) or differs(ended)),
        ("far_behind", lambda: position.last_seq - begun.seq > IMAGE_BEHIND_MAX),
        ("bulk_import", lambda: journal.has_bulk(database, begun.seq)),
        # What had expired by the other time may not have by this one.
        ("clock_went_back", lambda: stand.latest > now),
    )
    return next((reason for reason, holds in reasons if holds()), None)


def _changes(database: Database, position: journal.Position, applied: int, limit: int) -> News:
    changes = journal.changes(database, applied, limit)
    if len(changes) < limit:
        return News(changes, position.last_seq)
    return News(changes, changes[-1].seq)
