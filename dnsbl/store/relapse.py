"""Relapse: what was taken off the list on request, and is listed again.

An exclusion that a delisting left, or an operator, keeps a network unlisted
whatever feeds say; new evidence voids the one that a delisting left.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from dnsbl.store import requests
from dnsbl.store.database import Database
from dnsbl.store.request_states import State

ACTOR: Final = "relapse"

Key = tuple[str, str, str]  # zone, network, category


@dataclass(frozen=True, slots=True)
class Relapse:
    """A delisting whose network is listed again; ``reason`` is the new listing's.

    ``request_id`` is the last request that it had been taken off for.
    """

    zone: str
    network: str
    category: str
    reason: str
    request_id: int | None


# Of an open delisting `d`; its listing is `l`. One parameter: now.
_FROM_LISTED: Final = """
    JOIN listings AS l ON (l.zone, l.network, l.category) = (d.zone, d.network, d.category)
"""
_EFFECTIVE: Final = """
    d.relisted_at IS NULL AND NOT EXISTS (
        SELECT 1 FROM exclusions AS e
        WHERE e.zone = d.zone AND e.network = d.network AND e.category IN ('', d.category)
          AND (e.expires_at IS NULL OR e.expires_at > ?))
"""


def found_in_journal(database: Database, after: int, last: int, now: int) -> list[Key]:
    """Delisted networks that rows of the journal, beyond one and up to another, list again."""
    rows = database.rows(
        # CROSS JOIN: the rows of the journal are few, the delistings may be many.
        f"""
        SELECT DISTINCT d.zone, d.network, d.category FROM journal AS j
        CROSS JOIN delistings AS d
            ON (d.zone, d.network, d.category) = (j.zone, j.network, j.category)
        {_FROM_LISTED}
        WHERE j.seq > ? AND j.seq <= ? AND j.kind = 'listing' AND j.op = 'added' AND {_EFFECTIVE}
        """,
        after, last, now,
    )  # fmt: skip
    return [(row["zone"], row["network"], row["category"]) for row in rows]


def all_found(database: Database, zone: str | None, now: int, limit: int) -> list[Key]:
    """All delisted networks that are listed again, of a zone or of all, so many at most.

    For when the journal does not name them one by one. A listing that was there
    before the delisting is none: it is that of a network around what was taken off.
    """
    rows = database.rows(
        f"""
        SELECT DISTINCT d.zone, d.network, d.category FROM delistings AS d
        {_FROM_LISTED}
        WHERE (? IS NULL OR d.zone = ?) AND l.listed_at >= d.at AND {_EFFECTIVE}
        LIMIT ?
        """,
        zone, zone, now, limit,
    )  # fmt: skip
    return [(row["zone"], row["network"], row["category"]) for row in rows]


def note(database: Database, key: Key, now: int) -> Relapse | None:
    """Notes that it is listed again, with its requests; None where that is not so any more."""
    row = database.row(
        f"""
        SELECT l.reason, max(d.request_id) AS request_id FROM delistings AS d
        {_FROM_LISTED}
        WHERE (d.zone, d.network, d.category) = (?, ?, ?) AND {_EFFECTIVE}
        GROUP BY l.reason
        """,
        *key, now,
    )  # fmt: skip
    if row is None:
        return None
    ended = database.rows(
        "UPDATE delistings SET relisted_at = ? "
        "WHERE (zone, network, category) = (?, ?, ?) AND relisted_at IS NULL RETURNING request_id",
        now, *key,
    )  # fmt: skip
    for request_id in {one["request_id"] for one in ended} - {None}:
        request = requests.get(database, request_id)
        if request is not None and request.state is State.DELISTED:
            requests.move(database, request_id, State.RELISTED, actor=ACTOR, now=now)
    return Relapse(*key, row["reason"], row["request_id"])
