"""`token`: made once and shown, kept as a hash, listed and revoked by its name."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from typing import Any

import pytest

from dnsbl.store import api_tokens
from dnsbl.store.database import Database

Run = Callable[..., Any]
DAY_S = 86_400


def audited(database: Database) -> list[tuple[str, str]]:
    """What the audit has, in order: act and note."""
    return [tuple(row) for row in database.rows("SELECT act, note FROM audit ORDER BY id")]


def test_create_shows_a_token_once_and_keeps_its_hash(run: Run, database: Database) -> None:
    """With where to log in; nothing of it is in the database or the audit."""
    result = run("token", "create", "anna", "--scope", "review", "--for", "90d")

    [text] = re.findall(r"^  (dnsbl_[A-Za-z0-9_-]{43})$", result.stdout, re.MULTILINE)
    found = api_tokens.find_by_hash(database, api_tokens.token_hash(text))
    assert (result.exit_code, result.stderr) == (0, "")
    assert re.search(r"^anna may review, until 20\S+, with this token", result.stdout)
    assert re.search(r"^To log in with it: http://\S+/operator/login$", result.stdout, re.MULTILINE)
    assert found is not None
    assert (found.name, found.scopes) == ("anna", {"review"})
    assert found.created_at == pytest.approx(time.time(), abs=60)
    assert found.expires_at == found.created_at + 90 * DAY_S
    assert audited(database) == [("token.created", "anna, for review")]
    assert not any(text.encode() in file.read_bytes() for file in database.path.parent.iterdir())


def test_tokens_print_json(run_json: Run) -> None:
    """The shapes that docs/commands.md describes, through a whole life."""
    made = run_json("token", "create", "ci", "--scope", "review")
    shape = {name: made[name] for name in made if name != "token"}

    assert api_tokens.may_be_token(made["token"])
    assert shape == {
        "id": shape["id"], "name": "ci", "scopes": ["review"], "created_at": shape["created_at"],
        "expires_at": None, "revoked_at": None, "last_used_at": None,
    }  # fmt: skip
    assert run_json("token", "list") == [shape]
    [revoked] = run_json("token", "revoke", "ci")
    assert revoked == shape | {"revoked_at": revoked["revoked_at"]}
    assert run_json("token", "list") == []
    assert run_json("token", "list", "--revoked") == [revoked]


def test_list_is_a_table(run: Run) -> None:
    """Names, scopes and times; not the tokens."""
    made = run("token", "create", "anna", "--scope", "review").stdout

    shown = run("token", "list").stdout

    assert re.search(r"^anna +review +20\S+Z +never +never *$", shown, re.MULTILINE)
    assert made.split("\n  ")[1][:49] not in shown


def test_a_token_that_was_found_somewhere_is_revoked(run: Run, run_json: Run) -> None:
    """By itself, and it is not repeated on any output."""
    text = run_json("token", "create", "anna", "--scope", "review")["token"]

    done = run("token", "revoke", text)
    again = run("token", "revoke", text)

    assert (done.exit_code, done.stdout) == (0, "the token anna is revoked\n")
    assert again.exit_code == 1
    assert again.stderr == "dnsbl: argument 1 is a token, but none that is good\n"


def test_one_that_is_not_there_keeps_no_other_from_being_revoked(
    run: Run, database: Database
) -> None:
    """The exit code is 1, with a line for each that is missing."""
    run("token", "create", "anna", "--scope", "review")

    result = run("token", "revoke", "bob", "anna", "carl", "-o", "json")

    assert result.exit_code == 1
    assert [one["name"] for one in json.loads(result.stdout)] == ["anna"]
    assert result.stderr == (
        "dnsbl: there is no token bob that is not revoked\n"
        "dnsbl: there is no token carl that is not revoked\n"
    )
    assert audited(database)[-1] == ("token.revoked", "anna")


def test_what_makes_no_token_is_refused(run: Run) -> None:
    """A name that was given, one that none can have, no scope, or one that nobody knows."""
    run("token", "create", "anna", "--scope", "review")

    twice = run("token", "create", "anna", "--scope", "review")
    name = run("token", "create", "Anna B", "--scope", "review")
    without = run("token", "create", "bob")
    unknown = run("token", "create", "bob", "--scope", "all")

    assert twice.exit_code == 1
    assert twice.stderr == (
        "dnsbl: there is, or was, a token anna; give the new one a name of its own, "
        "such as anna-2\n"
    )
    assert [result.exit_code for result in (name, without, unknown)] == [2, 2, 2]
    assert "a token's name is 1 to 64 of a-z" in name.stderr
    assert "Missing option '--scope'. Choose from: review (see" in without.stderr
    assert "'all' is not 'review'" in unknown.stderr
