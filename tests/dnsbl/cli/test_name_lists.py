"""The commands on zones of names, of the good, and on zones that include others."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from house import ZONE_TEXT, House
from oracle import Oracle

from dnsbl.name import parse_name
from dnsbl.network import parse
from dnsbl.store import bulk, exclusions, journal, listings
from dnsbl.store.database import Database
from dnsbl.store.exclusions import Exclusion
from dnsbl.store.journal import Bulk
from dnsbl.store.listings import Listing

NAMES = 'lists = "names"\n' + ZONE_TEXT.replace("bl.example", "names.example")
GOOD = 'reputation = "good"\n' + ZONE_TEXT.replace("bl.example", "good.example").replace(
    'delist = "self"', ""
)
ALL = """\
origin = "all.example"
nameservers = ["ns1.bl.example"]
hostmaster = "hostmaster@bl.example"
include = ["bl.example"]
"""

FEED = b"""\
# a feed
Example.COM
*.example.net  # why
.example.org, 3
!www.example.org
192.0.2.1
*.com
b\xc3\xbccher.example
"""


@pytest.fixture(autouse=True)
def zones(house: House) -> None:
    """One of each kind, beside the house's own."""
    house.write_zone(NAMES, "names.example")
    house.write_zone(GOOD, "good.example")
    house.write_zone(ALL, "all.example")


def listed(database: Database) -> list[str]:
    """All that is listed, as text, by zone."""
    return [str(listing.network) for listing in listings.browse(database)]


def test_names_are_added_shown_and_removed(
    run: Callable[..., Any], run_json: Callable[..., Any], database: Database
) -> None:
    """In every form, as addresses are."""
    added = run("add", "Example.com.", "*.example.net", ".example.org", "--zone", "names.example")
    shown = run_json("show", "a.b.example.net")
    wide = run_json("show", "example.net")
    removed = run("remove", "*.example.net", "example.com")

    assert added.stdout.splitlines() == [
        f"{name} listed in names.example/spam"
        for name in ("example.com", "*.example.net", ".example.org")
    ]
    assert (shown["address"], shown["name"], shown["listed"]) == (None, "a.b.example.net", True)
    assert [verdict["decided_by"]["network"] for verdict in shown["verdicts"]] == ["*.example.net"]
    assert wide["listed"] is False
    assert removed.exit_code == 0
    assert listed(database) == [".example.org"]


def test_a_name_is_excluded_from_a_wider_listing(
    run: Callable[..., Any], run_json: Callable[..., Any]
) -> None:
    """The more specific entry decides, whatever its form."""
    run("add", ".example.com", "--zone", "names.example")
    run("exclude", "www.example.com", "--zone", "names.example", "--reason", "ours")
    [decided] = [item["decided_by"] for item in run_json("show", "www.example.com")["verdicts"]]
    still = run("remove", "www.example.com")
    run("exclude", "www.example.com", "--remove")

    assert decided == {"kind": "exclusion", "network": "www.example.com", "expires_at": None}
    assert still.exit_code == 1
    assert run_json("show", "www.example.com")["listed"] is True


@pytest.mark.parametrize(
    ("arguments", "exit_code", "sentence"),
    [
        (("add", "192.0.2.1", "--zone", "names.example"), 2,
         "192.0.2.1 is an address, and names.example lists names"),
        (("add", "192.0.2.0/24", "--zone", "names.example"), 2,
         "192.0.2.0/24 is a network, and names.example lists names"),
        (("exclude", "example.com", "--zone", "bl.example"), 2,
         "example.com is a name, and bl.example lists addresses"),
        (("add", "*.com", "--zone", "names.example"), 1, "every name below com; --force"),
        (("add", "test", "--zone", "names.example"), 1, "built-in test entry of names.example"),
        (("add", "INVALID", "--zone", "names.example"), 1, "invalid is never listed"),
        (("exclude", "test", "--zone", "names.example"), 1, "test is a test entry of"),
        (("add", "example.com", "--zone", "names.example", "--text", "$$$$"), 2,
         "1 to 1000 octets once $ and {portal} are replaced"),
        (("add", "192.0.2.1", "--zone", "all.example"), 2,
         "those of the zones that it includes; choose one of them with --zone: bl.example"),
        (("exclude", "192.0.2.1", "--zone", "all.example"), 2, "has no listings of its own"),
        (("list", "--zone", "all.example"), 2, "has no listings of its own"),
        (("import", "-", "--zone", "all.example"), 2, "has no listings of its own"),
    ],
)  # fmt: skip
def test_what_does_not_fit_the_zone_is_refused(
    run: Callable[..., Any],
    database: Database,
    arguments: tuple[str, ...],
    exit_code: int,
    sentence: str,
) -> None:
    """One line says what was given, what the zone lists, or where to list instead."""
    result = run(*arguments)

    assert result.exit_code == exit_code
    assert sentence in result.stderr
    assert result.stderr.count("\n") == 1
    assert listed(database) == []


def test_a_text_of_its_own_is_kept_until_it_is_replaced(
    run: Callable[..., Any], run_json: Callable[..., Any], house: House
) -> None:
    """{portal} is the portal; what does not speak of the text leaves it; '' is the category's."""

    def text() -> Any:  # noqa: ANN401  # JSON
        return run_json("list", "--zone", "bl.example")[0]["text"]

    where = ("--zone", "bl.example")
    run("add", "192.0.2.1", *where, "--text", "$ sent spam, see {portal}/?ip=$")
    first = text()
    run("add", "192.0.2.1", *where, "--reason", "x")
    run("import", "-", *where, stdin=b"192.0.2.1\n")
    second = text()
    changed = run_json("add", "192.0.2.1", *where, "--text", "")

    assert first == second == f"$ sent spam, see {house.portal_url}/?ip=$"
    assert changed[0]["result"] == "updated"
    assert text() == ""


def test_names_are_imported_with_what_they_exclude(
    run_json: Callable[..., Any], database: Database
) -> None:
    """One name a line, in every form; an address, a whole TLD and another script are bad lines."""
    summary = run_json("import", "-", "--zone", "names.example", "--for", "2d", stdin=FEED)

    assert (summary["read"], summary["changed"], summary["excluded"]) == (3, 3, 1)
    assert listed(database) == ["*.example.net", ".example.org", "example.com"]
    assert [line.split(": ", 2)[1] for line in summary["bad_lines"]] == [
        "'192.0.2.1' is not a domain name", "*.com is not listed",
        "b'b\\xc3\\xbccher.example' is not a name",
    ]  # fmt: skip
    [exclusion] = exclusions.browse_exclusions(database)
    assert (str(exclusion.network), exclusion.category) == ("www.example.org", "spam")


def test_an_import_does_not_shorten_an_exclusion(
    run: Callable[..., Any], database: Database
) -> None:
    """What an operator excludes for good stays so, with its reason."""
    name = parse_name("www.example.org")
    exclusions.exclude(database, Exclusion("names.example", name, "spam", "ours"))
    run("import", "-", "--zone", "names.example", "--for", "2d", stdin=FEED)

    [exclusion] = exclusions.browse_exclusions(database)
    assert (exclusion.reason, exclusion.expires_at) == ("ours", None)


def test_many_names_are_one_row_of_the_journal(
    run_json: Callable[..., Any], database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A large list comes in in bulk, in the order of its texts, with what it excludes."""
    monkeypatch.setattr(bulk, "BULK_ROWS_MIN", 20)
    monkeypatch.setattr(bulk, "BATCH_ROWS", 7)
    start = journal.position(database).last_seq
    lines = [f"{prefix}host{number}.example" for number in range(30) for prefix in ("", "*.", ".")]
    feed = "\n".join([*reversed(lines), "!www.host7.example", "x x"]).encode()

    summary = run_json("import", "-", "--zone", "names.example", stdin=feed)

    assert (summary["read"], summary["changed"], summary["excluded"], summary["bad"]) == (
        91, 91, 1, 0,
    )  # fmt: skip
    assert sorted([*lines, "x"]) == listed(database)
    kinds = [type(change) for change in journal.changes(database, start, 99)]
    assert kinds == [Bulk, journal.Change]


def test_a_list_of_addresses_is_no_list_of_names(run: Callable[..., Any]) -> None:
    """A file in the wrong zone is refused, with the fault of its first line."""
    result = run("import", "-", "--zone", "names.example", stdin=b"192.0.2.1\n198.51.100.0/24\n")

    assert result.exit_code == 1
    assert "no line of stdin is a name to list; nothing was imported" in result.stderr


def test_names_are_asked_for_in_zones_of_names(
    run: Callable[..., Any], house: House, oracle: Oracle
) -> None:
    """The name below the zone (RFC 5782 §3), in no zone of addresses."""
    oracle.has("example.com.names.example", "A", "127.0.0.2")
    oracle.has("example.com.names.example", "TXT", '"spam"')
    server = ("--server", f"127.0.0.1:{oracle.port}")
    result = run("query", "Example.COM", *server)
    foreign = run("query", "example.net", *server, "--zone", "dbl.example")

    assert house.config.zone("names.example") is not None
    assert result.exit_code == 0
    assert result.stdout.startswith("example.com.names.example  listed  (NOERROR")
    assert foreign.exit_code == 1
    assert {name for name, _, _ in oracle.asked} == {
        "example.com.names.example.", "example.net.dbl.example.",
    }  # fmt: skip


def test_to_be_listed_as_good_is_not_to_be_listed(
    run: Callable[..., Any], run_json: Callable[..., Any], database: Database, oracle: Oracle
) -> None:
    """Unless that very list is asked; `show` and `query` say so."""
    listings.add(database, Listing("good.example", parse("192.0.2.1"), "spam"))
    for kind, value in (("A", "127.0.0.2"), ("TXT", '"fine"')):
        oracle.has("1.2.0.192.good.example", kind, value)
    server = ("--server", f"127.0.0.1:{oracle.port}")
    shown = run("show", "192.0.2.1")
    asked = run("query", "192.0.2.1", *server)
    asked_json = json.loads(run("query", "192.0.2.1", *server, "-o", "json").stdout)
    by_name = run("query", "192.0.2.1", *server, "--zone", "good.example")

    assert shown.stdout.startswith("192.0.2.1 is listed as good.\n")
    assert run_json("show", "192.0.2.1")["listed"] is False
    assert asked.exit_code == 1
    assert "listed as good" in asked.stdout
    assert "192.0.2.1 is not listed but among the good" in asked.stderr
    assert asked_json["listed"] is False
    assert {reply["zone"]: reply["reputation"] for reply in asked_json["replies"]} == {
        "all.example": "bad", "bl.example": "bad", "good.example": "good",
    }  # fmt: skip
    assert by_name.exit_code == 0


def test_rows_of_the_wrong_kind_are_told_by_check(
    run_json: Callable[..., Any], database: Database
) -> None:
    """Another client may write them; they are counted as not served."""
    listings.add(database, Listing("names.example", parse("192.0.2.1"), "spam"))
    listings.add(database, Listing("bl.example", parse_name("example.com"), "spam"))
    exclusions.exclude(database, Exclusion("bl.example", parse_name("example.com")))
    listings.add(database, Listing("names.example", parse_name("example.com"), "spam"))

    [finding] = [item for item in run_json("check")["checks"] if item["subject"] == "database rows"]

    assert finding["state"] == "warning"
    assert finding["detail"].startswith("3 not served: ")
    assert "listing 192.0.2.1/32 in names.example: the zone lists names" in finding["detail"]
    assert "exclusion example.com in bl.example: the zone lists addresses" in finding["detail"]
