"""`exclude`."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
from house import ZONE_TEXT, House

from dnsbl.network import parse
from dnsbl.store import audit
from dnsbl.store.database import Database
from dnsbl.store.exclusions import Exclusion, browse_exclusions, exclude


def test_exclude_keeps_every_detail(run: Callable[..., Any], database: Database) -> None:
    """Network, category, reason, expiry; an operator's, not a delisting's."""
    result = run(
        "exclude", "192.0.2.1", "--category", "spam", "--reason", "customer", "--for", "2h"
    )

    [found] = browse_exclusions(database)
    assert result.exit_code == 0
    assert result.stdout.startswith("192.0.2.1 excluded from bl.example/spam until 20")
    assert found.excluded_at == pytest.approx(time.time(), abs=60)
    assert found == Exclusion(
        "bl.example", parse("192.0.2.1"), "spam", "customer",
        excluded_at=found.excluded_at, expires_at=found.excluded_at + 7200,
    )  # fmt: skip


def test_exclude_prints_json(run_json: Callable[..., Any]) -> None:
    """The shape that docs/commands.md describes, through a whole life."""
    shape = {"network": "192.0.2.0/24", "zone": "bl.example", "category": None, "expires_at": None}

    assert run_json("exclude", "192.0.2.0/24") == [{**shape, "result": "excluded"}]
    assert run_json("exclude", "192.0.2.0/24") == [{**shape, "result": "already_excluded"}]
    assert run_json("exclude", "192.0.2.0/24", "--reason", "x") == [{**shape, "result": "updated"}]
    assert run_json("exclude", "192.0.2.0/24", "--remove") == [{**shape, "result": "removed"}]


def test_an_excluded_address_is_unlisted_inside_a_listed_network(
    run: Callable[..., Any], run_json: Callable[..., Any]
) -> None:
    """That is what it is for; without it the network lists the address again."""
    run("add", "192.0.2.0/24")

    run("exclude", "192.0.2.1")
    excluded = run_json("show", "192.0.2.1")["listed"]
    run("exclude", "192.0.2.1", "--remove")

    assert excluded is False
    assert run_json("show", "192.0.2.1")["listed"] is True


def test_remove_takes_every_exclusion_of_that_network_away_unless_narrowed(
    run: Callable[..., Any], database: Database
) -> None:
    """A delisting's among them, in zones that no file names now, but of no other network."""
    for exclusion in (
        Exclusion("bl.example", parse("192.0.2.1"), "spam"),
        Exclusion("bl.example", parse("192.0.2.1"), grace=True),
        Exclusion("old.example", parse("192.0.2.1")),
        Exclusion("bl.example", parse("192.0.2.0/24")),
    ):
        exclude(database, exclusion)

    narrowed = run("exclude", "192.0.2.1", "--remove", "--category", "spam")
    rest = run("exclude", "192.0.2.1", "--remove")

    assert narrowed.stdout == "192.0.2.1 no longer excluded from bl.example/spam\n"
    assert sorted(rest.stdout.splitlines()) == [
        "192.0.2.1 no longer excluded from bl.example",
        "192.0.2.1 no longer excluded from old.example",
    ]
    assert [str(item.network) for item in browse_exclusions(database)] == ["192.0.2.0/24"]


def test_remove_of_what_is_not_excluded_is_exit_code_1(
    run: Callable[..., Any], database: Database
) -> None:
    """Each that is not has its sentence; those that are go all the same."""
    run("exclude", "192.0.2.2")

    result = run("exclude", "192.0.2.1", "192.0.2.2", "192.0.2.3", "--remove")

    assert result.exit_code == 1
    assert result.stderr.splitlines() == [
        "dnsbl: 192.0.2.1 is not excluded",
        "dnsbl: 192.0.2.3 is not excluded",
    ]
    assert list(browse_exclusions(database)) == []


@pytest.mark.parametrize(
    ("arguments", "exit_code", "sentence"),
    [
        (("0.0.0.0/0",), 1, "whole of IPv4; it is never excluded"),
        (("::/0",), 1, "whole of IPv6; it is never excluded"),
        (("192.0.2.1/24",), 2, "host bits"),
        (("127.0.0.2",), 1, "127.0.0.2 is a test entry of bl.example (RFC 5782 §5)"),
        (("192.0.2.1", "--for", "1y"), 2, "is not a duration"),
        (("192.0.2.1", "--category", "other"), 2, "its categories are: spam"),
        (("192.0.2.1", "--zone", "other.example"), 2, "the zones are: bl.example"),
        (("192.0.2.1", "--reason", "x" * 1001), 2, "longer than 1000"),
        (("192.0.2.1", "--remove", "--for", "1d"), 2, "goes with neither"),
        (("192.0.2.1", "--remove", "--zone", "other.example"), 2, "there is no zone"),
    ],
)
def test_exclude_refuses_what_is_wrong_and_changes_nothing(
    run: Callable[..., Any],
    database: Database,
    arguments: tuple[str, ...],
    exit_code: int,
    sentence: str,
) -> None:
    """One line on standard error; the good arguments before it are not excluded either."""
    result = run("exclude", "203.0.113.9", *arguments)

    assert result.exit_code == exit_code
    assert sentence in result.stderr
    assert result.stderr.count("\n") == 1
    assert list(browse_exclusions(database)) == []


def test_exclude_needs_a_zone_where_there_are_several(
    run: Callable[..., Any], house: House
) -> None:
    """The error lists the choices."""
    house.write_zone(ZONE_TEXT.replace("bl.example", "dul.example"), "dul.example")

    result = run("exclude", "192.0.2.1")

    assert result.exit_code == 2
    assert "choose one with --zone: bl.example, dul.example" in result.stderr


def test_exclude_leaves_its_lines_in_the_audit(run: Callable[..., Any], database: Database) -> None:
    """Excluded, changed, taken away."""
    run("exclude", "192.0.2.1", "--reason", "customer")
    run("exclude", "192.0.2.1", "--reason", "customer", "--for", "1d")
    run("exclude", "192.0.2.1", "--remove")

    trail = audit.trail(database, parse("192.0.2.1"), 10)
    assert [(act.act, act.zone, act.note) for act in trail] == [
        ("exclusion.removed", "bl.example", "customer"),
        ("exclusion.changed", "bl.example", "customer"),
        ("exclusion.added", "bl.example", "customer"),
    ]
