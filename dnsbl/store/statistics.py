"""How much was listed, taken off and delisted on request, day by day; and how long that took.

A day is a Unix time divided by 86400, so it begins at midnight UTC. What is
read here is small: counts are kept as they happen, for nobody counts ten
million listings while a visitor waits.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from dnsbl.store.database import Database

DAY_S: Final = 86_400


@dataclass(frozen=True, slots=True)
class Day:
    """What became of a zone's listings in a day: removed by anything, delisted on request."""

    added: int = 0
    removed: int = 0
    delisted: int = 0


@dataclass(frozen=True, slots=True)
class Delay:
    """Half of so many delistings took no more than so many seconds, half no less."""

    delistings: int
    median_s: int


@dataclass(frozen=True, slots=True)
class Figures:
    """What happened from ``first_day`` to ``last_day``; days on which nothing did are left out.

    Delays are those of delistings in that time: since the request was made,
    and since its link was used. None where there was no delisting.
    """

    first_day: int
    last_day: int
    zones: Mapping[str, Mapping[int, Day]]
    since_request: Delay | None
    since_confirmed: Delay | None


def day_of(at: float) -> int:
    """The day of a time in Unix seconds."""
    return int(at // DAY_S)


def count(database: Database, day: int, zone: str, *, added: int = 0, removed: int = 0) -> None:
    """Adds to what is counted of a zone and a day."""
    if added or removed:
        database.change(
            """
            INSERT INTO daily_counts (day, zone, added, removed) VALUES (?, ?, ?, ?)
            ON CONFLICT (day, zone)
            DO UPDATE SET added = added + excluded.added, removed = removed + excluded.removed
            """,
            day, zone, added, removed,
        )  # fmt: skip


def figures(database: Database, first_day: int, last_day: int) -> Figures:
    """What happened on these days, both included."""
    begin, end = first_day * DAY_S, (last_day + 1) * DAY_S
    zones: dict[str, dict[int, Day]] = {}
    for row in database.rows(
        f"""
        SELECT zone, day, sum(added) AS added, sum(removed) AS removed, sum(delisted) AS delisted
        FROM (
            SELECT zone, day, added, removed, 0 AS delisted FROM daily_counts
            WHERE day BETWEEN ? AND ?
            UNION ALL
            SELECT zone, at / {DAY_S}, 0, 0, 1 FROM delistings WHERE at >= ? AND at < ?
        ) GROUP BY zone, day ORDER BY zone, day
        """,
        first_day, last_day, begin, end,
    ):  # fmt: skip
        of_zone = zones.setdefault(row["zone"], {})
        of_zone[row["day"]] = Day(row["added"], row["removed"], row["delisted"])
    return Figures(
        first_day, last_day, zones,
        since_request=_delay(database, "created_at", begin, end),
        since_confirmed=_delay(database, "confirmed_at", begin, end),
    )  # fmt: skip


def _delay(database: Database, since: str, begin: int, end: int) -> Delay | None:
    """How long delistings took since their request had that column's time.

    A request that had listings removed at several times, by the button and then by an
    operator, counts once, with the last.
    """
    row = database.row(
        f"""
        WITH taken AS (
            SELECT max(0, max(delistings.at) - {since}) AS seconds
            FROM delistings JOIN delist_requests ON delist_requests.id = delistings.request_id
            WHERE delistings.at >= ? AND delistings.at < ? AND {since} IS NOT NULL
            GROUP BY delist_requests.id
        )
        SELECT seconds, (SELECT count(*) FROM taken) AS n FROM taken
        ORDER BY seconds LIMIT 1 OFFSET (SELECT count(*) FROM taken) / 2
        """,
        begin, end,
    )  # fmt: skip
    return None if row is None else Delay(row["n"], row["seconds"])
