"""All that a database holds, as a load reads it."""

from __future__ import annotations

from collections.abc import Iterator

from dnsbl.errors import DnsblError
from dnsbl.store import journal
from dnsbl.store.database import Database
from dnsbl.store.journal import Change, Kind
from dnsbl.subject import parse_canonical
from dnsbl.verdict import Entry


def everything(database: Database) -> Iterator[Change]:
    """Every listing and exclusion of every zone as a change with the number 0."""
    tables: tuple[tuple[Kind, str], ...] = (("exclusion", "exclusions"), ("listing", "listings"))
    for kind, table in tables:
        for row in database.rows(f"SELECT DISTINCT zone FROM {table}"):  # noqa: S608  # constants
            for chunk in journal.chunks(database, row["zone"], kind):
                for line in chunk.decode(errors="replace").split("\n"):
                    yield _change(row["zone"], kind, line)


def _change(zone: str, kind: Kind, line: str) -> Change:
    subject, category, expires_at, text = line.split("\t")
    try:
        network = parse_canonical(subject)
    except DnsblError as error:
        return Change(0, zone, kind, category, None, None, fault=str(error))
    at = int(expires_at) if expires_at else None
    entry = Entry(network, category, kind == "exclusion", at, text)
    return Change(0, zone, kind, category, network, entry)
