"""Which migrations a database has, and which it should have.

Asked at every opening, and so without sqlite-utils: a process that only reads,
the DNS server above all, has no use for its megabytes. `schema` holds the
migrations themselves, for whoever has to apply one.
"""

from __future__ import annotations

import sqlite3
from typing import Final

SET: Final = "dnsbl"  # sqlite-utils keeps the migrations of all programs in one table
# The names of `schema.MIGRATIONS`, in their order.
NAMES: Final = (
    "0001_first",
    "0002_bulk_imports",
    "0003_names_and_texts",
    "0004_access_keys",
    "0005_delisting",
    "0006_afterwards",
)


def applied(connection: sqlite3.Connection) -> list[str]:
    """The migrations that the database has, of this version or of a newer one."""
    if "_sqlite_migrations" not in _tables(connection):
        return []
    rows = connection.execute(
        "SELECT name FROM _sqlite_migrations WHERE migration_set = ? ORDER BY rowid", (SET,)
    )
    return [str(row[0]) for row in rows]


def unknown(connection: sqlite3.Connection) -> list[str]:
    """The migrations that a newer version applied and this one does not know."""
    return [name for name in applied(connection) if name not in NAMES]


def pending(connection: sqlite3.Connection) -> bool:
    """Whether the database lacks a migration of this version."""
    return not set(NAMES) <= set(applied(connection))


def is_foreign(connection: sqlite3.Connection) -> bool:
    """Whether another program filled the database: it has tables, but not one migration of ours."""
    return not applied(connection) and bool(_tables(connection))


def _tables(connection: sqlite3.Connection) -> set[str]:
    return {
        row[0] for row in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")
    }
