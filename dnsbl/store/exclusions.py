"""What must not be listed though a covering listing exists."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass

from dnsbl.errors import DnsblError
from dnsbl.store.columns import EXCLUSION_COLUMNS, TIME_MAX
from dnsbl.store.covering import covering_rows, faults
from dnsbl.store.database import Database
from dnsbl.subject import Subject, parse_canonical
from dnsbl.verdict import EVERY_CATEGORY, Entry


@dataclass(frozen=True, slots=True)
class Exclusion:
    """A row of `exclusions`; times in Unix seconds. `grace`: made by a delisting."""

    zone: str
    network: Subject
    category: str = EVERY_CATEGORY
    reason: str = ""
    grace: bool = False
    excluded_at: int = 0
    expires_at: int | None = None

    @property
    def entry(self) -> Entry:
        """What it brings to a decision."""
        return Entry(self.network, self.category, excludes=True, expires_at=self.expires_at)


_COLUMNS = EXCLUSION_COLUMNS


def _exclusion(row: sqlite3.Row) -> Exclusion:
    return Exclusion(
        zone=row["zone"],
        network=parse_canonical(row["network"]),
        category=row["category"],
        reason=row["reason"],
        grace=bool(row["grace"]),
        excluded_at=row["excluded_at"],
        expires_at=row["expires_at"],
    )


def exclude(database: Database, exclusion: Exclusion) -> bool:
    """Excludes a network or a name, or brings its exclusion up to date; whether anything changed.

    A grace exclusion never weakens one that an operator made, as long as that one holds.
    """
    return database.change(
        f"""
        INSERT INTO exclusions ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?)
        ON CONFLICT (zone, network, category) DO UPDATE
        SET reason = excluded.reason, grace = excluded.grace, excluded_at = excluded.excluded_at,
            expires_at = excluded.expires_at
        WHERE (excluded.grace <= grace OR expires_at <= excluded.excluded_at)
          AND (reason, grace, expires_at)
              IS NOT (excluded.reason, excluded.grace, excluded.expires_at)
        """,  # the columns are the constant above
        exclusion.zone, str(exclusion.network), exclusion.category, exclusion.reason,
        int(exclusion.grace), exclusion.excluded_at, exclusion.expires_at,
    ) > 0  # fmt: skip


def exclude_many(database: Database, feed: Iterable[Exclusion]) -> int:
    """Excludes what a feed does not want listed; how many rows changed.

    One that stands is left as it is if it lasts as long, whoever made it: a feed's word for an
    hour takes away no delisting's week.
    """
    return database.change_each(
        f"""
        INSERT INTO exclusions ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?)
        ON CONFLICT (zone, network, category) DO UPDATE
        SET reason = excluded.reason, grace = excluded.grace, excluded_at = excluded.excluded_at,
            expires_at = excluded.expires_at
        WHERE expires_at < ifnull(excluded.expires_at, {TIME_MAX} + 1)
        """,  # constants
        (
            (item.zone, str(item.network), item.category, item.reason, int(item.grace),
             item.excluded_at, item.expires_at)
            for item in feed
        ),
    )  # fmt: skip


def unexclude(database: Database, zone: str, network: Subject, category: str) -> bool:
    """Takes an exclusion away; whether there was one."""
    return database.change(
        "DELETE FROM exclusions WHERE zone = ? AND network = ? AND category = ?",
        zone, str(network), category,
    ) > 0  # fmt: skip


def covering_exclusions(database: Database, subject: Subject) -> list[Exclusion]:
    """All exclusions that cover it, the most specific first, in every zone."""
    rows = covering_rows(database, "exclusions", _COLUMNS, subject)
    return sorted((_exclusion(row) for row in rows), key=lambda item: -item.network.length)


def browse_exclusions(
    database: Database,
    zone: str | None = None,
    limit: int = -1,
    on_invalid: Callable[[DnsblError], None] | None = None,
) -> Iterator[Exclusion]:
    """Exclusions one by one, as `listings.browse` has those."""
    for row in database.each(
        f"SELECT {_COLUMNS} FROM exclusions WHERE ? IS NULL OR zone = ? "
        "ORDER BY zone, network, category LIMIT ?",
        zone, zone, limit,
    ):  # fmt: skip
        try:
            exclusion = _exclusion(row)
        except DnsblError as error:
            if on_invalid is not None:
                on_invalid(error)
            continue
        yield exclusion


def invalid_exclusions(
    database: Database, known: Iterable[tuple[str, str]], of_names: Collection[str] = ()
) -> Iterator[str]:
    """A sentence for each exclusion that cannot be served, as `listings.invalid` has for those."""
    served = {*known}
    served |= {(zone, EVERY_CATEGORY) for zone, _ in served}
    return faults(database, "exclusions", served, of_names)


def take_expired_exclusions(database: Database, now: int, limit: int) -> list[Exclusion]:
    """Removes exclusions whose time has come, at most so many; what they were."""
    rows = database.rows(
        f"DELETE FROM exclusions WHERE (zone, network, category) IN ("
        f"SELECT zone, network, category FROM exclusions WHERE expires_at <= ? LIMIT ?) "
        f"RETURNING {_COLUMNS}",
        now, limit,
    )  # fmt: skip
    taken: list[Exclusion] = []
    for row in rows:
        with contextlib.suppress(DnsblError):  # never served, so nobody misses it
            taken.append(_exclusion(row))
    return taken
