"""The journal's oldest rows go, so that it does not grow for ever.

Only from its beginning: whoever follows it tells by its first number whether
what is missing was read already, and else reads everything anew.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from dnsbl.store.database import Database

BATCH_ROWS: Final = 1000  # a transaction of so many takes some 10 ms
KEPT_ROWS_MIN: Final = 1000  # a follower that was away for a moment needs no more


@dataclass(frozen=True, slots=True)
class Bounds:
    """What the journal may hold: so many rows, and none older than so many seconds."""

    rows_max: int
    age_s: int


def last_of_batch(database: Database, bounds: Bounds, now: int) -> int | None:
    """The number up to which a whole batch of rows is beyond the bounds; None if there is none.

    A batch that is not whole yet waits, so that a journal that is as long as it
    may be is not written each second.
    """
    row = database.row(
        """
        SELECT max(seq) AS last, count(*) AS rows, coalesce(max(at), 0) AS latest,
               (SELECT seq FROM journal ORDER BY seq DESC LIMIT 1 OFFSET ?) AS kept,
               (SELECT max(seq) FROM journal) AS newest
        FROM (SELECT seq, at FROM journal ORDER BY seq LIMIT ?)
        """,
        KEPT_ROWS_MIN - 1, BATCH_ROWS,
    )  # fmt: skip
    if row is None or row["rows"] < BATCH_ROWS or row["kept"] is None or row["last"] >= row["kept"]:
        return None
    last = int(row["last"])
    too_many = last <= row["newest"] - bounds.rows_max
    too_old = row["latest"] < now - bounds.age_s
    return last if too_many or too_old else None


def prune(database: Database, bounds: Bounds, now: int) -> int:
    """Deletes a batch of what is beyond the bounds; how many rows, 0 if there is no whole batch."""
    with database.transaction():
        last = last_of_batch(database, bounds, now)
        if last is None:
            return 0
        return database.change("DELETE FROM journal WHERE seq <= ?", last)
