"""Every delisting on request: what relapse is counted from."""

from __future__ import annotations

from dnsbl.network import Network
from dnsbl.store.database import Database


def record(
    database: Database, zone: str, network: Network, category: str, *, now: int, request_id: int
) -> None:
    """Notes a delisting in the transaction that makes it."""
    database.change(
        "INSERT INTO delistings (zone, network, category, at, request_id) VALUES (?, ?, ?, ?, ?)",
        zone, str(network), category, now, request_id,
    )  # fmt: skip


def times(
    database: Database, zone: str, address: Network, category: str, since: int, limit: int
) -> tuple[int, ...]:
    """When an address was delisted there since a time, the newest first; its /64 counts too."""
    networks = {str(address)}
    if address.family == 6:  # noqa: PLR2004  # IPv6
        networks.add(str(address.widened(64)))
    marks = ", ".join("?" * len(networks))
    rows = database.rows(
        f"SELECT at FROM delistings WHERE network IN ({marks}) AND zone = ? AND category = ? "
        "AND at > ? ORDER BY at DESC LIMIT ?",
        *sorted(networks), zone, category, since, limit,
    )  # fmt: skip
    return tuple(int(row["at"]) for row in rows)
