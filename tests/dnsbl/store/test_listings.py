"""What is listed and excluded: changes, imports, look-ups, and expiry."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from everything import everything
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dnsbl.network import Network, parse
from dnsbl.store import exclusions, journal, listings
from dnsbl.store.database import Database, InvalidRowError
from dnsbl.store.exclusions import Exclusion
from dnsbl.store.listings import IMPORT_BATCH_ROWS, Listing
from dnsbl.store.overdue import is_anything_overdue
from dnsbl.verdict import EVERY_CATEGORY, decide

ZONE = "bl.example"
ONE = parse("192.0.2.1")
RANGE = parse("192.0.2.0/24")
NOW = 1_000


@pytest.fixture
def shell(database: Database) -> Iterator[sqlite3.Connection]:
    """Another client of the house's database."""
    with closing(sqlite3.connect(database.path, isolation_level=None)) as connection:
        yield connection


def excluded(database: Database) -> list[Exclusion]:
    """All exclusions."""
    return list(exclusions.browse_exclusions(database))


def import_all(database: Database, feed: list[Listing]) -> tuple[int, int, int]:
    """Imports a feed; how many were read, changed, in grace."""
    with database.transaction():
        batches = list(listings.add_many(database, feed))
    return (
        sum(batch.read for batch in batches),
        sum(batch.changed for batch in batches),
        sum(batch.in_grace for batch in batches),
    )


# Listings.


def test_a_listing_is_kept_as_it_was_given(database: Database) -> None:
    """Every column comes back."""
    listing = Listing(ZONE, ONE, "spam", "because", "trap", "a\nmail", 7, 9)

    assert listings.add(database, listing)
    assert listings.get(database, ZONE, ONE, "spam") == listing
    assert list(listings.browse(database)) == [listing]
    assert listings.get(database, ZONE, ONE, "policy") is None


def test_adding_again_changes_what_differs(database: Database) -> None:
    """The first time counts as the time of listing; what is the same is no change."""
    listings.add(database, Listing(ZONE, ONE, "spam", "one", listed_at=1, expires_at=5))
    again = Listing(ZONE, ONE, "spam", "two", listed_at=2, expires_at=6)

    assert listings.add(database, again)
    assert not listings.add(database, again)
    assert not listings.add(database, Listing(ZONE, ONE, "spam", "two", listed_at=3, expires_at=6))
    assert listings.get(database, ZONE, ONE, "spam") == Listing(
        ZONE, ONE, "spam", "two", listed_at=1, expires_at=6
    )


def test_removing_tells_whether_there_was_one(database: Database) -> None:
    """The key is all three: zone, network and category."""
    listings.add(database, Listing(ZONE, ONE, "spam"))

    assert not listings.remove(database, "other.example", ONE, "spam")
    assert not listings.remove(database, ZONE, RANGE, "spam")
    assert not listings.remove(database, ZONE, ONE, "policy")
    assert listings.remove(database, ZONE, ONE, "spam")
    assert not listings.remove(database, ZONE, ONE, "spam")


def test_a_bad_listing_is_refused_in_words(database: Database) -> None:
    """The sentence of the constraint reaches the operator."""
    with pytest.raises(InvalidRowError, match="category: expected 1 to 32 of a-z"):
        listings.add(database, Listing(ZONE, ONE, "Spam"))
    with pytest.raises(InvalidRowError, match="never /0"):
        listings.add(database, Listing(ZONE, parse("0.0.0.0/0"), "spam"))


def test_browsing_is_by_zone_and_category(database: Database) -> None:
    """In the order of zone, network text and category, at most so many."""
    rows = [
        Listing("a.example", RANGE, "spam"),
        Listing(ZONE, RANGE, "policy"),
        Listing(ZONE, RANGE, "spam"),
        Listing(ZONE, ONE, "spam"),
    ]
    for row in reversed(rows):
        listings.add(database, row)

    assert list(listings.browse(database)) == rows
    assert list(listings.browse(database, limit=2)) == rows[:2]
    assert list(listings.browse(database, limit=0)) == []
    assert list(listings.browse(database, ZONE)) == rows[1:]
    assert list(listings.browse(database, category="spam")) == [rows[0], *rows[2:]]
    assert list(listings.browse(database, ZONE, "policy")) == [rows[1]]
    assert listings.count(database) == {
        ("a.example", "spam"): 1, (ZONE, "policy"): 1, (ZONE, "spam"): 2,
    }  # fmt: skip


# Imports.


def test_an_import_tells_what_became_of_it(database: Database) -> None:
    """Of each batch: how many were read, and how many changed anything."""
    feed = [
        Listing(ZONE, Network(4, 0x0B000000 + number, 32), "spam")
        for number in range(2 * IMPORT_BATCH_ROWS + 1)
    ]
    with database.transaction():
        batches = [
            (batch.read, batch.changed, batch.in_grace)
            for batch in listings.add_many(database, iter(feed))
        ]

    assert batches == [(IMPORT_BATCH_ROWS, IMPORT_BATCH_ROWS, 0)] * 2 + [(1, 1, 0)]
    assert import_all(database, feed) == (len(feed), 0, 0)
    assert import_all(database, [*feed[:-1], Listing(ZONE, ONE, "spam")]) == (len(feed), 1, 0)
    assert import_all(database, []) == (0, 0, 0)


def test_an_import_needs_a_transaction(database: Database) -> None:
    """A feed half imported, row by row, is a bug of the caller."""
    with pytest.raises(AssertionError):
        next(listings.add_many(database, [Listing(ZONE, ONE, "spam")]))


def test_a_bad_row_undoes_the_import(database: Database) -> None:
    """A feed is imported whole, or not at all."""
    with pytest.raises(InvalidRowError):
        import_all(database, [Listing(ZONE, ONE, "spam"), Listing(ZONE, RANGE, "Spam")])

    assert list(listings.browse(database)) == []


@pytest.mark.parametrize("category", [EVERY_CATEGORY, "spam"])
def test_an_import_passes_grace_over(database: Database, category: str) -> None:
    """A feed that has not heard of a delisting does not list again, nor ends the grace."""
    grace = Exclusion(ZONE, ONE, category, grace=True, expires_at=NOW + 1)
    exclusions.exclude(database, grace)
    feed = [
        Listing(ZONE, ONE, "spam", listed_at=NOW),
        Listing(ZONE, RANGE, "spam", listed_at=NOW),
        Listing("other.example", ONE, "spam", listed_at=NOW),
    ]

    assert import_all(database, feed) == (3, 2, 1)
    assert listings.get(database, ZONE, ONE, "spam") is None
    assert excluded(database) == [grace]


def test_an_import_passes_no_other_exclusion_over(database: Database) -> None:
    """What an operator excluded may be listed: the verdict takes care of it, and show tells."""
    exclusions.exclude(database, Exclusion(ZONE, ONE))
    exclusions.exclude(database, Exclusion(ZONE, ONE, "policy", grace=True))

    assert import_all(database, [Listing(ZONE, ONE, "spam")]) == (1, 1, 0)


def test_grace_that_is_over_holds_no_import_back(database: Database) -> None:
    """Even before the expired exclusion has been taken away."""
    exclusions.exclude(database, Exclusion(ZONE, ONE, grace=True, expires_at=NOW))

    assert import_all(database, [Listing(ZONE, ONE, "spam", listed_at=NOW)]) == (1, 1, 0)
    assert excluded(database) == []


def test_new_evidence_ends_grace(database: Database) -> None:
    """Listing an address by hand ends its grace, also where its listing stands already."""
    for _ in range(2):
        exclusions.exclude(database, Exclusion(ZONE, ONE, grace=True))

        assert listings.add(database, Listing(ZONE, ONE, "spam"))
        assert excluded(database) == []


def test_a_whole_feed_is_imported(database: Database) -> None:
    """IPsum as it is published: every address once, each change in the journal, nothing twice."""
    file = Path(__file__).parents[2] / "data" / "ipsum.txt"
    addresses = [line.split()[0] for line in file.read_text().splitlines() if line[0] != "#"]
    feed = [Listing(ZONE, parse(address), "spam") for address in addresses]
    unique = len(set(addresses))
    start = journal.position(database).last_seq

    assert import_all(database, feed) == (len(feed), unique, 0)
    assert journal.position(database).last_seq == start + unique
    assert sum(1 for _ in everything(database)) == unique
    assert import_all(database, feed) == (len(feed), 0, 0)
    assert journal.position(database).last_seq == start + unique


# Exclusions.


def test_an_exclusion_is_kept_as_it_was_given(database: Database) -> None:
    """Every column comes back; the same again is no change."""
    exclusion = Exclusion(
        ZONE, RANGE, "spam", "a customer", grace=True, excluded_at=7, expires_at=9
    )

    assert exclusions.exclude(database, exclusion)
    assert not exclusions.exclude(database, exclusion)
    assert excluded(database) == [exclusion]
    assert list(exclusions.browse_exclusions(database, ZONE)) == [exclusion]
    assert list(exclusions.browse_exclusions(database, "other.example")) == []
    assert list(exclusions.browse_exclusions(database, limit=0)) == []
    assert not exclusions.unexclude(database, ZONE, RANGE, EVERY_CATEGORY)
    assert exclusions.unexclude(database, ZONE, RANGE, "spam")
    assert not exclusions.unexclude(database, ZONE, RANGE, "spam")


@pytest.mark.parametrize("expires_at", [None, NOW + 1])
def test_grace_never_weakens_an_operators_exclusion(
    database: Database, expires_at: int | None
) -> None:
    """What an operator excluded for good is not listed again a week after a delisting."""
    by_operator = Exclusion(ZONE, ONE, "spam", "ours", excluded_at=1, expires_at=expires_at)
    exclusions.exclude(database, by_operator)

    assert not exclusions.exclude(
        database, Exclusion(ZONE, ONE, "spam", grace=True, excluded_at=NOW, expires_at=NOW + 9)
    )
    assert excluded(database) == [by_operator]


def test_grace_takes_the_place_of_what_is_over(database: Database) -> None:
    """An operator's exclusion that ended, though its row is still there, is none."""
    exclusions.exclude(database, Exclusion(ZONE, ONE, "spam", excluded_at=1, expires_at=NOW))
    grace = Exclusion(ZONE, ONE, "spam", grace=True, excluded_at=NOW, expires_at=NOW + 9)

    assert exclusions.exclude(database, grace)
    assert excluded(database) == [grace]


def test_an_operator_overrules_grace(database: Database) -> None:
    """And may end what holds for ever by a time."""
    exclusions.exclude(database, Exclusion(ZONE, ONE, grace=True, expires_at=NOW))
    for_good = Exclusion(ZONE, ONE, reason="ours", excluded_at=5)
    for_a_while = Exclusion(ZONE, ONE, reason="ours", excluded_at=6, expires_at=NOW)

    assert exclusions.exclude(database, for_good)
    assert excluded(database) == [for_good]
    assert exclusions.exclude(database, for_a_while)
    assert excluded(database) == [for_a_while]


# What covers an address.


def test_what_covers_an_address_is_found_in_every_zone(database: Database) -> None:
    """The most specific first, whatever the zones are called."""
    zones = ["a.example", "b.example", "z", ZONE]
    for zone in zones:
        for network in (ONE, RANGE, parse("192.0.2.2"), parse("128.0.0.0/1"), parse("2001:db8::1")):
            listings.add(database, Listing(zone, network, "spam"))
            exclusions.exclude(database, Exclusion(zone, network))
    found = listings.covering(database, ONE)
    lengths = [item.network.length for item in found]
    excluded_lengths = [
        item.network.length for item in exclusions.covering_exclusions(database, ONE)
    ]

    assert sorted({item.zone for item in found}) == sorted(zones)
    assert lengths == [32] * 4 + [24] * 4 + [1] * 4
    assert excluded_lengths == lengths
    assert [item.network for item in listings.covering(database, RANGE)] == (
        [RANGE] * 4 + [parse("128.0.0.0/1")] * 4
    )
    assert len(listings.covering(database, parse("2001:db8::1"))) == 4
    assert listings.covering(database, parse("2001:db8::2")) == []


def test_nothing_covers_where_nothing_is_listed(database: Database) -> None:
    """Empty tables have no zones."""
    assert listings.covering(database, ONE) == []
    assert exclusions.covering_exclusions(database, ONE) == []
    assert listings.covering_entries(database, ZONE, ONE) == []


def test_covering_is_a_search_by_key(database: Database) -> None:
    """Not one row is looked at that does not cover the address, however many there are."""
    plan: list[str] = []
    database.db.conn.set_trace_callback(plan.append)
    listings.covering(database, ONE)
    database.db.conn.set_trace_callback(None)
    steps = [row["detail"] for row in database.rows(f"EXPLAIN QUERY PLAN {plan[-1]}")]

    assert "SEARCH listings USING PRIMARY KEY (zone=? AND network=?)" in steps
    assert not any(step.startswith("SCAN listings") for step in steps)


@given(
    st.lists(
        st.tuples(
            st.booleans(), st.integers(20, 32), st.sampled_from(["spam", "policy"]),
            st.sampled_from([None, NOW, NOW + 1]), st.sampled_from([ZONE, "a.example"]),
        ),
        max_size=12,
    )
)  # fmt: skip
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_entries_come_in_the_order_that_they_decide(
    database: Database, rows: list[tuple[bool, int, str, int | None, str]]
) -> None:
    """What `decide` gets from the database is what it wants: one zone's, by precedence."""
    with database.transaction():
        database.change("DELETE FROM listings")
        database.change("DELETE FROM exclusions")
        for excludes, length, category, expires_at, zone in rows:
            network = ONE.widened(length)
            if excludes:
                exclusion = Exclusion(zone, network, category, expires_at=expires_at)
                exclusions.exclude(database, exclusion)
            else:
                listings.add(database, Listing(zone, network, category, expires_at=expires_at))
    entries = listings.covering_entries(database, ZONE, ONE)
    kept = {
        (excludes, length, category): expires_at
        for excludes, length, category, expires_at, zone in rows
        if zone == ZONE
    }

    assert {
        (entry.excludes, entry.network.length, entry.category): entry.expires_at
        for entry in entries
    } == kept
    assert [entry.precedence for entry in entries] == sorted(entry.precedence for entry in entries)
    assert set(decide(entries, NOW)) <= {"spam", "policy"}


# Expiry.


def test_what_has_had_its_time_is_taken(database: Database) -> None:
    """At its very second, at most so many at once, with what it was."""
    for number, expires_at in enumerate([NOW - 1, NOW, NOW + 1, None]):
        network = Network(4, 0x0B000000 + number, 32)
        listings.add(database, Listing(ZONE, network, "spam", "r", "s", "e", 1, expires_at))
        exclusions.exclude(
            database, Exclusion(ZONE, network, reason="r", excluded_at=1, expires_at=expires_at)
        )
    assert not is_anything_overdue(database, NOW - 2)
    assert is_anything_overdue(database, NOW - 1)

    taken = listings.take_expired(database, NOW, 1) + listings.take_expired(database, NOW, 9)
    assert sorted(item.expires_at or 0 for item in taken) == [NOW - 1, NOW]
    assert {item.reason + item.source + item.evidence for item in taken} == {"rse"}
    assert listings.take_expired(database, NOW, 9) == []
    assert is_anything_overdue(database, NOW)

    ended = exclusions.take_expired_exclusions(database, NOW, 1)
    ended += exclusions.take_expired_exclusions(database, NOW, 9)
    assert sorted(item.expires_at or 0 for item in ended) == [NOW - 1, NOW]
    assert not is_anything_overdue(database, NOW)
    assert [item.expires_at for item in listings.browse(database)] == [NOW + 1, None]
    assert [item.expires_at for item in excluded(database)] == [NOW + 1, None]


# Rows that other clients wrote and that SQL could not refuse.


@pytest.fixture
def _odd_rows(shell: sqlite3.Connection) -> None:
    for table in ("listings", "exclusions"):
        shell.executemany(
            f"INSERT INTO {table} (zone, network, category, expires_at) VALUES (?, ?, ?, 1)",  # noqa: S608
            [
                (ZONE, "192.0.2.1/32", "spam"),
                (ZONE, "192.0.2.1/24", "spam"),
                (ZONE, "2001:db8::0/64", "spam"),
                (ZONE, "192.0.2.1/32", "nowhere"),
                ("other.example", "192.0.2.1/32", "spam"),
            ],
        )


@pytest.mark.usefixtures("_odd_rows")
def test_odd_rows_are_passed_over(database: Database) -> None:
    """They hide no good row, are never given out, and expire as others do."""
    assert len(list(listings.browse(database))) == 3
    assert len(excluded(database)) == 3
    assert len(listings.covering(database, ONE)) == 3
    assert len(listings.take_expired(database, NOW, 9)) == 3
    assert len(exclusions.take_expired_exclusions(database, NOW, 9)) == 3
    assert database.rows("SELECT * FROM listings") == []
    assert database.rows("SELECT * FROM exclusions") == []


@pytest.mark.usefixtures("_odd_rows")
def test_odd_rows_are_reported(database: Database) -> None:
    """`dnsbl check` tells of each row that is not served, and why."""
    host_bits = "'192.0.2.1/24' has host bits set; did you mean 192.0.2.0/24?"
    other_form = "'2001:db8::0/64' is not in canonical form; write 2001:db8::/64"
    said = sorted(listings.invalid(database, [(ZONE, "spam")]))

    assert said == [
        f"listing 192.0.2.1/24 in bl.example: {host_bits}",
        "listing 192.0.2.1/32 in bl.example: no such zone and category as bl.example/nowhere",
        "listing 192.0.2.1/32 in other.example: no such zone and category as other.example/spam",
        f"listing 2001:db8::0/64 in bl.example: {other_form}",
    ]
    assert sorted(exclusions.invalid_exclusions(database, [(ZONE, "spam")])) == [
        sentence.replace("listing", "exclusion", 1) for sentence in said
    ]


def test_exclusions_of_every_category_are_valid(database: Database) -> None:
    """The empty category is one that every served zone has, and no other zone."""
    exclusions.exclude(database, Exclusion(ZONE, ONE))
    exclusions.exclude(database, Exclusion("other.example", ONE))

    assert list(exclusions.invalid_exclusions(database, [(ZONE, "spam")])) == [
        "exclusion 192.0.2.1/32 in other.example: no such zone and category as other.example/all"
    ]
