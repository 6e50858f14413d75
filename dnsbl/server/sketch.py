"""The most frequent of what passes by, out of memory that never grows.

Filtered space-saving (Homem and Carvalho, "Finding top-k elements in data
streams", 2010) over Metwally, Agrawal and El Abbadi's space-saving (2005): of
``room`` keys the counts are kept; a key that is not among them adds to one of
``CELLS_PER_KEY * room`` cells, chosen by its hash, and takes the place of the
least key once its cell has come to as much. What may be told of it then:

- a count is never below the true one, and above it by its ``error`` at most;
- an error is at most ``total / room``;
- a key whose true count is above ``total / room`` is among those kept.

Old events count less: by half after each ``half_life_s`` (forward decay:
Cormode, Shkapenyuk, Srivastava and Xu, 2009). The bounds hold for counts so
weighed.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

K = TypeVar("K", bound=Hashable)

CELLS_PER_KEY: Final = 6  # as the paper's own trials have it
_SCALE_MAX: Final = 2.0**60  # then all counts are scaled back, long before they lose their units


@dataclass(slots=True)
class _Kept:
    count: float
    error: float


@dataclass(frozen=True, slots=True)
class Frequent(Generic[K]):
    """A key that is kept; its count by now, and by how much that may be too high."""

    key: K
    count: float
    error: float


class Sketch(Generic[K]):
    """Counts keys; `now` of each call is in seconds, and goes back a little at most."""

    def __init__(
        self,
        room: int,
        half_life_s: float = math.inf,
        place: Callable[[K], int] = hash,
        *,
        begun_at: float = 0.0,
    ) -> None:
        assert room > 0
        self._room = room
        self._half_life_s = half_life_s
        self._place = place
        self._cells = [0.0] * (CELLS_PER_KEY * room)
        self._kept: dict[K, _Kept] = {}
        # Each kept key once, with a count that it has had: counts only rise, so the least is found
        # by bringing the top up to date until it is.
        self._order: list[tuple[float, int, K]] = []
        self._added = 0
        self._total = 0.0
        self._begun_at = self._scaled_at = begun_at

    def __len__(self) -> int:
        return len(self._kept)

    def add(self, key: K, now: float, weight: float = 1.0) -> None:
        """A key passed by; `weight` times, where it was one of a sample."""
        weight *= self._scale(now)
        self._total += weight
        kept = self._kept.get(key)
        if kept is not None:
            kept.count += weight
            return
        if len(self._kept) < self._room:
            self._keep(key, _Kept(weight, 0.0))
            return
        cell = self._place(key) % len(self._cells)
        least, least_key = self._least()
        passed = self._cells[cell]
        if passed + weight < least:
            self._cells[cell] = passed + weight
            return
        heapq.heappop(self._order)
        del self._kept[least_key]
        self._cells[self._place(least_key) % len(self._cells)] = least
        self._keep(key, _Kept(passed + weight, passed))

    def top(self, most: int, now: float) -> list[Frequent[K]]:
        """The most frequent keys, the first the most; at most so many."""
        scale = self._scale(now)
        first = heapq.nlargest(most, self._kept.items(), key=lambda item: item[1].count)
        return [Frequent(key, kept.count / scale, kept.error / scale) for key, kept in first]

    def total(self, now: float) -> float:
        """All that passed by, weighed by its age."""
        return self._total / self._scale(now)

    def span_s(self, now: float) -> float:
        """How many seconds at a steady pace the counts stand for: count / span is events a second.

        That of all that ever was is the half-life over ln 2; it is less while young.
        """
        age_s = max(0.0, now - self._begun_at)
        if math.isinf(self._half_life_s):
            return age_s
        mean_s = self._half_life_s / math.log(2)
        return mean_s * -math.expm1(-age_s / mean_s)

    def _keep(self, key: K, kept: _Kept) -> None:
        self._kept[key] = kept
        self._added += 1  # tells apart equal counts: keys may have no order
        heapq.heappush(self._order, (kept.count, self._added, key))

    def _least(self) -> tuple[float, K]:
        while True:
            count, number, key = self._order[0]
            true = self._kept[key].count
            if true == count:
                return count, key
            heapq.heapreplace(self._order, (true, number, key))

    def _scale(self, now: float) -> float:
        """What one event of this moment weighs: older ones were given less to begin with."""
        if math.isinf(self._half_life_s):
            return 1.0
        halvings = max(0.0, now - self._scaled_at) / self._half_life_s
        if halvings < math.log2(_SCALE_MAX):
            return math.exp2(halvings)
        self._scale_back(math.ldexp(math.exp2(-(halvings % 1)), -int(halvings)))
        self._scaled_at = now
        return 1.0

    def _scale_back(self, factor: float) -> None:
        self._total *= factor
        self._cells = [cell * factor for cell in self._cells]
        for kept in self._kept.values():
            kept.count *= factor
            kept.error *= factor
        self._order = [(self._kept[key].count, number, key) for _, number, key in self._order]
        heapq.heapify(self._order)
