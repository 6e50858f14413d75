"""The switch of a hook that wants no more: off, until an operator enables it."""

from __future__ import annotations

from typing import Final

from dnsbl.store import audit, hooks
from dnsbl.store.audit import Act
from dnsbl.store.database import Database

ACTOR: Final = "hooks"
DISABLED_ACT: Final = "hook.disabled"


def switch_off(database: Database, name: str, why: str, now: int) -> bool:
    """Whether it was on; then the audit has a line. In the caller's transaction."""
    changed = hooks.disable(database, name, why, now)
    if changed:
        audit.record(database, [Act(now, ACTOR, DISABLED_ACT, note=f"{name}: {why}")])
    return changed
