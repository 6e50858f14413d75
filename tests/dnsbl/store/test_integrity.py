"""Whether the file is sound, and its rows belong together."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing

import pytest

from dnsbl.network import parse
from dnsbl.store import listings
from dnsbl.store.database import Database
from dnsbl.store.integrity import integrity_problems
from dnsbl.store.listings import Listing

ONE = Listing("bl.example", parse("192.0.2.1"), "spam")


@pytest.fixture
def shell(database: Database) -> Iterator[sqlite3.Connection]:
    """Another client of the house's database."""
    with closing(sqlite3.connect(database.path, isolation_level=None)) as connection:
        yield connection


def test_a_sound_database_has_no_problems(database: Database) -> None:
    """After work of all kinds."""
    listings.add(database, ONE)
    listings.remove(database, "bl.example", ONE.network, "spam")

    assert integrity_problems(database) == []


def test_rows_that_belong_to_nothing_are_one_problem_with_its_remedy(
    database: Database, shell: sqlite3.Connection
) -> None:
    """Other clients need not heed foreign keys; what mends it is there to be copied."""
    shell.execute(
        "INSERT INTO delist_tokens (token_hash, request_id, expires_at) VALUES (?, 9, 9)",
        [bytes(32)],
    )
    shell.executemany(
        "INSERT INTO outbox (kind, request_id, message_id, next_attempt_at, created_at) "
        "VALUES ('confirm_mail', ?, 'x', 0, 0)",
        [(8,), (9,)],
    )

    [problem] = integrity_problems(database)

    told, _, remedy = problem.partition("; ")
    assert told == (
        "rows belong to others that are gone "
        "(1 of delist_tokens to delist_requests, 2 of outbox to delist_requests)"
    )
    assert remedy.startswith(f'`sqlite3 -cmd ".timeout 5000" {database.path} "')
    assert remedy.endswith('"` deletes them')
    shell.executescript(problem.split('"')[3])
    assert integrity_problems(database) == []


def test_triggers_that_were_left_silent_are_a_problem(
    database: Database, shell: sqlite3.Connection
) -> None:
    """A client without foreign keys can leave the mark of a bulk import; the remedy deletes it."""
    shell.execute("INSERT INTO bulk_imports (zone) VALUES ('bl.example')")
    [problem] = integrity_problems(database)
    shell.executescript(problem.split('"')[3])

    assert "1 of bulk_imports to bulk_imports" in problem
    assert shell.execute("SELECT * FROM bulk_imports").fetchall() == []


def test_rows_that_break_the_constraints_are_problems(
    database: Database, shell: sqlite3.Connection
) -> None:
    """Other clients can switch the constraints off."""
    shell.execute("PRAGMA ignore_check_constraints = ON")
    shell.execute("INSERT INTO listings (zone, network, category) VALUES ('A', '0.0.0.0/0', '')")

    assert [text[:38] for text in integrity_problems(database)] == [
        "CHECK constraint failed in listings"
    ]
