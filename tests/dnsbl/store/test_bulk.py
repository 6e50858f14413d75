"""A large feed, set by set: the same rows as one by one, and one row of the journal."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterable, Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dnsbl.network import Network, parse
from dnsbl.store import bulk, exclusions, journal, listings
from dnsbl.store.bulk import Common, add_in_bulk
from dnsbl.store.database import Database, InvalidRowError, open_reader
from dnsbl.store.exclusions import Exclusion
from dnsbl.store.journal import Bulk, Change
from dnsbl.store.listings import Batch, Listing

ZONE = "bl.example"
NOW = 1_000
COMMON = Common(ZONE, "spam", "why", "feed.txt", NOW, NOW + 60)


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten rows are many, in batches of four."""
    monkeypatch.setattr(bulk, "BULK_ROWS_MIN", 10)
    monkeypatch.setattr(bulk, "BATCH_ROWS", 4)


def address(number: int) -> Network:
    """One of many addresses."""
    return Network(4, 0xC0000200 + number, 32)


def source(networks: Iterable[Network]) -> Callable[[int], Iterator[tuple[int, str]]]:
    """Networks as a harvest has them."""
    texts = sorted(map(str, networks))

    def batches(count: int) -> Iterator[tuple[int, str]]:
        rest = iter(texts)
        while batch := list(itertools.islice(rest, count)):
            yield len(batch), json.dumps(batch)

    return batches


def bring(database: Database, networks: Iterable[Network], common: Common = COMMON) -> Batch:
    """Imports in a transaction of its own."""
    with database.transaction():
        return add_in_bulk(database, common, source(networks), lambda _: None)


def listed(database: Database) -> list[Listing]:
    """All listings."""
    return list(listings.browse(database))


def test_many_changes_are_one_row_of_the_journal(database: Database) -> None:
    """Which is the zone's serial; another zone keeps its own."""
    listings.add(database, Listing("other.example", address(1), "spam"))
    start = journal.position(database).last_seq
    done = bring(database, map(address, range(11)))

    assert done == Batch(11, 11, 0)
    assert journal.changes(database, start, 9) == [Bulk(start + 1, ZONE)]
    assert journal.serials(database) == {ZONE: start + 1, "other.example": start}
    assert database.rows("SELECT category FROM journal WHERE kind = 'bulk'")[0][0] == "spam"
    assert [item for item in listed(database) if item.zone == ZONE] == sorted(
        (Listing(ZONE, address(n), "spam", "why", "feed.txt", "", NOW, NOW + 60)
         for n in range(11)),
        key=lambda item: str(item.network),
    )  # fmt: skip


def test_few_changes_are_journaled_one_by_one(database: Database) -> None:
    """A large feed that brings little news costs the DNS server little."""
    bring(database, map(address, range(20)))
    start = journal.position(database).last_seq
    done = bring(database, map(address, range(30)))
    changes = journal.changes(database, start, 99)

    assert done == Batch(30, 10, 0)
    assert len(changes) == 10
    assert all(isinstance(change, Change) for change in changes)


def test_what_an_import_adds_is_counted(database: Database) -> None:
    """Of rows that the journal does not tell one by one: those alone that were not listed."""
    day = 40
    bring(database, map(address, range(20)), Common(*common_with(listed_at=day * 86_400)))
    bring(database, map(address, range(30)), Common(*common_with(listed_at=day * 86_400)))
    renewed = common_with(listed_at=(day + 1) * 86_400, expires_at=None)
    done = bring(database, map(address, range(8, 33)), Common(*renewed))
    counted = database.rows("SELECT day, zone, added, removed FROM daily_counts ORDER BY day")

    assert done == Batch(25, 25, 0)
    assert [tuple(row) for row in counted] == [(day, ZONE, 20, 0), (day + 1, ZONE, 3, 0)]


def test_no_change_is_no_row_of_the_journal(database: Database) -> None:
    """The serial stays, whoever was listed when."""
    bring(database, map(address, range(20)))
    before = journal.position(database)
    again = bring(database, map(address, range(20)), Common(*common_with(listed_at=NOW + 5)))

    assert again == Batch(20, 0, 0)
    assert journal.position(database) == before


def common_with(**changed: object) -> tuple[str, str, str, str, int, int | None]:
    """COMMON with some of it changed."""
    values = {name: getattr(COMMON, name) for name in Common.__slots__} | changed
    return tuple(values.values())  # type: ignore[return-value]  # in their order


def test_the_journal_goes_on_as_ever_afterwards(database: Database) -> None:
    """The triggers are silent for the import alone."""
    bring(database, map(address, range(20)))
    start = journal.position(database).last_seq
    listings.add(database, Listing(ZONE, address(30), "spam"))
    listings.remove(database, ZONE, address(0), "spam")

    assert [getattr(change, "network", None) for change in journal.changes(database, start, 9)] == [
        address(30), address(0),
    ]  # fmt: skip
    assert database.rows("SELECT * FROM bulk_imports") == []


def test_a_silence_that_was_left_behind_ends(database: Database) -> None:
    """By a client that heeds no foreign keys."""
    database.change("PRAGMA foreign_keys = OFF")
    database.change("INSERT INTO bulk_imports (zone) VALUES (?)", ZONE)
    database.change("PRAGMA foreign_keys = ON")
    bring(database, map(address, range(20)))

    assert database.rows("SELECT * FROM bulk_imports") == []


def test_others_see_all_of_it_or_nothing(database: Database) -> None:
    """Neither rows nor the silence of the triggers, before the commit."""
    reader = open_reader(database.path)
    seen: list[tuple[int, int]] = []

    def look(_: int) -> None:
        count = "SELECT (SELECT count(*) FROM listings), (SELECT count(*) FROM bulk_imports)"
        seen.append(tuple(reader.rows(count)[0]))

    with database.transaction():
        add_in_bulk(database, COMMON, source(map(address, range(20))), look)

    assert set(seen) == {(0, 0)}
    assert len(reader.rows("SELECT * FROM listings")) == 20
    reader.close()


@pytest.mark.parametrize("after", [4, 16, 20])
def test_an_import_that_fails_leaves_no_trace(database: Database, after: int) -> None:
    """Whatever part of it was written; and the next listing is journaled and checked."""
    before = journal.position(database)

    def fail(done: int) -> None:
        if done == after:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), database.transaction():
        add_in_bulk(database, COMMON, source(map(address, range(20))), fail)

    assert listed(database) == []
    assert journal.position(database) == before
    with pytest.raises(InvalidRowError):
        listings.add(database, Listing(ZONE, parse("0.0.0.0/0"), "spam"))
    listings.add(database, Listing(ZONE, address(1), "spam"))
    assert journal.position(database).last_seq == before.last_seq + 1


@pytest.mark.parametrize(
    "wrong",
    [{"zone": "Bl.example."}, {"category": "Spam"}, {"reason": "x" * 1001}, {"source": "x" * 256},
     {"listed_at": -1}, {"expires_at": NOW * 10**9}],
)  # fmt: skip
def test_what_all_have_in_common_is_checked(database: Database, wrong: dict[str, object]) -> None:
    """The constraints speak as they do for one row."""
    with pytest.raises(InvalidRowError):
        bring(database, map(address, range(20)), Common(*common_with(**wrong)))

    assert listed(database) == []


def test_an_import_in_bulk_needs_a_transaction(database: Database) -> None:
    """Half a feed is a bug of the caller."""
    with pytest.raises(AssertionError):
        add_in_bulk(database, COMMON, source([address(1)]), lambda _: None)


def test_progress_ends_with_all_rows(database: Database) -> None:
    """Though it may begin anew."""
    done: list[int] = []
    with database.transaction():
        add_in_bulk(database, COMMON, source(map(address, range(18))), done.append)

    assert done[-5:] == [4, 8, 12, 16, 18]


STATE = st.lists(
    st.tuples(st.integers(0, 15), st.sampled_from(["spam", "policy"]),
              st.sampled_from(["why", "other"]), st.sampled_from([NOW + 60, None])),
    max_size=8,
)  # fmt: skip
GRACES = st.lists(
    st.tuples(st.integers(0, 15), st.sampled_from(["", "spam", "policy"]), st.booleans(),
              st.sampled_from([NOW - 1, NOW, NOW + 1, None]), st.sampled_from([ZONE, "z"])),
    max_size=8,
)  # fmt: skip


@given(state=STATE, graces=GRACES, feed=st.lists(st.integers(0, 15), max_size=40))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_a_feed_in_bulk_does_what_it_does_line_by_line(
    database: Database,
    state: list[tuple[int, str, str, int | None]],
    graces: list[tuple[int, str, bool, int | None, str]],
    feed: list[int],
) -> None:
    """The same rows, the same graces over, and the same numbers, with lines that say it twice."""
    outcomes = []
    for in_bulk in (False, True):
        with database.transaction():
            database.change("DELETE FROM listings")
            database.change("DELETE FROM exclusions")
            for number, category, reason, expires_at in state:
                row = Listing(
                    ZONE, address(number), category, reason, "feed.txt", "", 5, expires_at
                )
                listings.add(database, row)
            for number, category, grace, expires_at, zone in graces:
                exclusions.exclude(
                    database,
                    Exclusion(zone, address(number), category, grace=grace, expires_at=expires_at),
                )
        if in_bulk:
            done = bring(database, map(address, feed))
        else:
            done = one_by_one(database, map(address, feed))
        outcomes.append((done, listed(database), list(exclusions.browse_exclusions(database))))

    assert outcomes[0] == outcomes[1]


def one_by_one(database: Database, networks: Iterable[Network]) -> Batch:
    """The same import by `add_many`."""
    rows = [
        Listing(ZONE, network, "spam", "why", "feed.txt", "", NOW, NOW + 60) for network in networks
    ]
    with database.transaction():
        batches = list(listings.add_many(database, rows))
    return Batch(
        sum(batch.read for batch in batches),
        sum(batch.changed for batch in batches),
        sum(batch.in_grace for batch in batches),
    )
