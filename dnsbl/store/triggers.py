"""The triggers on `listings` and `exclusions`: they write the journal for every writer.

Texts for the migrations of `schema`. What a released migration made of them
must stay as it was.
"""

from __future__ import annotations

from typing import Final

from dnsbl.store.columns import KEY

# Rows of a zone that an import brings by the million are journaled as one event; see `bulk`.
NOT_IN_BULK: Final = "NOT EXISTS (SELECT 1 FROM bulk_imports WHERE zone = NEW.zone)"

_JOURNAL_EVENTS: Final = ("insert", "delete", "update", "move")


def journal_triggers(table: str, kind: str, columns: str, only_when: str = "") -> str:
    """Triggers that write the journal for every writer, whatever program it is.

    An update that leaves every column as it was is no change. ``only_when`` is a
    condition on new rows, and on those that change under their key.
    """
    row = "'{kind}', '{op}', {row}.zone, {row}.network, {row}.category"
    insert = "INSERT INTO journal (kind, op, zone, network, category) VALUES"
    added = row.format(kind=kind, op="added", row="NEW")
    changed = row.format(kind=kind, op="changed", row="NEW")
    removed = row.format(kind=kind, op="removed", row="OLD")
    key_moved = _differ(KEY)
    when_added = f"\nWHEN {only_when}" if only_when else ""
    and_when = f" AND {only_when}" if only_when else ""
    return f"""
CREATE TRIGGER {table}_journal_insert AFTER INSERT ON {table}{when_added} BEGIN
    {insert} ({added});
END;
CREATE TRIGGER {table}_journal_delete AFTER DELETE ON {table} BEGIN
    {insert} ({removed});
END;
CREATE TRIGGER {table}_journal_update AFTER UPDATE ON {table}
WHEN NOT ({key_moved}) AND {_differ(columns)}{and_when} BEGIN
    {insert} ({changed});
END;
CREATE TRIGGER {table}_journal_move AFTER UPDATE ON {table}
WHEN {key_moved} BEGIN
    {insert} ({removed});
    {insert} ({added});
END;
"""


def drop_journal_triggers(table: str) -> str:
    """Takes the triggers of `journal_triggers` away."""
    return "".join(f"DROP TRIGGER {table}_journal_{event};\n" for event in _JOURNAL_EVENTS)


def _differ(columns: str) -> str:
    """Whether a row differs from what it was in any of the columns."""
    names = columns.split(", ")
    old, new = (", ".join(f"{row}.{name}" for name in names) for row in ("OLD", "NEW"))
    return f"({old}) IS NOT ({new})"


def grace_trigger(name: str, event: str) -> str:
    """A trigger for new evidence: most rows void nothing, and must not pay for a DELETE."""
    return f"""
CREATE TRIGGER {name} AFTER {event} ON listings
WHEN EXISTS (SELECT 1 FROM exclusions
             WHERE zone = NEW.zone AND network = NEW.network AND grace = 1) BEGIN
    DELETE FROM exclusions
    WHERE grace = 1 AND zone = NEW.zone AND network = NEW.network
      AND category IN ('', NEW.category);
END;
"""
