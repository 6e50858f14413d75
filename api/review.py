"""Requests with an operator end when the operator has acted.

An operator consents by `dnsbl remove` or `dnsbl exclude`. Whatever took the
listings away, a request ends well once nothing that could be removed for it
lists its address any more. That is looked for only after the journal has moved.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import structlog

from api.truth import Truth
from dnsbl.config import Config
from dnsbl.delist.conclusion import conclude
from dnsbl.delist.findings import find
from dnsbl.delist.message_id import new_message_id
from dnsbl.network import parse_address
from dnsbl.store import journal, outbox, request_items, requests
from dnsbl.store.database import Database
from dnsbl.store.journal import Position
from dnsbl.store.request_items import ItemOutcome
from dnsbl.store.request_states import State
from dnsbl.store.requests import Request

BATCH_REQUESTS: Final = 100  # looked at in a round: some milliseconds

ACTOR: Final = "review"


@dataclass(frozen=True, slots=True)
class _Batch:
    """Some of the requests in review: the last one's id, and those that may end."""

    position: Position
    count: int
    last_id: int
    settled: Sequence[int]


class Review:
    """Goes through the requests in review, a batch a round; `now` gives Unix seconds."""

    def __init__(self, truth: Truth, config: Config, now: Callable[[], float]) -> None:
        self._truth = truth
        self._config = config
        self._now = now
        self._after_id = 0
        self._began_at: Position | None = None  # where the journal stood when this pass began
        self._done_at: Position | None = None  # and the last whole one

    async def round(self) -> bool:
        """Looks at a batch, and ends what may end. Raises StoreError."""
        done_at = None if self._after_id else self._done_at
        now = int(self._now())
        batch = await self._truth.read(_look, self._config, self._after_id, done_at, now)
        if batch is None:
            return False
        if batch.settled:
            for request in await self._truth.write(end_settled, self._config, batch.settled, now):
                structlog.get_logger().info(
                    "review_ended", request_id=request.id, address=request.address
                )
        if self._after_id == 0:
            self._began_at = batch.position
        self._after_id = batch.last_id
        if batch.count < BATCH_REQUESTS:
            self._after_id, self._done_at = 0, self._began_at
        return False  # many of them take their time, and none from the pages


def end_settled(
    database: Database, config: Config, request_ids: Sequence[int], now: int
) -> list[Request]:
    """Ends those that are settled still, with a mail to each, in the caller's transaction."""
    ended: list[Request] = []
    for request_id in request_ids:
        request = requests.get(database, request_id)
        if request is None or request.state is not State.REVIEW:
            continue
        if _is_settled(database, config, request, now):
            conclude(database, config, request_id, {}, actor=ACTOR, now=now)
            outbox.queue(database, request_id, new_message_id(config), now, kind="decision_mail")
            ended.append(request)
    return ended


def _look(
    database: Database, config: Config, after_id: int, done_at: Position | None, now: int
) -> _Batch | None:
    """The next batch; None where nothing has changed since a whole pass."""
    position = journal.position(database)
    if position == done_at:
        return None
    batch = requests.in_review(database, after_id, BATCH_REQUESTS)
    settled = [request.id for request in batch if _is_settled(database, config, request, now)]
    return _Batch(position, len(batch), batch[-1].id if batch else 0, settled)


def _is_settled(database: Database, config: Config, request: Request, now: int) -> bool:
    """Whether nothing that an operator was to decide about lists the address any more."""
    findings = find(database, config, parse_address(request.address), now)
    asked = {
        (item.zone, item.category)
        for item in request_items.of_request(database, request.id)
        if item.outcome is ItemOutcome.REVIEW
    }
    if not asked:  # a request of before items were kept
        return all(finding.category.delist == "never" for finding in findings)
    return asked.isdisjoint((finding.zone.origin, finding.category.name) for finding in findings)
