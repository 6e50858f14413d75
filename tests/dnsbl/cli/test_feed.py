"""`import`."""

from __future__ import annotations

import gzip
import os
import pty
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from house import House
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dnsbl.cli import options
from dnsbl.network import parse
from dnsbl.store import bulk, exclusions, journal, listings
from dnsbl.store.database import Database
from dnsbl.store.exclusions import Exclusion, exclude
from dnsbl.store.journal import Bulk, Change
from dnsbl.store.listings import Batch, Listing

IPSUM = Path(__file__).parent.parent.parent / "data" / "ipsum.txt"
IPSUM_ADDRESSES = 120_430

MIXED = b"""\
# a feed
192.0.2.1\t3
192.0.2.1/24
198.51.100.0/24 ; SBL1

10.1.2.3
0.0.0.0/0
caff\xe8
2001:db8::/32,drop
"""


@pytest.fixture
def mixed(house: House) -> Path:
    """A feed with three good lines and four bad ones."""
    file = house.folder / "mixed.txt"
    file.write_bytes(MIXED)
    return file


def networks(database: Database) -> list[str]:
    """All that is listed, as text."""
    return sorted(str(listing.network) for listing in listings.browse(database))


def acts(database: Database) -> list[Any]:
    """The whole audit."""
    return database.rows("SELECT act, actor, zone, category, network, note FROM audit")


def test_import_lists_good_lines_and_reports_bad_ones(
    run: Callable[..., Any], database: Database, mixed: Path
) -> None:
    """Bad lines are named as file:line with their fault, and the exit code is 0."""
    result = run("import", str(mixed))

    assert result.exit_code == 0
    assert networks(database) == ["192.0.2.1/32", "198.51.100.0/24", "2001:db8::/32"]
    assert result.stdout.startswith(
        f"{mixed}: 3 read, 3 added or changed, 0 already there, "
        "0 in grace after a delisting, 4 bad lines; "
    )
    faults = result.stderr.splitlines()
    assert [line.split(": ")[1] for line in faults] == [f"{mixed}:{n}" for n in (3, 6, 7, 8)]
    assert "host bits set; did you mean 192.0.2.0/24?" in faults[0]
    assert "private space (RFC 1918); --force" in faults[1]
    assert "whole of IPv4" in faults[2]


def test_import_prints_json(run_json: Callable[..., Any], mixed: Path) -> None:
    """The shape that docs/commands.md describes."""
    summary = run_json("import", str(mixed), "--force")

    assert summary.pop("seconds") >= 0
    assert [line.split(": ")[0] for line in summary.pop("bad_lines")] == [
        f"{mixed}:{n}" for n in (3, 7, 8)
    ]
    assert summary == {
        "file": str(mixed), "zone": "bl.example", "category": "spam", "read": 4, "changed": 4,
        "unchanged": 0, "in_grace": 0, "excluded": 0, "bad": 3,
    }  # fmt: skip


def test_import_keeps_every_detail(
    run: Callable[..., Any], database: Database, mixed: Path
) -> None:
    """Reason, expiry from now, and the file's name where no source is given."""
    run("import", str(mixed), "--reason", "on a feed", "--for", "2d")
    first = listings.get(database, "bl.example", parse("192.0.2.1"), "spam")
    run("import", str(mixed), "--source", "feeds.example")
    second = listings.get(database, "bl.example", parse("192.0.2.1"), "spam")

    assert first is not None
    assert second is not None
    assert first.listed_at == pytest.approx(time.time(), abs=60)
    assert first.expires_at == first.listed_at + 172_800
    assert (first.reason, first.source) == ("on a feed", "mixed.txt")
    assert (second.reason, second.source, second.expires_at) == ("", "feeds.example", None)


def test_strict_stops_at_a_bad_line_and_imports_nothing(
    run: Callable[..., Any], database: Database, mixed: Path
) -> None:
    """The first bad line is named; the good ones before it are not listed; exit code 1."""
    result = run("import", str(mixed), "--strict")

    assert result.exit_code == 1
    assert result.stderr.startswith(f"dnsbl: {mixed}:3: '192.0.2.1/24' has host bits")
    assert result.stderr.endswith("; nothing was imported\n")
    assert result.stderr.count("\n") == 1
    assert networks(database) == []


def test_strict_imports_a_feed_without_faults(run: Callable[..., Any], database: Database) -> None:
    """Comments and blank lines are none."""
    result = run("import", "-", "--strict", stdin=b"# x\n\n192.0.2.1 # y\r\n")

    assert (result.exit_code, result.stderr) == (0, "")
    assert networks(database) == ["192.0.2.1/32"]


@pytest.mark.parametrize("arguments", [(), ("--strict",)])
@pytest.mark.parametrize("octets", [b"", b"\r\n", b"# nothing today\n"])
def test_a_feed_that_names_nothing_is_refused(
    run: Callable[..., Any], database: Database, octets: bytes, arguments: tuple[str, ...]
) -> None:
    """A download that failed leaves such a file; a job's listings must not run out unnoticed."""
    result = run("import", "-", *arguments, stdin=octets)

    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == (
        "dnsbl: stdin names nothing: it is empty, or all comments; nothing was imported\n"
    )
    assert acts(database) == []


@pytest.mark.parametrize(
    ("octets", "why"),
    [
        (gzip.compress(b"192.0.2.1\n" * 99, mtime=0), "it looks like a gzip file; unpack it first"),
        (b"<html>\n<p>Try later\n", "it looks like HTML or XML; it may be an error page"),
        (b"# x\nspam\nham\n", "the first of its bad lines: stdin:2: 'spam' is not an IPv4"),
        (b"10.1.2.3\n", "the first of its bad lines: stdin:1: 10.1.2.3 is not listed: 10.0.0.0/8"),
    ],
)
def test_a_file_without_a_good_line_is_refused(
    run: Callable[..., Any], database: Database, octets: bytes, why: str
) -> None:
    """It is no feed: one line says so with what it may be, and nothing has changed."""
    result = run("import", "-", stdin=octets)

    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith(
        f"dnsbl: no line of stdin is an address or network to list; nothing was imported; {why}"
    )
    assert result.stderr.count("\n") == 1
    assert (networks(database), acts(database)) == ([], [])


def test_a_feed_all_in_grace_is_no_failure(run: Callable[..., Any], database: Database) -> None:
    """Its lines are good; that they change nothing is as it should be."""
    exclude(database, Exclusion("bl.example", parse("192.0.2.1"), grace=True))

    assert run("import", "-", stdin=b"192.0.2.1\n").exit_code == 0


def test_import_reads_standard_input(run_json: Callable[..., Any], database: Database) -> None:
    """The source is then called stdin."""
    summary = run_json("import", "-", stdin=b"\xef\xbb\xbf192.0.2.1\r\n192.0.2.2")

    assert (summary["file"], summary["changed"]) == ("stdin", 2)
    assert {listing.source for listing in listings.browse(database)} == {"stdin"}


def test_a_pipe_is_read_before_the_database_is_locked(house: House, database: Database) -> None:
    """While a download trickles in, others may write."""
    process = subprocess.Popen(
        [sys.executable, "-m", "dnsbl", "import", "-", "--config", str(house.file)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    assert process.stdin is not None
    process.stdin.write(b"192.0.2.1\n" * 20_000)  # more than a pipe holds: it is being read
    process.stdin.flush()

    listings.add(database, Listing("bl.example", parse("198.51.100.1"), "spam"))
    stdout, stderr = process.communicate(b"192.0.2.2\n", timeout=60)

    assert process.returncode == 0, stderr
    assert stdout.startswith(b"stdin: 20001 read, 2 added or changed, 19999 already there")
    assert networks(database) == ["192.0.2.1/32", "192.0.2.2/32", "198.51.100.1/32"]


def test_import_passes_over_what_is_in_grace(
    run_json: Callable[..., Any], database: Database
) -> None:
    """A feed that has not heard of a delisting does not undo it, and the summary says so."""
    exclude(database, Exclusion("bl.example", parse("192.0.2.1"), grace=True))
    exclude(database, Exclusion("bl.example", parse("192.0.2.2"), "spam", grace=True))
    exclude(database, Exclusion("bl.example", parse("192.0.2.3"), "policy", grace=True))

    summary = run_json("import", "-", stdin=b"192.0.2.1\n192.0.2.2\n192.0.2.3\n192.0.2.4\n")

    assert (summary["read"], summary["changed"], summary["in_grace"]) == (4, 2, 2)
    assert networks(database) == ["192.0.2.3/32", "192.0.2.4/32"]


def test_a_feed_shortens_no_grace(run_json: Callable[..., Any], database: Database) -> None:
    """Its exclusion for an hour leaves a delisting's week, and imports go on to pass it over."""
    network, until = parse("192.0.2.1"), int(time.time()) + 604_800
    exclude(database, Exclusion("bl.example", network, "spam", grace=True, expires_at=until))

    run_json("import", "-", "--for", "1h", stdin=b"!192.0.2.1\n192.0.2.4\n")
    summary = run_json("import", "-", stdin=b"192.0.2.1\n")

    [kept] = exclusions.browse_exclusions(database)
    assert (kept.grace, kept.expires_at) == (True, until)
    assert summary["in_grace"] == 1
    assert networks(database) == ["192.0.2.4/32"]


def test_a_flood_of_bad_lines_is_counted_and_shown_in_part(run: Callable[..., Any]) -> None:
    """Twenty are shown, and how many there are beyond them."""
    result = run("import", "-", stdin=b"x\n" * 1000 + b"192.0.2.1\n")

    faults = result.stderr.splitlines()
    assert result.exit_code == 0
    assert "1000 bad lines" in result.stdout
    assert len(faults) == 21
    assert faults[19].startswith("dnsbl: stdin:20: ")
    assert faults[20] == "dnsbl: 980 more bad lines are not shown"


def test_an_import_is_one_line_of_the_audit(
    run: Callable[..., Any], database: Database, mixed: Path
) -> None:
    """It says who, where to, from what file, and the numbers."""
    run("import", str(mixed))

    [act] = acts(database)
    assert (act["act"], act["actor"]) == ("listings.imported", options.actor())
    assert (act["zone"], act["category"], act["network"]) == ("bl.example", "spam", "")
    assert act["note"].startswith(f"{mixed}: 3 read, 3 added or changed")


def test_an_import_that_is_interrupted_changes_nothing(
    run: Callable[..., Any], database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C after a batch was written: one line, exit code 1, no row."""
    add_many = listings.add_many

    def interrupted(database: Database, items: Iterator[Listing]) -> Iterator[Batch]:
        yield next(add_many(database, items))
        raise KeyboardInterrupt

    monkeypatch.setattr(listings, "add_many", interrupted)
    result = run("import", "-", stdin=b"".join(b"192.0.2.%d\n" % n for n in range(256)) * 8)

    assert result.exit_code == 1
    assert result.stderr == "dnsbl: interrupted; nothing was imported\n"
    assert networks(database) == []
    assert acts(database) == []


# Large feeds.

LARGE = b"".join(b"192.0.2.%d\n2001:db8::%x\n" % (n, n) for n in range(100)) + MIXED
LARGE_NETWORKS = 202  # two of the mixed ones are among the hundreds


@pytest.fixture
def large(house: House, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A feed that is large, since a hundred networks are many here."""
    monkeypatch.setattr(bulk, "BULK_ROWS_MIN", 100)
    monkeypatch.setattr(bulk, "BATCH_ROWS", 50)
    file = house.folder / "large.txt"
    file.write_bytes(LARGE)
    return file


def test_a_large_feed_is_one_row_of_the_journal(
    run_json: Callable[..., Any], database: Database, large: Path, niced: list[int]
) -> None:
    """With the numbers, the faults and the audit of any other; and others have the CPU first."""
    start = journal.position(database).last_seq
    summary = run_json("import", str(large), "--reason", "on a feed", "--for", "2d")
    found = {str(listing.network): listing for listing in listings.browse(database)}
    first = found["192.0.2.1/32"]

    assert journal.changes(database, start, 9) == [Bulk(start + 1, "bl.example")]
    assert len(found) == LARGE_NETWORKS
    assert (summary["read"], summary["changed"], summary["unchanged"]) == (203, 202, 1)
    assert [line.split(": ")[0] for line in summary["bad_lines"]] == [
        f"{large}:{n}" for n in (203, 206, 207, 208)
    ]
    assert (first.reason, first.source, first.evidence) == ("on a feed", "large.txt", "")
    assert first.expires_at == first.listed_at + 172_800
    assert acts(database)[0]["note"].startswith(
        f"{large}: 203 read, 202 added or changed, 1 already"
    )
    assert niced == [10]


def test_a_large_feed_with_little_news_is_journaled_row_by_row(
    run_json: Callable[..., Any], database: Database, large: Path
) -> None:
    """The DNS server need not read a zone of millions anew for a handful."""
    run_json("import", str(large))
    start = journal.position(database).last_seq
    large.write_bytes(LARGE + b"198.51.100.1\n2001:db8:1::1\n")
    summary = run_json("import", str(large))

    assert (summary["read"], summary["changed"], summary["unchanged"]) == (205, 2, 203)
    assert [type(change) for change in journal.changes(database, start, 9)] == [Change, Change]


def test_many_lines_of_few_networks_are_no_large_feed(
    run_json: Callable[..., Any], database: Database, large: Path, niced: list[int]
) -> None:
    """They come in in their order, and are journaled row by row."""
    start = journal.position(database).last_seq
    large.write_bytes(b"".join(b"192.0.2.%d\n" % (99 - n) for n in range(100)) * 3)
    summary = run_json("import", str(large))
    changes = journal.changes(database, start, 999)

    assert (summary["read"], summary["changed"]) == (300, 100)
    assert [str(getattr(change, "network", None)) for change in changes] == [
        f"192.0.2.{99 - n}/32" for n in range(100)
    ]
    assert niced == []


def test_a_large_feed_from_standard_input(
    run_json: Callable[..., Any], database: Database, large: Path
) -> None:
    """A pipe is a feed like any other."""
    summary = run_json("import", "-", stdin=large.read_bytes())

    assert (summary["file"], summary["read"], summary["changed"]) == ("stdin", 203, 202)
    assert len(networks(database)) == LARGE_NETWORKS


@pytest.mark.usefixtures("large")
@pytest.mark.parametrize("place", [0, 5, len(LARGE)])
def test_strict_stops_a_large_feed_too(
    run: Callable[..., Any], database: Database, place: int
) -> None:
    """Wherever the bad line stands."""
    good = b"".join(b"192.0.2.%d\n2001:db8::%x\n" % (n, n) for n in range(100))
    at = good.rfind(b"\n", 0, place) + 1
    octets = good[:at] + b"192.0.2.1/24\n" + good[at:]
    result = run("import", "-", "--strict", stdin=octets)

    assert result.exit_code == 1
    line = octets[:at].count(b"\n") + 1
    assert result.stderr.startswith(f"dnsbl: stdin:{line}: '192.0.2.1/24' has host bits")
    assert (networks(database), acts(database)) == ([], [])


def test_a_large_feed_passes_over_what_is_in_grace(
    run_json: Callable[..., Any], database: Database, large: Path
) -> None:
    """Each of its lines counts, and the grace goes on."""
    grace = Exclusion(
        "bl.example", parse("192.0.2.1"), grace=True, expires_at=int(time.time()) + 99
    )
    exclude(database, grace)
    summary = run_json("import", str(large))

    assert (summary["read"], summary["changed"], summary["in_grace"]) == (203, 201, 2)
    assert "192.0.2.1/32" not in networks(database)


def test_a_large_feed_may_hold_reserved_space_by_force(
    run_json: Callable[..., Any], database: Database, large: Path
) -> None:
    """But never the whole of a family."""
    summary = run_json("import", str(large), "--force")

    assert (summary["read"], summary["bad"]) == (204, 3)
    assert "10.1.2.3/32" in networks(database)


def test_a_large_import_that_is_interrupted_changes_nothing(
    run: Callable[..., Any], database: Database, large: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C after rows were written: one line, exit code 1, no row."""
    add_in_bulk = bulk.add_in_bulk

    def interrupted(*arguments: Any) -> Batch:  # noqa: ANN401  # passed on
        add_in_bulk(*arguments)
        raise KeyboardInterrupt

    monkeypatch.setattr(bulk, "add_in_bulk", interrupted)
    before = journal.position(database)
    result = run("import", str(large))

    assert (result.exit_code, result.stderr) == (1, "dnsbl: interrupted; nothing was imported\n")
    assert (networks(database), acts(database)) == ([], [])
    assert journal.position(database) == before


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("missing.txt",), "does not exist"),
        ((".",), "directory"),
        (("-", "--format", "xml"), "'xml' is not one of"),
        (("-", "--for", "7"), "is not a duration"),
        (("-", "--zone", "other.example"), "the zones are: bl.example"),
        (("-", "--category", "other"), "its categories are: spam"),
        ((), "Missing argument"),
    ],
)
def test_import_refuses_wrong_usage(
    run: Callable[..., Any], arguments: tuple[str, ...], sentence: str
) -> None:
    """One line on standard error and exit code 2."""
    result = run("import", *arguments, stdin=b"192.0.2.1\n")

    assert result.exit_code == 2
    assert sentence.lower() in result.stderr.lower()
    assert result.stderr.count("\n") == 1


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(octets=st.binary(max_size=5000), strict=st.booleans())
def test_a_feed_of_random_octets_never_crashes(
    run: Callable[..., Any],
    database: Database,
    octets: bytes,
    strict: bool,  # noqa: FBT001
) -> None:
    """Whatever the file is, the command ends with 0, or with 1 and nothing changed."""
    before = networks(database)

    result = run("import", "-", *(["--strict"] if strict else []), stdin=octets)

    assert result.exit_code in {0, 1}, result.stderr
    assert result.stderr.replace("\n", "").isprintable()
    assert result.exit_code == 0 or networks(database) == before


def test_the_whole_of_a_real_feed_is_imported(
    run_json: Callable[..., Any], database: Database
) -> None:
    """All of IPsum's addresses, no bad line; again, and nothing changes."""
    first = run_json("import", str(IPSUM))
    second = run_json("import", str(IPSUM))

    assert (first["read"], first["changed"], first["bad"]) == (IPSUM_ADDRESSES, IPSUM_ADDRESSES, 0)
    assert (second["changed"], second["unchanged"]) == (0, IPSUM_ADDRESSES)
    assert listings.count(database) == {("bl.example", "spam"): IPSUM_ADDRESSES}


def test_a_terminal_sees_how_far_the_import_is(house: House) -> None:
    """The bar ends at 100 %; where no person watches there is none."""
    (house.folder / "feed.txt").write_text("192.0.2.1\n192.0.2.2\n")
    command = [sys.executable, "-m", "dnsbl", "import", str(house.folder / "feed.txt"),
               "--config", str(house.file)]  # fmt: skip
    ours, theirs = pty.openpty()
    try:
        subprocess.run(command, stderr=theirs, stdout=subprocess.PIPE, check=True, timeout=60)
        shown = os.read(ours, 10_000).decode()
    finally:
        os.close(ours)
        os.close(theirs)
    unseen = subprocess.run(command, capture_output=True, check=True, timeout=60)

    assert "feed.txt" in shown
    assert "100%" in shown
    assert unseen.stderr == b""
