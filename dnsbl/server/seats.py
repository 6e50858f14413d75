"""Whose TCP connections are held, and which has to go where somebody new finds no room."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from dnsbl.network import Network

Held = TypeVar("Held")


@dataclass(slots=True, eq=False)
class _Site(Generic[Held]):
    """What one site holds, and of that what rests; the longest silent or resting first."""

    network: Network
    held: OrderedDict[Held, None] = field(default_factory=OrderedDict)
    resting: OrderedDict[Held, None] = field(default_factory=OrderedDict)
    unheard: OrderedDict[Held, None] = field(default_factory=OrderedDict)  # first come first


class Seats(Generic[Held]):
    """What is held for each site. Every step takes the same time, however many there are.

    Whoever holds the most makes room first: a flood that fills the table from a
    few addresses pays for that itself, and who holds one connection keeps it.
    What is held is at work until it rests.
    """

    def __init__(self) -> None:
        self._sites: dict[Network, _Site[Held]] = {}
        self._site_of: dict[Held, _Site[Held]] = {}
        # The sites that hold so many, those that have been silent longest first. One that gave up a
        # seat counts as if it had spoken: of several equal ones each pays in its turn.
        self._by_count: list[OrderedDict[_Site[Held], None]] = [OrderedDict()]
        self._most = 0

    def __len__(self) -> int:
        return len(self._site_of)

    def count(self, network: Network) -> int:
        """How many a site holds."""
        site = self._sites.get(network)
        return 0 if site is None else len(site.held)

    def take(self, held: Held, network: Network) -> None:
        """One more for that site."""
        site = self._sites.get(network)
        if site is None:
            site = self._sites[network] = _Site(network)
        self._move(site, len(site.held), len(site.held) + 1)
        site.held[held] = None
        site.unheard[held] = None
        self._site_of[held] = site

    def stir(self, held: Held) -> None:
        """It said something just now, and is at work; nothing where it has no seat any longer."""
        site = self._site_of.get(held)
        if site is not None:
            site.held.move_to_end(held)
            site.resting.pop(held, None)
            site.unheard.pop(held, None)
            self._by_count[len(site.held)].move_to_end(site)

    def rest(self, held: Held) -> None:
        """It has all that it asked for; nothing where it has no seat any longer."""
        site = self._site_of.get(held)
        if site is not None:
            site.resting[held] = None

    def leave(self, held: Held) -> None:
        """It is gone; nothing where it had no seat any longer."""
        site = self._site_of.pop(held, None)
        if site is None:
            return
        self._move(site, len(site.held), len(site.held) - 1)
        del site.held[held]
        site.resting.pop(held, None)
        site.unheard.pop(held, None)
        if not site.held:
            del self._sites[site.network]

    def most_dispensable(self) -> Held:
        """Of what the site holds that holds the most, what has been silent longest.

        Of equals it is the site that has been silent, and gave up nothing, for longest.
        KeyError where nothing is held.
        """
        site = next(iter(self._by_count[self._most]), None)
        if site is None:
            raise KeyError("nothing is held")
        return next(iter(site.held))

    def longest_resting(self, network: Network) -> Held | None:
        """Of what a site holds, what has rested for longest; None where all is at work."""
        site = self._sites.get(network)
        return None if site is None else next(iter(site.resting), None)

    def longest_unheard(self, network: Network) -> Held | None:
        """Of what a site holds and never stirred, what came first; None where all did."""
        site = self._sites.get(network)
        return None if site is None else next(iter(site.unheard), None)

    def _move(self, site: _Site[Held], before: int, after: int) -> None:
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
