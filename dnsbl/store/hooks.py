"""The hooks that are told what happens: up to which event each was served, and whether it is off.

A hook's events become deliveries here (the fan-out); `deliveries` has what
becomes of those.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Final

from dnsbl.errors import DnsblError
from dnsbl.network import IPV6, Network
from dnsbl.store import events
from dnsbl.store.database import Database, fitting
from dnsbl.store.events import EventKind
from dnsbl.subject import parse_canonical

WHY_CHARS_MAX: Final = 1000
IPV6_ORDERED_LENGTH: Final = 64  # RFC 6177 §2: no site has less; what a delisting takes off

# An operator's trial: it is a delivery of one hook from the start, and no event of the others.
TEST_EVENT: Final[EventKind] = "hook.test"


@dataclass(frozen=True, slots=True)
class HookState:
    """Where a hook stands. ``event_id`` is the last event that was looked at for it.

    ``disabled_at`` is Unix seconds, None while it is told what happens.
    """

    name: str
    event_id: int
    disabled_at: int | None
    disabled_why: str


# Whether the hook is told of an event, by its kind, zone and category.
IsWanted = Callable[[str, str, str], bool]


def states(database: Database) -> dict[str, HookState]:
    """All hooks that ever were, by their names."""
    return {
        row["name"]: HookState(
            row["name"], row["event_id"], row["disabled_at"], row["disabled_why"]
        )
        for row in database.rows("SELECT * FROM hooks")
    }


def last_event_id(database: Database) -> int:
    """The number of the last event that ever was, 0 without any."""
    row = database.row("SELECT seq FROM sqlite_sequence WHERE name = 'events'")
    return int(row["seq"]) if row else 0


def behind(database: Database, names: Collection[str]) -> list[str]:
    """Those of the hooks that have not been looked at for the last event yet, or never."""
    last, known = last_event_id(database), states(database)
    return [name for name in names if name not in known or known[name].event_id != last]


def fan_out(database: Database, name: str, is_wanted: IsWanted, now: int, limit: int) -> int:
    """Makes deliveries of a hook's next events, at most so many looked at; how many it got.

    In the caller's transaction. A hook that is new begins with what happens from
    now on. One that is off gets its deliveries as well; they wait.
    """
    last, state = last_event_id(database), states(database).get(name)
    if state is None or state.event_id > last:
        _serve(database, name, last)
        return 0
    rows = database.rows(
        "SELECT * FROM events WHERE id > ? ORDER BY id LIMIT ?", state.event_id, limit
    )
    found = [events.event(row) for row in rows]
    wanted = [
        one for one in found
        if one.kind != TEST_EVENT and is_wanted(one.kind, one.zone, one.category)
    ]  # fmt: skip
    database.change_each(
        "INSERT INTO hook_deliveries (hook, event_id, subject, next_attempt_at, created_at) "
        "VALUES (?, ?, ?, ?, ?) ON CONFLICT (hook, event_id) DO NOTHING",
        [(name, one.id, _queue_of(one.subject), now, now) for one in wanted],
    )
    _serve(database, name, found[-1].id if len(found) == limit else last)
    return len(wanted)


def _queue_of(subject: str) -> str:
    """What the events of a subject are told in order with: its own, and those of its /64.

    One delisting tells of an IPv6 address, and of the /64 that is excluded for it. Nothing wider:
    a message that a hook never takes must not hold up those about strangers.
    """
    try:
        network = parse_canonical(subject)
    except DnsblError:  # another client wrote what cannot be served
        return subject
    if not isinstance(network, Network) or network.family != IPV6:
        return subject
    return str(network.widened(min(network.length, IPV6_ORDERED_LENGTH)))


def _serve(database: Database, name: str, event_id: int) -> None:
    database.change(
        "INSERT INTO hooks (name, event_id) VALUES (?, ?) "
        "ON CONFLICT (name) DO UPDATE SET event_id = excluded.event_id",
        name, event_id,
    )  # fmt: skip


def disable(database: Database, name: str, why: str, now: int) -> bool:
    """Tells a hook nothing any more, until it is enabled; whether it was on.

    What happens meanwhile waits for it.
    """
    return database.change(
        """
        INSERT INTO hooks (name, event_id, disabled_at, disabled_why) VALUES (?, ?, ?, ?)
        ON CONFLICT (name) DO UPDATE
        SET disabled_at = excluded.disabled_at, disabled_why = excluded.disabled_why
        WHERE disabled_at IS NULL
        """,
        name, last_event_id(database), now, fitting(why, WHY_CHARS_MAX),
    ) > 0  # fmt: skip


def enable(database: Database, name: str, now: int) -> bool:
    """Tells a hook what happens again, and tries at once what waits; whether it was off."""
    if not database.change(
        "UPDATE hooks SET disabled_at = NULL, disabled_why = '' "
        "WHERE name = ? AND disabled_at IS NOT NULL",
        name,
    ):
        return False
    database.change(
        "UPDATE hook_deliveries SET next_attempt_at = ? "
        "WHERE hook = ? AND state = 'queued' AND next_attempt_at > ?",
        now, name, now,
    )  # fmt: skip
    return True


@dataclass(frozen=True, slots=True)
class Bounds:
    """What is kept: what every hook has for so long, and what one has not for so long.

    Both in Unix seconds: events from before may go.
    """

    delivered_before: int
    undelivered_before: int


@dataclass(frozen=True, slots=True)
class Prunable:
    """Of some events in a row: those that may go, the last one's id, and whether older ones end.

    ``undelivered`` is how many of those that may go some hook never took.
    """

    ids: tuple[int, ...]
    undelivered: int
    last_id: int
    is_last: bool


def prunable(
    database: Database, names: Collection[str], bounds: Bounds, after_id: int, limit: int
) -> Prunable:
    """The events beyond an id that may go, among at most so many that are looked at."""
    rows = database.rows(
        """
        SELECT e.id, e.at < ? AS is_old, (
            SELECT max(d.created_at) FROM hook_deliveries AS d
            WHERE d.event_id = e.id AND d.state <> 'delivered') AS owed_since
        FROM events AS e WHERE e.id > ? ORDER BY e.id LIMIT ?
        """,
        bounds.delivered_before, after_id, limit,
    )  # fmt: skip
    old = [row for row in rows if row["is_old"]]
    known: Mapping[str, HookState] = states(database)
    served = min((known[name].event_id for name in names if name in known), default=None)
    may_go = [
        row for row in old
        if (row["owed_since"] is None or row["owed_since"] < bounds.undelivered_before)
        and (served is None or row["id"] <= served)
    ]  # fmt: skip
    return Prunable(
        ids=tuple(row["id"] for row in may_go),
        undelivered=sum(row["owed_since"] is not None for row in may_go),
        last_id=old[-1]["id"] if old else after_id,
        is_last=len(rows) < limit or len(old) < len(rows),
    )


def prune(database: Database, ids: Collection[int]) -> int:
    """Deletes events with their deliveries, in the caller's transaction; how many events."""
    return database.change_each("DELETE FROM events WHERE id = ?", [(one,) for one in ids])
