"""The ordered log of changes, as the DNS process reads it: a snapshot, then what is new.

The triggers of `schema` write it for every writer. A row of it names what
changed; the change read here carries the row's present state, so that applying
it twice, or late, does no harm.
"""

from __future__ import annotations

import hashlib
import itertools
import sqlite3
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Final, Literal

from dnsbl.errors import DnsblError
from dnsbl.store.covering import covering_texts
from dnsbl.store.database import Database
from dnsbl.subject import Subject, parse_canonical
from dnsbl.verdict import Entry

Op = Literal["added", "changed", "removed", "imported"]
Kind = Literal["listing", "exclusion"]
RowKind = Literal["listing", "exclusion", "bulk"]

CHUNK_ROWS: Final = 20_000  # some 10 ms of SQLite's time, and 600 kB
_FINGERPRINT_OCTETS: Final = 16


@dataclass(frozen=True, slots=True)
class Change:
    """A row of the journal with what now stands under its key.

    ``entry`` is None where the row is gone. ``fault`` says why a row that
    another client wrote cannot be served; its ``network`` is then None, as it
    is where such a row is gone.
    """

    seq: int
    zone: str
    kind: Kind
    category: str
    network: Subject | None
    entry: Entry | None
    fault: str | None = None


@dataclass(frozen=True, slots=True)
class Bulk:
    """A row of the journal that stands for many listings of a zone: they are to be read anew."""

    seq: int
    zone: str


@dataclass(frozen=True, slots=True)
class Position:
    """Where the journal stands: which database it is, and its first and last numbers."""

    identity: str
    first_seq: int
    last_seq: int


@dataclass(frozen=True, slots=True)
class Happening:
    """A row of the journal as history: when, what, to which network or name. For people."""

    seq: int
    at: int
    kind: RowKind
    op: Op
    zone: str
    network: str
    category: str


def position(database: Database) -> Position:
    """Where the journal stands now. An empty one ends where it will begin."""
    row = database.row(
        """
        SELECT (SELECT value FROM meta WHERE key = 'identity') AS identity,
               (SELECT min(seq) FROM journal) AS first_seq,
               (SELECT seq FROM sqlite_sequence WHERE name = 'journal') AS last_seq
        """
    )
    assert row is not None
    last_seq = int(row["last_seq"] or 0)
    first_seq = row["first_seq"]
    return Position(
        identity=str(row["identity"]),
        first_seq=last_seq + 1 if first_seq is None else int(first_seq),
        last_seq=last_seq,
    )


def data_version(database: Database) -> int:
    """A number that changes when another connection has committed; cheap enough for 50 a second."""
    row = database.row("PRAGMA data_version")
    assert row is not None
    return int(row[0])


def serials(database: Database) -> dict[str, int]:
    """The number of the last change of each zone that ever had one: its SOA serial modulo 2^32."""
    return {
        row["zone"]: int(row["serial"])
        for row in database.rows("SELECT zone, serial FROM zone_serials")
    }


def first_serial(database: Database) -> int:
    """The serial of a zone without any change yet."""
    row = database.row("SELECT value FROM meta WHERE key = 'first_serial'")
    return int(row["value"]) if row else 1


def changes(database: Database, after: int, limit: int) -> list[Change | Bulk]:
    """The changes beyond a number of the journal, in order, at most so many."""
    rows = database.rows(
        """
        SELECT j.seq, j.kind, j.zone, j.network, j.category,
               CASE j.kind WHEN 'listing' THEN l.network ELSE e.network END AS present,
               CASE j.kind WHEN 'listing' THEN l.expires_at ELSE e.expires_at END AS expires_at,
               l.text
        FROM journal AS j
        LEFT JOIN listings AS l ON j.kind = 'listing'
             AND (l.zone, l.network, l.category) = (j.zone, j.network, j.category)
        LEFT JOIN exclusions AS e ON j.kind = 'exclusion'
             AND (e.zone, e.network, e.category) = (j.zone, j.network, j.category)
        WHERE j.seq > ? ORDER BY j.seq LIMIT ?
        """,
        after, limit,
    )  # fmt: skip
    return [
        Bulk(row["seq"], row["zone"]) if row["kind"] == "bulk"
        else _change(row, row["seq"], row["kind"], present=row["present"] is not None)
        for row in rows
    ]  # fmt: skip


_TABLES: Final[dict[Kind, str]] = {"listing": "listings", "exclusion": "exclusions"}
_TEXTS: Final[dict[Kind, str]] = {"listing": "text", "exclusion": "''"}

# What would break a line into two, or a field, becomes what stands in no network and no category.
_PLAIN: Final = "{column}"
_MENDED: Final = "replace(replace({column}, char(9), char(65533)), char(10), char(65533))"
_FIELDS: Final = 4


def chunks(database: Database, zone: str, kind: Kind) -> Iterator[bytes]:
    """Every listing or exclusion of a zone as text, for the first load; inside one snapshot.

    A chunk has up to CHUNK_ROWS rows in the order of their keys: lines of
    network or name, tab, category, tab, Unix seconds of the end or nothing for
    never, tab, the listing's own text or nothing for its category's, joined by
    line feeds. SQLite makes it, at half a microsecond a row and with the
    interpreter's lock free. What other clients wrote stands there as it is, NULs
    and octets that are no text among it, but a tab or a line feed in any of them
    reads U+FFFD.
    """
    after: tuple[bytes, bytes] | None = (b"", b"")
    while after is not None:
        chunk, rows = _chunk(database, kind, zone, after, _PLAIN)
        if (chunk.count(b"\t"), chunk.count(b"\n")) != ((_FIELDS - 1) * rows, max(0, rows - 1)):
            chunk, rows = _chunk(database, kind, zone, after, _MENDED)
        if rows:
            yield chunk
        after = _key_at(database, _TABLES[kind], zone, after, rows) if rows == CHUNK_ROWS else None


def texted(database: Database, zone: str) -> Iterator[bytes]:
    """The listings of a zone that have a text of their own, as `chunks` writes them."""
    fields = [_MENDED.format(column=column) for column in ("network", "category", "text")]
    rows = database.each(
        f"""
        SELECT CAST({fields[0]} || char(9) || {fields[1]} || char(9) || ifnull(expires_at, '')
                    || char(9) || {fields[2]} AS BLOB) AS line
        FROM listings WHERE zone = ? AND text <> ''
        """,  # the names are constants above
        zone,
    )
    while lines := [row["line"] for row in itertools.islice(rows, CHUNK_ROWS)]:
        yield b"\n".join(lines)


# Keys go through Python as octets: as text, they might not be the same again.
_BEYOND: Final = """
    FROM {table} WHERE zone = ? AND (network, category) > (CAST(? AS TEXT), CAST(? AS TEXT))
    ORDER BY network, category
"""


def _chunk(
    database: Database, kind: Kind, zone: str, after: tuple[bytes, bytes], field: str
) -> tuple[bytes, int]:
    """The lines beyond a key, and how many rows they are made of."""
    table = _TABLES[kind]
    network, category, text = (
        field.format(column=column) for column in ("network", "category", "text")
    )
    row = database.row(
        f"""
        SELECT CAST(group_concat(
                   {network} || char(9) || {category} || CASE
                       WHEN text <> '' THEN char(9) || ifnull(expires_at, '') || char(9) || {text}
                       WHEN expires_at IS NULL THEN char(9, 9)  -- most often; each || has its price
                       ELSE char(9) || expires_at || char(9)
                   END, char(10)
               ) AS BLOB), count(*)
        FROM (SELECT network, category, expires_at, {_TEXTS[kind]} AS text
              {_BEYOND.format(table=table)} LIMIT ?)
        """,  # the names are constants above
        zone, *after, CHUNK_ROWS,
    )  # fmt: skip
    assert row is not None
    return row[0] or b"", row[1]


def _key_at(
    database: Database, table: str, zone: str, after: tuple[bytes, bytes], rows: int
) -> tuple[bytes, bytes] | None:
    """The key of the last of so many rows beyond another."""
    row = database.row(
        f"SELECT CAST(network AS BLOB), CAST(category AS BLOB) {_BEYOND.format(table=table)} "
        "LIMIT 1 OFFSET ?",
        zone, *after, rows - 1,
    )  # fmt: skip
    return None if row is None else (row[0], row[1])


def rows_elsewhere(database: Database, zones: Collection[str]) -> dict[str, int]:
    """How many listings and exclusions there are of each zone that is none of these."""
    marks = ", ".join("?" * len(zones))
    found: dict[str, int] = {}
    for table in _TABLES.values():
        # Not a walk through every row: the zones are found by steps of the primary key.
        rows = database.rows(
            f"""
            WITH RECURSIVE known (zone) AS (
                SELECT min(zone) FROM {table}
                UNION ALL
                SELECT (SELECT min(zone) FROM {table} WHERE zone > known.zone) FROM known
                WHERE known.zone IS NOT NULL
            )
            SELECT zone, (SELECT count(*) FROM {table} WHERE zone = known.zone) AS n FROM known
            WHERE zone IS NOT NULL AND zone NOT IN ({marks})
            """,  # the table is a constant above
            *zones,
        )
        for row in rows:
            found[row["zone"]] = found.get(row["zone"], 0) + int(row["n"])
    return found


def fingerprint(database: Database, seq: int) -> str | None:
    """A digest of the row of that number, by which another history is told; None without one."""
    row = database.row(
        "SELECT seq, at, kind, op, zone, network, category FROM journal WHERE seq = ?", seq
    )
    if row is None:
        return None
    return hashlib.blake2b(repr(tuple(row)).encode(), digest_size=_FINGERPRINT_OCTETS).hexdigest()


def has_bulk(database: Database, after: int) -> bool:
    """Whether a bulk import came after that number: not all changes have rows of their own."""
    row = database.row(
        "SELECT EXISTS (SELECT 1 FROM journal WHERE seq > ? AND kind = 'bulk')", after
    )
    assert row is not None
    return bool(row[0])


def _change(row: sqlite3.Row, seq: int, kind: Kind, *, present: bool) -> Change:
    zone, category = row["zone"], row["category"]
    try:
        network = parse_canonical(row["network"])
    except DnsblError as error:
        return Change(seq, zone, kind, category, None, None, fault=str(error) if present else None)
    entry = None
    if present:
        entry = Entry(
            network, category, kind == "exclusion", row["expires_at"], _mended(row["text"] or "")
        )
    return Change(seq, zone, kind, category, network, entry)


def _mended(text: str) -> str:
    """As `chunks` has it."""
    return text.replace("\t", "\ufffd").replace("\n", "\ufffd")


def history(database: Database, subject: Subject, limit: int) -> list[Happening]:
    """The last changes of whatever covers an address or a name, the newest first.

    What a bulk import did to one of them is in no row of the journal.
    """
    texts = covering_texts(subject)
    marks = ", ".join("?" * len(texts))
    rows = database.rows(
        f"SELECT * FROM journal WHERE network IN ({marks}) ORDER BY seq DESC LIMIT ?",
        *texts, limit,
    )  # fmt: skip
    return [
        Happening(row["seq"], row["at"], row["kind"], row["op"], row["zone"], row["network"],
                  row["category"])
        for row in rows
    ]  # fmt: skip
