"""`show`."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import Any

import pytest
from house import ZONE_TEXT, House

from dnsbl.cli import options
from dnsbl.network import parse
from dnsbl.store import audit, history, listings, requests
from dnsbl.store.audit import Act
from dnsbl.store.database import Database
from dnsbl.store.exclusions import Exclusion, exclude
from dnsbl.store.listings import Listing
from dnsbl.store.request_states import State
from dnsbl.store.requests import NewRequest

SECOND_CATEGORY = """\
[category.policy]
answer = "127.0.0.10"
text = "[$] sends no mail by itself"
delist = "never"
"""


def request(database: Database, address: str, mailbox: str, created_at: int) -> int:
    """A delist request, as the portal would make it."""
    domain = mailbox.rpartition("@")[2]
    return requests.create(
        database,
        NewRequest(
            f"{created_at:032}".encode(), address, mailbox, mailbox, domain, "203.0.113.1", "en",
            created_at, created_at + 86_400,
        ),
    )  # fmt: skip


def test_show_tells_the_verdict_of_each_category_and_what_decides(
    run_json: Callable[..., Any], house: House, database: Database
) -> None:
    """A /32 exclusion of one category inside a listed /24, while another category lists it."""
    house.write_zone(ZONE_TEXT + SECOND_CATEGORY)
    address, around = parse("192.0.2.1"), parse("192.0.2.0/24")
    listings.add(database, Listing("bl.example", around, "spam"))
    listings.add(database, Listing("bl.example", around, "policy", expires_at=4_000_000_000))
    exclude(database, Exclusion("bl.example", address, "spam"))

    known = run_json("show", "192.0.2.1")

    assert known["listed"] is True
    assert known["verdicts"] == [
        {
            "zone": "bl.example", "reputation": "bad", "category": "spam", "listed": False,
            "answer": None, "delist": "self", "built_in": False,
            "decided_by": {"kind": "exclusion", "network": "192.0.2.1/32", "expires_at": None},
        },
        {
            "zone": "bl.example", "reputation": "bad", "category": "policy", "listed": True,
            "answer": "127.0.0.10", "delist": "never", "built_in": False,
            "decided_by": {
                "kind": "listing", "network": "192.0.2.0/24", "expires_at": 4_000_000_000,
            },
        },
    ]  # fmt: skip


def test_show_of_an_address_that_nobody_knows_is_exit_code_0(
    run: Callable[..., Any], run_json: Callable[..., Any], database: Database
) -> None:
    """There is nothing to tell, and that is told."""
    assert database.path.exists()

    known = run_json("show", "2001:db8::1")
    result = run("show", "2001:db8::1")

    assert known.pop("at") == pytest.approx(time.time(), abs=60)
    assert known == {
        "address": "2001:db8::1",
        "name": None,
        "listed": False,
        "verdicts": [
            {"zone": "bl.example", "reputation": "bad", "category": "spam", "listed": False,
             "answer": None, "delist": "self", "built_in": False, "decided_by": None},
        ],
        "listings": [], "exclusions": [], "requests": [], "history": [],
    }  # fmt: skip
    assert result.exit_code == 0
    assert result.stdout.startswith("2001:db8::1 is not listed.\n")
    assert "nothing covers it" in result.stdout


def test_show_lists_all_that_covers_the_address(
    run_json: Callable[..., Any], database: Database
) -> None:
    """The most specific first, with every detail, expired ones and other zones' among them."""
    one = Listing("bl.example", parse("192.0.2.0/24"), "spam", "r", "s", "e", 5, 6, "t")
    other = Listing("old.example", parse("192.0.2.0/25"), "bad", listed_at=7)
    exclusion = Exclusion("bl.example", parse("192.0.0.0/16"), "", "why", True, 8, 9)  # noqa: FBT003
    for listing in (one, other, Listing("bl.example", parse("192.0.2.2"), "spam")):
        listings.add(database, listing)
    exclude(database, exclusion)

    known = run_json("show", "192.0.2.1")

    assert known["listed"] is False
    assert known["listings"] == [
        {"zone": "old.example", "network": "192.0.2.0/25", "category": "bad", "reason": "",
         "source": "", "evidence": "", "listed_at": 7, "expires_at": None, "text": ""},
        {"zone": "bl.example", "network": "192.0.2.0/24", "category": "spam", "reason": "r",
         "source": "s", "evidence": "e", "listed_at": 5, "expires_at": 6, "text": "t"},
    ]  # fmt: skip
    assert known["exclusions"] == [
        {"zone": "bl.example", "network": "192.0.0.0/16", "category": None, "reason": "why",
         "grace": True, "excluded_at": 8, "expires_at": 9},
    ]  # fmt: skip


@pytest.mark.parametrize("address", ["127.0.0.2", "::ffff:127.0.0.2", "127.0.0.10"])
def test_test_entries_are_said_to_be_built_in(
    run: Callable[..., Any],
    run_json: Callable[..., Any],
    house: House,
    database: Database,
    address: str,
) -> None:
    """Each value's test address is listed for it, though no row says so (RFC 5782 §5)."""
    house.write_zone(ZONE_TEXT + SECOND_CATEGORY)
    exclude(database, Exclusion("bl.example", parse("127.0.0.0/8")))

    known = run_json("show", address)

    listed = {verdict["answer"] for verdict in known["verdicts"] if verdict["listed"]}
    assert listed == {known["address"]}
    assert all(verdict["built_in"] for verdict in known["verdicts"])
    assert "built-in test entry (RFC 5782 §5)" in run("show", address).stdout


def test_127_0_0_1_is_never_listed(run_json: Callable[..., Any], database: Database) -> None:
    """Not even with loopback listed around it (RFC 5782 §5)."""
    listings.add(database, Listing("bl.example", parse("127.0.0.0/8"), "spam"))

    [verdict] = run_json("show", "127.0.0.1")["verdicts"]

    assert (verdict["listed"], verdict["built_in"]) == (False, True)


def test_show_lists_delist_requests_with_the_mailbox_masked(
    run: Callable[..., Any], run_json: Callable[..., Any], database: Database
) -> None:
    """Those of this very address, the newest first; no mailbox is shown whole."""
    old = request(database, "192.0.2.1", "postmaster@sender.example", 1000)
    new = request(database, "192.0.2.1", "x@sender.example", 2000)
    request(database, "192.0.2.2", "other@sender.example", 3000)
    requests.move(database, old, State.REFUSED, actor="test", now=1500, note="too soon")

    found = run_json("show", "192.0.2.1")["requests"]
    text = run("show", "192.0.2.1").stdout

    assert found == [
        {"id": new, "mailbox": "…@sender.example", "state": "requested", "note": "",
         "created_at": 2000, "state_at": 2000, "expires_at": 88_400},
        {"id": old, "mailbox": "p…@sender.example", "state": "refused", "note": "too soon",
         "created_at": 1000, "state_at": 1500, "expires_at": 87_400},
    ]  # fmt: skip
    assert "p…@sender.example" in text
    assert "postmaster" not in text


def test_history_merges_journal_and_audit_by_time(
    run: Callable[..., Any], run_json: Callable[..., Any], database: Database
) -> None:
    """The newest first: our own acts with their actor, and what other clients did without us."""
    run("add", "192.0.2.0/24", "--reason", "trap")
    listings.add(database, Listing("bl.example", parse("192.0.2.1"), "spam"))
    run("exclude", "192.0.2.1")

    history = run_json("show", "192.0.2.1")["history"]

    assert [event["at"] for event in history] == sorted(
        (event["at"] for event in history), reverse=True
    )
    assert sorted((event["source"], event["what"], event["network"]) for event in history) == [
        ("audit", "exclusion.added", "192.0.2.1/32"),
        ("audit", "listing.added", "192.0.2.0/24"),
        ("journal", "listing added", "192.0.2.1/32"),
    ]
    assert [
        (event["actor"], event["note"])
        for event in history
        if event["what"] == "listing.added"
    ] == [(options.actor(), "trap")]  # fmt: skip


def test_a_change_is_told_once(run_json: Callable[..., Any], database: Database) -> None:
    """A line of the audit stands for one line of the journal of the same change, and no other."""
    now, address = int(time.time()), parse("192.0.2.1")
    for seconds, act in ((0, "listing.added"), (0, "listing.changed"), (-60, "listing.removed")):
        line = Act(now + seconds, "cli:x", act, "bl.example", str(address), "spam")
        audit.record(database, [line])

    for reason in ("one", "two", "three"):  # added by us, changed by us, and by somebody else
        listings.add(database, Listing("bl.example", address, "spam", reason))
    listings.remove(database, "bl.example", address, "spam")  # not the removal of a minute ago

    history = run_json("show", "192.0.2.1")["history"]

    assert sorted((event["source"], event["what"]) for event in history) == [
        ("audit", "listing.added"),
        ("audit", "listing.changed"),
        ("audit", "listing.removed"),
        ("journal", "listing changed"),
        ("journal", "listing removed"),
    ]


def test_what_expired_is_marked(run: Callable[..., Any], database: Database) -> None:
    """Beside its end; no column is without a name."""
    listings.add(database, Listing("bl.example", parse("192.0.2.0/24"), "spam", expires_at=6))
    listings.add(database, Listing("bl.example", parse("192.0.2.1"), "spam"))
    exclude(database, Exclusion("bl.example", parse("192.0.0.0/16"), expires_at=7))

    lines = run("show", "192.0.2.1").stdout.splitlines()

    assert [line.split()[-2:] for line in lines if "(expired)" in line] == [
        ["1970-01-01T00:00:06Z", "(expired)"], ["1970-01-01T00:00:07Z", "(expired)"],
    ]  # fmt: skip
    headers = [lines[number - 1] for number, line in enumerate(lines) if line.startswith("---")]
    rules = [line for line in lines if line.startswith("---")]
    assert [len(re.split(r"\s{2,}", header.strip())) for header in headers] == [
        len(rule.split()) for rule in rules
    ]


def test_history_has_a_bound(run_json: Callable[..., Any], database: Database) -> None:
    """An address that flaps for years does not fill the screen."""
    for number in range(history.HISTORY_LINES_MAX + 5):
        listings.add(database, Listing("bl.example", parse("192.0.2.1"), "spam", str(number)))

    assert len(run_json("show", "192.0.2.1")["history"]) == history.HISTORY_LINES_MAX


def test_what_a_terminal_would_act_on_is_escaped(
    run: Callable[..., Any], run_json: Callable[..., Any], database: Database
) -> None:
    """Escape sequences, other directions of writing and line ends in a text stay harmless."""
    evil = "\x1b[2J\x07\u202ered\r\n\x7f\x9b31m"
    listings.add(database, Listing("bl.example", parse("192.0.2.1"), "spam", evil, evil, evil))

    text = run("show", "192.0.2.1")
    json = run("show", "192.0.2.1", "-o", "json")

    assert all(line.isprintable() for line in text.stdout.split("\n"))
    assert "\\x1b[2J\\x07\\u202ered\\r\\n\\x7f\\x9b31m" in text.stdout
    assert json.stdout.rstrip("\n").isascii()
    assert json.stdout.rstrip("\n").isprintable()
    assert run_json("show", "192.0.2.1")["listings"][0]["reason"] == evil


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("192.0.2.0/24",), "is a network; one address is needed here"),
        (("example.com",), "example.com is a name, and bl.example lists addresses"),
        (("*.example.com",), "is a wildcard; one name is needed here"),
        (("example com",), "is not a domain name"),
        ((), "Missing argument"),
        (("192.0.2.1", "-o", "xml"), "'xml' is not one of"),
    ],
)
def test_show_refuses_wrong_usage(
    run: Callable[..., Any], database: Database, arguments: tuple[str, ...], sentence: str
) -> None:
    """One line on standard error and exit code 2."""
    assert database.path.exists()

    result = run("show", *arguments)

    assert result.exit_code == 2
    assert sentence in result.stderr
    assert result.stderr.count("\n") == 1
