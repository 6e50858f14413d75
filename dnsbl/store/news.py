"""What is new in the journal, as events for hooks and as relapses, from where it was last looked.

The place is kept in `meta`, so a copy of the database that is put back goes on
from its own. What is read and what is written lie apart: the reading takes no
lock, and the writing is a few rows in one short transaction.
"""

from __future__ import annotations

import sqlite3
from collections import defaultdict, deque
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Final

from dnsbl.store import events, journal, relapse, statistics
from dnsbl.store.database import Database
from dnsbl.store.events import EventKind
from dnsbl.store.journal import Position
from dnsbl.store.relapse import Key, Relapse

_PLACE: Final = "journal_told"  # in `meta`: the two numbers of a Place

# Lines of the audit that are read for a row of the journal that says "removed".
_ACTS_FACTOR: Final = 4


@dataclass(frozen=True, slots=True)
class Place:
    """Up to where the journal and the audit were looked at."""

    seq: int
    audit_id: int


@dataclass(frozen=True, slots=True)
class News:
    """A row of the journal as an event; ``at`` in Unix seconds."""

    at: int
    kind: EventKind
    subject: str
    zone: str
    category: str
    reason: str = ""
    request_id: int | None = None

    @property
    def key(self) -> Key:
        """Which listing or exclusion it is about."""
        return self.zone, self.subject, self.category


@dataclass(frozen=True, slots=True)
class Batch:
    """What was read. ``since`` is None at the very first look, which begins at the journal's end.

    ``relapses`` are the keys of delistings that are listed again, as far as a
    reader can tell. ``missed`` is how many rows of the journal were gone before
    anybody looked; ``more`` whether there is another batch.
    """

    since: Place | None
    upto: Place
    news: Sequence[News]
    relapses: Collection[Key]
    missed: int
    more: bool


# Who is told, by kind, zone and category; whether there is anybody.
IsWanted = Callable[[str, str, str], bool]


def look(database: Database, limit: int, now: int) -> Batch | None:
    """The next rows of the journal, at most so many; None where there is nothing new.

    Inside a snapshot. No batch has more relapses than that either.
    """
    position = journal.position(database)
    since = _place(database)
    end = Place(position.last_seq, _last_audit_id(database))
    if since is None:
        return Batch(None, end, (), (), 0, more=False)
    if since.seq == end.seq:
        return None
    if since.seq > end.seq:  # the journal was begun anew behind our back
        begun = relapse.all_found(database, None, now, limit + 1)
        upto = since if len(begun) > limit else end
        return Batch(since, upto, (), begun[:limit], 0, more=len(begun) > limit)
    rows = _rows(database, since.seq, limit)
    last_seq = int(rows[-1]["seq"]) if rows else end.seq
    more = last_seq < end.seq
    acts = _Acts(database, since.audit_id, limit) if _has_removals(rows) else None
    news = [_news(row, acts) for row in rows if row["op"] != "changed" and row["kind"] != "bulk"]
    upto = Place(last_seq, _audit_place(since, end, acts, more=more))
    missed = _missed(since, position)
    found = set(relapse.found_in_journal(database, since.seq, last_seq, now))
    unnamed: set[Key] = set()
    for zone in {None} if missed else {row["zone"] for row in rows if row["kind"] == "bulk"}:
        unnamed |= set(relapse.all_found(database, zone, now, limit + len(found) + 1))
    unnamed -= found
    if len(unnamed) > limit:  # a feed may bring back many at once: some of them, before it goes on
        return Batch(since, since, (), sorted(unnamed)[:limit], 0, more=True)
    return Batch(since, upto, news, found | unnamed, missed, more=more)


def take(
    database: Database, batch: Batch, is_wanted: IsWanted, now: int
) -> Sequence[Relapse] | None:
    """Writes what a batch brings, in the caller's transaction; the relapses among it.

    None where the place is not what it was at the reading: another database
    stands there now, and nothing is written.
    """
    if _place(database) != batch.since:
        return None
    database.change(
        "INSERT INTO meta (key, value) VALUES (?, ?) "
        "ON CONFLICT (key) DO UPDATE SET value = excluded.value",
        _PLACE, f"{batch.upto.seq} {batch.upto.audit_id}",
    )  # fmt: skip
    relapses: dict[Key, Relapse] = {}
    for key in sorted(batch.relapses):
        if (found := relapse.note(database, key, now)) is not None:
            relapses[key] = found
    last_added = {one.key: i for i, one in enumerate(batch.news) if one.kind == "listing.added"}
    for i, news in enumerate(batch.news):
        _tell(database, news, is_wanted)
        if news.key in relapses and last_added.get(news.key) == i:
            _tell_relapse(database, relapses[news.key], news.at, is_wanted)
    # Of many at once, which are in no such row.
    for key in sorted(relapses.keys() - last_added.keys()):
        _tell_relapse(database, relapses[key], now, is_wanted)
    _count(database, batch.news)
    return list(relapses.values())


def _tell(database: Database, news: News, is_wanted: IsWanted) -> None:
    if is_wanted(news.kind, news.zone, news.category):
        events.record(
            database, news.kind, news.subject, now=news.at, zone=news.zone,
            category=news.category, reason=news.reason, request_id=news.request_id,
        )  # fmt: skip


def _tell_relapse(database: Database, found: Relapse, at: int, is_wanted: IsWanted) -> None:
    if is_wanted("listing.relisted", found.zone, found.category):
        events.record(
            database, "listing.relisted", found.network, now=at, zone=found.zone,
            category=found.category, reason=found.reason, request_id=found.request_id,
        )  # fmt: skip


def _count(database: Database, news: Collection[News]) -> None:
    """Listings day by day, for the statistics."""
    counts: dict[tuple[int, str], list[int]] = defaultdict(lambda: [0, 0])
    for one in news:
        if one.kind in ("listing.added", "listing.removed", "listing.expired"):
            is_removal = one.kind != "listing.added"
            counts[statistics.day_of(one.at), one.zone][is_removal] += 1
    for (day, zone), (added, removed) in counts.items():
        statistics.count(database, day, zone, added=added, removed=removed)


def _place(database: Database) -> Place | None:
    row = database.row("SELECT value FROM meta WHERE key = ?", _PLACE)
    if row is None:
        return None
    seq, audit_id = str(row["value"]).split()
    return Place(int(seq), int(audit_id))


def _last_audit_id(database: Database) -> int:
    row = database.row("SELECT seq FROM sqlite_sequence WHERE name = 'audit'")
    return int(row["seq"]) if row else 0


def _missed(since: Place, position: Position) -> int:
    return max(0, position.first_seq - 1 - since.seq)


def _rows(database: Database, after: int, limit: int) -> list[sqlite3.Row]:
    """Rows of the journal, each with the reason that stands under its key now."""
    return database.rows(
        """
        SELECT j.seq, j.at, j.kind, j.op, j.zone, j.network, j.category,
               coalesce(l.reason, e.reason, '') AS reason
        FROM journal AS j
        LEFT JOIN listings AS l ON j.kind = 'listing' AND j.op = 'added'
             AND (l.zone, l.network, l.category) = (j.zone, j.network, j.category)
        LEFT JOIN exclusions AS e ON j.kind = 'exclusion' AND j.op = 'added'
             AND (e.zone, e.network, e.category) = (j.zone, j.network, j.category)
        WHERE j.seq > ? ORDER BY j.seq LIMIT ?
        """,
        after, limit,
    )  # fmt: skip


def _has_removals(rows: Collection[sqlite3.Row]) -> bool:
    return any(row["kind"] == "listing" and row["op"] == "removed" for row in rows)


def _news(row: sqlite3.Row, acts: _Acts | None) -> News:
    kind: EventKind
    reason, request_id = row["reason"], None
    match row["kind"], row["op"]:
        case "listing", "added":
            kind = "listing.added"
        case "listing", _:
            assert acts is not None
            act = acts.take((row["zone"], row["network"], row["category"]))
            kind, reason, request_id = act or ("listing.removed", "", None)
        case _, "added":
            kind = "exclusion.added"
        case _:
            kind = "exclusion.removed"
    return News(
        row["at"], kind, row["network"], row["zone"], row["category"], reason, request_id
    )  # fmt: skip


# What the audit says of a removal: the event that it is, why, and on which request.
_Act = tuple[EventKind, str, int | None]


class _Acts:
    """By whose act a listing went: the journal names the row, the audit says why.

    A key's acts come in the order of its removals. A removal by another client
    has none, and takes what is next, so among several of one key within a
    moment one may be told in the other's place.
    """

    def __init__(self, database: Database, after_id: int, limit: int) -> None:
        self._acts: dict[Key, deque[tuple[int, _Act]]] = defaultdict(deque)
        rows = database.rows(
            "SELECT id, act, zone, network, category, note, request_id FROM audit "
            "WHERE id > ? AND act IN ('listing.expired', 'listing.removed') ORDER BY id LIMIT ?",
            after_id, _ACTS_FACTOR * limit,
        )  # fmt: skip
        for row in rows:
            key = (row["zone"], row["network"], row["category"])
            act = (row["act"], row["note"], row["request_id"])
            self._acts[key].append((row["id"], act))

    def take(self, key: Key) -> _Act | None:
        """What the next removal of a key was; None where nobody said."""
        acts = self._acts.get(key)
        return acts.popleft()[1] if acts else None

    @property
    def first_left(self) -> int | None:
        """The first line that no removal has taken."""
        return min((acts[0][0] for acts in self._acts.values() if acts), default=None)


def _audit_place(since: Place, end: Place, acts: _Acts | None, *, more: bool) -> int:
    """From where on the audit is needed for the rest of the journal."""
    if not more:
        return end.audit_id
    if acts is None or acts.first_left is None:
        return since.audit_id
    return max(since.audit_id, acts.first_left - 1)
