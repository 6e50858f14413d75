"""What the journal brings: events and counts, for whoever changed the listings."""

from __future__ import annotations

import time

import pytest
from portal import START
from watching import ONE, ZONE, add, delist, exclude, kinds, read, remove, told

from api.expiry import end_overdue
from dnsbl.network import parse
from dnsbl.store import exclusions, journal, news, pruning, statistics
from dnsbl.store.database import Database
from dnsbl.store.pruning import Bounds
from dnsbl.store.relapse import Relapse


def test_the_first_look_begins_at_the_end(watched: Database) -> None:
    """What was there before is no news."""
    assert told(watched) == []
    assert news.look(watched, 100, START) is None


def test_what_comes_and_goes_is_an_event(watched: Database) -> None:
    """With the reason that it has; what only changes is none."""
    add(watched)
    watched.change("UPDATE listings SET reason = 'seen again' WHERE network = ?", ONE)
    exclude(watched)
    remove(watched)
    exclusions.unexclude(watched, ZONE, parse(ONE), "spam")
    read(watched)

    rows = watched.rows("SELECT kind, reason FROM events ORDER BY id")
    assert [tuple(row) for row in rows] == [
        ("listing.added", ""),  # gone by the time that it was looked at
        ("exclusion.added", ""),
        ("listing.removed", ""),
        ("exclusion.removed", ""),
    ]
    assert told(watched)[0] == ("listing.added", ZONE, ONE, "spam")


def test_an_event_has_the_reason_that_stands(watched: Database) -> None:
    """Of a listing, of an exclusion, and of what has expired."""
    add(watched, expires_at=START)
    exclude(watched, "192.0.2.9/32")
    read(watched)
    end_overdue(watched, START)
    read(watched)

    rows = watched.rows("SELECT kind, reason FROM events ORDER BY id")
    assert [tuple(row) for row in rows] == [
        ("listing.added", "trap"), ("exclusion.added", "ours"), ("listing.expired", "trap"),
    ]  # fmt: skip


@pytest.mark.parametrize("limit", [1, 2, 100])
def test_expired_and_removed_are_told_apart(watched: Database, limit: int) -> None:
    """By the audit, in its order, however many rows are looked at at once."""
    expected: list[str] = []
    for expires in (True, False, False, True, True, False):
        add(watched, expires_at=START if expires else None)
        add(watched, "192.0.2.2/32")
        expected += ["listing.added", "listing.added"]
        if expires:
            end_overdue(watched, START)
        else:
            remove(watched)
        remove(watched, "192.0.2.2/32")
        expected += ["listing.expired" if expires else "listing.removed", "listing.removed"]
    read(watched, limit)

    assert kinds(watched) == expected


def test_another_clients_removal_is_a_removal(watched: Database) -> None:
    """It writes no audit."""
    add(watched, expires_at=START + 9)
    watched.change("DELETE FROM listings")
    read(watched)

    assert kinds(watched) == ["listing.added", "listing.removed", "listing.removed"]


def test_what_nobody_wants_is_not_written(watched: Database) -> None:
    """No row for a hook that is not there; relapses are found and days counted all the same."""
    add(watched)
    request_id = delist(watched)
    add(watched)
    batch = news.look(watched, 100, START)
    assert batch is not None
    found = news.take(watched, batch, lambda *_: False, START)

    day = statistics.day_of(time.time())
    assert found == [Relapse(ZONE, ONE, "spam", ONE, "trap", request_id, lapsed=False)]
    assert told(watched) == []
    assert statistics.figures(watched, day - 1, day).zones


def test_days_are_counted(watched: Database) -> None:
    """What came and what went, of listings, by the time of the journal."""
    add(watched)
    add(watched, "192.0.2.2/32", expires_at=START)
    exclude(watched)
    end_overdue(watched, START)
    remove(watched)
    watched.change("UPDATE journal SET at = ?", START)
    read(watched)

    day = statistics.day_of(START)
    counted = statistics.figures(watched, day, day).zones[ZONE][day]
    assert (counted.added, counted.removed) == (2, 2)


def test_a_journal_that_was_cut_is_followed_from_where_it_begins(
    watched: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """How many rows nobody saw is told; relapses among them are found."""
    monkeypatch.setattr(pruning, "BATCH_ROWS", 6)
    monkeypatch.setattr(pruning, "KEPT_ROWS_MIN", 1)
    add(watched)
    delist(watched, grace_s=None)
    read(watched)
    add(watched)
    for number in range(9):
        add(watched, f"198.51.100.{number}/32")
    assert pruning.prune(watched, Bounds(1, 0), START) == 6
    before = len(told(watched))
    [batch] = read(watched)

    assert batch.missed == 3
    assert batch.relapses == {(ZONE, ONE, "spam")}
    assert len(told(watched)) - before == 7 + 1


def test_a_place_beyond_the_journal_is_given_up(watched: Database) -> None:
    """A journal that somebody began anew is followed from its end."""
    watched.change("UPDATE meta SET value = '99999999999 0' WHERE key = 'journal_told'")
    add(watched)
    [batch] = read(watched)

    assert (list(batch.news), batch.more) == ([], False)
    assert batch.upto.seq == journal.position(watched).last_seq
    add(watched, "192.0.2.2/32")
    read(watched)
    assert kinds(watched) == ["listing.added"]


def test_another_database_takes_nothing(watched: Database) -> None:
    """What was read from one is not written to another that is elsewhere by now."""
    add(watched)
    batch = news.look(watched, 100, START)
    read(watched)
    assert batch is not None

    assert news.take(watched, batch, lambda *_: True, START) is None
    assert kinds(watched) == ["listing.added"]
