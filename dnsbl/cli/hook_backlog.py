"""What `check` finds about hooks that are off, and messages of hooks that were given up."""

from __future__ import annotations

from collections.abc import Iterator

from dnsbl.cli import report
from dnsbl.cli.finding import Finding
from dnsbl.config import Config
from dnsbl.store import deliveries, hooks
from dnsbl.store.database import Database


def findings(config: Config, database: Database) -> Iterator[Finding]:
    """A warning for each configured hook of which something is left undone. Raises StoreError."""
    if not config.hooks:
        return
    states, depths = hooks.states(database), deliveries.depths(database)
    for hook in config.hooks:
        name = hook.name
        state = states.get(name)
        parts: list[str] = []
        if state is not None and state.disabled_at is not None:
            why = f" ({state.disabled_why})" if state.disabled_why else ""
            counts = ""
            if hook.on == "decide" and not hook.dry_run:
                counts = f", and counts as its on_error says: {hook.on_error}"
            parts.append(
                f"off since {report.moment(state.disabled_at)}{why}{counts}; "
                f"`dnsbl hooks enable {name}` turns it on"
            )
        if dead := depths.get((name, "dead"), 0):
            were = "1 message was" if dead == 1 else f"{dead} messages were"
            parts.append(
                f"{were} given up; `dnsbl hooks deliveries {name} --state dead` tells why, "
                f"`dnsbl hooks replay {name} --dead` sends them again"
            )
        if parts:
            what = "decisions" if hook.on == "decide" else "messages"
            yield Finding(f"hook {name} {what}", "warning", "; ".join(parts))
