"""What listings and exclusions have in common: rows with the key (zone, network, category).

A row that covers an address has one of 33 (IPv6: 129) texts for its network, in
one of a few zones. Asking for each by its key costs some tens of microseconds,
and spares every import a second index.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterator
from typing import Literal

from dnsbl.network import Network, NetworkError, parse_canonical
from dnsbl.store.database import Database

Table = Literal["listings", "exclusions"]


def covering_rows(
    database: Database, table: Table, columns: str, address: Network
) -> list[sqlite3.Row]:
    """The rows of every zone whose network covers the address, in no order."""
    networks = [str(network) for network in address.covering()]
    marks = ", ".join("?" * len(networks))
    # The zones that the table knows, each found by a step of the primary key from the one before.
    return database.rows(
        f"""
        WITH RECURSIVE zones (zone) AS (
            SELECT min(zone) FROM {table}
            UNION ALL
            SELECT (SELECT min(zone) FROM {table} WHERE zone > zones.zone) FROM zones
            WHERE zones.zone IS NOT NULL
        )
        SELECT {columns} FROM zones CROSS JOIN {table} USING (zone) WHERE network IN ({marks})
        """,
        *networks,
    )


def faults(database: Database, table: Table, served: Collection[tuple[str, str]]) -> Iterator[str]:
    """A sentence for each row that cannot be served.

    Either its zone and category are none of those served, or its network is none.
    """
    kind = table.removesuffix("s")
    for row in database.each(f"SELECT zone, network, category FROM {table}"):
        zone, network, category = row
        if (zone, category) in served:
            try:
                parse_canonical(network)
            except NetworkError as error:
                yield f"{kind} {network} in {zone}: {error}"
        else:
            yield (
                f"{kind} {network} in {zone}: "
                f"no such zone and category as {zone}/{category or 'all'}"
            )
