"""Keeps the garbage collector off millions of entries."""

from __future__ import annotations

import gc
from typing import Final

FREEZE_ENTRIES: Final = 5_000


class Freezing:
    """Freezes what is there at every FREEZE_ENTRIES entries that are added.

    The collector looks for cycles, and what is held has none; but each of its
    full passes would visit every entry, and answers would wait for that: 300 ms
    at 120,000 entries. What is frozen is freed by its reference count as ever.
    """

    def __init__(self) -> None:
        self._since = 0

    def one_more(self) -> None:
        """An entry is added."""
        self._since += 1
        if self._since >= FREEZE_ENTRIES:
            self._since = 0
            gc.freeze()
