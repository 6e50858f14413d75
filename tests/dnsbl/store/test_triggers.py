# ruff: noqa: S608  # statements are made of constants here
"""The triggers: every change by any writer is in the journal, and nothing else is."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from everything import everything
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from dnsbl.network import parse
from dnsbl.store import exclusions, journal, listings
from dnsbl.store.database import Database, open_writer
from dnsbl.store.exclusions import Exclusion
from dnsbl.store.listings import Listing

ONE = "192.0.2.1/32"
OTHER = "192.0.2.2/32"
KEY = "('bl.example', '192.0.2.1/32', 'spam')"


@pytest.fixture(params=[False, True], ids=["plain", "recursive_triggers"])
def shell(request: pytest.FixtureRequest, database: Database) -> Iterator[sqlite3.Connection]:
    """Another client, with SQLite's own settings, or with those that we use."""
    with closing(sqlite3.connect(database.path, isolation_level=None)) as connection:
        if request.param:
            connection.execute("PRAGMA recursive_triggers = ON")
        yield connection


def written(connection: sqlite3.Connection, after: int = 0) -> list[tuple[str, str, str, str, str]]:
    """What the journal holds beyond a number, without number and time."""
    return connection.execute(
        "SELECT kind, op, zone, network, category FROM journal WHERE seq > ? ORDER BY seq", [after]
    ).fetchall()


def last(connection: sqlite3.Connection) -> int:
    """The journal's last number."""
    (seq,) = connection.execute("SELECT coalesce(max(seq), 0) FROM journal").fetchone()
    return int(seq)


def add(connection: sqlite3.Connection, network: str = ONE, category: str = "spam") -> None:
    """Lists a network, as an operator's client would."""
    connection.execute(
        "INSERT INTO listings (zone, network, category) VALUES ('bl.example', ?, ?)",
        [network, category],
    )


def test_an_insert_is_written(shell: sqlite3.Connection) -> None:
    """A new listing and a new exclusion each are one row, with the time."""
    add(shell)
    shell.execute("INSERT INTO exclusions (zone, network) VALUES ('bl.example', '192.0.2.2/32')")
    (recent,) = shell.execute(
        "SELECT min(at - unixepoch() BETWEEN -5 AND 0) FROM journal"
    ).fetchone()

    assert written(shell) == [
        ("listing", "added", "bl.example", ONE, "spam"),
        ("exclusion", "added", "bl.example", OTHER, ""),
    ]
    assert recent == 1


@pytest.mark.parametrize(
    "change",
    ["reason = 'x'", "source = 'x'", "evidence = 'x'", "listed_at = 7", "expires_at = 7",
     "reason = 'x', expires_at = 7"],
)  # fmt: skip
def test_an_update_is_written(shell: sqlite3.Connection, change: str) -> None:
    """Whatever column changes, the listing has changed; once for each row."""
    add(shell)
    before = last(shell)
    shell.execute(f"UPDATE listings SET {change}")

    assert written(shell, before) == [("listing", "changed", "bl.example", ONE, "spam")]


@pytest.mark.parametrize(
    "change", ["reason = 'x'", "grace = 1", "excluded_at = 7", "expires_at = 7"]
)
def test_an_update_of_an_exclusion_is_written(shell: sqlite3.Connection, change: str) -> None:
    """The same for exclusions."""
    shell.execute("INSERT INTO exclusions (zone, network) VALUES ('bl.example', '192.0.2.1/32')")
    before = last(shell)
    shell.execute(f"UPDATE exclusions SET {change}")

    assert written(shell, before) == [("exclusion", "changed", "bl.example", ONE, "")]


def test_an_update_of_nothing_writes_nothing(shell: sqlite3.Connection) -> None:
    """A row that is as it was has not changed, and the serial stays."""
    add(shell)
    shell.execute("INSERT INTO exclusions (zone, network) VALUES ('bl.example', '192.0.2.1/32')")
    before = last(shell)
    shell.execute("UPDATE listings SET reason = reason, expires_at = NULL, network = network")
    shell.execute("UPDATE exclusions SET reason = '', grace = 0")

    assert written(shell, before) == []


def test_triggers_are_silent_for_a_zone_under_a_bulk_import(shell: sqlite3.Connection) -> None:
    """New rows and changes of that zone alone; not once the mark is gone."""
    add(shell)
    before = last(shell)
    shell.execute("BEGIN")
    shell.execute("INSERT INTO bulk_imports (zone) VALUES ('bl.example')")
    add(shell, OTHER)
    shell.execute("UPDATE listings SET reason = 'x'")
    shell.execute(
        "INSERT INTO listings (zone, network, category) VALUES ('other.example', ?, 'spam')", [ONE]
    )
    shell.execute("INSERT INTO exclusions (zone, network) VALUES ('bl.example', '192.0.2.9/32')")
    shell.execute("DELETE FROM bulk_imports")
    shell.execute("UPDATE listings SET reason = 'y' WHERE network = ?", [OTHER])
    shell.execute("COMMIT")

    assert written(shell, before) == [
        ("listing", "added", "other.example", ONE, "spam"),
        ("exclusion", "added", "bl.example", "192.0.2.9/32", ""),
        ("listing", "changed", "bl.example", OTHER, "spam"),
    ]


def test_no_bulk_import_is_left_open(shell: sqlite3.Connection) -> None:
    """A commit that would leave the triggers silent is refused to whoever heeds foreign keys."""
    shell.execute("PRAGMA foreign_keys = ON")
    shell.execute("BEGIN")
    shell.execute("INSERT INTO bulk_imports (zone) VALUES ('bl.example')")

    with pytest.raises(sqlite3.IntegrityError, match="FOREIGN KEY"):
        shell.execute("COMMIT")
    shell.execute("DELETE FROM bulk_imports")
    shell.execute("COMMIT")


def test_a_bulk_event_is_one_number_of_its_zone(shell: sqlite3.Connection) -> None:
    """It is imported, and nothing else is; the zone's serial is its number."""
    insert = "INSERT INTO journal (kind, op, zone, network, category) VALUES "
    shell.execute(f"{insert} ('bulk', 'imported', 'bl.example', '', 'spam')")

    assert shell.execute("SELECT zone, serial FROM zone_serials").fetchall() == [
        ("bl.example", last(shell))
    ]
    for values in ("'bulk', 'added'", "'listing', 'imported'", "'bulk', 'removed'"):
        with pytest.raises(sqlite3.IntegrityError):
            shell.execute(f"{insert} ({values}, 'bl.example', '', 'spam')")


@pytest.mark.parametrize(
    ("change", "moved"),
    [
        ("zone = 'other.example'", ("other.example", ONE, "spam")),
        (f"network = '{OTHER}'", ("bl.example", OTHER, "spam")),
        ("category = 'policy'", ("bl.example", ONE, "policy")),
        (f"network = '{OTHER}', reason = 'x'", ("bl.example", OTHER, "spam")),
    ],
)
def test_a_change_of_the_key_is_a_removal_and_an_addition(
    shell: sqlite3.Connection, change: str, moved: tuple[str, str, str]
) -> None:
    """A row under another key leaves the old one, or the old one would be served for ever."""
    add(shell)
    before = last(shell)
    shell.execute(f"UPDATE listings SET {change}")

    assert written(shell, before) == [
        ("listing", "removed", "bl.example", ONE, "spam"),
        ("listing", "added", *moved),
    ]


def test_a_delete_is_written(shell: sqlite3.Connection) -> None:
    """Also that of all rows at once, which SQLite would make short work of without triggers."""
    add(shell)
    add(shell, OTHER)
    shell.execute("INSERT INTO exclusions (zone, network) VALUES ('bl.example', '192.0.2.1/32')")
    before = last(shell)
    shell.execute("DELETE FROM listings")
    shell.execute("DELETE FROM exclusions")

    assert written(shell, before) == [
        ("listing", "removed", "bl.example", ONE, "spam"),
        ("listing", "removed", "bl.example", OTHER, "spam"),
        ("exclusion", "removed", "bl.example", ONE, ""),
    ]


def test_a_replace_ends_with_the_row_there(shell: sqlite3.Connection) -> None:
    """INSERT OR REPLACE is written so that whoever reads the journal looks at the row again."""
    add(shell)
    before = last(shell)
    shell.execute(f"INSERT OR REPLACE INTO listings (zone, network, category) VALUES {KEY}")

    assert written(shell, before)[-1] == ("listing", "added", "bl.example", ONE, "spam")


def test_a_replacing_move_names_both_keys(shell: sqlite3.Connection) -> None:
    """UPDATE OR REPLACE onto another row leaves no key unmentioned."""
    add(shell)
    add(shell, OTHER)
    before = last(shell)
    shell.execute(f"UPDATE OR REPLACE listings SET network = '{OTHER}' WHERE network = '{ONE}'")
    rows = written(shell, before)

    assert ("listing", "removed", "bl.example", ONE, "spam") in rows
    assert rows[-1] == ("listing", "added", "bl.example", OTHER, "spam")


def test_an_upsert_is_written_as_what_it_did(shell: sqlite3.Connection) -> None:
    """Added where there was none, changed where there was one, nothing where it was the same."""
    upsert = (
        f"INSERT INTO listings (zone, network, category, reason) VALUES {KEY[:-1]}, ?) "
        "ON CONFLICT DO UPDATE SET reason = excluded.reason"
    )
    for reason in ("one", "two", "two"):
        shell.execute(upsert, [reason])

    assert [op for _, op, *_ in written(shell)] == ["added", "changed"]


def test_what_is_rolled_back_was_never_written(shell: sqlite3.Connection) -> None:
    """The journal and the rows stand or fall together."""
    add(shell)
    before = last(shell)
    shell.execute("BEGIN")
    add(shell, OTHER)
    shell.execute("DELETE FROM listings")
    shell.execute("ROLLBACK")

    assert written(shell, before) == []


def test_a_refused_row_is_not_written(shell: sqlite3.Connection) -> None:
    """A statement of several rows, one of them bad, leaves nothing behind."""
    with pytest.raises(sqlite3.IntegrityError):
        shell.execute(
            f"INSERT INTO listings (zone, network, category) VALUES {KEY}, ('bl.example', 'X', 'a')"
        )

    assert written(shell) == []


def test_numbers_are_never_used_twice(shell: sqlite3.Connection) -> None:
    """Even where somebody shortens the journal, what comes later has a higher number."""
    add(shell)
    before = last(shell)
    shell.execute("DELETE FROM journal")
    shell.execute("DELETE FROM listings")

    assert last(shell) == before + 1


# The grace of a delisting.

GRACE = "INSERT INTO exclusions (zone, network, category, grace) VALUES ('bl.example', ?, ?, ?)"


@pytest.mark.parametrize("category", ["", "spam"])
def test_new_evidence_voids_grace(shell: sqlite3.Connection, category: str) -> None:
    """A listing of the very network, by any writer, is new evidence."""
    shell.execute(GRACE, [ONE, category, 1])
    before = last(shell)
    add(shell)

    assert sorted(written(shell, before)) == [
        ("exclusion", "removed", "bl.example", ONE, category),
        ("listing", "added", "bl.example", ONE, "spam"),
    ]
    assert shell.execute("SELECT count(*) FROM exclusions").fetchone() == (0,)


def test_a_listing_moved_onto_a_network_in_grace_voids_it(shell: sqlite3.Connection) -> None:
    """However the listing comes to be there."""
    add(shell, OTHER)
    shell.execute(GRACE, [ONE, "spam", 1])
    shell.execute(f"UPDATE listings SET network = '{ONE}'")

    assert shell.execute("SELECT count(*) FROM exclusions").fetchone() == (0,)


@pytest.mark.parametrize(
    ("network", "category", "grace"),
    [(ONE, "spam", 0), (ONE, "", 0), (ONE, "policy", 1), (OTHER, "spam", 1),
     ("192.0.2.0/24", "spam", 1)],
)  # fmt: skip
def test_evidence_of_something_else_voids_nothing(
    shell: sqlite3.Connection, network: str, category: str, grace: int
) -> None:
    """An operator's exclusion, another category's and another network's stay."""
    shell.execute(GRACE, [network, category, grace])
    add(shell)

    assert shell.execute("SELECT count(*) FROM exclusions").fetchone() == (1,)


def test_another_zones_grace_stays(shell: sqlite3.Connection) -> None:
    """Evidence counts in its own zone."""
    shell.execute(GRACE.replace("bl.example", "other.example"), [ONE, "spam", 1])
    add(shell)

    assert shell.execute("SELECT count(*) FROM exclusions").fetchone() == (1,)


# Whatever several writers do, the journal leads to the same rows.

networks = st.sampled_from(["192.0.2.1/32", "192.0.2.0/24", "2001:db8::/32"])
zones = st.sampled_from(["a.example", "b.example"])
categories = st.sampled_from(["spam", "policy"])
expiries = st.sampled_from([None, 100, 200])


class Writers(RuleBasedStateMachine):
    """Our writer and two plain clients, with a reader that follows the journal alone."""

    def __init__(self) -> None:
        super().__init__()
        self.writer: Database | None = None

    @initialize()
    def open(self) -> None:
        """A new database."""
        self.folder = TemporaryDirectory()
        path = Path(self.folder.name) / "listings.sqlite3"
        self.writer = open_writer(path)
        self.writer.change("PRAGMA synchronous = OFF")
        self.plain = sqlite3.connect(path, isolation_level=None)
        self.recursive = sqlite3.connect(path, isolation_level=None)
        self.recursive.execute("PRAGMA recursive_triggers = ON")
        self.position = journal.position(self.writer).last_seq
        self.followed: dict[tuple[str, str, str, str], int | None] = {}
        self.serials: dict[str, int] = {}
        self.rows_then: dict[str, list[tuple[object, ...]]] = {}

    def teardown(self) -> None:
        """Closes everything."""
        if self.writer is not None:
            self.writer.close()
            self.plain.close()
            self.recursive.close()
            self.folder.cleanup()

    @rule(zone=zones, network=networks, category=categories, expires_at=expiries)
    def we_add(self, zone: str, network: str, category: str, expires_at: int | None) -> None:
        """The programs' way."""
        assert self.writer is not None
        listing = Listing(zone, parse(network), category, expires_at=expires_at)
        listings.add(self.writer, listing)

    @rule(zone=zones, network=networks, category=categories, grace=st.booleans())
    def we_exclude(self, zone: str, network: str, category: str, *, grace: bool) -> None:
        """The portal's way, and the operator's."""
        assert self.writer is not None
        exclusion = Exclusion(zone, parse(network), category if grace else "", grace=grace)
        exclusions.exclude(self.writer, exclusion)

    @rule(now=st.sampled_from([100, 200]))
    def we_expire(self, now: int) -> None:
        """The sidecar's way."""
        assert self.writer is not None
        listings.take_expired(self.writer, now, 2)
        exclusions.take_expired_exclusions(self.writer, now, 2)

    @rule(
        recursive=st.booleans(), table=st.sampled_from(["listings", "exclusions"]), zone=zones,
        network=networks, category=categories, expires_at=expiries,
        verb=st.sampled_from(["INSERT OR REPLACE", "INSERT OR IGNORE"]),
    )  # fmt: skip
    def they_insert(
        self, *, recursive: bool, table: str, zone: str, network: str, category: str,
        expires_at: int | None, verb: str,
    ) -> None:  # fmt: skip
        """A plain client's way."""
        (self.recursive if recursive else self.plain).execute(
            f"{verb} INTO {table} (zone, network, category, expires_at) VALUES (?, ?, ?, ?)",
            [zone, network, category, expires_at],
        )

    @rule(
        recursive=st.booleans(), table=st.sampled_from(["listings", "exclusions"]),
        old=networks, new=networks, zone=zones, expires_at=expiries,
    )  # fmt: skip
    def they_update(
        self, *, recursive: bool, table: str, old: str, new: str, zone: str,
        expires_at: int | None,
    ) -> None:  # fmt: skip
        """Rows under other keys, onto others, or as they were."""
        (self.recursive if recursive else self.plain).execute(
            f"UPDATE OR REPLACE {table} SET network = ?, zone = ?, expires_at = ? "
            "WHERE network = ?",
            [new, zone, expires_at, old],
        )

    @rule(recursive=st.booleans(), table=st.sampled_from(["listings", "exclusions"]), zone=zones)
    def they_delete(self, *, recursive: bool, table: str, zone: str) -> None:
        """All of a zone."""
        (self.recursive if recursive else self.plain).execute(
            f"DELETE FROM {table} WHERE zone = ?",
            [zone],
        )

    @invariant()
    def following_the_journal_leads_to_the_rows(self) -> None:
        """What the follower has is what the tables hold, and serials rise with what changes."""
        if self.writer is None:
            return
        for change in journal.changes(self.writer, self.position, 1_000):
            assert change.seq > self.position
            self.position = change.seq
            key = (change.kind, change.zone, str(change.network), change.category)
            if change.entry is None:
                self.followed.pop(key, None)
            else:
                self.followed[key] = change.entry.expires_at
        rows = {
            (change.kind, change.zone, str(change.network), change.category):
                change.entry and change.entry.expires_at
            for change in everything(self.writer)
        }  # fmt: skip
        assert self.followed == rows

        serials = journal.serials(self.writer)
        for zone in ("a.example", "b.example"):
            now = [tuple(row) for table in ("listings", "exclusions") for row in self.writer.rows(
                f"SELECT * FROM {table} WHERE zone = ?", zone
            )]  # fmt: skip
            old, new = self.serials.get(zone, 0), serials.get(zone, 0)
            assert new >= old
            if now != self.rows_then.get(zone, []):
                assert new > old
            self.rows_then[zone] = now
        self.serials = serials


Writers.TestCase.settings = settings(max_examples=40, stateful_step_count=25, deadline=None)
TestWriters = Writers.TestCase
