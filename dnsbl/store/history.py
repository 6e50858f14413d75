"""What happened to an address or a name: the journal and the audit, told as one story."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from dnsbl.store import audit, journal
from dnsbl.store.audit import Act
from dnsbl.store.database import Database
from dnsbl.store.journal import Happening
from dnsbl.subject import Subject

HISTORY_LINES_MAX: Final = 100

# The journal's clock is read where the row is written, the audit's where the act began.
SAME_CHANGE_S: Final = 1
# What the journal says of an act of the audit, by its verb.
_OPS: Final[dict[str, journal.Op]] = {
    "added": "added",
    "changed": "changed",
    "removed": "removed",
    "expired": "removed",
}


@dataclass(frozen=True, slots=True)
class Event:
    """A line of the history of it: of the journal, or of the audit, which knows the actor."""

    at: int
    source: str
    what: str
    zone: str
    network: str
    category: str
    actor: str
    note: str


def history(database: Database, subject: Subject) -> list[Event]:
    """Journal and audit merged by time, the newest first; a change that both tell of is one event.

    What the journal alone tells of was done by another client, or is part of a whole feed.
    """
    acts = audit.trail(database, subject, HISTORY_LINES_MAX)
    events = [
        Event(act.at, "audit", act.act, act.zone, act.network, act.category, act.actor, act.note)
        for act in acts
    ]
    events += [
        Event(item.at, "journal", f"{item.kind} {item.op}", item.zone, item.network,
              item.category, "", "")
        for item in journal.history(database, subject, HISTORY_LINES_MAX)
        if not _taken(acts, item)
    ]  # fmt: skip
    return sorted(events, key=lambda event: -event.at)[:HISTORY_LINES_MAX]


def _taken(acts: list[Act], item: Happening) -> bool:
    """Takes the act that tells of a change out of the list, so that it tells of no other."""
    for act in acts:
        kind, _, verb = act.act.partition(".")
        if (
            (act.zone, act.network, act.category) == (item.zone, item.network, item.category)
            and kind == item.kind
            and _OPS.get(verb) == item.op
            and abs(act.at - item.at) <= SAME_CHANGE_S
        ):
            acts.remove(act)
            return True
    return False
