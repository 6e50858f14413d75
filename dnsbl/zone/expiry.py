"""What has to leave a radix at which time."""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from typing import Final

from dnsbl.subject import Subject
from dnsbl.verdict import Entry

_STALE_LEAST: Final = 1_000  # a heap this small is not worth rebuilding


@dataclass(frozen=True, slots=True)
class Key:
    """Which entry."""

    network: Subject
    category: str
    excludes: bool


class Expiry:
    """The times at which entries expire, the earliest first. Times are Unix seconds.

    An entry that is replaced or removed leaves a stale line in the heap, which
    is passed over when its time comes; a heap of mostly stale lines is rebuilt,
    so memory follows what may still expire.
    """

    def __init__(self) -> None:
        self._times: dict[Key, int] = {}
        self._heap: list[tuple[int, int, Key]] = []
        self._lines = 0  # orders lines of the same time; keys have no order

    def put(self, entry: Entry) -> None:
        """Notes when the entry expires, in the place of what was noted of it before."""
        key = Key(entry.network, entry.category, entry.excludes)
        if entry.expires_at is None:
            self._times.pop(key, None)
        elif self._times.get(key) != entry.expires_at:
            self._times[key] = entry.expires_at
            self._push(entry.expires_at, key)
            self._rebuild_if_stale()

    def discard(self, key: Key) -> None:
        """Forgets an entry."""
        self._times.pop(key, None)

    def take_due(self, now: float, limit: int) -> list[Key]:
        """Takes out what has expired, at most so many."""
        due: list[Key] = []
        while self._heap and self._heap[0][0] <= now and len(due) < limit:
            expires_at, _, key = heapq.heappop(self._heap)
            if self._times.get(key) == expires_at:
                del self._times[key]
                due.append(key)
        return due

    def __len__(self) -> int:
        return len(self._times)

    def _push(self, expires_at: int, key: Key) -> None:
        self._lines += 1
        heapq.heappush(self._heap, (expires_at, self._lines, key))

    def _rebuild_if_stale(self) -> None:
        if len(self._heap) > 2 * len(self._times) + _STALE_LEAST:
            self._heap = []
            for key, expires_at in self._times.items():
                self._push(expires_at, key)
