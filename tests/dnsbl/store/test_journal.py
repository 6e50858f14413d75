# ruff: noqa: S608  # statements are made of constants here
"""The journal as the DNS process reads it: a position, everything, and what is new since."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing

import pytest
from everything import everything

from dnsbl.network import parse
from dnsbl.store import exclusions, journal, listings
from dnsbl.store.database import Database, open_writer
from dnsbl.store.exclusions import Exclusion
from dnsbl.store.journal import CHUNK_ROWS, Bulk, Change
from dnsbl.store.listings import Listing
from dnsbl.verdict import Entry

ONE = parse("192.0.2.1")
RANGE = parse("192.0.2.0/24")


@pytest.fixture
def shell(database: Database) -> Iterator[sqlite3.Connection]:
    """Another client that heeds no constraint."""
    with closing(sqlite3.connect(database.path, isolation_level=None)) as connection:
        connection.execute("PRAGMA ignore_check_constraints = ON")
        yield connection


def add(database: Database, address: str = "192.0.2.1", zone: str = "bl.example") -> None:
    """Lists an address."""
    listings.add(database, Listing(zone, parse(address), "spam"))


def serial(database: Database, zone: str = "bl.example") -> int:
    """A zone's serial."""
    return journal.serials(database).get(zone, journal.first_serial(database))


def test_an_empty_journal_ends_where_it_will_begin(database: Database) -> None:
    """The first change has the number after the position of the empty journal."""
    before = journal.position(database)
    add(database)
    after = journal.position(database)

    assert before.first_seq == before.last_seq + 1
    assert (after.first_seq, after.last_seq) == (before.last_seq + 1, before.last_seq + 1)
    assert after.identity == before.identity


def test_a_position_tells_that_the_journal_was_shortened(database: Database) -> None:
    """Whoever is behind the first number left has to load everything."""
    for number in range(5):
        add(database, f"192.0.2.{number}")
    last_seq = journal.position(database).last_seq
    database.change("DELETE FROM journal WHERE seq < ?", last_seq)
    assert journal.position(database).first_seq == last_seq
    database.change("DELETE FROM journal")

    assert journal.position(database).first_seq == last_seq + 1
    assert journal.position(database).last_seq == last_seq


def test_changes_come_in_order_and_in_portions(database: Database) -> None:
    """Read in portions of any size, each change comes once, in the order of its number."""
    start = journal.position(database).last_seq
    for number in range(7):
        add(database, f"192.0.2.{number}")
    whole = journal.changes(database, start, 100)
    portions: list[Change] = []
    after = start
    while portion := journal.changes(database, after, 3):
        assert len(portion) <= 3
        portions += portion
        after = portion[-1].seq

    assert portions == whole
    assert [change.seq for change in whole] == list(range(start + 1, start + 8))
    assert [str(change.network) for change in whole] == [f"192.0.2.{n}/32" for n in range(7)]
    assert journal.changes(database, after, 3) == []


def test_a_change_carries_what_now_stands(database: Database) -> None:
    """Applied late or twice, it leads to the present: an older change shows no older state."""
    start = journal.position(database).last_seq
    listings.add(database, Listing("bl.example", ONE, "spam", expires_at=100))
    listings.add(database, Listing("bl.example", ONE, "spam", expires_at=200))
    listings.add(database, Listing("bl.example", RANGE, "spam"))
    listings.remove(database, "bl.example", RANGE, "spam")
    exclusions.exclude(database, Exclusion("bl.example", ONE, grace=True, expires_at=300))
    now = Entry(ONE, "spam", excludes=False, expires_at=200)
    excluded = Entry(ONE, "", excludes=True, expires_at=300)

    assert journal.changes(database, start, 100) == [
        Change(start + 1, "bl.example", "listing", "spam", ONE, now),
        Change(start + 2, "bl.example", "listing", "spam", ONE, now),
        Change(start + 3, "bl.example", "listing", "spam", RANGE, None),
        Change(start + 4, "bl.example", "listing", "spam", RANGE, None),
        Change(start + 5, "bl.example", "exclusion", "", ONE, excluded),
    ]


def test_everything_is_every_row(database: Database) -> None:
    """The first load has what the tables have."""
    listings.add(database, Listing("bl.example", ONE, "spam", expires_at=100))
    listings.add(database, Listing("a.example", RANGE, "policy"))
    exclusions.exclude(database, Exclusion("bl.example", ONE, "spam"))
    changes = list(everything(database))

    assert sorted(changes, key=lambda change: (change.kind, change.zone)) == [
        Change(0, "bl.example", "exclusion", "spam", ONE, Entry(ONE, "spam", True, None)),  # noqa: FBT003
        Change(0, "a.example", "listing", "policy", RANGE, Entry(RANGE, "policy", False, None)),  # noqa: FBT003
        Change(0, "bl.example", "listing", "spam", ONE, Entry(ONE, "spam", False, 100)),  # noqa: FBT003
    ]


@pytest.mark.parametrize(
    ("network", "fault"),
    [
        ("192.0.2.1/24", "has host bits set"),
        ("0:0::1/128", "is not in canonical form; write ::1/128"),
        ("0.0.0.0/0", "the whole of IPv4"),
        ("192.0.2.1", "is not in canonical form; write 192.0.2.1/32"),
        ("Example.com", "is not in canonical form; write example.com"),
        ("example..com", "is not a domain name: the label '' is not"),
        ("*.", "it would be every name there is"),
        ("", "is not an IPv4 or IPv6 address"),
        ("192.0.2.1/32\0x", "has no prefix length"),
        ("\ufffd" * 500, "is too long for a domain name"),
    ],
)
def test_a_row_that_cannot_be_served_says_why(
    database: Database, shell: sqlite3.Connection, network: str, fault: str
) -> None:
    """Past every constraint a bad row stops nobody: it comes with its fault, and goes in peace."""
    start = journal.position(database).last_seq
    for table in ("listings", "exclusions"):
        shell.execute(
            f"INSERT INTO {table} (zone, network, category) VALUES ('bl.example', ?, 'spam')",
            [network],
        )
    add(database, "192.0.2.9")
    *bad, good = journal.changes(database, start, 10)
    loaded = list(everything(database))

    assert [(change.network, change.entry) for change in bad] == [(None, None)] * 2
    assert all(fault in (change.fault or "") for change in bad)
    assert good.fault is None
    assert good.entry is not None
    assert sorted(change.fault is None for change in loaded) == [False, False, True]

    shell.execute("DELETE FROM listings")
    shell.execute("DELETE FROM exclusions")
    assert [change.fault for change in journal.changes(database, start, 10)] == [None] * 6


def test_octets_that_are_no_text_stop_nobody(database: Database, shell: sqlite3.Connection) -> None:
    """Whatever another client puts into the columns that are read."""
    shell.execute(
        "INSERT INTO listings (zone, network, category) "
        "VALUES (CAST(x'ff' AS TEXT), CAST(x'c328' AS TEXT), CAST(x'80' AS TEXT))"
    )
    add(database)

    assert [change.zone for change in everything(database) if not change.fault] == ["bl.example"]
    assert [change.fault is None for change in journal.changes(database, 0, 10)] == [False, True]


# Serials.


def test_a_serial_rises_with_every_change_and_only_then(database: Database) -> None:
    """RFC 1035 §3.3.13: a zone that changed has another version."""
    seen = [serial(database)]
    add(database)
    seen.append(serial(database))
    listings.add(database, Listing("bl.example", ONE, "spam", reason="x"))
    seen.append(serial(database))
    exclusions.exclude(database, Exclusion("bl.example", ONE))
    seen.append(serial(database))
    exclusions.unexclude(database, "bl.example", ONE, "")
    seen.append(serial(database))
    listings.remove(database, "bl.example", ONE, "spam")
    seen.append(serial(database))
    assert seen == sorted(set(seen))

    listings.remove(database, "bl.example", ONE, "spam")
    exclusions.unexclude(database, "bl.example", ONE, "")
    database.change("UPDATE listings SET reason = reason")
    with database.transaction():
        list(listings.add_many(database, []))
    assert serial(database) == seen[-1]


def test_a_serial_is_its_zones_own(database: Database) -> None:
    """Another zone's changes leave it as it is."""
    add(database)
    before = serial(database)
    add(database, zone="other.example")

    assert serial(database) == before
    assert serial(database, "other.example") == before + 1


def test_a_zone_without_a_change_has_a_serial_below_the_first(database: Database) -> None:
    """It is not 0, and the first change of any zone is beyond it."""
    first = journal.first_serial(database)
    add(database, zone="other.example")

    assert serial(database) == first > 0
    assert serial(database, "other.example") > first


def test_serials_outlive_closing_and_shortening(database: Database) -> None:
    """Neither a restart nor a shortened journal takes a serial back."""
    add(database)
    before = serial(database)
    database.change("DELETE FROM journal")
    with closing(open_writer(database.path)) as again:
        assert serial(again) == before
        add(again, "192.0.2.2")
        assert serial(again) == before + 1


def test_a_database_made_anew_begins_beyond(database: Database) -> None:
    """Secondaries of a zone whose database was lost take the new one for newer."""
    add(database)

    assert abs(serial(database) - time.time()) < 60


# History.


def test_history_tells_of_all_networks_that_cover(database: Database) -> None:
    """The newest first, with what happened, and at most so many."""
    add(database)
    listings.add(database, Listing("bl.example", RANGE, "policy"))
    listings.remove(database, "bl.example", ONE, "spam")
    exclusions.exclude(database, Exclusion("bl.example", ONE))
    add(database, "192.0.2.2")
    happenings = journal.history(database, ONE, 10)

    assert [(one.kind, one.op, one.network, one.category) for one in happenings] == [
        ("exclusion", "added", "192.0.2.1/32", ""),
        ("listing", "removed", "192.0.2.1/32", "spam"),
        ("listing", "added", "192.0.2.0/24", "policy"),
        ("listing", "added", "192.0.2.1/32", "spam"),
    ]
    assert journal.history(database, ONE, 2) == happenings[:2]
    assert all(abs(one.at - time.time()) < 60 for one in happenings)
    assert [one.seq for one in happenings] == sorted((one.seq for one in happenings), reverse=True)


# Bulk imports.


def bulk(database: Database, zone: str = "bl.example") -> int:
    """Writes the row of a bulk import; its number."""
    database.change(
        "INSERT INTO journal (kind, op, zone, network, category) "
        "VALUES ('bulk', 'imported', ?, '', 'spam')",
        zone,
    )
    return journal.position(database).last_seq


def test_a_bulk_import_is_read_as_such_in_its_place(database: Database) -> None:
    """Between the changes before it and those after."""
    start = journal.position(database).last_seq
    add(database)
    seq = bulk(database)
    add(database, "192.0.2.2")
    before, imported, after = journal.changes(database, start, 10)

    assert imported == Bulk(seq, "bl.example")
    assert (before.seq, after.seq) == (seq - 1, seq + 1)
    assert serial(database) == seq + 1


def test_history_has_no_bulk_imports(database: Database) -> None:
    """They name no network."""
    add(database)
    bulk(database)

    assert [item.op for item in journal.history(database, ONE, 10)] == ["added"]


# Chunks.


def text_of(database: Database, zone: str = "bl.example") -> list[bytes]:
    """The lines of all chunks of a zone's listings, and that they are no longer than promised."""
    with database.snapshot():
        found = [chunk.split(b"\n") for chunk in journal.chunks(database, zone, "listing")]
    assert all(len(lines) == CHUNK_ROWS for lines in found[:-1])
    return [line for lines in found for line in lines]


def test_a_zone_is_read_in_chunks(database: Database) -> None:
    """Network, category, end and text of every row of that zone, in the order of keys."""
    listings.add(database, Listing("bl.example", RANGE, "spam", reason="x", expires_at=1234))
    for category, text in (("spam", "of its own"), ("policy", "")):
        listings.add(database, Listing("bl.example", ONE, category, text=text))
    add(database, "192.0.2.3", "other.example")
    exclusions.exclude(database, Exclusion("bl.example", ONE, expires_at=99))
    with database.snapshot():
        excluded = list(journal.chunks(database, "bl.example", "exclusion"))

    assert text_of(database) == [
        b"192.0.2.0/24\tspam\t1234\t", b"192.0.2.1/32\tpolicy\t\t",
        b"192.0.2.1/32\tspam\t\tof its own",
    ]  # fmt: skip
    assert excluded == [b"192.0.2.1/32\t\t99\t"]
    assert text_of(database, "nothing.example") == []


@pytest.mark.parametrize("rows", [1, 2, 3, 4, 5, 6, 7, 8, 9])
def test_chunks_end_where_they_may(
    database: Database, monkeypatch: pytest.MonkeyPatch, rows: int
) -> None:
    """Between networks, between the categories of one, and with the last row."""
    monkeypatch.setattr(journal, "CHUNK_ROWS", 3)
    for number in range(rows):
        listings.add(
            database,
            Listing("bl.example", parse(f"192.0.2.{number // 2}"), ("a", "b")[number % 2]),
        )
    with database.snapshot():
        found = list(journal.chunks(database, "bl.example", "listing"))

    assert [chunk.count(b"\n") + 1 for chunk in found] == [
        min(3, rows - start) for start in range(0, rows, 3)
    ]
    assert [line.split(b"\t")[:2] for line in b"\n".join(found).split(b"\n")] == [
        [f"192.0.2.{number // 2}/32".encode(), (b"a", b"b")[number % 2]] for number in range(rows)
    ]


NASTY = [
    ("'192.0.2.1/32' || char(9)", "'spam'"),
    ("'192.0.2.1/32' || char(10)", "'spam'"),
    ("'192.0.2.1/32' || char(9) || 'spam' || char(9) || char(10) || '192.0.2.77/32'", "'spam'"),
    ("'192.0.2.1/32'", "'spam' || char(9)"),
    ("'192.0.2.1/32'", "'spam' || char(10)"),
    ("'192.0.2.1/32' || char(0) || char(9)", "'spam'"),
    ("'192.0.2.1/32' || char(0)", "char(0)"),
    ("CAST(x'ff31' AS TEXT)", "CAST(x'ff' AS TEXT)"),
    ("CAST(x'31c3' AS TEXT)", "'spam'"),
    ("''", "''"),
    ("''", "'spam'"),
    ("char(9)", "char(10)"),
]


@pytest.mark.parametrize("size", [1, 2, 3, 100])
@pytest.mark.parametrize(("network", "category"), NASTY)
def test_a_row_of_any_octets_hides_no_other(
    database: Database, shell: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch,
    network: str, category: str, size: int,
) -> None:  # fmt: skip
    """It is a line of its own, of four fields; but that of an empty key is left out."""
    monkeypatch.setattr(journal, "CHUNK_ROWS", size)
    for good in ("0.0.0.1", "192.0.2.1", "192.0.2.9", "fe80::1"):
        listings.add(database, Listing("bl.example", parse(good), "spam"))
    shell.execute(
        "INSERT OR IGNORE INTO listings (zone, network, category) "
        f"VALUES ('bl.example', {network}, {category})"
    )
    (count,) = shell.execute(
        "SELECT count(*) FROM listings WHERE (network, category) <> ('', '')"
    ).fetchone()
    with database.snapshot():
        lines = b"\n".join(journal.chunks(database, "bl.example", "listing")).split(b"\n")

    assert len(lines) == count
    assert {line.count(b"\t") for line in lines} == {3}
    assert {
        b"0.0.0.1/32\tspam\t\t", b"192.0.2.1/32\tspam\t\t", b"192.0.2.9/32\tspam\t\t",
        b"fe80::1/128\tspam\t\t",
    } <= set(lines)  # fmt: skip
    assert not any(line.startswith(b"192.0.2.77/32") for line in lines)


def test_many_rows_are_read_in_pages_by_key(database: Database) -> None:
    """Each begins by a search, however far it is from the first."""
    plan: list[str] = []
    add(database)
    database.db.conn.set_trace_callback(plan.append)
    list(journal.chunks(database, "bl.example", "listing"))
    database.db.conn.set_trace_callback(None)
    steps = [row["detail"] for row in database.rows(f"EXPLAIN QUERY PLAN {plan[-1]}")]

    assert "SEARCH listings USING PRIMARY KEY (zone=? AND network>?)" in steps
    assert not any("TEMP B-TREE" in step for step in steps)


# The fingerprint.


def test_a_fingerprint_tells_one_history_from_another(database: Database) -> None:
    """Of two rows with the same number, by any of their columns; None where there is no row."""
    add(database)
    seq = journal.position(database).last_seq
    first = journal.fingerprint(database, seq)
    again = journal.fingerprint(database, seq)
    others: set[str | None] = set()
    for column, value in (("at", 7), ("kind", "exclusion"), ("op", "removed"), ("zone", "z"),
                          ("network", "192.0.2.9/32"), ("category", "policy")):  # fmt: skip
        with database.transaction():
            database.change(f"UPDATE journal SET {column} = ? WHERE seq = ?", value, seq)
        others.add(journal.fingerprint(database, seq))

    assert first == again
    assert first is not None
    assert len(first) == 32
    assert len(others | {first}) == 7
    assert journal.fingerprint(database, seq + 1) is None
