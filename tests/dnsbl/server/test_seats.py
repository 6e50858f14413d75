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
    sites: list[Network] = field(default_factory=list)

    def count(self, site: Network) -> int:
        return sum(each == site for _, each in self.held)

    def touch(self, site: Network) -> None:
        self.sites = [each for each in self.sites if each != site] + [site]

    def most_dispensable(self) -> int:
        most = max(self.count(site) for _, site in self.held)
        chosen = next(site for site in self.sites if self.count(site) == most)
        return next(number for number, site in self.held if site == chosen)


def test_nobody_goes_where_nobody_is() -> None:
    """And who has gone stays gone, however often that is told."""
    seats: Seats[int] = Seats()
    seats.take(1, SITES[0])
    seats.leave(1)
    seats.leave(1)
    seats.stir(1)

    assert (len(seats), seats.count(SITES[0])) == (0, 0)
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


@pytest.mark.parametrize("seed", range(20))
def test_it_agrees_with_looking_at_all(seed: int) -> None:
    """Through any course of coming, speaking, and going."""
    chance = random.Random(seed)
    seats: Seats[int] = Seats()
    simple = Simple()

    for number in range(400):
        step = chance.random()
        if step < 0.45 or not simple.held:
            site = chance.choice(SITES)
            simple.touch(site)
            seats.take(number, site)
            simple.held.append((number, site))
        else:
            at = chance.randrange(len(simple.held))
            held = simple.held.pop(at)
            simple.touch(held[1])
            if step < 0.75:
                seats.stir(held[0])
                simple.held.append(held)
            else:
                seats.leave(held[0])
        assert len(seats) == len(simple.held)
        assert [seats.count(site) for site in SITES] == [simple.count(site) for site in SITES]
        if simple.held:
            assert seats.most_dispensable() == simple.most_dispensable()
