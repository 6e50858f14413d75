"""The journal loses its oldest rows, and keeps its newest."""

from __future__ import annotations

import pytest

from dnsbl.network import parse
from dnsbl.store import journal, listings, pruning
from dnsbl.store.database import Database
from dnsbl.store.listings import Listing
from dnsbl.store.pruning import Bounds, last_of_batch, prune

NOW = 1_000_000
MANY = Bounds(rows_max=10**9, age_s=100)
FOR_EVER = 10**9


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Batches of ten; the newest fifteen stay."""
    monkeypatch.setattr(pruning, "BATCH_ROWS", 10)
    monkeypatch.setattr(pruning, "KEPT_ROWS_MIN", 15)


def write(database: Database, rows: int, at: int = NOW) -> None:
    """Rows of the journal, written at that time."""
    with database.transaction():
        for _ in range(rows):
            database.change(
                "INSERT INTO journal (at, kind, op, zone, network, category) "
                "VALUES (?, 'listing', 'added', 'bl.example', '192.0.2.1/32', 'spam')",
                at,
            )


def prune_all(database: Database, bounds: Bounds) -> list[int]:
    """How many rows each batch took, until there is no more."""
    taken = []
    while pruned := prune(database, bounds, NOW):
        taken.append(pruned)
    return taken


def length(database: Database) -> int:
    """How many rows the journal has."""
    position = journal.position(database)
    return position.last_seq - position.first_seq + 1


def test_old_rows_go_in_whole_batches(database: Database) -> None:
    """A batch goes once all of it is older than the bound."""
    write(database, 39, NOW - 101)
    write(database, 60, NOW - 100)

    assert prune_all(database, MANY) == [10, 10, 10]
    assert length(database) == 69
    assert last_of_batch(database, MANY, NOW) is None
    assert prune(database, MANY, NOW + 1) == 10


def test_too_many_rows_go_whatever_their_age(database: Database) -> None:
    """The newest stay, as many as the bound says and less than a batch more."""
    write(database, 95)

    assert prune_all(database, Bounds(rows_max=40, age_s=FOR_EVER)) == [10] * 5
    assert length(database) == 45


@pytest.mark.parametrize(("rows", "left"), [(0, 0), (9, 9), (24, 24), (25, 15), (29, 19)])
def test_the_newest_rows_stay_whatever_their_age(database: Database, rows: int, left: int) -> None:
    """A DNS server that is not far behind need not read everything anew."""
    write(database, rows, at=0)
    prune_all(database, Bounds(rows_max=1, age_s=1))

    assert length(database) == left


def test_pruning_leaves_no_hole(database: Database) -> None:
    """An old row between younger ones, by a clock that was wrong, stays with them."""
    write(database, 5, NOW)
    write(database, 50, 0)

    assert prune_all(database, MANY) == []


def test_numbers_and_serials_go_on(database: Database) -> None:
    """Of what is pruned, nothing that counts is lost."""
    write(database, 30, at=0)
    before = journal.position(database)
    serials = journal.serials(database)
    prune_all(database, MANY)
    after = journal.position(database)
    listings.add(database, Listing("bl.example", parse("192.0.2.9"), "spam"))

    assert (after.first_seq, after.last_seq) == (before.first_seq + 10, before.last_seq)
    assert journal.serials(database) == {"bl.example": serials["bl.example"] + 1}


def test_asking_reads_few_rows(database: Database) -> None:
    """It is asked each second: neither the whole journal nor an index is walked through."""
    plan: list[str] = []
    write(database, 30, at=0)
    database.db.conn.set_trace_callback(plan.append)
    last_of_batch(database, MANY, NOW)
    database.db.conn.set_trace_callback(None)
    steps = [row["detail"] for row in database.rows(f"EXPLAIN QUERY PLAN {plan[-1]}")]

    assert not any("TEMP B-TREE" in step for step in steps)
    assert "SEARCH journal" in steps  # max(seq): one step from the end
