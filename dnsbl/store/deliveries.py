"""What hooks are to be told: a row is committed before anything is sent, and marked after.

A message is sent at least once: killed between the hook's reply and the mark,
the process sends it again, under the same name (``event.uid``). Of one subject,
or one /64, the next one waits until the one before it was delivered or given up.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final, Literal

from dnsbl.store import events
from dnsbl.store.database import Database, fitting
from dnsbl.store.events import Event
from dnsbl.store.hooks import TEST_EVENT

ANSWER_CHARS_MAX: Final = 1000

DeliveryState = Literal["queued", "delivered", "dead"]


@dataclass(frozen=True, slots=True)
class Delivery:
    """A row of `hook_deliveries` with its event. Times in Unix seconds.

    ``answer`` is what the hook made of the last attempt.
    """

    id: int
    hook: str
    state: DeliveryState
    attempts: int
    next_attempt_at: int
    answer: str
    created_at: int
    done_at: int | None
    event: Event


_COLUMNS: Final = (
    "d.id AS delivery_id, d.hook, d.state, d.attempts, d.next_attempt_at, d.answer, "
    "d.created_at, d.done_at, e.*"
)


def _delivery(row: sqlite3.Row) -> Delivery:
    return Delivery(
        id=row["delivery_id"],
        hook=row["hook"],
        state=row["state"],
        attempts=row["attempts"],
        next_attempt_at=row["next_attempt_at"],
        answer=row["answer"],
        created_at=row["created_at"],
        done_at=row["done_at"],
        event=events.event(row),
    )


def due(database: Database, hook: str, now: int, limit: int) -> list[Delivery]:
    """What may be sent now, the longest due first: of each subject the first that is queued."""
    rows = database.rows(
        f"""
        SELECT {_COLUMNS} FROM hook_deliveries AS d JOIN events AS e ON e.id = d.event_id
        WHERE d.hook = ? AND d.state = 'queued' AND d.next_attempt_at <= ? AND NOT EXISTS (
            SELECT 1 FROM hook_deliveries AS earlier
            WHERE earlier.hook = d.hook AND earlier.subject = d.subject
              AND earlier.state = 'queued' AND earlier.id < d.id)
        ORDER BY d.next_attempt_at, d.id LIMIT ?
        """,
        hook, now, limit,
    )  # fmt: skip
    return [_delivery(row) for row in rows]


def settle(
    database: Database, delivery: Delivery, state: DeliveryState, answer: str, *,
    now: int, next_attempt_at: int | None = None,
) -> bool:  # fmt: skip
    """Notes how an attempt went; whether the delivery was still that queued one.

    "queued" goes with the time of the next attempt.
    """
    assert (state == "queued") == (next_attempt_at is not None)
    settled = database.change(
        """
        UPDATE hook_deliveries SET state = ?, answer = ?, attempts = attempts + 1,
            next_attempt_at = coalesce(?, next_attempt_at), done_at = ?
        WHERE id = ? AND state = 'queued' AND event_id = (SELECT id FROM events WHERE uid = ?)
        """,
        state, fitting(answer, ANSWER_CHARS_MAX), next_attempt_at,
        None if state == "queued" else now, delivery.id, delivery.event.uid,
    )  # fmt: skip
    if settled and next_attempt_at is not None:
        # Those that wait behind it need not be looked at before.
        database.change(
            "UPDATE hook_deliveries SET next_attempt_at = max(next_attempt_at, ?) "
            "WHERE hook = ? AND state = 'queued' AND id > ? "
            "AND subject = (SELECT subject FROM hook_deliveries WHERE id = ?)",
            next_attempt_at, delivery.hook, delivery.id, delivery.id,
        )  # fmt: skip
    return settled > 0


def note(database: Database, delivery: Delivery, answer: str) -> None:
    """Notes what a hook said where that counts as no attempt."""
    database.change(
        "UPDATE hook_deliveries SET answer = ? "
        "WHERE id = ? AND state = 'queued' AND event_id = (SELECT id FROM events WHERE uid = ?)",
        fitting(answer, ANSWER_CHARS_MAX), delivery.id, delivery.event.uid,
    )  # fmt: skip


def queue_test(
    database: Database, hook: str, kind: str, *, subject: str, zone: str, category: str, now: int
) -> int:
    """Queues a trial of a hook that looks like an event of that kind; the delivery's id.

    In the caller's transaction. It waits behind nothing, and no other hook is told.
    """
    event_id = events.record(
        database, TEST_EVENT, subject, now=now, zone=zone, category=category, reason=kind
    )
    row = database.row(
        "INSERT INTO hook_deliveries (hook, event_id, subject, next_attempt_at, created_at) "
        "SELECT ?, id, uid, ?, ? FROM events WHERE id = ? RETURNING id",
        hook, now, now, event_id,
    )  # fmt: skip
    assert row is not None
    return int(row["id"])


def get(database: Database, delivery_id: int) -> Delivery | None:
    """A delivery by its id."""
    row = database.row(
        f"SELECT {_COLUMNS} FROM hook_deliveries AS d JOIN events AS e ON e.id = d.event_id "
        "WHERE d.id = ?",
        delivery_id,
    )
    return _delivery(row) if row else None


def browse(
    database: Database, hook: str, state: DeliveryState | None, limit: int
) -> list[Delivery]:
    """The last deliveries of a hook, of all states or one, the newest first."""
    which = "" if state is None else f"AND d.state = '{state}'"
    # Among millions the dead have an index of their own, in the order of ids.
    by = "d.id" if state == "dead" else "d.event_id"
    rows = database.rows(
        f"SELECT {_COLUMNS} FROM hook_deliveries AS d JOIN events AS e ON e.id = d.event_id "
        f"WHERE d.hook = ? {which} ORDER BY {by} DESC LIMIT ?",
        hook, limit,
    )  # fmt: skip
    return [_delivery(row) for row in rows]


def last_attempted(database: Database, hook: str) -> Delivery | None:
    """The newest delivery of a hook that was tried."""
    row = database.row(
        f"SELECT {_COLUMNS} FROM hook_deliveries AS d JOIN events AS e ON e.id = d.event_id "
        "WHERE d.hook = ? AND (d.attempts > 0 OR d.answer <> '') ORDER BY d.event_id DESC LIMIT 1",
        hook,
    )
    return _delivery(row) if row else None


def replay(database: Database, hook: str, ids: Collection[int], now: int) -> list[int]:
    """Queues deliveries of a hook anew, with all attempts before them; those that there are."""
    return [
        one for one in ids
        if database.change(
            "UPDATE hook_deliveries SET state = 'queued', attempts = 0, next_attempt_at = ?, "
            "done_at = NULL WHERE id = ? AND hook = ?",
            now, one, hook,
        )
    ]  # fmt: skip


def replay_dead(database: Database, hook: str, now: int) -> int:
    """Queues everything anew that was given up for a hook; how many."""
    return database.change(
        "UPDATE hook_deliveries SET state = 'queued', attempts = 0, next_attempt_at = ?, "
        "done_at = NULL WHERE hook = ? AND state = 'dead'",
        now, hook,
    )  # fmt: skip


def depths(database: Database) -> dict[tuple[str, DeliveryState], int]:
    """How many deliveries of each hook that was ever served are queued and dead.

    A trial that came to nothing was seen by who made it, and is not among the dead.
    """
    states: tuple[DeliveryState, ...] = ("queued", "dead")
    found = {(row["name"], state): 0 for row in database.rows("SELECT name FROM hooks")
             for state in states}  # fmt: skip
    for state in states:  # each has an index of its own; the delivered ones are many
        for row in database.rows(
            f"SELECT hook, count(*) AS n FROM hook_deliveries WHERE state = '{state}' "
            "AND (state = 'queued' OR subject NOT GLOB 'msg_*') GROUP BY hook"
        ):
            found[row["hook"], state] = int(row["n"])
    return found
