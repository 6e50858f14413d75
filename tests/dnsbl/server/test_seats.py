"""Which of the TCP connections goes where somebody new finds no room."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

import pytest

from dnsbl.network import Network, parse
from dnsbl.server.seats import Seats

SITES = [parse(f"192.0.2.{number}") for number in range(6)]


@dataclass
class Simple:
    """The same, by looking at all of it: those that have been silent longest stand first."""

    held: list[tuple[int, Network]] = field(default_factory=list)
    resting: list[int] = field(default_factory=list)
    unheard: list[int] = field(default_factory=list)
    sites: list[Network] = field(default_factory=list)

    def count(self, site: Network) -> int:
        return sum(each == site for _, each in self.held)

    def take(self, number: int, site: Network) -> None:
        self.held.append((number, site))
        self.unheard.append(number)
        self.sites = [each for each in self.sites if each != site] + [site]

    def leave(self, number: int, site: Network) -> None:
        self.held.remove((number, site))
        self.sites = [each for each in self.sites if each != site] + [site]
        if number in self.resting:
            self.resting.remove(number)
        if number in self.unheard:
            self.unheard.remove(number)

    def rest(self, number: int) -> None:
        if number not in self.resting:
            self.resting.append(number)

    def most_dispensable(self) -> int:
        most = max(self.count(site) for _, site in self.held)
        chosen = next(site for site in self.sites if self.count(site) == most)
        return next(number for number, site in self.held if site == chosen)

    def longest_resting(self, site: Network) -> int | None:
        own = {number for number, each in self.held if each == site}
        return next((number for number in self.resting if number in own), None)

    def longest_unheard(self, site: Network) -> int | None:
        own = {number for number, each in self.held if each == site}
        return next((number for number in self.unheard if number in own), None)


def test_nobody_goes_where_nobody_is() -> None:
    """And who has gone stays gone, however often that is told."""
    seats: Seats[int] = Seats()
    seats.take(1, SITES[0])
    seats.leave(1)
    seats.leave(1)
    seats.stir(1)
    seats.rest(1)

    assert (len(seats), seats.count(SITES[0])) == (0, 0)
    assert seats.longest_resting(SITES[0]) is None
    with pytest.raises(KeyError):
        seats.most_dispensable()


def test_the_site_with_the_most_makes_room() -> None:
    """Whoever else has been silent for longer: a single connection costs nobody much."""
    seats: Seats[str] = Seats()
    seats.take("silent", SITES[0])
    for name in ("first", "second"):
        seats.take(name, SITES[1])

    assert seats.most_dispensable() == "first"
    seats.stir("first")
    assert seats.most_dispensable() == "second"
    seats.leave("second")
    assert seats.most_dispensable() == "silent"
    seats.stir("silent")
    assert seats.most_dispensable() == "first"


def test_a_site_makes_room_with_what_rests() -> None:
    """What rests longest, not what is at work, however long it has been silent."""
    seats: Seats[str] = Seats()
    for name in ("at work", "second", "first"):
        seats.take(name, SITES[0])
    seats.take("another's", SITES[1])
    for name in ("another's", "first", "second", "first"):
        seats.rest(name)

    assert seats.longest_resting(SITES[0]) == "first"
    seats.stir("first")
    assert seats.longest_resting(SITES[0]) == "second"
    seats.leave("second")
    assert seats.longest_resting(SITES[0]) is None
    assert seats.most_dispensable() == "at work"


@pytest.mark.parametrize("seed", range(20))
def test_it_agrees_with_looking_at_all(seed: int) -> None:
    """Through any course of coming, speaking, and going."""
    chance = random.Random(seed)
    seats: Seats[int] = Seats()
    simple = Simple()

    for number in range(400):
        step = chance.random()
        if step < 0.4 or not simple.held:
            site = chance.choice(SITES)
            seats.take(number, site)
            simple.take(number, site)
        else:
            held, site = chance.choice(simple.held)
            if step < 0.55:
                seats.stir(held)
                simple.leave(held, site)
                simple.take(held, site)
                simple.unheard.remove(held)
            elif step < 0.8:
                seats.rest(held)
                simple.rest(held)
            else:
                seats.leave(held)
                simple.leave(held, site)
        assert len(seats) == len(simple.held)
        for site in SITES:
            assert seats.count(site) == simple.count(site)
            assert seats.longest_resting(site) == simple.longest_resting(site)
            assert seats.longest_unheard(site) == simple.longest_unheard(site)
        if simple.held:
            assert seats.most_dispensable() == simple.most_dispensable()
