"""Every delisting on request, and how it ended: what relapse is counted from."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from typing import Final

from dnsbl.network import Network
from dnsbl.store import requests
from dnsbl.store.database import Database


@dataclass(frozen=True, slots=True)
class Delisting:
    """A row: what was taken off, and how that ended, in Unix seconds.

    ``relisted_at`` is when it was found listed for something new, ``lapsed_at``
    when its exclusion was over though nothing new was seen; both None: neither yet.
    One that lapsed may relapse later, and has both.
    """

    zone: str
    network: str
    category: str
    at: int
    request_id: int | None
    relisted_at: int | None
    lapsed_at: int | None = None


_COLUMNS: Final = "zone, network, category, at, request_id, relisted_at, lapsed_at"


def _delisting(row: sqlite3.Row) -> Delisting:
    return Delisting(*row)


def record(
    database: Database, zone: str, network: Network, category: str, *, now: int, request_id: int
) -> None:
    """Notes a delisting in the transaction that makes it."""
    database.change(
        "INSERT INTO delistings (zone, network, category, at, request_id) VALUES (?, ?, ?, ?, ?)",
        zone, str(network), category, now, request_id,
    )  # fmt: skip


def earlier(
    database: Database, zone: str, address: Network, category: str, since: int, limit: int
) -> list[Delisting]:
    """What may count as a relapse of an address or its /64 since a time, the newest first.

    That is the last, and those before it that did not lapse. So many at most,
    but for the last.
    """
    where, values = _there(address, zone, category, since)
    last = database.row(
        f"SELECT {_COLUMNS} FROM delistings WHERE {where} ORDER BY at DESC, id DESC LIMIT 1",
        *values,
    )
    if last is None:
        return []
    rows = database.rows(
        f"SELECT {_COLUMNS} FROM delistings WHERE {where} "
        "AND (relisted_at IS NOT NULL OR lapsed_at IS NULL) ORDER BY at DESC, id DESC LIMIT ?",
        *values, limit,
    )  # fmt: skip
    found = [_delisting(row) for row in rows]
    newest = _delisting(last)
    return found if newest in found[:1] else [newest, *found]


def of_address(database: Database, address: Network, limit: int) -> list[Delisting]:
    """The last delistings of an address or its /64, from every list, the newest first."""
    networks = requests.subjects(address.address_text)
    rows = database.rows(
        f"SELECT {_COLUMNS} FROM delistings WHERE network IN ({_marks(networks)}) "
        "ORDER BY id DESC LIMIT ?",
        *networks, limit,
    )  # fmt: skip
    return [_delisting(row) for row in rows]


def has_only_lapsed(database: Database, address: Network, request_id: int) -> bool:
    """Whether what a request for the address took off is listed again, and for nothing new."""
    networks = requests.subjects(address.address_text)
    row = database.row(
        "SELECT count(relisted_at) AS relisted, count(lapsed_at) AS lapsed FROM delistings "
        f"WHERE network IN ({_marks(networks)}) AND request_id = ?",
        *networks, request_id,
    )  # fmt: skip
    return row is not None and row["lapsed"] > 0 and row["relisted"] == 0


def _there(address: Network, zone: str, category: str, since: int) -> tuple[str, list[object]]:
    networks = requests.subjects(address.address_text)
    where = f"network IN ({_marks(networks)}) AND zone = ? AND category = ? AND at > ?"
    return where, [*networks, zone, category, since]


def _marks(values: list[str]) -> str:
    return ", ".join("?" * len(values))
