"""What listings and exclusions have in common: rows with the key (zone, network, category).

A row that covers an address has one of 33 (IPv6: 129) texts for its network, in
one of a few zones; one that covers a name has two for each of its labels.
Asking for each by its key costs some tens of microseconds, and spares every
import a second index.
"""

from __future__ import annotations

import functools
import sqlite3
from collections.abc import Collection, Iterator
from typing import Literal

from dnsbl.errors import DnsblError
from dnsbl.name import Name
from dnsbl.store.database import Database
from dnsbl.subject import Subject, parse_canonical

Table = Literal["listings", "exclusions"]


def covering_rows(
    database: Database, table: Table, columns: str, subject: Subject
) -> list[sqlite3.Row]:
    """The rows of every zone that cover an address, a network or a name, in no order."""
    texts = covering_texts(subject)
    marks = ", ".join("?" * len(texts))
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
        *texts,
    )


@functools.lru_cache(maxsize=16)  # a page asks for those of one address five times over
def covering_texts(subject: Subject) -> tuple[str, ...]:
    """The column `network` of whatever can cover it: 254 texts at most."""
    return tuple(str(each) for each in subject.covering())


def faults(
    database: Database,
    table: Table,
    served: Collection[tuple[str, str]],
    of_names: Collection[str],
) -> Iterator[str]:
    """A sentence for each row that cannot be served.

    Its zone and category are none of those served, or what it is about is
    neither a network nor a name, or is not of the kind that its zone lists:
    names in the zones ``of_names``, networks in all others.
    """
    kind = table.removesuffix("s")
    for row in database.each(f"SELECT zone, network, category FROM {table}"):
        zone, network, category = row
        if (zone, category) in served:
            try:
                subject = parse_canonical(network)
            except DnsblError as error:
                yield f"{kind} {network} in {zone}: {error}"
                continue
            if isinstance(subject, Name) != (zone in of_names):
                lists = "names" if zone in of_names else "addresses"
                yield f"{kind} {network} in {zone}: the zone lists {lists}"
        else:
            yield (
                f"{kind} {network} in {zone}: "
                f"no such zone and category as {zone}/{category or 'all'}"
            )
