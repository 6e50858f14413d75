"""docs/delisting.md draws the machine that the code has."""

from __future__ import annotations

import re
from pathlib import Path

from dnsbl.store.request_states import EVENTS, TRANSITIONS, State

PAGE = (Path(__file__).parents[3] / "docs" / "delisting.md").read_text()
SECTION = PAGE.partition("## States\n")[2].partition("\n## ")[0]
ROW = re.compile(r"^\| `(\w+)` \| ([^|]*) \| ([^|]*) \| ([^|]*) \|$", re.MULTILINE)


def test_the_table_of_states_is_the_codes() -> None:
    """Each state, where it may go, and what hooks are told when it is reached."""
    rows = {state: (to, event) for state, _, to, event in ROW.findall(SECTION)}
    documented = {
        State(state): (frozenset(map(State, re.findall(r"`(\w+)`", to))), event.strip("` ") or None)
        for state, (to, event) in rows.items()
    }

    assert documented == {state: (to, EVENTS.get(state)) for state, to in TRANSITIONS.items()}
