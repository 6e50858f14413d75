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

from dnsbl.cli import feed, options
from dnsbl.network import parse
from dnsbl.store import listings
from dnsbl.store.database import Database
from dnsbl.store.exclusions import Exclusion, exclude
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
        "unchanged": 0, "in_grace": 0, "bad": 3,
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
    process.stdin.write(b"192.0.2.1\n" * 200_000)  # more than a pipe holds: it is being read
    process.stdin.flush()

    listings.add(database, Listing("bl.example", parse("198.51.100.1"), "spam"))
    stdout, stderr = process.communicate(b"192.0.2.2\n", timeout=60)

    assert process.returncode == 0, stderr
    assert stdout.startswith(b"stdin: 200001 read, 2 added or changed, 199999 already there")
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

    monkeypatch.setattr(feed.listings, "add_many", interrupted)
    result = run("import", "-", stdin=b"".join(b"192.0.2.%d\n" % n for n in range(256)) * 8)

    assert result.exit_code == 1
    assert result.stderr == "dnsbl: interrupted; nothing was imported\n"
    assert networks(database) == []
    assert acts(database) == []


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
