"""`import` of files as rbldnsd has them: what they exclude, and values of their own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from dnsbl.network import parse
from dnsbl.store import bulk, exclusions, journal, listings
from dnsbl.store.database import Database
from dnsbl.store.exclusions import Exclusion, exclude
from dnsbl.store.journal import Bulk, Change

DAY_S = 86_400
FEW_OR_BULK = pytest.mark.parametrize("more", [0, 200], ids=["few", "bulk"])


@pytest.fixture(autouse=True)
def soon_bulk(monkeypatch: pytest.MonkeyPatch) -> None:
    """A hundred lines are a large feed."""
    monkeypatch.setattr(bulk, "BULK_ROWS_MIN", 100)


def addresses(more: int) -> bytes:
    """So many lines of no interest."""
    return b"".join(b"192.0.2.%d\n" % number for number in range(more))


RBLDNSD = b"""\
198.51.100.0/24
!198.51.100.5
2001:db8::/32
!2001:db8:5::/48
198.51.101.9 :127.0.0.10:policy range
"""


@FEW_OR_BULK
def test_what_a_feed_of_addresses_excludes_is_not_listed(
    run_json: Callable[..., Any], database: Database, more: int
) -> None:
    """As rbldnsd's files mean it, for as long as the listings hold; a line with a value is bad."""
    start = journal.position(database).last_seq
    summary = run_json(
        "import", "-", "--for", "2d", "--reason", "x", stdin=RBLDNSD + addresses(more)
    )

    assert (summary["read"], summary["excluded"], summary["bad"]) == (2 + more, 2, 1)
    assert "has a value of its own (:127.0.0.10:)" in summary["bad_lines"][0]
    found = {str(item.network): item for item in exclusions.browse_exclusions(database)}
    assert list(found) == ["198.51.100.5/32", "2001:db8:5::/48"]
    for item in found.values():
        assert (item.category, item.reason, item.grace) == ("spam", "x", False)
        assert item.expires_at == item.excluded_at + 2 * DAY_S
    for address, listed in {
        "198.51.100.5": False, "198.51.100.6": True, "2001:db8:5::1": False,
        "2001:db8:f:0:1::": True, "198.51.101.9": False,
    }.items():  # fmt: skip
        assert run_json("show", address)["listed"] is listed, address
    changes = journal.changes(database, start, 999)
    assert any(isinstance(change, Bulk) for change in changes) is (more > 0)
    # Exclusions are followed one by one, whatever the listings are.
    entries = [change.entry for change in changes if isinstance(change, Change)]
    assert [str(entry.network) for entry in entries if entry.excludes] == list(found)


def test_the_next_import_prolongs_what_it_excludes(
    run: Callable[..., Any], database: Database
) -> None:
    """As it does for names; one that lasts longer, an operator's among them, stays as it is."""
    exclude(database, Exclusion("bl.example", parse("198.51.100.5"), "spam", "ours"))
    for days in ("1d", "3d"):
        run("import", "-", "--for", days, "--reason", days, stdin=RBLDNSD)

    found = {str(item.network): item for item in exclusions.browse_exclusions(database)}
    assert (found["198.51.100.5/32"].reason, found["198.51.100.5/32"].expires_at) == ("ours", None)
    renewed = found["2001:db8:5::/48"]
    assert renewed.reason == "3d"
    assert renewed.expires_at == renewed.excluded_at + 3 * DAY_S


@FEW_OR_BULK
def test_a_value_for_the_lines_below_it_stops_the_import(
    run: Callable[..., Any], database: Database, more: int
) -> None:
    """Also where it comes last: nothing of a file of several values is listed by one of them."""
    feed = b"198.51.100.1\n" + addresses(more) + b":127.0.0.10:policy\n198.51.100.2\n"
    start = journal.position(database).last_seq
    result = run("import", "-", stdin=feed)

    assert result.exit_code == 1
    assert result.stderr == (
        f"dnsbl: stdin:{more + 2}: all lines below it have the value :127.0.0.10:, not the "
        "category's 127.0.0.2; split the feed by value, and import each part into a category "
        "that answers so; nothing was imported\n"
    )
    assert journal.position(database).last_seq == start
    assert not any(listings.browse(database))


BEHIND_VALUE = pytest.mark.parametrize(
    "rest", ["127.0.0.10 # why", "127.0.0.10; why", "127.0.0.10,why", "127.0.0.10 why",
             " 127.0.0.10 :why"],
)  # fmt: skip


@FEW_OR_BULK
@BEHIND_VALUE
def test_whatever_stands_behind_it_a_value_for_the_lines_below_stops_the_import(
    run: Callable[..., Any], database: Database, more: int, rest: str
) -> None:
    """A comment, a column or a text."""
    feed = addresses(more) + f":{rest}\n198.51.100.2\n".encode()
    result = run("import", "-", stdin=feed)

    assert result.exit_code == 1
    assert "all lines below it have the value :127.0.0.10:" in result.stderr
    assert not any(listings.browse(database))


@FEW_OR_BULK
@BEHIND_VALUE
def test_whatever_stands_behind_it_a_line_with_a_value_of_its_own_is_not_listed(
    run_json: Callable[..., Any], database: Database, more: int, rest: str
) -> None:
    """It is reported, and the other lines are listed."""
    feed = addresses(more) + f"198.51.100.1 :{rest}\n198.51.100.2\n".encode()
    summary = run_json("import", "-", stdin=feed)

    assert (summary["read"], summary["bad"]) == (1 + more, 1)
    assert "b'198.51.100.1' has a value of its own (:127.0.0.10:)" in summary["bad_lines"][0]
    assert "198.51.100.1/32" not in {str(item.network) for item in listings.browse(database)}


@FEW_OR_BULK
def test_a_value_that_the_category_answers_does_no_harm(
    run_json: Callable[..., Any], database: Database, more: int
) -> None:
    """Of all lines or of one, whole or by its last number."""
    feed = b":127.0.0.2:spam, see https://bl.example/$\n198.51.100.1 :2:a trap\n:2\n198.51.100.2\n"
    summary = run_json("import", "-", stdin=feed + addresses(more))

    assert (summary["read"], summary["bad"]) == (2 + more, 0)
    assert listings.count(database) == {("bl.example", "spam"): 2 + more}


@FEW_OR_BULK
def test_evidence_newer_than_a_feeds_exclusion_under_a_grace_lists_till_the_next_import(
    run: Callable[..., Any], run_json: Callable[..., Any], database: Database, more: int
) -> None:
    """The longer grace stands for both, and evidence voids it; the feed's next word holds again."""
    run("import", "-", stdin=b"198.51.100.0/24\n")
    now = next(listings.browse(database)).listed_at
    grace = Exclusion(
        "bl.example", parse("198.51.100.5"), "spam", "delisted by request", grace=True,
        excluded_at=now, expires_at=now + 7 * DAY_S,
    )  # fmt: skip
    exclude(database, grace)
    feed = b"198.51.100.0/24\n!198.51.100.5\n" + addresses(more)
    run("import", "-", "--for", "2d", stdin=feed)
    assert list(exclusions.browse_exclusions(database)) == [grace]

    run("add", "198.51.100.5")
    assert list(exclusions.browse_exclusions(database)) == []
    assert run_json("show", "198.51.100.5")["listed"]

    run("import", "-", "--for", "2d", stdin=feed)
    assert not run_json("show", "198.51.100.5")["listed"]
    [again] = exclusions.browse_exclusions(database)
    assert not again.grace
