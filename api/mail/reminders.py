"""The mail that tells of the end of a wait, where the wait is older than such mails are.

What a press makes wait gets its mail in the same transaction; a database of an
earlier version has waits without one.
"""

from __future__ import annotations

from collections.abc import Callable

import structlog

from api.truth import Truth
from dnsbl.config import Config
from dnsbl.delist.message_id import new_message_id
from dnsbl.store import outbox
from dnsbl.store.database import Database


class Reminders:
    """`now` gives Unix seconds."""

    def __init__(self, truth: Truth, config: Config, now: Callable[[], float]) -> None:
        self._truth = truth
        self._config = config
        self._now = now

    async def round(self) -> bool:
        """Queues the mails that are missing; there are no more then. Raises StoreError."""
        now = int(self._now())
        # Asked first of the reader: the writer's lock is not taken each second for nothing.
        if await self._truth.read(outbox.unannounced, now):
            queued = await self._truth.write(_queue_missing, self._config, now)
            if queued:  # another round may have come between
                structlog.get_logger().info("reminders_queued", mails=queued)
        return False


def _queue_missing(database: Database, config: Config, now: int) -> int:
    """Queues each to leave when its wait ends, in the caller's transaction; how many."""
    waits = outbox.unannounced(database, now)
    for wait in waits:
        outbox.queue(database, wait.request_id, new_message_id(config), now, due_at=wait.until)
    return len(waits)
