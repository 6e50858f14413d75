"""The ordered log of changes, as the DNS process reads it: a snapshot, then what is new.

The triggers of `schema` write it for every writer. A row of it names what
changed; the change read here carries the row's present state, so that applying
it twice, or late, does no harm.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from dnsbl.network import Network, NetworkError, parse_canonical
from dnsbl.store.database import Database
from dnsbl.verdict import Entry

Op = Literal["added", "changed", "removed"]
Kind = Literal["listing", "exclusion"]


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
    network: Network | None
    entry: Entry | None
    fault: str | None = None


@dataclass(frozen=True, slots=True)
class Position:
    """Where the journal stands: which database it is, and its first and last numbers."""

    identity: str
    first_seq: int
    last_seq: int


@dataclass(frozen=True, slots=True)
class Happening:
    """A row of the journal as history: when, what, to which network. For people."""

    seq: int
    at: int
    kind: Kind
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


def changes(database: Database, after: int, limit: int) -> list[Change]:
    """The changes beyond a number of the journal, in order, at most so many."""
    rows = database.rows(
        """
        SELECT j.seq, j.kind, j.zone, j.network, j.category,
               CASE j.kind WHEN 'listing' THEN l.network ELSE e.network END AS present,
               CASE j.kind WHEN 'listing' THEN l.expires_at ELSE e.expires_at END AS expires_at
        FROM journal AS j
        LEFT JOIN listings AS l ON j.kind = 'listing'
             AND (l.zone, l.network, l.category) = (j.zone, j.network, j.category)
        LEFT JOIN exclusions AS e ON j.kind = 'exclusion'
             AND (e.zone, e.network, e.category) = (j.zone, j.network, j.category)
        WHERE j.seq > ? ORDER BY j.seq LIMIT ?
        """,
        after, limit,
    )  # fmt: skip
    return [_change(row, row["seq"], row["kind"], present=row["present"] is not None)
            for row in rows]  # fmt: skip


def everything(database: Database) -> Iterator[Change]:
    """Every listing and exclusion as a change, for the first load; inside one snapshot.

    Their `seq` is 0: the snapshot's position is what the load stands for.
    """
    tables: list[tuple[Kind, str]] = [("exclusion", "exclusions"), ("listing", "listings")]
    for kind, table in tables:
        for row in database.each(f"SELECT zone, network, category, expires_at FROM {table}"):
            yield _change(row, 0, kind, present=True)


def _change(row: sqlite3.Row, seq: int, kind: Kind, *, present: bool) -> Change:
    zone, category = row["zone"], row["category"]
    try:
        network = parse_canonical(row["network"])
    except NetworkError as error:
        return Change(seq, zone, kind, category, None, None, fault=str(error) if present else None)
    entry = None
    if present:
        entry = Entry(network, category, kind == "exclusion", row["expires_at"])
    return Change(seq, zone, kind, category, network, entry)


def history(database: Database, address: Network, limit: int) -> list[Happening]:
    """The last changes of networks that cover the address, the newest first."""
    networks = [str(network) for network in address.covering()]
    marks = ", ".join("?" * len(networks))
    rows = database.rows(
        f"SELECT * FROM journal WHERE network IN ({marks}) ORDER BY seq DESC LIMIT ?",
        *networks, limit,
    )  # fmt: skip
    return [
        Happening(row["seq"], row["at"], row["kind"], row["op"], row["zone"], row["network"],
                  row["category"])
        for row in rows
    ]  # fmt: skip
