"""`key`: made once and shown, kept as a hash, counted and revoked by its holder's name."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from typing import Any

import pytest
from house import ZONE_TEXT, House

from dnsbl.config.keys import may_be_key
from dnsbl.store import access_keys
from dnsbl.store.access_keys import AccessKey
from dnsbl.store.database import Database

Run = Callable[..., Any]


@pytest.fixture
def keyed(house: House) -> House:
    """The house, whose zone is asked with keys."""
    house.write_zone(ZONE_TEXT.replace("[category", '[keys]\nmode = "optional"\n[category', 1))
    return house


def audited(database: Database) -> list[tuple[str, str, str]]:
    """What the audit has, in order: act, zone and note."""
    rows = database.rows("SELECT act, zone, note FROM audit ORDER BY id")
    return [tuple(row) for row in rows]


@pytest.mark.usefixtures("keyed")
def test_add_shows_a_key_once_and_keeps_its_hash(run: Run, database: Database) -> None:
    """With how to ask with it; nothing of it is in the database or the audit."""
    result = run("key", "add", "acme", "--quota", "1000")

    [text] = re.findall(r"^  ([a-z2-7]{26})$", result.stdout, re.MULTILINE)
    [found] = access_keys.browse(database)
    assert result.exit_code == 0
    assert result.stderr == ""
    assert result.stdout == (
        "acme may ask bl.example, 1000 queries a day, with this key, shown once:\n\n"
        f"  {text}\n\n"
        f"In a mail server, the list is now {text}.bl.example\n"
        f"For 1.2.3.4 it asks for 4.3.2.1.{text}.bl.example\n"
        f"To try it: dig 2.0.0.127.{text}.bl.example\n"
    )
    assert found.created_at == pytest.approx(time.time(), abs=60)
    assert found == AccessKey(
        access_keys.key_hash(text.encode()) or b"", "bl.example", "acme", 1000, found.created_at
    )
    assert audited(database) == [("key.added", "bl.example", "acme, 1000 queries a day")]
    assert not any(text.encode() in file.read_bytes() for file in database.path.parent.iterdir())


def test_add_says_how_names_are_asked(run: Run, house: House) -> None:
    """A zone of names has another test entry."""
    house.write_zone(
        'lists = "names"\n'
        + ZONE_TEXT.replace("[category", '[keys]\nmode = "required"\n[category', 1)
    )

    result = run("key", "add", "acme", "--for", "1d")

    assert re.search(r"For example.com it asks for example.com\.[a-z2-7]{26}\.bl\.", result.stdout)
    assert re.search(
        r"To try it: dig TEST\.[a-z2-7]{26}\.bl\.example$", result.stdout, re.MULTILINE
    )
    assert "as many queries as it likes, until 20" in result.stdout


def test_add_warns_where_the_zone_is_not_asked_with_keys(run: Run) -> None:
    """It is made all the same: the zone file may come later."""
    result = run("key", "add", "acme")

    assert result.exit_code == 0
    assert result.stderr == (
        'dnsbl: warning: bl.example is not asked with keys: keys.mode is "off" in its zone file\n'
    )


@pytest.mark.usefixtures("keyed")
def test_keys_print_json(run_json: Run) -> None:
    """The shapes that docs/commands.md describes, through a whole life."""
    added = run_json("key", "add", "acme", "--for", "2h")
    shape = {name: added[name] for name in added if name not in ("key", "ask")}

    assert may_be_key(added["key"].encode())
    assert added["ask"] == f"{added['key']}.bl.example"
    assert shape == {
        "zone": "bl.example", "holder": "acme", "id": shape["id"], "quota_per_day": None,
        "created_at": shape["created_at"], "expires_at": shape["created_at"] + 7200,
        "revoked_at": None,
    }  # fmt: skip
    assert re.fullmatch("[0-9a-f]{16}", shape["id"])
    assert run_json("key", "list") == [shape | {"queries_today": 0}]
    changed = shape | {"quota_per_day": 5, "expires_at": None}
    assert run_json("key", "change", "acme", "--quota", "5", "--no-end") == [changed]
    [revoked] = run_json("key", "revoke", "acme")
    assert revoked == changed | {"revoked_at": revoked["revoked_at"]}
    assert run_json("key", "list") == []
    assert run_json("key", "list", "--revoked") == [revoked | {"queries_today": 0}]


@pytest.mark.usefixtures("keyed")
def test_list_shows_no_key_but_who_has_one(run: Run, run_json: Run, house: House) -> None:
    """And what was asked with it today, as the DNS server tells."""
    added = run_json("key", "add", "acme", "--quota", "9")
    counts = {"id": added["id"], "holder": "acme", "day": int(time.time()) // 86_400,
              "today": 7, "queries": 8, "over_quota": 0}  # fmt: skip
    house.config.data.dns_status.write_text(
        json.dumps({"zones": {"bl.example": {"keys": {"holders": [counts], "rejected": []}}}})
    )

    result = run("key", "list")

    assert re.search(r"^bl\.example +acme +9 +7 +20", result.stdout, re.MULTILINE)
    assert added["key"] not in result.stdout
    assert run_json("key", "list")[0]["queries_today"] == 7


@pytest.mark.usefixtures("keyed")
def test_revoke_takes_a_holder_or_a_key_itself(run: Run, run_json: Run, database: Database) -> None:
    """In whatever case; what is not there is told without any key in it."""
    run("key", "add", "acme")
    added = run_json("key", "add", "other")

    by_key = run("key", "revoke", added["key"].upper())
    rest = run("key", "revoke", added["key"], "acme", "nobody")

    assert by_key.stdout == "the key of other for bl.example is revoked\n"
    assert rest.exit_code == 1
    assert rest.stdout == "the key of acme for bl.example is revoked\n"
    assert rest.stderr.splitlines() == [
        "dnsbl: argument 1 is a key, but none that is good",
        "dnsbl: nobody has no good key",
    ]
    assert [act for act, _, _ in audited(database)] == ["key.added"] * 2 + ["key.revoked"] * 2


@pytest.mark.usefixtures("keyed")
def test_commands_keep_to_a_zone(run: Run, house: House, database: Database) -> None:
    """The key of a zone that no file names any more can be revoked too."""
    run("key", "add", "acme")
    access_keys.add(database, AccessKey(bytes(32), "dul.example", "acme", None, 1))
    house.write_zone(ZONE_TEXT.replace("bl.example", "dul.example"), "dul.example")

    result = run("key", "revoke", "acme", "--zone", "dul.example")
    nothing = run("key", "change", "acme", "--zone", "dul.example", "--quota", "1")

    assert result.stdout == "the key of acme for dul.example is revoked\n"
    assert nothing.exit_code == 1
    assert nothing.stderr == "dnsbl: acme has no good key in dul.example\n"
    assert [key.zone for key in access_keys.browse(database) if not key.revoked_at] == [
        "bl.example"
    ]


@pytest.mark.usefixtures("keyed")
def test_change_that_changes_nothing_leaves_no_line_in_the_audit(
    run: Run, database: Database
) -> None:
    """It is no error either."""
    run("key", "add", "acme", "--quota", "5")
    results = [
        run("key", "change", "acme", "--quota", "5"),
        run("key", "change", "acme", "--no-quota"),
        run("key", "change", "acme", "--quota", "1"),
    ]

    assert [result.stdout for result in results] == [
        "acme may ask bl.example, 5 queries a day\n",
        "acme may ask bl.example, as many queries as it likes\n",
        "acme may ask bl.example, 1 query a day\n",
    ]
    assert [act for act, _, _ in audited(database)] == ["key.added"] + ["key.changed"] * 2


@pytest.mark.parametrize(
    ("arguments", "exit_code", "sentence"),
    [
        (("add", "Acme"), 2, "a holder's name is 1 to 64 of a-z"),
        (("add", "a" * 26), 2, "form of a key"),
        (("add", "acme", "--quota", "0"), 2, "0 is not in the range"),
        (("add", "acme", "--for", "1y"), 2, "is not a duration"),
        (("add", "acme", "--zone", "other.example"), 2, "the zones are: bl.example"),
        (("add", "taken"), 1, "taken has a key of bl.example; revoke it first"),
        (("change", "taken"), 2, "nothing to change"),
        (("change", "taken", "--quota", "1", "--no-quota"), 2, "goes without --no-quota"),
        (("change", "taken", "--for", "1d", "--no-end"), 2, "without --no-end"),
        (("change", "acme", "--quota", "1"), 1, "acme has no good key"),
        (("revoke", "a@b"), 2, "a holder's name is"),
        (("revoke", "taken", "--zone", "other.example"), 2, "there is no zone"),
        (("list", "--zone", "other.example"), 2, "there is no zone"),
        (("show",), 2, "No such command"),
    ],
)
def test_what_is_wrong_is_refused_and_changes_nothing(
    run: Run, database: Database, arguments: tuple[str, ...], exit_code: int, sentence: str
) -> None:
    """One line on standard error."""
    taken = AccessKey(bytes(32), "bl.example", "taken", 7, 1)
    access_keys.add(database, taken)

    result = run("key", *arguments)

    assert result.exit_code == exit_code
    assert sentence in result.stderr
    assert result.stderr.count("\n") == 1
    assert list(access_keys.browse(database)) == [taken]
    assert audited(database) == []
