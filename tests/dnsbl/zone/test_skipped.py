"""Rows that cannot be served are logged, within bounds."""

from __future__ import annotations

import structlog.testing

from dnsbl.store.journal import Change
from dnsbl.zone.skipped import LINES_MAX, PERIOD_S, SkippedRows


def test_flood_makes_a_few_lines_and_a_count() -> None:
    """The first rows of a period are named, the others counted when it is over."""
    clock = [0.0]
    skipped = SkippedRows(clock=lambda: clock[0])

    with structlog.testing.capture_logs() as logs:
        for seq in range(1000):
            skipped.note(Change(seq, "bl.example", "listing", "spam", None, None), "no network")
        clock[0] = PERIOD_S
        skipped.flush()
        skipped.flush()
        skipped.note(Change(1000, "bl.example", "listing", "spam", None, None), "no network")

    events = [line["event"] for line in logs]
    assert events == ["row_skipped"] * LINES_MAX + ["rows_skipped", "row_skipped"]
    assert logs[LINES_MAX]["count"] == 1000 - LINES_MAX
    assert (logs[0]["zone"], logs[0]["reason"]) == ("bl.example", "no network")
