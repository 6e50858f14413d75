"""What is listed: add, remove, look up, and the entries that cover an address."""

from __future__ import annotations

import contextlib
import itertools
import sqlite3
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass

from dnsbl.errors import DnsblError
from dnsbl.store.columns import LISTING_COLUMNS
from dnsbl.store.covering import covering_rows, faults
from dnsbl.store.database import Database
from dnsbl.store.exclusions import covering_exclusions
from dnsbl.subject import Subject, parse_canonical
from dnsbl.verdict import EVERY_CATEGORY, Entry

IMPORT_BATCH_ROWS = 1000  # rows between two reports of an import's progress


@dataclass(frozen=True, slots=True)
class Listing:
    """A row of `listings`; times in Unix seconds, `expires_at` None for never.

    ``text`` is a TXT template of its own, in which `$` stands for what is asked
    about; "" for that of its category.
    """

    zone: str
    network: Subject
    category: str
    reason: str = ""
    source: str = ""
    evidence: str = ""
    listed_at: int = 0
    expires_at: int | None = None
    text: str = ""

    @property
    def entry(self) -> Entry:
        """What it brings to a decision."""
        return Entry(self.network, self.category, False, self.expires_at, self.text)  # noqa: FBT003  # a field


_COLUMNS = LISTING_COLUMNS

_UPSERT = f"""
    INSERT INTO listings ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (zone, network, category) DO UPDATE
    SET reason = excluded.reason, source = excluded.source, evidence = excluded.evidence,
        expires_at = excluded.expires_at{{text_too}}
    WHERE (reason, source, evidence, expires_at, text)
          IS NOT (excluded.reason, excluded.source, excluded.evidence, excluded.expires_at,
                  {{text}})
"""  # the columns are the constant above
_UPSERT_ONE = _UPSERT.format(text_too=", text = excluded.text", text="excluded.text")
# A feed has no texts: what an operator wrote stays.
_UPSERT_OF_FEED = _UPSERT.format(text_too="", text="text")


def _values(listing: Listing) -> tuple[object, ...]:
    return (
        listing.zone, str(listing.network), listing.category, listing.reason, listing.source,
        listing.evidence, listing.listed_at, listing.expires_at, listing.text,
    )  # fmt: skip


def _listing(row: sqlite3.Row) -> Listing:
    """Raises DnsblError where another client wrote what SQL could not refuse."""
    return Listing(
        zone=row["zone"],
        network=parse_canonical(row["network"]),
        category=row["category"],
        reason=row["reason"],
        source=row["source"],
        evidence=row["evidence"],
        listed_at=row["listed_at"],
        expires_at=row["expires_at"],
        text=row["text"],
    )


def add(database: Database, listing: Listing) -> bool:
    """Lists a network or a name, or brings its listing up to date; whether anything changed.

    New evidence voids a grace exclusion of the very same (a trigger sees to it for new rows;
    here also where the row was there already).
    """
    with database.transaction():
        voided = database.change(
            "DELETE FROM exclusions WHERE grace = 1 AND zone = ? AND network = ? "
            "AND category IN ('', ?)",
            listing.zone, str(listing.network), listing.category,
        )  # fmt: skip
        return database.change(_UPSERT_ONE, *_values(listing)) + voided > 0


@dataclass(frozen=True, slots=True)
class Batch:
    """What became of a batch of a feed: how many were read, changed a row, were in grace."""

    read: int
    changed: int
    in_grace: int


def add_many(database: Database, listings: Iterable[Listing]) -> Iterator[Batch]:
    """Lists what a feed brings, inside the caller's transaction; yields what became of each batch.

    What a grace exclusion covers exactly is passed over while the grace lasts
    (by the listing's ``listed_at``): a feed that has not heard of the delisting
    yet is no new evidence.
    """
    assert database.in_transaction, "a feed is imported whole, or not at all"
    graces = {
        (row["zone"], row["network"], row["category"]): row["expires_at"]
        for row in database.rows(
            "SELECT zone, network, category, expires_at FROM exclusions WHERE grace = 1"
        )
    }

    def is_in_grace(listing: Listing) -> bool:
        zone, network = listing.zone, str(listing.network)
        for category in (EVERY_CATEGORY, listing.category):
            ends_at = graces.get((zone, network, category), 0)
            if ends_at is None or ends_at > listing.listed_at:
                return True
        return False

    feed = iter(listings)
    while batch := list(itertools.islice(feed, IMPORT_BATCH_ROWS)):
        wanted = [item for item in batch if not graces or not is_in_grace(item)]
        changed = database.change_each(_UPSERT_OF_FEED, [_values(item) for item in wanted])
        yield Batch(len(batch), changed, len(batch) - len(wanted))


def remove(database: Database, zone: str, network: Subject, category: str) -> bool:
    """Takes a listing away; whether there was one."""
    return database.change(
        "DELETE FROM listings WHERE zone = ? AND network = ? AND category = ?",
        zone, str(network), category,
    ) > 0  # fmt: skip


def get(database: Database, zone: str, network: Subject, category: str) -> Listing | None:
    """One listing by its key."""
    row = database.row(
        f"SELECT {_COLUMNS} FROM listings WHERE zone = ? AND network = ? AND category = ?",
        zone, str(network), category,
    )  # fmt: skip
    return _listing(row) if row else None


def covering(database: Database, subject: Subject) -> list[Listing]:
    """All listings that cover an address, network or name, in every zone.

    The most specific come first.
    """
    rows = covering_rows(database, "listings", _COLUMNS, subject)
    return sorted((_listing(row) for row in rows), key=lambda listing: -listing.network.length)


def covering_entries(database: Database, zone: str, subject: Subject) -> list[Entry]:
    """Listings and exclusions of a zone that cover it, in the order that they decide."""
    entries = [item.entry for item in covering(database, subject) if item.zone == zone]
    entries += [item.entry for item in covering_exclusions(database, subject) if item.zone == zone]
    return sorted(entries, key=lambda entry: entry.precedence)


def browse(
    database: Database,
    zone: str | None = None,
    category: str | None = None,
    limit: int = -1,
    on_invalid: Callable[[DnsblError], None] | None = None,
) -> Iterator[Listing]:
    """Listings one by one, ordered by zone and network text; a negative limit is none.

    Rows whose network is none, nor a name, are left out, each with a call of `on_invalid`.
    """
    conditions: list[str] = []
    parameters: list[object] = []
    for column, value in (("zone", zone), ("category", category)):
        if value is not None:
            conditions.append(f"{column} = ?")
            parameters.append(value)
    where = f"WHERE {' AND '.join(conditions)}" if conditions else ""
    for row in database.each(
        f"SELECT {_COLUMNS} FROM listings {where} ORDER BY zone, network, category LIMIT ?",
        *parameters, limit,
    ):  # fmt: skip
        try:
            listing = _listing(row)
        except DnsblError as error:
            if on_invalid is not None:
                on_invalid(error)
            continue
        yield listing


def invalid(
    database: Database, known: Iterable[tuple[str, str]], of_names: Collection[str] = ()
) -> Iterator[str]:
    """A sentence for each row that cannot be served, as `covering.faults` has it.

    SQL cannot keep them out, so other clients of the database can write them.
    """
    return faults(database, "listings", set(known), of_names)


def count(database: Database) -> dict[tuple[str, str], int]:
    """How many listings each zone and category has."""
    rows = database.rows(
        "SELECT zone, category, count(*) AS n FROM listings GROUP BY zone, category"
    )
    return {(row["zone"], row["category"]): row["n"] for row in rows}


def has_category(database: Database, zone: str | None, category: str) -> bool:
    """Whether a listing or an exclusion is of that category, in a zone or in any."""
    return any(
        database.row(
            f"SELECT 1 FROM {table} WHERE category = ? AND (? IS NULL OR zone = ?) LIMIT 1",
            category, zone, zone,
        ) is not None
        for table in ("listings", "exclusions")
    )  # fmt: skip


def take_expired(database: Database, now: int, limit: int) -> list[Listing]:
    """Removes listings whose time has come, at most so many; what they were."""
    rows = database.rows(
        f"DELETE FROM listings WHERE (zone, network, category) IN ("
        f"SELECT zone, network, category FROM listings WHERE expires_at <= ? LIMIT ?) "
        f"RETURNING {_COLUMNS}",
        now, limit,
    )  # fmt: skip
    taken: list[Listing] = []
    for row in rows:
        with contextlib.suppress(DnsblError):  # never served, so nobody misses it
            taken.append(_listing(row))
    return taken
