"""Changes of listings as commands, portal and feeds make them, and what the watch tells of them."""

from __future__ import annotations

import itertools
import json

from portal import START

from dnsbl.network import parse
from dnsbl.store import audit, bulk, delistings, exclusions, listings, news, requests
from dnsbl.store.audit import Act
from dnsbl.store.bulk import Common
from dnsbl.store.database import Database
from dnsbl.store.exclusions import Exclusion
from dnsbl.store.listings import Listing
from dnsbl.store.news import Batch
from dnsbl.store.requests import NewRequest, State

ZONE = "bl.example"
ONE = "192.0.2.1/32"
_hashes = itertools.count()
Told = tuple[str, str, str, str]  # kind, zone, subject, category


def read(database: Database, limit: int = 100) -> list[Batch]:
    """Looks until there is nothing new; what was found, written."""
    batches: list[Batch] = []
    while (batch := news.look(database, limit, START)) is not None:
        with database.transaction():
            assert news.take(database, batch, lambda *_: True, START) is not None
        batches.append(batch)
    return batches


def told(database: Database) -> list[Told]:
    """The events there are, but for those of requests."""
    return [
        (row["kind"], row["zone"], row["subject"], row["category"])
        for row in database.rows("SELECT * FROM events ORDER BY id")
        if not row["kind"].startswith("delist.")
    ]


def kinds(database: Database) -> list[str]:
    """The same, only their kinds."""
    return [kind for kind, *_ in told(database)]


def networks_relisted(database: Database) -> list[str]:
    """What was told to be listed again, in the order in which it was told."""
    return [one[2] for one in told(database) if one[0] == "listing.relisted"]


def add(database: Database, network: str = ONE, category: str = "spam", **more: int | None) -> None:
    """Lists a network, as the command does."""
    listings.add(database, Listing(ZONE, parse(network), category, "trap", listed_at=START, **more))


def remove(database: Database, network: str = ONE, category: str = "spam") -> None:
    """As the command does, with its line in the audit."""
    with database.transaction():
        if listings.remove(database, ZONE, parse(network), category):
            audit.record(database, [Act(START, "cli", "listing.removed", ZONE, network, category)])


def delist(
    database: Database, network: str = ONE, category: str = "spam", grace_s: int | None = 60
) -> int:
    """As the portal does; the request's id."""
    address = network.partition("/")[0]
    new = NewRequest(
        next(_hashes).to_bytes(32), address, "a@b.example", "a@b.example", "b.example",
        "198.51.100.1/32", "en", START, START + 86_400,
    )  # fmt: skip
    with database.transaction():
        request_id = requests.create(database, new)
        for state in (State.MAIL_QUEUED, State.MAIL_SENT, State.CONFIRMED, State.DELISTED):
            requests.move(database, request_id, state, actor="test", now=START)
        remove(database, network, category)
        if grace_s is not None:
            exclude(database, network, category, grace_s=grace_s)
        delistings.record(
            database, ZONE, parse(network), category, now=START, request_id=request_id
        )
    return request_id


def exclude(
    database: Database, network: str = ONE, category: str = "spam", grace_s: int | None = None
) -> None:
    """Excludes a network; with `grace_s` as a delisting does."""
    exclusions.exclude(
        database,
        Exclusion(
            ZONE, parse(network), category, "ours", grace=grace_s is not None, excluded_at=START,
            expires_at=None if grace_s is None else START + grace_s,
        ),
    )  # fmt: skip


def bulk_import(database: Database, *networks: str) -> None:
    """An import that is one row of the journal."""
    common = Common(ZONE, "spam", "trap", "", START, None)
    with database.transaction():
        bulk.add_in_bulk(
            database, common, lambda _: [(len(networks), json.dumps(networks))], lambda _: None
        )
