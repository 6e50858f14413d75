"""docs/reference/rfc.md is whole: every clause has its row, and what a row names is there."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

PROJECT = Path(__file__).parent.parent
CLAUSES = PROJECT / "tests" / "data" / "clauses.tsv"
PAGE = PROJECT / "docs" / "reference" / "rfc.md"

Clause = tuple[str, str, str]  # document, section, what it asks

ROW = re.compile(r"^\| (.+?) \| (.+?) \| (.+?) \| (.+?) \|$", re.MULTILINE)
NOTHING = "none"
NOT_YET = "not yet"

# What there is not, whole or (the packages) in part. Nothing else may be put off.
ABSENT = {
    ("Transfers", "RFC 5936", "AXFR"),
    ("Transfers", "RFC 1995", "IXFR"),
    ("Transfers", "RFC 1996", "NOTIFY"),
    ("Transfers", "RFC 8945", "TSIG"),
    ("What users of rbldnsd ask for", "spamhaus/rbldnsd#8 and its TODO", "AXFR"),
    ("What users of rbldnsd ask for", "rspamd/rbldnsd README, #1, #2", "packages"),
}
IN_PART = {("What users of rbldnsd ask for", "rspamd/rbldnsd README, #1, #2", "packages")}


def clauses() -> list[Clause]:
    """Those that have to be met, from tests/data."""
    lines = CLAUSES.read_text().splitlines()
    parts = [line.split("\t") for line in lines if not line.startswith("#")]
    return [(document, section, asks) for document, section, asks in parts]


def rows() -> dict[Clause, tuple[str, str]]:
    """Code and test of each clause, from the page."""
    found: dict[Clause, tuple[str, str]] = {}
    for part in PAGE.read_text().split("\n## ")[1:]:
        document, _, table = part.partition("\n")
        for section, asks, code, test in ROW.findall(table):
            if section not in {"section", "---"}:
                assert (document, section, asks) not in found
                found[document, section, asks] = (code, test)
    return found


def named(cell: str) -> list[tuple[str, str]]:
    """Files, each with what is named of it, or nothing."""
    parts = [quoted.partition("::") for quoted in re.findall(r"`([^`]+)`", cell)]
    return [(path, name) for path, _, name in parts]


@cache
def body_of(path: str) -> tuple[ast.stmt, ...]:
    """The statements at the top of a Python file."""
    return tuple(ast.parse((PROJECT / path).read_text()).body)


def functions_of(path: str) -> frozenset[str]:
    """The functions of a file that are tests."""
    return frozenset(
        node.name
        for node in body_of(path)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.name.startswith("test_")
    )


@cache
def names_of(path: str) -> frozenset[str]:
    """What a Python file defines at its top."""
    found: set[str] = set()
    for node in body_of(path):
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                found.add(node.name)
            case ast.AnnAssign(target=ast.Name(id=name)):
                found.add(name)
            case ast.Assign(targets=targets):
                found |= {target.id for target in targets if isinstance(target, ast.Name)}
    return frozenset(found)


def is_there(path: str, name: str) -> bool:
    """Whether that file exists, and defines or, as a page, says what is named."""
    file = PROJECT / path
    if not file.is_file() or not name:
        return file.is_file()
    return name in (names_of(path) if path.endswith(".py") else file.read_text())


def test_every_clause_has_a_row_and_every_row_a_clause() -> None:
    """In the same order, so that the page reads as its sources do."""
    expected = clauses()

    assert list(rows()) == expected
    assert len(set(expected)) == len(expected)


def test_only_what_is_truly_absent_is_put_off() -> None:
    """A row says "not yet" where it is on the list here, and each on the list says so."""
    put_off = {
        clause for clause, (code, test) in rows().items() if NOT_YET in f"{code} {test}".lower()
    }

    assert put_off == ABSENT
    assert {clause for clause in put_off if not rows()[clause][1].startswith(NOT_YET)} == IN_PART


@pytest.mark.parametrize("clause", clauses(), ids=": ".join)
def test_what_a_row_names_is_there(clause: Clause) -> None:
    """Code by its file and name, and a test; what is absent may have neither."""
    code, test = rows().get(clause, ("", ""))
    is_done = clause not in ABSENT or clause in IN_PART

    assert named(code) or (code == NOTHING and not is_done)
    assert named(test) or not is_done
    assert [found for found in named(code) + named(test) if not is_there(*found)] == []


@pytest.mark.parametrize("clause", clauses(), ids=": ".join)
def test_tests_are_tests(clause: Clause) -> None:
    """The last column names nothing but functions that pytest runs."""
    _, test = rows().get(clause, ("", ""))

    assert [
        (path, name)
        for path, name in named(test)
        if not re.fullmatch(r"tests/(?:.+/)?test_\w+\.py", path) or name not in functions_of(path)
    ] == []


def test_each_wish_of_rbldnsds_users_has_a_test_of_its_own() -> None:
    """Which no other of these rows names, but for transfers."""
    wishes = {
        clause: {name for _, name in named(test)}
        for clause, (_, test) in rows().items()
        if clause[0] == "What users of rbldnsd ask for" and clause[2] != "AXFR"
    }

    for clause, tests in wishes.items():
        others = set().union(*(names for other, names in wishes.items() if other != clause))
        assert tests - others, clause
