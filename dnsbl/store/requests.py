"""Delist requests: their rows, and what limits them.

Each function that changes a state writes its audit line, and the event for
hooks, in the same transaction. Whatever counts against a limit is counted from these rows, so a
restart forgets nothing.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from dnsbl.network import IPV6, parse_address
from dnsbl.store import audit, events, outbox
from dnsbl.store.audit import Act
from dnsbl.store.database import Database, StoreError, fitting
from dnsbl.store.request_states import EVENTS, TRANSITIONS, State

HOUR_S: Final = 3600
DAY_S: Final = 86_400

# How long the button works after a cooldown; then the request ends, and another may be made.
COOLDOWN_OPEN_S: Final = 7 * DAY_S

# In the place of a mailbox, once `forgetting` has taken it away.
FORGOTTEN: Final = "forgotten"

# PENDING, as SQL.
_PENDING_SQL: Final = "state IN ('requested', 'mail_queued', 'mail_sent')"


# What two requests may have in common, as limits count it.
Shared = Literal["client", "mailbox_key", "mailbox_domain", "subject"]

# Of what is taken off for an IPv6 address that a network lists. RFC 6177 §2: no site has less, and
# its hosts change theirs at will.
IPV6_HOST_LENGTH: Final = 64


class TransitionError(StoreError):
    """A change of state that the machine does not have."""


@dataclass(frozen=True, slots=True)
class NewRequest:
    """What a visit brings. `mailbox_key` is the mailbox as limits count it; times in Unix s.

    ``subject`` is what a removal would take off, as a network; "": the address
    alone.
    """

    status_hash: bytes
    address: str
    mailbox: str
    mailbox_key: str
    mailbox_domain: str
    client: str
    language: str
    created_at: int
    expires_at: int
    subject: str = ""


@dataclass(frozen=True, slots=True)
class Request:
    """A row of `delist_requests`, as the flow uses it."""

    id: int
    address: str
    mailbox: str
    mailbox_key: str
    client: str
    language: str
    state: State
    note: str
    created_at: int
    state_at: int
    expires_at: int
    confirmed_at: int | None
    until: int | None


@dataclass(frozen=True, slots=True)
class Counts:
    """Requests of the last hour and day that share something with a new one."""

    client_hour: int
    client_day: int
    mailbox_hour: int
    mailbox_day: int
    domain_hour: int
    subject_day: int


def _request(row: sqlite3.Row) -> Request:
    return Request(
        id=row["id"],
        address=row["address"],
        mailbox=row["mailbox"],
        mailbox_key=row["mailbox_key"],
        client=row["client"],
        language=row["language"],
        state=State(row["state"]),
        note=row["note"],
        created_at=row["created_at"],
        state_at=row["state_at"],
        expires_at=row["expires_at"],
        confirmed_at=row["confirmed_at"],
        until=row["until"],
    )


def masked(mailbox: str) -> str:
    """A mailbox so that its owner knows it, and nobody else learns it: a…@example.com."""
    if mailbox == FORGOTTEN:
        return mailbox
    local, _, domain = mailbox.rpartition("@")
    return f"{local[0] if len(local) > 1 else ''}…@{domain}"


def create(database: Database, new: NewRequest) -> int:
    """Accepts a request, in the state REQUESTED; its id. The caller queues the mail with it."""
    with database.transaction():
        row = database.row(
            """
            INSERT INTO delist_requests (status_hash, address, subject, mailbox, mailbox_key,
                mailbox_domain, client, language, state, created_at, state_at, expires_at)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, 'requested', ?, ?, ?) RETURNING id
            """,
            new.status_hash, new.address, new.subject or network_text(new.address), new.mailbox,
            new.mailbox_key, new.mailbox_domain, new.client, new.language, new.created_at,
            new.created_at, new.expires_at,
        )  # fmt: skip
        assert row is not None
        request_id = int(row["id"])
        _note(database, request_id, new.address, State.REQUESTED, "portal", new.created_at)
    return request_id


def move(
    database: Database,
    request_id: int,
    to: State,
    *,
    actor: str,
    now: int,
    note: str = "",
    until: int | None = None,
    expires_at: int | None = None,
    told: bool = False,
) -> None:
    """Changes a request's state, with its audit line and its event.

    ``until`` goes with COOLDOWN: when the button works again, until ``expires_at``.
    ``told``: hooks hear of it listing by listing, from the caller. Raises
    TransitionError where it may not go there.
    """
    assert (to is State.COOLDOWN) == (until is not None) == (expires_at is not None)
    with database.transaction():
        request = get(database, request_id)
        if request is None or to not in TRANSITIONS[request.state]:
            state = request.state if request else "gone"
            raise TransitionError(f"request {request_id} is {state}; it cannot become {to}")
        database.change(
            """
            UPDATE delist_requests SET state = ?, note = ?, state_at = ?, until = ?,
                confirmed_at = CASE WHEN ? = 'confirmed' THEN ? ELSE confirmed_at END,
                expires_at = coalesce(?, expires_at)
            WHERE id = ?
            """,
            str(to), fitting(note, audit.NOTE_CHARS_MAX), now, until, str(to), now,
            expires_at, request_id,
        )  # fmt: skip
        _note(database, request_id, request.address, to, actor, now, note, told=told)


def network_text(address: str) -> str:
    """The address of a request as a network, as audit, journal and events have it."""
    return f"{address}/{128 if ':' in address else 32}"


def _note(
    database: Database, request_id: int, address: str, state: State, actor: str, now: int,
    note: str = "", *, told: bool = False,
) -> None:  # fmt: skip
    network = network_text(address)
    audit.record(
        database,
        [Act(now, actor, f"request.{state}", network=network, request_id=request_id, note=note)],
    )
    if not told and (kind := EVENTS.get(state)) is not None:
        events.record(database, kind, network, now=now, reason=note, request_id=request_id)


def get(database: Database, request_id: int) -> Request | None:
    """A request by its id."""
    row = database.row("SELECT * FROM delist_requests WHERE id = ?", request_id)
    return _request(row) if row else None


def by_status(database: Database, status_hash: bytes) -> Request | None:
    """A request by the SHA-256 of the key in its status page's address."""
    row = database.row("SELECT * FROM delist_requests WHERE status_hash = ?", status_hash)
    return _request(row) if row else None


def subjects(address: str) -> list[str]:
    """What may be taken off for an address, as the column `subject` has it."""
    found = parse_address(address)
    if found.family != IPV6:
        return [str(found)]
    return [str(found), str(found.widened(IPV6_HOST_LENGTH))]


def pending_for(database: Database, address: str, now: int) -> Request | None:
    """The request that an address waits for, if there is one: its own, or one of its /64."""
    wanted = subjects(address)
    row = database.row(
        f"SELECT * FROM delist_requests WHERE subject IN ({_marks(wanted)}) AND {_PENDING_SQL} "
        "AND expires_at > ? ORDER BY id DESC LIMIT 1",
        *wanted, now,
    )  # fmt: skip
    return _request(row) if row else None


def _marks(values: Sequence[object]) -> str:
    return ", ".join("?" * len(values))


def counts(database: Database, new: NewRequest) -> Counts:
    """How many requests of the last hour and day share the client, the mailbox and so on."""

    def since(shared: Shared, seconds: int) -> int:
        values = _values(new, shared)
        row = database.row(
            f"SELECT count(*) FROM delist_requests WHERE {shared} IN ({_marks(values)}) "
            "AND created_at > ?",
            *values, new.created_at - seconds,
        )  # fmt: skip
        return int(row[0]) if row else 0

    return Counts(
        client_hour=since("client", HOUR_S),
        client_day=since("client", DAY_S),
        mailbox_hour=since("mailbox_key", HOUR_S),
        mailbox_day=since("mailbox_key", DAY_S),
        domain_hour=since("mailbox_domain", HOUR_S),
        subject_day=since("subject", DAY_S),
    )


def _values(new: NewRequest, shared: Shared) -> list[str]:
    """Which values of the column count against a new request."""
    return subjects(new.address) if shared == "subject" else [getattr(new, shared)]


def below_again_at(
    database: Database, new: NewRequest, shared: Shared, most: int, seconds: int
) -> int:
    """When fewer than so many requests of the window share this with a new one; now, if they do."""
    values = _values(new, shared)
    row = database.row(
        f"SELECT created_at FROM delist_requests WHERE {shared} IN ({_marks(values)}) "
        "AND created_at > ? ORDER BY created_at DESC LIMIT 1 OFFSET ?",
        *values, new.created_at - seconds, most - 1,
    )  # fmt: skip
    return int(row["created_at"]) + seconds if row else new.created_at


def expire_overdue(database: Database, now: int, limit: int) -> list[int]:
    """Ends requests that were not confirmed in time, or not pressed again; their ids."""
    with database.transaction():
        rows = database.rows(
            # INDEXED BY: SQLite would look through all that are pending for those that are late.
            "SELECT id FROM delist_requests INDEXED BY requests_pending "
            f"WHERE {_PENDING_SQL} AND expires_at <= ? UNION ALL "
            "SELECT id FROM delist_requests INDEXED BY requests_in_cooldown "
            "WHERE state = 'cooldown' AND expires_at <= ? LIMIT ?",
            now, now, limit,
        )  # fmt: skip
        ids = [int(row["id"]) for row in rows]
        for request_id in ids:
            move(database, request_id, State.EXPIRED, actor="expiry", now=now)
            # Of a request that an operator ruled on, and that waited on, the news is still due.
            outbox.cancel(database, request_id, now, "not sent in time", "confirm_mail")
    return ids


def in_review(database: Database, after_id: int, limit: int) -> list[Request]:
    """Requests that wait for an operator, from beyond an id on, in the order of ids."""
    rows = database.rows(
        "SELECT * FROM delist_requests WHERE state = 'review' AND id > ? ORDER BY id LIMIT ?",
        after_id, limit,
    )  # fmt: skip
    return [_request(row) for row in rows]


def browse(
    database: Database, states: Sequence[State], before_id: int | None, limit: int
) -> list[Request]:
    """Requests in some states, the newest first, from before an id on."""
    rows = database.rows(
        f"SELECT * FROM delist_requests WHERE state IN ({_marks(states)}) "
        "AND (? IS NULL OR id < ?) ORDER BY id DESC LIMIT ?",
        *map(str, states), before_id, before_id, limit,
    )  # fmt: skip
    return [_request(row) for row in rows]


def count_up_to(database: Database, states: Sequence[State], most: int) -> int:
    """How many requests are in some states; so many at most, to count no further."""
    row = database.row(
        "SELECT count(*) FROM "
        f"(SELECT 1 FROM delist_requests WHERE state IN ({_marks(states)}) LIMIT ?)",
        *map(str, states), most,
    )  # fmt: skip
    return int(row[0]) if row else 0


def in_states(database: Database) -> dict[State, int]:
    """How many requests are in each state, for metrics."""
    found = {
        row["state"]: int(row["n"])
        for row in database.rows("SELECT state, count(*) AS n FROM delist_requests GROUP BY state")
    }
    return {state: found.get(str(state), 0) for state in State}


def of_address(database: Database, address: str, limit: int) -> list[Request]:
    """The last requests that would take an address off, the newest first."""
    wanted = subjects(address)
    rows = database.rows(
        f"SELECT * FROM delist_requests WHERE subject IN ({_marks(wanted)}) "
        "ORDER BY id DESC LIMIT ?",
        *wanted, limit,
    )  # fmt: skip
    return [_request(row) for row in rows]
