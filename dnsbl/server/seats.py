"""Whose TCP connections are held, and which has to go where somebody new finds no room."""

from __future__ import annotations

from collections import OrderedDict
from typing import Generic, TypeVar

from dnsbl.network import Network

Held = TypeVar("Held")


class Seats(Generic[Held]):
    """What is held for each site. Every step takes the same time, however many there are.

    Whoever holds the most makes room first: a flood that fills the table from a
    few addresses pays for that itself, and who holds one connection keeps it.
    What is held is at work until it rests.
    """

    def __init__(self) -> None:
        self._sites: dict[Held, Network] = {}
        # Of each site, those that have been silent longest first.
        self._held: dict[Network, OrderedDict[Held, None]] = {}
        # Of each site, those that rest, the longest first; no site without one.
        self._resting: dict[Network, OrderedDict[Held, None]] = {}
        # The sites that hold so many, those that have been silent longest first. One that gave up a
        # seat counts as if it had spoken: of several equal ones each pays in its turn.
        self._by_count: list[OrderedDict[Network, None]] = [OrderedDict()]
        self._most = 0

    def __len__(self) -> int:
        return len(self._sites)

    def count(self, site: Network) -> int:
        """How many a site holds."""
        return len(self._held.get(site, ()))

    def take(self, held: Held, site: Network) -> None:
        """One more for that site."""
        before = self._held.setdefault(site, OrderedDict())
        self._move(site, len(before), len(before) + 1)
        before[held] = None
        self._sites[held] = site

    def stir(self, held: Held) -> None:
        """It said something just now, and is at work; nothing where it has no seat any longer."""
        site = self._sites.get(held)
        if site is not None:
            self._held[site].move_to_end(held)
            self._by_count[len(self._held[site])].move_to_end(site)
            self._wake(held, site)

    def rest(self, held: Held) -> None:
        """It has all that it asked for; nothing where it has no seat any longer."""
        site = self._sites.get(held)
        if site is not None:
            self._resting.setdefault(site, OrderedDict())[held] = None

    def leave(self, held: Held) -> None:
        """It is gone; nothing where it had no seat any longer."""
        site = self._sites.pop(held, None)
        if site is None:
            return
        rest = self._held[site]
        self._move(site, len(rest), len(rest) - 1)
        self._wake(held, site)
        del rest[held]
        if not rest:
            del self._held[site]

    def most_dispensable(self) -> Held:
        """Of what the site holds that holds the most, what has been silent longest.

        Of equals it is the site that has been silent, and gave up nothing, for longest.
        KeyError where nothing is held.
        """
        site = next(iter(self._by_count[self._most]), None)
        if site is None:
            raise KeyError("nothing is held")
        return next(iter(self._held[site]))

    def longest_resting(self, site: Network) -> Held | None:
        """Of what a site holds, what has rested for longest; None where all is at work."""
        return next(iter(self._resting.get(site, ())), None)

    def _wake(self, held: Held, site: Network) -> None:
        resting = self._resting.get(site)
        if resting is not None:
            resting.pop(held, None)
            if not resting:
                del self._resting[site]

    def _move(self, site: Network, before: int, after: int) -> None:
        if before:
            del self._by_count[before][site]
        if after:
            if after == len(self._by_count):
                self._by_count.append(OrderedDict())
            self._by_count[after][site] = None
        # One at a time: where nobody holds the most any longer, somebody holds one less, or none.
        self._most = max(self._most, after)
        if self._most and not self._by_count[self._most]:
            self._most -= 1
