"""Sessions of operators that somebody left before their time, so that no copy of a cookie goes on.

Each is a row of `meta`, for as long as its cookie would be good.
"""

from __future__ import annotations

from typing import Final

from dnsbl.store.database import Database

_BEGIN: Final = "ended_session:"  # of the key; the session's id follows, and the value is its end
_END: Final = "ended_session;"  # the next text after all of these


def note(database: Database, session_id: str, until: int, now: int) -> None:
    """Keeps that a session was left, and forgets those that would have ended by now."""
    database.change(
        "DELETE FROM meta WHERE key >= ? AND key < ? AND CAST(value AS INTEGER) <= ?",
        _BEGIN, _END, now,
    )  # fmt: skip
    database.change(
        "INSERT INTO meta (key, value) VALUES (?, ?) ON CONFLICT (key) DO NOTHING",
        f"{_BEGIN}{session_id}", str(until),
    )  # fmt: skip


def all_of_them(database: Database) -> dict[str, int]:
    """Until when the cookies of sessions that were left would be good (Unix s), by their ids."""
    rows = database.rows("SELECT key, value FROM meta WHERE key >= ? AND key < ?", _BEGIN, _END)
    return {row["key"].removeprefix(_BEGIN): int(row["value"]) for row in rows}
