"""Up to where `news` has looked at the journal.

It is kept in `meta`, so a copy of the database that is put back goes on from its own.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Final

from dnsbl.store.database import Database
from dnsbl.store.relapse import Key

EVERYWHERE: Final = 0  # in a Pause, in place of a row's number

_KEY: Final = "journal_told"


@dataclass(frozen=True, slots=True)
class Pause:
    """In the midst of a row of the journal: the delistings up to a key were looked at for it."""

    seq: int
    after: Key


@dataclass(frozen=True, slots=True)
class Place:
    """Up to where the journal and the audit were looked at, and how far the row beyond that."""

    seq: int
    audit_id: int
    pause: Pause | None = None


def read(database: Database) -> Place | None:
    """The place; None where nobody has looked yet."""
    row = database.row("SELECT value FROM meta WHERE key = ?", _KEY)
    if row is None:
        return None
    seq, audit_id, *rest = str(row["value"]).split(" ", 2)
    pause = None
    if rest:
        paused_seq, zone, network, category = json.loads(rest[0])
        pause = Pause(paused_seq, (zone, network, category))
    return Place(int(seq), int(audit_id), pause)


def write(database: Database, place: Place) -> None:
    """Keeps it, in the caller's transaction."""
    text = f"{place.seq} {place.audit_id}"
    if place.pause is not None:
        text += f" {json.dumps([place.pause.seq, *place.pause.after])}"
    database.change(
        "INSERT INTO meta (key, value) VALUES (?, ?) "
        "ON CONFLICT (key) DO UPDATE SET value = excluded.value",
        _KEY, text,
    )  # fmt: skip
