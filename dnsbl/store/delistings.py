"""Every delisting on request: what relapse is counted from."""

from __future__ import annotations

from dataclasses import dataclass

from dnsbl.network import Network
from dnsbl.store.database import Database


@dataclass(frozen=True, slots=True)
class Delisting:
    """A row: what was taken off, and when it was listed again (None: it was not), in Unix s."""

    zone: str
    network: str
    category: str
    at: int
    request_id: int | None
    relisted_at: int | None


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
    networks = _networks(address)
    marks = ", ".join("?" * len(networks))
    rows = database.rows(
        f"SELECT at FROM delistings WHERE network IN ({marks}) AND zone = ? AND category = ? "
        "AND at > ? ORDER BY at DESC LIMIT ?",
        *networks, zone, category, since, limit,
    )  # fmt: skip
    return tuple(int(row["at"]) for row in rows)


def of_address(database: Database, address: Network, limit: int) -> list[Delisting]:
    """The last delistings of an address or its /64, from every list, the newest first."""
    networks = _networks(address)
    marks = ", ".join("?" * len(networks))
    rows = database.rows(
        "SELECT zone, network, category, at, request_id, relisted_at FROM delistings "
        f"WHERE network IN ({marks}) ORDER BY id DESC LIMIT ?",
        *networks, limit,
    )  # fmt: skip
    return [Delisting(*row) for row in rows]


def _networks(address: Network) -> list[str]:
    """What a delisting of an address may have taken off."""
    networks = [str(address)]
    if address.family == 6:  # noqa: PLR2004  # IPv6
        networks.append(str(address.widened(64)))
    return networks
