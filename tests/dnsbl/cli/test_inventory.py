"""`list`."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from typing import Any

import pytest
from house import House

from dnsbl.cli.inventory import TABLE_ROWS_MAX
from dnsbl.network import parse
from dnsbl.store import listings
from dnsbl.store.database import Database
from dnsbl.store.exclusions import Exclusion, exclude
from dnsbl.store.listings import Listing


@pytest.fixture
def listed(database: Database) -> Database:
    """Listings in two zones, one of which no file names, and exclusions."""
    for listing in (
        Listing("bl.example", parse("192.0.2.1"), "spam", "1e5", "trap", "seen", 1_000_000_000),
        Listing("bl.example", parse("2001:db8::/32"), "spam", listed_at=1, expires_at=2),
        Listing("old.example", parse("198.51.100.0/24"), "bad", listed_at=1),
    ):
        listings.add(database, listing)
    for exclusion in (
        Exclusion("bl.example", parse("192.0.2.2"), "spam", "customer", excluded_at=1),
        Exclusion("bl.example", parse("192.0.2.3"), grace=True, excluded_at=1, expires_at=2),
        Exclusion("old.example", parse("192.0.2.4"), "bad", excluded_at=1),
    ):
        exclude(database, exclusion)
    return database


@pytest.mark.usefixtures("listed")
def test_list_is_a_table_for_people(run: Callable[..., Any]) -> None:
    """Texts as they are, times in UTC, "never" for no expiry."""
    result = run("list")

    rows = [line.split() for line in result.stdout.splitlines()[2:]]
    assert (result.exit_code, result.stderr) == (0, "")
    assert rows == [
        ["bl.example", "192.0.2.1/32", "spam", "1e5", "trap", "2001-09-09T01:46:40Z", "never"],
        ["bl.example", "2001:db8::/32", "spam", "1970-01-01T00:00:01Z", "1970-01-01T00:00:02Z"],
        ["old.example", "198.51.100.0/24", "bad", "1970-01-01T00:00:01Z", "never"],
    ]


@pytest.mark.usefixtures("listed")
def test_list_is_an_array_for_programs(
    run: Callable[..., Any], run_json: Callable[..., Any]
) -> None:
    """An element a line, so that tools that read lines can use it too."""
    text = run("list", "-o", "json").stdout

    assert run_json("list")[0] == {
        "zone": "bl.example", "network": "192.0.2.1/32", "category": "spam", "reason": "1e5",
        "source": "trap", "evidence": "seen", "listed_at": 1_000_000_000, "expires_at": None,
        "text": "",
    }  # fmt: skip
    assert len(text.splitlines()) == 2 + 3


@pytest.mark.usefixtures("listed")
@pytest.mark.parametrize(
    ("narrowing", "expected"),
    [
        ((), ["192.0.2.1/32", "2001:db8::/32", "198.51.100.0/24"]),
        (("--zone", "BL.example."), ["192.0.2.1/32", "2001:db8::/32"]),
        (("--zone", "old.example"), ["198.51.100.0/24"]),
        (("--category", "bad"), ["198.51.100.0/24"]),
        (("--limit", "2"), ["192.0.2.1/32", "2001:db8::/32"]),
        (("--exclusions",), ["192.0.2.2/32", "192.0.2.3/32", "192.0.2.4/32"]),
        (("--exclusions", "--category", "spam"), ["192.0.2.2/32", "192.0.2.3/32"]),
        (("--exclusions", "--category", "bad"), ["192.0.2.3/32", "192.0.2.4/32"]),
        (("--exclusions", "--zone", "bl.example", "--limit", "1"), ["192.0.2.2/32"]),
    ],
)
def test_list_keeps_to_zone_category_and_number(
    run_json: Callable[..., Any], narrowing: tuple[str, ...], expected: list[str]
) -> None:
    """Exclusions of every category are among those of each."""
    assert [item["network"] for item in run_json("list", *narrowing)] == expected


@pytest.mark.usefixtures("listed")
@pytest.mark.parametrize(
    ("narrowing", "where"), [((), ""), (("--zone", "bl.example"), " in bl.example")]
)
def test_a_category_that_nobody_knows_is_wrong_usage(
    run: Callable[..., Any], narrowing: tuple[str, ...], where: str
) -> None:
    """An empty table would say that nothing is listed there."""
    result = run("list", "--category", "foo", *narrowing)

    assert result.exit_code == 2
    assert f"there is no category 'foo'{where}; the categories are: spam" in result.stderr


def test_a_category_of_the_database_alone_is_known(
    run_json: Callable[..., Any], database: Database
) -> None:
    """Its rows are left from an earlier configuration."""
    listings.add(database, Listing("bl.example", parse("192.0.2.1"), "old", listed_at=1))

    assert len(run_json("list", "--category", "old")) == 1


@pytest.mark.usefixtures("listed")
def test_exclusions_are_listed_with_who_made_them(
    run: Callable[..., Any], run_json: Callable[..., Any]
) -> None:
    """A delisting's are told from an operator's."""
    first, second, _ = run_json("list", "--exclusions")
    table = run("list", "--exclusions").stdout

    assert first == {
        "zone": "bl.example", "network": "192.0.2.2/32", "category": "spam",
        "reason": "customer", "grace": False, "excluded_at": 1, "expires_at": None,
    }  # fmt: skip
    assert (second["category"], second["grace"], second["expires_at"]) == (None, True, 2)
    assert [line.split()[2] for line in table.splitlines()[2:]] == ["spam", "all", "bad"]
    assert "delisting" in table


def test_an_empty_list_is_no_error(
    run: Callable[..., Any], run_json: Callable[..., Any], database: Database
) -> None:
    """Programs get an empty array."""
    assert database.path.exists()

    assert run("list").exit_code == 0
    assert run_json("list") == []


def test_a_long_table_is_cut_and_says_so(
    run: Callable[..., Any], run_json: Callable[..., Any], database: Database
) -> None:
    """People see the first thousand and hear that there are more; programs get all."""
    rows = TABLE_ROWS_MAX + 1
    with database.transaction():
        for number in range(rows):
            listings.add(database, Listing("bl.example", parse(f"2001:db8::{number:x}"), "spam"))

    cut = run("list")
    told = run("list", "--limit", str(rows))

    assert len(cut.stdout.splitlines()) == 2 + TABLE_ROWS_MAX
    assert cut.stderr == (
        "dnsbl: warning: there are more than these 1000; --limit N or -o json shows them\n"
    )
    assert (len(told.stdout.splitlines()), told.stderr) == (2 + rows, "")
    assert len(run_json("list")) == rows


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ((), ["192.0.2.1/32"]),
        (("--exclusions",), ["192.0.2.9/32"]),
    ],
)
def test_rows_that_name_no_network_are_counted(
    run: Callable[..., Any],
    run_json: Callable[..., Any],
    database: Database,
    arguments: tuple[str, ...],
    expected: list[str],
) -> None:
    """Other clients can write host bits; the list does not pass over them in silence."""
    listings.add(database, Listing("bl.example", parse("192.0.2.1"), "spam"))
    exclude(database, Exclusion("bl.example", parse("192.0.2.9")))
    with closing(sqlite3.connect(database.path)) as other, other:
        for table in ("listings", "exclusions"):
            other.executemany(
                f"INSERT INTO {table} (zone, network, category) VALUES ('bl.example', ?, 'spam')",  # noqa: S608
                [("192.0.2.3/30",), ("2001:db8:0:0::/64",)],
            )

    result = run("list", *arguments)

    assert result.exit_code == 0
    assert result.stderr == (
        "dnsbl: warning: left out: 2 rows cannot be served; `dnsbl check` says why\n"
    )
    assert [item["network"] for item in run_json("list", *arguments)] == expected


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--limit", "0"), "1<=x<=1000000000"),
        (("--zone", "other.example"), "the zones are: bl.example"),
    ],
)
def test_list_refuses_wrong_usage(
    run: Callable[..., Any], database: Database, arguments: tuple[str, ...], sentence: str
) -> None:
    """One line on standard error and exit code 2."""
    assert database.path.exists()

    result = run("list", *arguments)

    assert result.exit_code == 2
    assert sentence in result.stderr
    assert result.stderr.count("\n") == 1


def test_a_reader_that_goes_away_is_no_noise(house: House, database: Database) -> None:
    """`dnsbl list -o json | head -1` writes nothing on standard error."""
    with database.transaction():
        for number in range(5000):
            listings.add(database, Listing("bl.example", parse(f"2001:db8::{number:x}"), "spam"))
    process = subprocess.Popen(
        [sys.executable, "-m", "dnsbl", "list", "-o", "json", "--config", str(house.file)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stderr is not None

    first = process.stdout.readline()
    process.stdout.close()
    with process.stderr:
        noise = process.stderr.read()
    process.wait(60)

    assert first == b"[\n"
    assert noise == b""
