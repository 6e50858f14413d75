"""`add` and `remove`."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
from house import ZONE_TEXT, House

from dnsbl.cli import options
from dnsbl.network import parse
from dnsbl.store import audit, listings
from dnsbl.store.database import Database
from dnsbl.store.exclusions import Exclusion, browse_exclusions, exclude
from dnsbl.store.listings import Listing

TWO_CATEGORIES = (
    ZONE_TEXT
    + """\
[category.policy]
answer = "127.0.0.10"
text = "[$] sends no mail by itself"
"""
)


def networks(database: Database) -> list[str]:
    """All that is listed, as text."""
    return [str(listing.network) for listing in listings.browse(database)]


def test_add_lists_addresses_and_networks_of_both_families(
    run: Callable[..., Any], database: Database
) -> None:
    """Each argument has its row and its line of output."""
    result = run("add", "192.0.2.1", "198.51.100.0/24", "2001:db8::/48", "::ffff:203.0.113.7")

    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        "192.0.2.1 listed in bl.example/spam",
        "198.51.100.0/24 listed in bl.example/spam",
        "2001:db8::/48 listed in bl.example/spam",
        "203.0.113.7 listed in bl.example/spam",
    ]
    assert sorted(networks(database)) == [
        "192.0.2.1/32", "198.51.100.0/24", "2001:db8::/48", "203.0.113.7/32",
    ]  # fmt: skip


def test_add_keeps_every_detail(run: Callable[..., Any], database: Database) -> None:
    """Reason, source, evidence, the time, and the expiry, counted from now."""
    before = int(time.time())
    result = run(
        "add", "192.0.2.1", "--reason", "spam trap", "--source", "trap 7",
        "--evidence", "one\ntwo\tthree", "--for", "7d",
    )  # fmt: skip
    after = int(time.time())

    listing = listings.get(database, "bl.example", parse("192.0.2.1"), "spam")
    assert result.exit_code == 0
    assert listing is not None
    assert listing.expires_at is not None
    assert before <= listing.listed_at <= after
    assert listing == Listing(
        "bl.example", parse("192.0.2.1"), "spam", "spam trap", "trap 7", "one\ntwo\tthree",
        listing.listed_at, listing.listed_at + 604_800,
    )  # fmt: skip


def test_add_prints_json(run_json: Callable[..., Any]) -> None:
    """The shape that docs/commands.md describes."""
    [first] = run_json("add", "192.0.2.1", "--for", "1h")
    [second] = run_json("add", "192.0.2.1")
    [third] = run_json("add", "192.0.2.1")

    assert first.pop("expires_at") == pytest.approx(time.time() + 3600, abs=60)
    assert first == {
        "network": "192.0.2.1", "zone": "bl.example", "category": "spam", "result": "listed",
        "warning": None,
    }  # fmt: skip
    assert (second["result"], second["expires_at"]) == ("updated", None)
    assert third["result"] == "already_listed"


def test_add_again_changes_what_is_given_and_keeps_the_other_texts(
    run: Callable[..., Any], database: Database
) -> None:
    """Giving a reason does not lose the source; the expiry is what --for says now."""
    run("add", "192.0.2.1", "--reason", "old", "--source", "trap", "--for", "1h")

    result = run("add", "192.0.2.1", "--reason", "new")

    listing = listings.get(database, "bl.example", parse("192.0.2.1"), "spam")
    assert result.stdout == "192.0.2.1 listing updated in bl.example/spam until it is removed\n"
    assert listing is not None
    assert (listing.reason, listing.source, listing.expires_at) == ("new", "trap", None)


def test_add_of_what_is_listed_already_says_so(run: Callable[..., Any]) -> None:
    """Done twice is as good as done once."""
    run("add", "192.0.2.1")

    result = run("add", "192.0.2.1")

    assert result.exit_code == 0
    assert result.stdout == "192.0.2.1 was already listed in bl.example/spam\n"


def test_add_over_a_listing_that_has_expired_lists_anew(
    run: Callable[..., Any], database: Database
) -> None:
    """A listing that nobody has swept up yet lends nothing to the new one."""
    listings.add(
        database, Listing("bl.example", parse("192.0.2.1"), "spam", "old", expires_at=1)
    )  # fmt: skip

    result = run("add", "192.0.2.1")

    listing = listings.get(database, "bl.example", parse("192.0.2.1"), "spam")
    assert result.stdout == "192.0.2.1 listed in bl.example/spam\n"
    assert listing is not None
    assert listing.reason == ""
    assert listing.listed_at == pytest.approx(time.time(), abs=60)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("0.0.0.0/0",), "whole of IPv4; it is never listed"),
        (("::/0",), "whole of IPv6; it is never listed"),
        (("0.0.0.0/0", "--force"), "whole of IPv4; it is never listed"),
        (("::/0", "--force"), "whole of IPv6; it is never listed"),
        (("10.1.2.3",), "10.0.0.0/8 is private space (RFC 1918); --force"),
        (("8.0.0.0/5",), "10.0.0.0/8 is private space"),
        (("fd00::1",), "unique local space"),
        (("127.0.0.1",), "127.0.0.1 is never listed"),
        (("127.0.0.1", "--force"), "127.0.0.1 is never listed"),
        (("127.0.0.2",), "127.0.0.2 is a built-in test entry of bl.example (RFC 5782 §5); it is"),
        (("::ffff:127.0.0.2", "--force"), "it is always listed"),
    ],
)
def test_add_refuses_what_no_list_should_hold(
    run: Callable[..., Any], database: Database, arguments: tuple[str, ...], sentence: str
) -> None:
    """One line on standard error, exit code 1, and the good arguments before it are not listed."""
    result = run("add", "203.0.113.9", *arguments)

    assert (result.exit_code, result.stdout) == (1, "")
    assert sentence in result.stderr
    assert networks(database) == []


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("192.0.2.1/24",), "host bits set; did you mean 192.0.2.0/24"),
        (("192.0.2.256",), "not an IPv4 or IPv6 address"),
        (("1.2.3",), "not an IPv4 or IPv6 address"),
        (("0x7f.0.0.1",), "not an IPv4 or IPv6 address"),
        (("fe80::1%eth0",), "scope"),
        (("",), "not an IPv4 or IPv6 address"),
        (("example.com",), "example.com is a name, and bl.example lists addresses"),
        (("a..b",), "'a..b' is not a domain name: the label '' is not"),
        (("192.0.2.1", "--text", "{foo}"), "expected no braces but {portal}; '{foo}' is not known"),
        (("192.0.2.1", "--text", "x" * 1001), "1 to 1000 octets once $ and {portal} are replaced"),
        (("192.0.2.1", "--text", "$" * 26), "1 to 1000 octets once $ and {portal} are replaced"),
        (("192.0.2.1", "--text", "a\nb"), "control characters"),
        (("192.0.2.1", "--for", "7"), "is not a duration"),
        (("192.0.2.1", "--for", "999999999d"), "is not between 1s and 3650d"),
        (("192.0.2.1", "--reason", "x" * 1001), "longer than 1000 characters"),
        (("192.0.2.1", "--source", "x" * 256), "longer than 255 characters"),
        (("192.0.2.1", "--evidence", "x" * 10_001), "longer than 10000 characters"),
        (("192.0.2.1", "--reason", "a\x1b[31mb"), "control characters"),
        (("192.0.2.1", "--reason", "caff\udce8"), "bytes that are no text"),
        (("192.0.2.1", "--zone", "other.example"), "there is no zone 'other.example'"),
        (("192.0.2.1", "--category", "other"), "its categories are: spam"),
        ((), "Missing argument"),
    ],
)
def test_add_refuses_what_is_wrong_and_changes_nothing(
    run: Callable[..., Any], database: Database, arguments: tuple[str, ...], sentence: str
) -> None:
    """One line on standard error, exit code 2, and the good arguments before it are not listed."""
    result = run("add", *(("203.0.113.9", *arguments) if arguments else ()))

    assert result.exit_code == 2
    assert result.stdout == ""
    assert sentence in result.stderr
    assert result.stderr.startswith("dnsbl: ")
    assert result.stderr.count("\n") == 1
    assert networks(database) == []


def test_force_lists_private_and_reserved_space(
    run: Callable[..., Any], database: Database
) -> None:
    """Lists are run inside organisations too."""
    assert run("add", "10.1.2.3", "fd00::/32", "--force").exit_code == 0
    assert sorted(networks(database)) == ["10.1.2.3/32", "fd00::/32"]


def test_zone_and_category_have_to_be_chosen_where_there_are_several(
    run: Callable[..., Any], house: House, database: Database
) -> None:
    """The error lists the choices; a zone's name is known in any case, with a last dot or not."""
    house.write_zone(TWO_CATEGORIES)
    house.write_zone(ZONE_TEXT.replace("bl.example", "dul.example"), "dul.example")

    zoneless = run("add", "192.0.2.1")
    categoryless = run("add", "192.0.2.1", "--zone", "bl.example")
    chosen = run("add", "192.0.2.1", "--zone", "BL.Example.", "--category", "policy")
    only = run("add", "192.0.2.1", "--zone", "dul.example")

    assert (zoneless.exit_code, categoryless.exit_code) == (2, 2)
    assert "choose one with --zone: bl.example, dul.example" in zoneless.stderr
    assert "choose one with --category: spam, policy" in categoryless.stderr
    assert chosen.stdout == "192.0.2.1 listed in bl.example/policy\n"
    assert only.stdout == "192.0.2.1 listed in dul.example/spam\n"
    assert len(networks(database)) == 2


def test_add_and_remove_leave_their_lines_in_the_audit(
    run: Callable[..., Any], database: Database
) -> None:
    """Who, what, where and why: listed, changed, and removed; nothing for what changed nothing."""
    run("add", "192.0.2.1", "--reason", "trap")
    run("add", "192.0.2.1", "--reason", "trap")
    run("add", "192.0.2.1", "--reason", "trap again")
    run("remove", "192.0.2.1")

    trail = audit.trail(database, parse("192.0.2.1"), 10)
    assert [(act.act, act.zone, act.category, act.note) for act in trail] == [
        ("listing.removed", "bl.example", "spam", "trap again"),
        ("listing.changed", "bl.example", "spam", "trap again"),
        ("listing.added", "bl.example", "spam", "trap"),
    ]
    assert {act.actor for act in trail} == {options.actor()}
    assert options.actor().startswith("cli:")


def test_add_warns_of_an_exclusion_that_keeps_it_unlisted(
    run: Callable[..., Any], database: Database
) -> None:
    """An exclusion of the very network wins, so the operator hears of it; one that expired, not."""
    exclude(database, Exclusion("bl.example", parse("192.0.2.1"), reason="customer"))
    exclude(database, Exclusion("bl.example", parse("192.0.2.2"), expires_at=1))
    exclude(database, Exclusion("bl.example", parse("192.0.2.3"), category="policy"))

    kept = run("add", "192.0.2.1")
    others = run("add", "192.0.2.2", "192.0.2.3")

    assert kept.exit_code == 0
    assert kept.stderr == (
        "dnsbl: warning: 192.0.2.1 stays unlisted in bl.example/spam: "
        "it is excluded until it is removed (customer)\n"
    )
    assert others.stderr == ""


def test_add_warns_where_it_overrules_a_wider_exclusion(
    run_json: Callable[..., Any], database: Database
) -> None:
    """The more specific entry decides, and the operator who excluded the range hears of it."""
    exclude(database, Exclusion("bl.example", parse("192.0.2.0/24")))

    [added] = run_json("add", "192.0.2.1")

    assert added["warning"] == (
        "192.0.2.1 is now listed in bl.example/spam although 192.0.2.0/24 is excluded: "
        "the more specific entry decides"
    )


def test_add_of_a_delisted_address_voids_its_grace(
    run: Callable[..., Any], database: Database
) -> None:
    """An operator's listing is new evidence: it counts at once, without a warning."""
    listings.add(database, Listing("bl.example", parse("192.0.2.1"), "spam", "trap"))
    exclude(database, Exclusion("bl.example", parse("192.0.2.1"), grace=True))

    result = run("add", "192.0.2.1", "--reason", "trap")

    assert (result.exit_code, result.stderr) == (0, "")
    assert list(browse_exclusions(database)) == []


def test_remove_takes_exactly_that_listing_away(
    run: Callable[..., Any], database: Database
) -> None:
    """Neither what is inside a network nor what lies around it goes with it."""
    run("add", "192.0.2.0/24", "192.0.2.1", "192.0.2.0/25")

    result = run("remove", "192.0.2.0/25")

    assert result.exit_code == 0
    assert result.stdout == "192.0.2.0/25 removed from bl.example/spam\n"
    assert sorted(networks(database)) == ["192.0.2.0/24", "192.0.2.1/32"]


def test_remove_means_every_zone_and_category_unless_narrowed(
    run_json: Callable[..., Any], house: House, database: Database
) -> None:
    """Narrowed to a category, to a zone, and not at all."""
    house.write_zone(TWO_CATEGORIES)
    places = [
        (zone, category)
        for zone in ("bl.example", "gone.example", "old.example")
        for category in ("policy", "spam")
    ]
    for zone, category in places:
        listings.add(database, Listing(zone, parse("192.0.2.1"), category))

    def removed(*narrowing: str) -> set[tuple[str, str]]:
        items = run_json("remove", "192.0.2.1", *narrowing)
        assert {item["network"] for item in items} == {"192.0.2.1"}
        return {(item["zone"], item["category"]) for item in items}

    assert removed("--zone", "bl.example", "--category", "policy") == {places[0]}
    assert removed("--zone", "gone.example") == {places[2], places[3]}
    assert removed() == {places[1], places[4], places[5]}


def test_remove_of_what_is_not_listed_is_exit_code_1(
    run: Callable[..., Any], database: Database
) -> None:
    """The listed ones go all the same; each that is not has its sentence."""
    run("add", "192.0.2.2")

    result = run("remove", "192.0.2.1", "192.0.2.2", "192.0.2.3", "--category", "spam")

    assert result.exit_code == 1
    assert result.stdout == "192.0.2.2 removed from bl.example/spam\n"
    assert result.stderr.splitlines() == [
        "dnsbl: 192.0.2.1 is not listed in the category spam",
        "dnsbl: 192.0.2.3 is not listed in the category spam",
    ]
    assert networks(database) == []


def test_remove_names_the_wider_listing_and_what_to_do(run: Callable[..., Any]) -> None:
    """An address inside a listed network is taken out by an exclusion, and that is said."""
    run("add", "192.0.2.0/24", "192.0.2.1")
    advice = (
        "192.0.2.0/24 in bl.example/spam covers it; "
        "`dnsbl exclude 192.0.2.1 --zone bl.example` takes it out\n"
    )

    removed = run("remove", "192.0.2.1")
    missing = run("remove", "192.0.2.1")

    assert removed.exit_code == 0
    assert removed.stderr == f"dnsbl: warning: 192.0.2.1 is still listed: {advice}"
    assert missing.exit_code == 1
    assert missing.stderr == f"dnsbl: 192.0.2.1 is not listed; {advice}"


def test_remove_gives_no_advice_that_was_taken_already(run: Callable[..., Any]) -> None:
    """An address that is excluded from the wider listing is not listed, and that is all."""
    run("add", "192.0.2.0/24")
    run("exclude", "192.0.2.1")

    result = run("remove", "192.0.2.1")

    assert (result.exit_code, result.stderr) == (1, "dnsbl: 192.0.2.1 is not listed\n")


def test_remove_in_a_zone_that_nothing_knows_is_wrong_usage(run: Callable[..., Any]) -> None:
    """A slip of the finger is told from an address that is not listed."""
    result = run("remove", "192.0.2.1", "--zone", "bl.exmaple")

    assert result.exit_code == 2
    assert "there is no zone 'bl.exmaple'; the zones are: bl.example" in result.stderr


@pytest.mark.parametrize("address", ["127.0.0.1", "127.0.0.2"])
def test_test_entries_cannot_be_removed(run: Callable[..., Any], address: str) -> None:
    """They are built in (RFC 5782 §5), and that is said rather than "not listed"."""
    result = run("remove", address)

    assert result.exit_code == 1
    assert result.stderr == f"dnsbl: {address} is a test entry (RFC 5782 §5); it stays as it is\n"
