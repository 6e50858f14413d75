"""Listings and exclusions that cover a name, and what a listing says of its own."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dnsbl.name import Name, Scope, parse_name
from dnsbl.network import parse
from dnsbl.store import audit, bulk, exclusions, journal, listings
from dnsbl.store.audit import Act
from dnsbl.store.bulk import Common
from dnsbl.store.database import Database
from dnsbl.store.exclusions import Exclusion, covering_exclusions
from dnsbl.store.journal import Change
from dnsbl.store.listings import Listing
from dnsbl.verdict import Entry, decide

ZONE = "names.example"
SCOPES: tuple[Scope, ...] = ("exact", "below", "all")

names = st.builds(
    Name,
    st.lists(st.sampled_from(["a", "ba"]), min_size=1, max_size=3).map(".".join),
    st.sampled_from(SCOPES),
)


@given(st.sets(names, max_size=12), names)
@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=100, deadline=None
)
def test_what_covers_a_name_is_found(database: Database, held: set[Name], asked: Name) -> None:
    """Of every zone, by their keys alone, the most specific first."""
    with database.transaction():
        database.change("DELETE FROM listings")
        for name in held:
            for zone in (ZONE, "other.example"):
                listings.add(database, Listing(zone, name, "spam"))

    found = listings.covering(database, asked)

    expected = sorted((name for name in held if name.covers(asked)), key=lambda name: -name.length)
    assert [item.network for item in found if item.zone == ZONE] == expected
    assert len(found) == 2 * len(expected)


def test_the_nearest_entry_decides(database: Database) -> None:
    """An exclusion between two wildcards takes out what is below it, and no more."""
    listings.add(database, Listing(ZONE, parse_name(".example.com"), "spam"))
    exclusions.exclude(database, Exclusion(ZONE, parse_name("*.b.example.com")))
    listings.add(database, Listing(ZONE, parse_name("x.b.example.com"), "spam"))

    def is_listed(text: str) -> bool:
        entries = listings.covering_entries(database, ZONE, parse_name(text))
        return bool(decide(entries, 0))

    assert [is_listed(text) for text in ("b.example.com", "x.b.example.com", "example.com")] == [
        True, True, True,
    ]  # fmt: skip
    assert [is_listed(text) for text in ("y.b.example.com", "z.x.b.example.com", "com")] == [
        False, False, False,
    ]  # fmt: skip


def test_history_and_trail_of_a_name_hold_what_covers_it(database: Database) -> None:
    """The journal's rows and the audit's, as of addresses."""
    wide, other = parse_name("*.example.com"), parse_name("example.org")
    for name in (wide, other):
        listings.add(database, Listing(ZONE, name, "spam"))
        audit.record(database, [Act(1, "cli:x", "listing.added", ZONE, str(name), "spam")])
    asked = parse_name("www.example.com")

    assert [item.network for item in journal.history(database, asked, 9)] == ["*.example.com"]
    assert [item.network for item in audit.trail(database, asked, 9)] == ["*.example.com"]


@pytest.mark.parametrize("text", ["192.0.2.1", "example.com"])
def test_a_change_brings_the_text(database: Database, text: str) -> None:
    """Whoever follows the journal reads it with the row, and hears of another text."""
    network = parse(text) if text[0] == "1" else parse_name(text)
    start = journal.position(database).last_seq
    listing = Listing("bl.example", network, "spam", text="$ is bad")
    listings.add(database, listing)
    listings.add(database, replace(listing, text="$ is worse"))
    changed = listings.add(database, replace(listing, text="$ is worse"))

    entry = Entry(network, "spam", excludes=False, expires_at=None, text="$ is worse")
    assert journal.changes(database, start, 9) == [
        Change(start + number, "bl.example", "listing", "spam", network, entry)
        for number in (1, 2)
    ]  # fmt: skip
    assert listing.entry.text == "$ is bad"
    assert changed is False


def test_a_text_past_the_constraint_reads_alike_at_a_load_and_from_the_journal(
    database: Database,
) -> None:
    """A tab, a line end and octets that are no text become U+FFFD, and the row is one line."""
    database.change("PRAGMA ignore_check_constraints = ON")
    database.change(
        "INSERT INTO listings (zone, network, category, text) "
        "VALUES ('bl.example', '192.0.2.1/32', 'spam', CAST(x'61096209630a64e464' AS TEXT))"
    )
    with database.snapshot():
        [chunk] = journal.chunks(database, "bl.example", "listing")
    [change] = journal.changes(database, journal.position(database).last_seq - 1, 9)

    assert isinstance(change, Change)
    assert change.entry is not None
    assert change.entry.text == "a\ufffdb\ufffdc\ufffdd\ufffdd"
    assert chunk.decode(errors="replace").split("\t")[3] == change.entry.text


def test_a_feed_leaves_a_text_as_it_is(database: Database) -> None:
    """Row by row and in bulk: what an operator wrote is none of a feed's."""
    name = parse_name("example.com")
    listings.add(database, Listing(ZONE, name, "spam", text="of its own"))
    common = Common(ZONE, "spam", "by bulk", "feed", 1, None)
    with database.transaction():
        list(listings.add_many(database, [Listing(ZONE, name, "spam", "by rows")]))
        first = listings.get(database, ZONE, name, "spam")
        bulk.add_in_bulk(
            database, common, lambda _: [(2, '["a.example","example.com"]')], lambda _: None
        )
        second = listings.get(database, ZONE, name, "spam")

    assert first is not None
    assert second is not None
    assert [(item.reason, item.text) for item in (first, second)] == [
        ("by rows", "of its own"), ("by bulk", "of its own"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("standing", "expected"),
    [
        (Exclusion(ZONE, parse_name("a.example"), "spam", "ours"), "ours"),
        (Exclusion(ZONE, parse_name("a.example"), "spam", "ours", expires_at=51), "ours"),
        (Exclusion(ZONE, parse_name("a.example"), "spam", "ours", expires_at=49), "feed"),
        (Exclusion(ZONE, parse_name("a.example"), "spam", "ours", grace=True), "ours"),
        (None, "feed"),
    ],
)
def test_a_feed_shortens_no_exclusion(
    database: Database, standing: Exclusion | None, expected: str
) -> None:
    """One that lasts longer stays, be it a grace; what ends before does not."""
    if standing is not None:
        exclusions.exclude(database, standing)
    name = parse_name("a.example")
    exclusions.exclude_many(database, [Exclusion(ZONE, name, "spam", "feed", expires_at=50)])

    assert [item.reason for item in covering_exclusions(database, name)] == [expected]
