"""Imports that are one row of the journal."""

from __future__ import annotations

import json
from collections.abc import Iterator

from dnsbl.network import Network
from dnsbl.store.bulk import BULK_ROWS_MIN, Common, add_in_bulk
from dnsbl.store.database import Database

COUNT = BULK_ROWS_MIN + 1


def import_in_bulk(database: Database, first: int = 1, zone: str = "bl.example") -> int:
    """Lists COUNT IPv4 addresses as spam, the first of that number; the number of the last."""
    texts = [str(Network(4, number, 32)) for number in range(first, first + COUNT)]

    def batches(rows: int) -> Iterator[tuple[int, str]]:
        for at in range(0, COUNT, rows):
            yield len(texts[at : at + rows]), json.dumps(texts[at : at + rows])

    with database.transaction():
        add_in_bulk(database, Common(zone, "spam", "", "", 0, None), batches, lambda _: None)
    return first + COUNT - 1
