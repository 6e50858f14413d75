"""docs/database.md is true: its tables are the schema's, and its examples run."""

from __future__ import annotations

import os
import re
import shutil
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path
from typing import get_args

import pytest
from house import House

from dnsbl.network import parse
from dnsbl.store import deliveries, exclusions, journal, listings, outbox
from dnsbl.store.database import Database
from dnsbl.store.request_states import State

COLUMN = re.compile(r"^\| `(\w+)` \| (.*) \|$", re.MULTILINE)
PAGE = (Path(__file__).parents[3] / "docs" / "database.md").read_text()
EXAMPLE = re.compile(r"^```sh\n(.*?)^```\n(?:```text\n(.*?)^```\n)?", re.MULTILINE | re.DOTALL)


def described() -> dict[str, dict[str, str]]:
    """For each table of the page, its columns and what they mean."""
    return {
        section.partition("\n")[0]: dict(COLUMN.findall(section))
        for section in PAGE.split("\n### ")[1:]
    }


def test_every_table_and_column_is_documented_and_no_other(database: Database) -> None:
    """What an operator sees in the shell is on the page, in the same order."""
    tables = [
        row["name"]
        for row in database.rows("SELECT name FROM sqlite_schema WHERE type = 'table'")
        if not row["name"].startswith(("sqlite_", "_sqlite_"))
    ]

    assert {name: list(columns) for name, columns in described().items()} == {
        name: [row["name"] for row in database.rows(f"PRAGMA table_info({name})")]
        for name in tables
    }


@pytest.mark.parametrize(
    ("table", "column", "words"),
    [
        ("delist_requests", "state", {str(state) for state in State}),
        ("outbox", "state", set(get_args(outbox.MailState))),
        ("journal", "kind", set(get_args(journal.RowKind))),
        ("journal", "op", set(get_args(journal.Op))),
        ("hook_deliveries", "state", set(get_args(deliveries.DeliveryState))),
    ],
)
def test_the_words_in_columns_are_documented(table: str, column: str, words: set[str]) -> None:
    """Where a column holds one of a few words, the page has them all."""
    assert set(re.findall(r"`(\w+)`", described()[table][column])) == words


@pytest.mark.skipif(
    shutil.which("sqlite3") is None and "CI" not in os.environ, reason="needs the sqlite3 shell"
)
def test_the_examples_do_what_is_said(house: House, database: Database) -> None:
    """Each command of the page succeeds while the database is in use, and prints what is shown."""
    examples = EXAMPLE.findall(PAGE)
    said = [
        subprocess.run(
            ["sh", "-e", "-c", command],
            cwd=house.folder, capture_output=True, text=True, check=True,
        ).stdout
        for command, _ in examples
    ]  # fmt: skip

    assert len(examples) == 8
    assert said == [shown for _, shown in examples]
    assert [str(item.network) for item in listings.browse(database)] == ["198.51.100.0/24"]
    assert [str(item.network) for item in exclusions.browse_exclusions(database)] == [
        "198.51.100.7/32"
    ]


STATEMENTS = re.findall(r"^\| (`INSERT|`UPDATE|`DELETE)(.*?) \| (.*?) \|$", PAGE, re.MULTILINE)


def test_the_table_of_statements_is_true(database: Database) -> None:
    """Each line of the table of triggers, carried out by a plain client."""
    key = "('bl.example', '192.0.2.1/32', 'spam')"
    insert = f"INSERT INTO listings (zone, network, category) VALUES {key}"  # noqa: S608
    upsert = f"{insert} ON CONFLICT DO UPDATE SET reason = "
    replace = insert.replace("INSERT", "INSERT OR REPLACE")
    steps: list[tuple[str, list[str]]] = [
        (insert, ["added"]),
        ("UPDATE listings SET reason = 'x'", ["changed"]),
        ("UPDATE listings SET reason = 'x'", []),
        ("UPDATE listings SET category = 'policy'", ["removed", "added"]),
        ("DELETE FROM listings", ["removed"]),
        (f"{upsert} 'y'", ["added"]),
        (f"{upsert} 'y'", ["changed"]),
        (f"{upsert} 'y'", []),
        (replace, ["added"]),
        ("PRAGMA recursive_triggers = ON", []),
        (replace, ["removed", "added"]),
    ]
    with closing(sqlite3.connect(database.path, isolation_level=None)) as shell:
        for sql, expected in steps:
            before = journal.position(database).last_seq
            shell.execute(sql)
            happened = journal.history(database, parse("192.0.2.1"), 9)

            assert [one.op for one in happened[::-1] if one.seq > before] == expected
    assert [line[0] + line[1] for line in STATEMENTS] == [
        "`INSERT`", "`UPDATE` of other columns than the key",
        "`UPDATE` of zone, network or category", "`DELETE`", "`INSERT … ON CONFLICT DO UPDATE`",
        "`INSERT OR REPLACE`",
    ]  # fmt: skip
