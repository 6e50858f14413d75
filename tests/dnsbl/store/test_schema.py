# ruff: noqa: S608  # statements are made of constants here
"""Migrations, and what the constraints let in, whoever writes."""

from __future__ import annotations

import ipaddress
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from house import House
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from dnsbl.name import DomainNameError, parse_canonical_name
from dnsbl.network import NetworkError, parse
from dnsbl.store.columns import TIME_MAX
from dnsbl.store.database import (
    Database,
    DatabaseCorruptError,
    DatabaseLockedError,
    SchemaError,
    open_reader,
    open_writer,
)
from dnsbl.subject import parse_canonical

WRITERS_AT_ONCE = 6
OPEN_AND_LIST = """
import sys
from pathlib import Path
from dnsbl.network import parse
from dnsbl.store import listings
from dnsbl.store.database import open_writer
print("ready", flush=True)
sys.stdin.readline()  # all begin at once
database = open_writer(Path(sys.argv[1]))
listing = listings.Listing("bl.example", parse(sys.argv[2]), "spam")
listings.add(database, listing)
database.close()
"""


@pytest.fixture
def path(house: House) -> Path:
    """Where the house's database is, or will be."""
    return house.config.data.database


@pytest.fixture
def shell(database: Database) -> Iterator[sqlite3.Connection]:
    """Another client of the house's database, as the sqlite3 shell is one."""
    with closing(sqlite3.connect(database.path, isolation_level=None)) as connection:
        yield connection


def tables(path: Path) -> set[str]:
    """The tables of a database."""
    with closing(sqlite3.connect(path)) as connection:
        return {name for (name,) in connection.execute(
            "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
        )}  # fmt: skip


def test_a_database_is_made_where_there_is_none(path: Path) -> None:
    """With its folder, closed to other users, and every table of the contract."""
    open_writer(path).close()

    assert tables(path) == {
        "listings", "exclusions", "journal", "zone_serials", "delist_requests", "delist_tokens",
        "suppressions", "outbox", "audit", "meta", "bulk_imports", "access_keys",
        "request_items", "delistings", "events", "hooks", "hook_deliveries", "api_tokens",
        "daily_counts",
        "_sqlite_migrations",
    }  # fmt: skip
    assert path.parent.stat().st_mode & 0o007 == 0


def test_its_files_are_closed_to_other_users_in_an_open_folder(path: Path) -> None:
    """A service manager's folder may be open to all; the database in it and its log are not."""
    path.parent.mkdir(mode=0o755, exist_ok=True)
    with closing(open_writer(path)) as database:
        database.change("INSERT INTO meta VALUES ('test', 'a page in the log')")
        files = list(path.parent.iterdir())

        assert {file.name for file in files} >= {path.name, f"{path.name}-wal"}
        assert [file.name for file in files if file.stat().st_mode & 0o007] == []


def test_opening_again_changes_nothing(path: Path) -> None:
    """Migrations run once."""
    open_writer(path).close()
    before = path.read_bytes()
    open_writer(path).close()

    assert path.read_bytes() == before


def test_several_programs_may_make_it_at_once(path: Path) -> None:
    """Whoever comes second waits; nobody fails, and nothing is made twice."""
    for _ in range(3):
        path.unlink(missing_ok=True)
        processes = [
            subprocess.Popen(
                [sys.executable, "-c", OPEN_AND_LIST, str(path), f"192.0.2.{number}"],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            )
            for number in range(WRITERS_AT_ONCE)
        ]  # fmt: skip
        for process in processes:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
        for process in processes:
            assert process.stdin is not None
            process.stdin.write("\n")
            process.stdin.flush()
        errors = [process.communicate()[1] for process in processes]

        assert errors == [""] * WRITERS_AT_ONCE
        with closing(open_reader(path)) as reader:
            rows = reader.rows("SELECT network FROM listings")
            assert len(rows) == WRITERS_AT_ONCE
            names = [row["name"] for row in reader.rows("SELECT name FROM _sqlite_migrations")]
            assert len(names) == len(set(names))


def test_a_database_that_another_program_is_making_is_waited_for_in_vain(path: Path) -> None:
    """Locked before it is set up: the writer says so after its time."""
    path.parent.mkdir()
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(DatabaseLockedError, match="is locked by another program"):
            open_writer(path, busy_timeout_s=0.05)


def test_a_newer_schema_is_refused(path: Path) -> None:
    """An old program neither writes nor reads what it does not understand, and says what to do."""
    database = open_writer(path)
    database.change(
        "INSERT INTO _sqlite_migrations (migration_set, name, applied_at) "
        "VALUES ('dnsbl', '9999_later', '')"
    )
    database.close()

    for open_ in (open_writer, open_reader):
        with pytest.raises(SchemaError, match=r"newer version \(it has 9999_later\); upgrade"):
            open_(path)


def test_migrations_of_other_programs_are_none_of_ours(path: Path) -> None:
    """sqlite-utils keeps the migrations of all programs in one table."""
    database = open_writer(path)
    database.change(
        "INSERT INTO _sqlite_migrations (migration_set, name, applied_at) "
        "VALUES ('other', '9999_later', '')"
    )
    database.close()

    open_writer(path).close()


def test_a_database_not_yet_set_up_is_not_read(path: Path) -> None:
    """A reader cannot migrate, and says who can."""
    path.parent.mkdir()
    path.touch()

    with pytest.raises(SchemaError, match="is not set up for this version yet; the portal, or"):
        open_reader(path)


def test_the_database_of_another_program_is_left_alone(path: Path) -> None:
    """A wrong path does not spoil somebody else's data."""
    path.parent.mkdir()
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("CREATE TABLE bookmarks (url TEXT)")

    for open_ in (open_writer, open_reader):
        with pytest.raises(DatabaseCorruptError, match="is a database of another program"):
            open_(path)
    assert tables(path) == {"bookmarks"}


def test_two_databases_have_two_identities(tmp_path: Path) -> None:
    """A file replaced by another is noticed."""
    identities = set()
    for name in ("one", "two"):
        with closing(open_writer(tmp_path / name)) as database:
            row = database.row("SELECT value FROM meta WHERE key = 'identity'")
            assert row is not None
            identities.add(row["value"])

    assert len(identities) == 2


# What constraints let in and keep out. The plain client is what operators use.

LISTING = {
    "zone": "bl.example", "network": "192.0.2.1/32", "category": "spam", "reason": "", "source": "",
    "evidence": "", "listed_at": 0, "expires_at": None, "text": "",
}  # fmt: skip
EXCLUSION = {
    "zone": "bl.example", "network": "192.0.2.1/32", "category": "", "reason": "", "grace": 0,
    "excluded_at": 0, "expires_at": None,
}  # fmt: skip


def insert(shell: sqlite3.Connection, table: str, **values: object) -> None:
    """Writes a row of a table, made of the defaults above and these values; then takes it back."""
    row = {**(LISTING if table == "listings" else EXCLUSION), **values}
    shell.execute("BEGIN")
    try:
        marks = ", ".join("?" * len(row))
        shell.execute(
            f"INSERT INTO {table} ({', '.join(row)}) VALUES ({marks})",
            list(row.values()),
        )
    finally:
        shell.execute("ROLLBACK")


def accepts(shell: sqlite3.Connection, network: str) -> bool:
    """Whether a network is let in."""
    try:
        insert(shell, "listings", network=network)
    except sqlite3.IntegrityError:
        return False
    return True


TABLES = pytest.mark.parametrize("table", ["listings", "exclusions"])


@TABLES
@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("zone", "bl.example"),
        ("zone", "a"),
        ("zone", "a_b-c.1.example"),
        ("zone", "a" * 189),
        ("category", "spam"),
        ("category", "a-b_9"),
        ("category", "a" * 32),
        ("reason", "ünïcode " * 125),
        ("expires_at", 0),
        ("expires_at", TIME_MAX),
        ("expires_at", "17"),
    ],
)
def test_good_rows_are_let_in(
    shell: sqlite3.Connection, table: str, column: str, value: object
) -> None:
    """What is within the bounds is accepted from any client."""
    insert(shell, table, **{column: value})


@TABLES
@pytest.mark.parametrize(
    ("column", "value", "said"),
    [
        ("zone", "", "zone: expected an origin"),
        ("zone", "BL.example", "zone: expected an origin"),
        ("zone", "bl.example.", "zone: expected an origin"),
        ("zone", ".bl.example", "zone: expected an origin"),
        ("zone", "bl..example", "zone: expected an origin"),
        ("zone", "bl example", "zone: expected an origin"),
        ("zone", "bl.exämple", "zone: expected an origin"),
        ("zone", "a" * 190, "zone: expected an origin"),
        ("zone", None, "NOT NULL"),
        ("category", "Spam", "category: expected"),
        ("category", "a.b", "category: expected"),
        ("category", "a" * 33, "category: expected"),
        ("category", None, "NOT NULL"),
        ("reason", "a" * 1001, "reason: expected at most 1000"),
        ("reason", b"\xff", "cannot store BLOB"),
        ("reason", None, "NOT NULL"),
        ("network", None, "NOT NULL"),
        ("network", b"192.0.2.1/32", "cannot store BLOB"),
        ("expires_at", -1, "expires_at: expected Unix seconds, or NULL"),
        ("expires_at", 1_700_000_000_000, "expires_at: expected Unix seconds, or NULL"),
        ("expires_at", "tomorrow", "cannot store TEXT"),
        ("expires_at", 1.5, "cannot store REAL"),
    ],
)
def test_bad_rows_are_kept_out(
    shell: sqlite3.Connection, table: str, column: str, value: object, said: str
) -> None:
    """What SQL can tell to be wrong is refused to any client, in words that say what is right."""
    with pytest.raises(sqlite3.IntegrityError, match=said):
        insert(shell, table, **{column: value})


@pytest.mark.parametrize(
    ("table", "column", "value", "said"),
    [
        ("listings", "category", "", "category: expected 1 to 32"),
        ("listings", "source", "a" * 256, "source: expected at most 255"),
        ("listings", "evidence", "a" * 10_001, "evidence: expected at most 10000"),
        ("listings", "text", "a" * 1001, "text: expected at most 1000 octets"),
        ("listings", "text", "ü" * 501, "text: expected at most 1000 octets"),
        ("listings", "text", "a\tb", "text: expected at most 1000 octets without control"),
        ("listings", "text", "a\n", "text: expected at most 1000 octets without control"),
        ("listings", "text", "\0", "text: expected at most 1000 octets without control"),
        ("listings", "text", "\x1f", "text: expected at most 1000 octets without control"),
        ("listings", "text", None, "NOT NULL"),
        ("listings", "listed_at", -1, "listed_at: expected Unix seconds"),
        ("listings", "listed_at", 1_700_000_000_000, "listed_at: expected Unix seconds"),
        ("exclusions", "grace", 2, "grace: expected 0 or 1"),
        ("exclusions", "grace", None, "NOT NULL"),
        ("exclusions", "excluded_at", -1, "excluded_at: expected Unix seconds"),
    ],
)
def test_bad_rows_of_one_table_are_kept_out(
    shell: sqlite3.Connection, table: str, column: str, value: object, said: str
) -> None:
    """The same for what only one of the two tables has."""
    with pytest.raises(sqlite3.IntegrityError, match=said):
        insert(shell, table, **{column: value})


@pytest.mark.parametrize("text", ["", "a" * 1000, "ü" * 500, "see https://x.example/?a=$ ÿ~ "])
def test_texts_of_a_listing_are_let_in(shell: sqlite3.Connection, text: str) -> None:
    """As long as a category's may be, in any script."""
    insert(shell, "listings", text=text)


def test_the_rest_has_defaults(shell: sqlite3.Connection) -> None:
    """An operator writes a key, and need not think of anything else."""
    shell.execute(
        "INSERT INTO listings (zone, network, category) VALUES ('bl.example', '192.0.2.1/32', 'a')"
    )
    shell.execute("INSERT INTO exclusions (zone, network) VALUES ('bl.example', '192.0.2.1/32')")
    listing = shell.execute(
        "SELECT reason, source, evidence, expires_at, text, "
        "listed_at - unixepoch() BETWEEN -5 AND 0 FROM listings"
    ).fetchone()
    exclusion = shell.execute(
        "SELECT category, reason, grace, expires_at, excluded_at - unixepoch() BETWEEN -5 AND 0 "
        "FROM exclusions"
    ).fetchone()

    assert listing == ("", "", "", None, "", 1)
    assert exclusion == ("", "", 0, None, 1)


@pytest.mark.parametrize(
    "network",
    [
        "", "192.0.2.1", "192.0.2.1/", "192.0.2.1/0", "0.0.0.0/0", "192.0.2.1/33", "192.0.2.1/032",
        "192.0.2.1/3 2", "192.0.2.1/32 ", " 192.0.2.1/32", "192.0.2.1/-1", "192.0.2.1/+8",
        "192.0.2/24", "192.0.2.1.0/32", "192.0.2..1/32", "192.0.2.1/8/8", "192.0.2.1/8.0",
        "192.0.2.256/32", "192.0.2.300/32", "999.0.2.1/32", "192.0.2.260/32", "1920.0.2.1/32",
        "192.00.2.1/32", "192.01.2.1/32", "01.0.2.1/32", "192.0.2.a/32", "192.0.2.٣/32",
        "192.0.2.1/99999999999999999999", "192.0.2.1/32\n", "192.0.2.1/32\0", "\0192.0.2.1/32",
        "::/0", "::1", "::1/", "::1/129", "::1/0128", "::1/1 ", ":::/12", "::1::/64", "1:2:3/64",
        "1:2:3:4:5:6:7:8:9/128", "::1:2:3:4:5:6:7:8/128", "2001:DB8::/32", "2001:0db8::/32",
        "02001:db8::/32", "2001:db8:00001::/48", "12345::/16", ":1:2:3:4:5:6:7/128",
        "1:2:3:4:5:6:7:/128", "::ffff:192.0.2.1/128", "::g/128", "fe80::1%1/128", "1:2/3:4::/5",
        "::1/64/64", "[::1]/128", "x" * 64, "/24", ":/24", "./24", "1.0.2.1/32" + "0" * 34,
        ".", "*", "*.", "..", "*..", "**", "*.*.com", "*example.com", "a.*.com", "a*.com",
        "example.com.", "example..com", "..example.com", "*..com", "Example.com", "exämple.com",
        "example com", "example.com\n", "\0example.com", "example.com\0", "exam\0ple", "http://a.b",
        "a@b.example", "1", "a.1", ".1", "*.1", "192.0.2", "*.192.0.2.1", ".192.0.2.1", "1.",
        "a." + "x" * 64, "x" * 64 + ".a", "*." + "x" * 64 + ".a", "a." * 126 + "ab",
        "*." + "a." * 126 + "ab", "." + "a." * 126 + "ab", "a." * 1000 + "b",
    ],
)  # fmt: skip
def test_texts_that_are_neither_are_kept_out(shell: sqlite3.Connection, network: str) -> None:
    """Everything but host bits and the choice of a run of zeros is within reach of SQL."""
    with pytest.raises(sqlite3.IntegrityError, match="network: expected a prefix such as"):
        insert(shell, "listings", network=network)
    with pytest.raises(sqlite3.IntegrityError, match="network: expected a prefix such as"):
        insert(shell, "exclusions", network=network)


@st.composite
def canonical_texts(draw: st.DrawFn) -> str:
    """Canonical networks of both families, of every length but 0."""
    if draw(st.booleans()):
        bits = draw(st.integers(0, 2**32 - 1))
        text = str(ipaddress.IPv4Network((bits, draw(st.integers(1, 32))), strict=False))
    else:
        groups = draw(st.lists(st.sampled_from([0, 0, 0xFFFF, 1, 0xDB8]), min_size=8, max_size=8))
        bits = sum(group << 16 * place for place, group in enumerate(groups))
        bits = draw(st.sampled_from([bits, draw(st.integers(0, 2**128 - 1))]))
        text = str(ipaddress.IPv6Network((bits, draw(st.integers(1, 128))), strict=False))
    network = parse(text)
    assume(network.length > 0)  # ::ffff:0:0/96 is the whole of IPv4
    return str(network)


@st.composite
def canonical_names(draw: st.DrawFn) -> str:
    """Names of every form, long ones among them."""
    label = st.text("az09_-", min_size=1, max_size=6) | st.just("x" * 63) | st.just("1")
    domain = ".".join(draw(st.lists(label, min_size=1, max_size=9)))
    return draw(st.sampled_from(["", ".", "*."])) + domain


SLOW_FIXTURE = settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=300, deadline=None
)


@given(text=canonical_texts())
@SLOW_FIXTURE
def test_every_canonical_network_is_let_in(shell: sqlite3.Connection, text: str) -> None:
    """No network that the programs write is refused by the constraint."""
    assert parse_canonical(text)
    assert accepts(shell, text)


@given(text=canonical_names())
@SLOW_FIXTURE
def test_names_are_let_in_if_canonical(shell: sqlite3.Connection, text: str) -> None:
    """The constraint and the programs agree on every name."""
    try:
        parse_canonical_name(text)
    except DomainNameError:
        expected = False
    else:
        expected = True

    assert expected == accepts(shell, text)


@given(
    text=st.one_of(
        st.text(alphabet="az09-_.*", max_size=12),
        st.text(alphabet="aA1é.*/ \0", max_size=6),
        st.text(alphabet="0123456789./", max_size=20),
        st.text(alphabet="01f:/", max_size=24),
        st.text(alphabet="0123456789abcdefABCDEFx.:/% \n\0\ud800é", max_size=45).filter(
            lambda text: "\ud800" not in text  # Python's module refuses that one itself
        ),
        canonical_texts().flatmap(
            lambda text: st.integers(0, len(text) - 1).flatmap(
                lambda at: st.sampled_from("0123456789af./:").map(
                    lambda char: text[:at] + char + text[at + 1 :]
                )
            )
        ),
    )
)
@SLOW_FIXTURE
def test_what_is_let_in_reads_back(shell: sqlite3.Connection, text: str) -> None:
    """Past the constraint there are only host bits and odd choices of "::", both reported."""
    if not accepts(shell, text):
        return

    try:
        parse_canonical(text)
    except NetworkError as error:
        assert "host bits" in str(error) or "not in canonical form" in str(error)  # noqa: PT017


def test_octets_that_are_no_utf_8_are_kept_out_of_keys(shell: sqlite3.Connection) -> None:
    """A key in another encoding would be a second spelling."""
    for column in ("zone", "network", "category"):
        row = {key: f"'{LISTING[key]}'" for key in ("zone", "network", "category")}
        row[column] = "CAST(x'ff' AS TEXT)"
        with pytest.raises(sqlite3.IntegrityError, match=f"{column}: expected"):
            shell.execute(
                f"INSERT INTO listings (zone, network, category) VALUES ({', '.join(row.values())})"
            )
