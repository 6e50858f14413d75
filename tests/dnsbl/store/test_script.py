"""A migration's text is run statement by statement, inside the transaction that is there."""

from __future__ import annotations

import pytest

from dnsbl.store import script
from dnsbl.store.database import Database, StoreError

TABLE = "CREATE TABLE made (text TEXT DEFAULT 'a;b')"
TRIGGER = """CREATE TRIGGER noted AFTER INSERT ON made BEGIN
    UPDATE made SET text = 'BEGIN; END;'; -- one; two
    DELETE FROM made WHERE text = 'a;b';
END"""

ROW = "INSERT INTO made VALUES ('x')"


def test_statements_end_where_sqlite_says_so() -> None:
    """Not at a semicolon in a text, a comment, or the body of a trigger."""
    text = f"-- of; these\n{TABLE};\n/* and; */ {TRIGGER};\n\nSELECT 1 -- no end"

    assert list(script.statements(text)) == [
        f"-- of; these\n{TABLE};",
        f"/* and; */ {TRIGGER};",
        "SELECT 1 -- no end",
    ]


@pytest.mark.parametrize("text", ["", " \n"])
def test_nothing_is_no_statement(text: str) -> None:
    """Nor is what stands behind the last semicolon, if that is nothing."""
    assert list(script.statements(text)) == []
    assert list(script.statements(f"{TABLE};{text}")) == [f"{TABLE};"]


@pytest.mark.timeout(30)  # hours, if it were read anew at each character
def test_a_long_statement_is_read_once() -> None:
    """A statement of a megabyte, and one with many semicolons, take a moment."""
    long = f"SELECT '{'x' * 1_000_000}';"
    many = f"SELECT '{';' * 1_000}';"

    assert list(script.statements(long + many)) == [long, many]


def test_what_fails_undoes_all_of_the_transaction(database: Database) -> None:
    """The statements before it too: nothing is committed on the way."""
    with pytest.raises(StoreError, match="no such table"), database.transaction():
        script.run(database.db, f"{TABLE}; DROP TABLE missing;")

    assert database.rows("SELECT name FROM sqlite_schema WHERE name = 'made'") == []


def test_all_statements_are_run(database: Database) -> None:
    """A trigger's body with them."""
    with database.transaction():
        script.run(database.db, f"{TABLE}; {TRIGGER}; {ROW}")

    assert [row[0] for row in database.rows("SELECT text FROM made")] == ["BEGIN; END;"]
