"""Runs a migration's text inside the caller's transaction.

`sqlite3` would commit before a script. `sqlite-utils` would not, but asks at every
character whether a statement is complete, and each time of all of it: most of the
time that a new database took.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

from sqlite_utils import Database as SqliteUtils


def run(db: SqliteUtils, sql: str) -> None:
    """Runs the statements one after the other. Raises sqlite3.Error."""
    for statement in statements(sql):
        db.execute(statement)


def statements(sql: str) -> Iterator[str]:
    """The statements of a text. Only a semicolon may end one; many stand inside of one."""
    *pieces, rest = sql.split(";")
    begun = ""
    for piece in pieces:
        begun += f"{piece};"
        if sqlite3.complete_statement(begun):
            yield begun.strip()
            begun = ""
    if unended := (begun + rest).strip():
        yield unended
