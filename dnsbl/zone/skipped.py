"""Rows of the database that cannot be served: logged, without flooding the log."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

import structlog

from dnsbl.store.journal import Change

LINES_MAX: Final = 20  # in each period, one line for each row; then a count
PERIOD_S: Final = 10.0

_log = structlog.get_logger()


class SkippedRows:
    """Logs `row_skipped` for the first rows of a period, and `rows_skipped` with a count of more.

    A bad import of a million rows makes a few lines.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._period_began = clock()
        self._lines = 0
        self._more = 0

    def note(self, change: Change, reason: str) -> None:
        """A row that cannot be served, and why."""
        self.flush()
        if self._lines >= LINES_MAX:
            self._more += 1
            return
        self._lines += 1
        _log.warning(
            "row_skipped",
            seq=change.seq,
            zone=change.zone,
            kind=change.kind,
            network=None if change.network is None else str(change.network),
            category=change.category,
            reason=reason,
        )

    def flush(self) -> None:
        """Where a period is over: says how many rows were not named in it, and begins the next."""
        if self._clock() - self._period_began < PERIOD_S:
            return
        if self._more:
            _log.warning("rows_skipped", count=self._more, named=self._lines)
        self._period_began = self._clock()
        self._lines = self._more = 0
