"""Who did what to which listing, and why: the trail that RFC 6471 §2.1.2 asks for.

The journal knows every change, whoever made it; the audit adds the acts of this
project's own programs with their actor and reason.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from dnsbl.store.covering import covering_texts
from dnsbl.store.database import Database, fitting
from dnsbl.subject import Subject

NOTE_CHARS_MAX = 1000


@dataclass(frozen=True, slots=True)
class Act:
    """One line of the trail.

    `network` is the canonical text of a network or a name, or the address of a request.
    """

    at: int
    actor: str
    act: str
    zone: str = ""
    network: str = ""
    category: str = ""
    request_id: int | None = None
    note: str = ""


def record(database: Database, acts: Iterable[Act]) -> None:
    """Writes lines into the caller's transaction, so that they stand or fall with what they say."""
    with database.transaction():
        for act in acts:
            database.change(
                "INSERT INTO audit (at, actor, act, zone, network, category, request_id, note) "
                "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                act.at, act.actor, act.act, act.zone, act.network, act.category, act.request_id,
                fitting(act.note, NOTE_CHARS_MAX),
            )  # fmt: skip


def trail(database: Database, subject: Subject, limit: int) -> list[Act]:
    """The last acts on whatever covers an address or a name, the newest first."""
    texts = covering_texts(subject)
    marks = ", ".join("?" * len(texts))
    rows = database.rows(
        f"SELECT * FROM audit WHERE network IN ({marks}) ORDER BY id DESC LIMIT ?",
        *texts, limit,
    )  # fmt: skip
    return [_act(row) for row in rows]


def last_times(
    database: Database, subject: Subject, acts: Collection[str]
) -> dict[tuple[str, str, str], int]:
    """When such acts were last done to whatever covers a subject: by zone, network and category."""
    texts = covering_texts(subject)
    rows = database.rows(
        f"""
        SELECT zone, network, category, max(at) AS at FROM audit
        WHERE network IN ({", ".join("?" * len(texts))}) AND act IN ({", ".join("?" * len(acts))})
        GROUP BY zone, network, category
        """,
        *texts, *acts,
    )  # fmt: skip
    return {(row["zone"], row["network"], row["category"]): row["at"] for row in rows}


def of_request(database: Database, request_id: int, limit: int) -> list[Act]:
    """The last acts on a request, the newest first."""
    rows = database.rows(
        "SELECT * FROM audit WHERE request_id = ? ORDER BY id DESC LIMIT ?", request_id, limit
    )
    return [_act(row) for row in rows]


def _act(row: sqlite3.Row) -> Act:
    return Act(
        at=row["at"],
        actor=row["actor"],
        act=row["act"],
        zone=row["zone"],
        network=row["network"],
        category=row["category"],
        request_id=row["request_id"],
        note=row["note"],
    )
