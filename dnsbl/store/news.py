"""What is new in the journal: events for hooks, and delistings that are over.

It goes on from where it was last looked. What is read and what is written lie
apart: the reading takes no lock, and the writing is a few rows in one short
transaction.
"""

from __future__ import annotations

import sqlite3
from collections import defaultdict, deque
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Final

from dnsbl.errors import DnsblError
from dnsbl.network import Network
from dnsbl.store import events, journal, open_delistings, place, relapse, statistics
from dnsbl.store.database import Database
from dnsbl.store.events import EventKind
from dnsbl.store.journal import Position
from dnsbl.store.open_delistings import Ground
from dnsbl.store.place import EVERYWHERE, Pause, Place
from dnsbl.store.relapse import Key, Relapse
from dnsbl.subject import parse_canonical

# Lines of the audit that are read for a row of the journal that says "removed".
_ACTS_FACTOR: Final = 4

# Right behind which of its own events it is told that something is listed again; `_is_told_beyond`
# looks for the same.
_TELLS_BACK: Final = frozenset({"listing.added", "exclusion.removed"})

# What of the journal may bring back what was delisted: a listing that is new or renewed, and an
# exclusion that is gone or shorter. `bulk` is told apart.
_BRINGS_BACK: Final = frozenset(
    {("listing", "added"), ("listing", "changed"), ("exclusion", "removed"),
     ("exclusion", "changed")}
)  # fmt: skip


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

    ``relapses`` are the keys of delistings that are over, as far as a reader can
    tell. ``missed`` is how many rows of the journal were gone before anybody
    looked; ``more`` whether there is another batch.
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

    Inside a snapshot. About as many delistings are looked at, and where a row of
    the journal may concern more, the next batch goes on with it.
    """
    position = journal.position(database)
    since = place.read(database)
    end = Place(position.last_seq, _last_audit_id(database))
    if since is None:
        return Batch(None, end, (), (), 0, more=False)
    if since.seq == end.seq and since.pause is None:
        return None
    missed, pause = _missed(since, position), since.pause
    begin = Place(since.seq + missed, since.audit_id)
    if since.seq > end.seq:  # the journal was begun anew behind our back
        begin = end
    if begin.seq != since.seq:  # what rows that nobody saw bring back is looked for everywhere
        pause = Pause(EVERYWHERE, ("", "", ""))
    rows = _rows(database, begin.seq, limit)
    keys, paused = _concerned(database, rows, pause, limit)
    if paused is not None:
        rows = [row for row in rows if row["seq"] < paused.seq]
    # One that an earlier page had found was left to its own row by `_is_told_beyond`.
    keys |= {(row["zone"], row["network"], row["category"]) for row in rows if _brings_back(row)}
    last_seq = int(rows[-1]["seq"]) if rows else begin.seq
    more = paused is not None or last_seq < end.seq
    acts = _Acts(database, begin.audit_id, limit) if _has_removals(rows) else None
    news = [_news(row, acts) for row in rows if row["op"] != "changed" and row["kind"] != "bulk"]
    upto = Place(last_seq, _audit_place(begin, end, acts, more=more), paused)
    relapses = {
        key
        for key in keys
        if relapse.is_over(database, key, now) and not _is_told_beyond(database, key, last_seq)
    }
    return Batch(since, upto, news, relapses, missed, more=more)


def _concerned(
    database: Database, rows: Sequence[sqlite3.Row], pause: Pause | None, limit: int
) -> tuple[set[Key], Pause | None]:
    """Open delistings that rows of the journal may bring back, and where there are yet more."""
    grounds = [(int(row["seq"]), ground) for row in rows if (ground := _ground(row)) is not None]
    if pause is not None and pause.seq == EVERYWHERE:
        grounds.insert(0, (EVERYWHERE, Ground()))
    keys: set[Key] = set()
    done: set[Ground] = set()
    left = limit
    for seq, ground in grounds:
        after = pause.after if pause is not None and pause.seq == seq else None
        if after is None:  # one that was looked at in part before is no substitute for a later row
            if ground in done:
                continue
            done.add(ground)
        page = open_delistings.page(database, ground, after, max(1, left))
        keys.update(page.keys)
        left -= page.looked_at
        if page.upto is not None:
            return keys, Pause(seq, page.upto)
    return keys, None


def _ground(row: sqlite3.Row) -> Ground | None:
    """Where a row of the journal may bring something back, if it can."""
    if row["kind"] == "bulk":
        return Ground(row["zone"])
    if not _brings_back(row):
        return None
    try:
        network = parse_canonical(row["network"])
    except DnsblError:  # another client's, never served
        return None
    return Ground(row["zone"], network, row["category"]) if isinstance(network, Network) else None


def _brings_back(row: sqlite3.Row) -> bool:
    return (row["kind"], row["op"]) in _BRINGS_BACK


def take(
    database: Database, batch: Batch, is_wanted: IsWanted, now: int
) -> Sequence[Relapse] | None:
    """Writes what a batch brings, in the caller's transaction; how delistings ended by it.

    None where the place is not what it was at the reading: another database
    stands there now, and nothing is written.
    """
    if place.read(database) != batch.since:
        return None
    place.write(database, batch.upto)
    relapses: dict[Key, Relapse] = {}
    for key in sorted(batch.relapses):
        if (found := relapse.note(database, key, now)) is not None:
            relapses[key] = found
    last_row = {one.key: i for i, one in enumerate(batch.news) if one.kind in _TELLS_BACK}
    for i, news in enumerate(batch.news):
        _tell(database, news, is_wanted)
        if news.key in relapses and last_row.get(news.key) == i:
            _tell_relapse(database, relapses[news.key], news.at, is_wanted)
    # Of those that no row names: by a listing or an exclusion around them, or by many at once.
    for key in sorted(relapses.keys() - last_row.keys()):
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
        relapse.tell(database, found, at)


def _count(database: Database, news: Collection[News]) -> None:
    """Listings day by day, for the statistics."""
    counts: dict[tuple[int, str], list[int]] = defaultdict(lambda: [0, 0])
    for one in news:
        if one.kind in ("listing.added", "listing.removed", "listing.expired"):
            is_removal = one.kind != "listing.added"
            counts[statistics.day_of(one.at), one.zone][is_removal] += 1
    for (day, zone), (added, removed) in counts.items():
        statistics.count(database, day, zone, added=added, removed=removed)


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


def _is_told_beyond(database: Database, key: Key, seq: int) -> bool:
    """Whether a later row is its very own, and may be the cause: it is told then, behind that."""
    zone, network, category = key
    row = database.row(
        """
        SELECT EXISTS (
            SELECT 1 FROM journal WHERE network = ? AND seq > ? AND zone = ? AND category = ?
              AND (kind, op) IN (VALUES ('listing', 'added'), ('exclusion', 'removed')))
        """,
        network, seq, zone, category,
    )  # fmt: skip
    return row is not None and bool(row[0])


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
