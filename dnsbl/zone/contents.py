"""What the database holds, as the zones take it: a radix each, and what will expire.

Built whole beside the one in use at each load, and changed row by row while it
is in use.
"""

from __future__ import annotations

import gc
from collections.abc import Iterable
from typing import Final

from dnsbl.config import ZoneConfig
from dnsbl.store.journal import Change
from dnsbl.verdict import EVERY_CATEGORY
from dnsbl.zone.expiry import Expiry, Key
from dnsbl.zone.radix import Radix
from dnsbl.zone.skipped import SkippedRows

FREEZE_CHANGES: Final = 5_000


class Contents:
    """The radix of each zone by origin, kept to what the configuration knows and has not expired.

    ``serials`` are the numbers of the zones' last changes in the journal.
    """

    def __init__(self, configs: Iterable[ZoneConfig], skipped: SkippedRows) -> None:
        self._skipped = skipped
        self._categories = {
            config.origin: frozenset(category.name for category in config.categories)
            for config in configs
        }
        self._expiry = Expiry()
        self._since_freeze = 0
        self.radixes = {origin: Radix() for origin in self._categories}
        self.serials = dict.fromkeys(self._categories, 0)

    def apply(self, change: Change, now: float) -> None:
        """Brings one key in step with its row; a row that cannot be served is logged and left out.

        `now`, in Unix seconds, tells what has expired already.
        """
        if change.zone in self.serials and change.seq:
            self.serials[change.zone] = change.seq  # whatever became of the row, it is history
        fault = change.fault or self._unknown(change)
        if fault is not None:
            self._skipped.note(change, fault)
            return
        radix = self.radixes.get(change.zone)
        if radix is None or change.network is None:
            return  # a row that could never be served is gone
        entry = change.entry
        self._freeze_at_times()
        if entry is not None and entry.live(now):
            radix.put(entry)
            self._expiry.put(change.zone, entry)
        else:
            excludes = change.kind == "exclusion"
            radix.discard(change.network, change.category, excludes=excludes)
            self._expiry.discard(Key(change.zone, change.network, change.category, excludes))

    def drop_expired(self, now: float, limit: int) -> int:
        """Takes out what has expired, at most so many entries; how many there were."""
        due = self._expiry.take_due(now, limit)
        for key in due:
            self.radixes[key.origin].discard(key.network, key.category, excludes=key.excludes)
        return len(due)

    def _freeze_at_times(self) -> None:
        """Keeps the garbage collector off what is held.

        It looks for cycles, and a radix has none; but each of its full passes
        would visit every entry, and answers would wait for that: 300 ms at
        120,000 entries. What is frozen is freed by its reference count as ever.
        """
        self._since_freeze += 1
        if self._since_freeze >= FREEZE_CHANGES:
            self._since_freeze = 0
            gc.freeze()

    def _unknown(self, change: Change) -> str | None:
        """Why a row that is there is none of ours."""
        if change.entry is None:
            return None
        categories = self._categories.get(change.zone)
        if categories is None:
            return f"no zone {change.zone} is configured"
        of_all = change.kind == "exclusion" and change.category == EVERY_CATEGORY
        if change.category not in categories and not of_all:
            return f"the zone has no category {change.category!r}"
        return None
