"""The mail that tells of the end of a wait, where the wait is older than such mails are.

What a press makes wait gets its mail in the same transaction; a database of an
earlier version has waits without one.
"""

from __future__ import annotations

import structlog

from dnsbl.config import Config
from dnsbl.delist.message_id import new_message_id
from dnsbl.store import outbox
from dnsbl.store.database import Database


def queue_missing(database: Database, config: Config, now: int) -> None:
    """Queues the mails that are missing, each to leave when its wait ends; none a second time."""
    if not outbox.unannounced(database, now):
        return  # so nothing waits here for another program's transaction
    with database.transaction():
        waits = outbox.unannounced(database, now)
        for wait in waits:
            outbox.queue(database, wait.request_id, new_message_id(config), now, due_at=wait.until)
    structlog.get_logger().info("reminders_queued", mails=len(waits))
