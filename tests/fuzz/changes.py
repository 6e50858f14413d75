"""The same changes to both twins of the radix: the same contents, the same answers."""

from __future__ import annotations

from collections import Counter
from random import Random
from typing import Final

import twins

from dnsbl.network import Network
from dnsbl.subject import Subject
from dnsbl.verdict import Entry
from dnsbl.zone.radix import Radix
from dnsbl.zone.twin import AnyRadix
from fuzz.entries import NOW, entry, network

CATEGORIES: Final = ("spam", "policy", "x")


def compare(pure: AnyRadix, compiled: AnyRadix) -> list[Entry]:
    """What both hold; an AssertionError where they differ."""
    held = list(pure)
    assert list(compiled) == held
    assert len(compiled) == len(pure) == len(held)
    return held


def question(pure: AnyRadix, compiled: AnyRadix, about: Subject) -> None:
    """Asks both about a network, and about some above it."""
    assert isinstance(about, Network)
    assert compiled.covering(about) == pure.covering(about), str(about)
    for length in {about.length, about.length // 2, max(0, about.length - 1)}:
        above = about.widened(length)
        assert compiled.listed_below(above) == pure.listed_below(above), str(above)


def dropped(pure: AnyRadix, compiled: AnyRadix, now: float, limit: int) -> int:
    """Takes what has expired out of both, so many at a time; how many those were."""
    counts = []
    for radix in (pure, compiled):
        count = 0
        while (some := radix.drop_expired(now, limit)) >= limit:
            count += some
        counts.append(count + some)
    assert counts[0] == counts[1], counts
    return counts[0]


class _Pair:
    """Both twins, and what was put into them."""

    def __init__(self, rng: Random) -> None:
        self._rng = rng
        self.pure: AnyRadix = Radix(CATEGORIES)
        self.compiled: AnyRadix = twins.compiled("radix").Radix(CATEGORIES)
        self._held: list[Entry] = []
        self._now = NOW - 3
        self._crowded = rng.randrange(4) == 0
        self.done: Counter[str] = Counter()

    def change(self) -> None:
        """One change or question."""
        rng = self._rng
        kind = rng.randrange(20)
        if kind < 11 or not self._held:
            self._put()
        elif kind < 17:
            out = self._held.pop(rng.randrange(len(self._held)))
            self.discard(out, excludes=out.excludes == (rng.randrange(8) > 0))
        elif kind < 19:
            question(self.pure, self.compiled, network(rng, shortest=0))
            question(self.pure, self.compiled, rng.choice(self._held).network)
            self.done["question"] += 2
        elif rng.randrange(10) == 0:
            self._now += rng.choice((0, 1, 2, 50))
            dropped(self.pure, self.compiled, self._now, rng.choice((1, 7, 1000)))
            self.done["drop"] += 1

    def _put(self) -> None:
        rng = self._rng
        if self._held and rng.randrange(5) == 0:
            at: Subject = rng.choice(self._held).network
        elif self._crowded:  # one /16, and a few hundred IPv6 addresses
            at = Network(4, 0x0A0B0000 | rng.getrandbits(16), 32)
            if rng.randrange(3) == 0:
                at = Network(6, 0x0A0B << 112 | rng.getrandbits(10), 128)
            at = at.widened(at.length - rng.choice((0, 0, 0, 1, 4)))
        else:
            at = network(rng, shortest=0)
        put = entry(rng, CATEGORIES, at)
        self.pure.put(put)
        self.compiled.put(put)
        self._held.append(put)
        self.done["put"] += 1

    def discard(self, out: Entry, *, excludes: bool) -> bool:
        """Removes an entry, or one of the other kind that may be there; whether it was."""
        pure, compiled = (
            radix.discard(out.network, out.category, excludes=excludes)
            for radix in (self.pure, self.compiled)
        )
        assert pure == compiled, out
        self.done["discard"] += 1
        return pure


def round_(rng: Random) -> Counter[str]:
    """Some hundred changes and questions; how many there were of each kind."""
    pair = _Pair(rng)
    for _ in range(rng.choice((20, 300, 300, 2500))):
        pair.change()
    for each in compare(pair.pure, pair.compiled):
        question(pair.pure, pair.compiled, each.network)
        pair.done["question"] += 1
    for each in list(pair.pure):
        assert pair.discard(each, excludes=each.excludes)
    assert compare(pair.pure, pair.compiled) == []
    return pair.done
