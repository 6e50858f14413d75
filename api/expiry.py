"""What has had its time goes: listings, exclusions, requests that nobody confirmed.

DNS stops answering for an expired listing by itself; here its row goes too, with
a line in the audit, in short transactions between which pages get their turn.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import structlog

from api.truth import Truth
from dnsbl.store import audit, exclusions, listings, overdue, requests
from dnsbl.store.audit import Act
from dnsbl.store.database import Database

BATCH_ROWS: Final = 500  # a transaction of so many rows takes some milliseconds

ACTOR: Final = "expiry"


@dataclass(frozen=True, slots=True)
class Ended:
    """How much a batch took away; `more` where another batch is due at once."""

    listings: int
    exclusions: int
    requests: int

    @property
    def more(self) -> bool:
        """Whether one of the kinds filled the batch."""
        return max(self.listings, self.exclusions, self.requests) >= BATCH_ROWS


class Expiry:
    """`now` gives Unix seconds."""

    def __init__(self, truth: Truth, now: Callable[[], float]) -> None:
        self._truth = truth
        self._now = now

    async def round(self) -> bool:
        """Ends a batch of what has had its time; whether there is more. Raises StoreError."""
        # Asked first of the reader: the writer's lock is not taken each second for nothing.
        if not await self._truth.read(overdue.is_anything_overdue, int(self._now())):
            return False
        ended = await self._truth.write(end_overdue, int(self._now()))
        structlog.get_logger().info(
            "expired",
            listings=ended.listings,
            exclusions=ended.exclusions,
            requests=ended.requests,
        )
        return ended.more


def end_overdue(database: Database, now: int) -> Ended:
    """One batch, in the caller's transaction, with its audit lines."""
    gone = listings.take_expired(database, now, BATCH_ROWS)
    void = exclusions.take_expired_exclusions(database, now, BATCH_ROWS)
    audit.record(
        database,
        [Act(now, ACTOR, "listing.expired", item.zone, str(item.network), item.category,
             note=item.reason) for item in gone]
        + [Act(now, ACTOR, "exclusion.expired", item.zone, str(item.network), item.category,
               note=item.reason) for item in void],
    )  # fmt: skip
    late = requests.expire_overdue(database, now, BATCH_ROWS)
    return Ended(len(gone), len(void), len(late))
