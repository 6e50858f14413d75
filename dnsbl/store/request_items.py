"""What a confirmed request came to, for each listing that it was about."""

from __future__ import annotations

import enum
import sqlite3
from dataclasses import dataclass
from typing import Final

from dnsbl.store.database import Database, fitting

LINE_CHARS_MAX: Final = 1000  # of a reason or a note
RULE_CHARS_MAX: Final = 64


class ItemOutcome(enum.StrEnum):
    """What became of one listing."""

    DELISTED = "delisted"
    COOLDOWN = "cooldown"
    REVIEW = "review"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Item:
    """A row of `request_items`: zone and category name it within its request; times in Unix s."""

    request_id: int
    zone: str
    category: str
    network: str
    outcome: ItemOutcome
    rule: str
    reason: str
    note: str
    until: int | None
    at: int


def _item(row: sqlite3.Row) -> Item:
    return Item(
        request_id=row["request_id"],
        zone=row["zone"],
        category=row["category"],
        network=row["network"],
        outcome=ItemOutcome(row["outcome"]),
        rule=row["rule"],
        reason=row["reason"],
        note=row["note"],
        until=row["until"],
        at=row["at"],
    )


def put(database: Database, item: Item) -> None:
    """Notes what became of a listing, in the place of what was noted before."""
    database.change(
        """
        INSERT INTO request_items (request_id, zone, category, network, outcome, rule, reason,
            note, until, at)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
        ON CONFLICT (request_id, zone, category) DO UPDATE
        SET network = excluded.network, outcome = excluded.outcome, rule = excluded.rule,
            reason = excluded.reason, note = excluded.note, until = excluded.until,
            at = excluded.at
        """,
        item.request_id, item.zone, item.category, item.network, str(item.outcome),
        item.rule[:RULE_CHARS_MAX], fitting(item.reason, LINE_CHARS_MAX),
        fitting(item.note, LINE_CHARS_MAX), item.until, item.at,
    )  # fmt: skip


def of_request(database: Database, request_id: int) -> list[Item]:
    """What a request came to, in the order of zones and categories."""
    rows = database.rows(
        "SELECT * FROM request_items WHERE request_id = ? ORDER BY zone, category", request_id
    )
    return [_item(row) for row in rows]
