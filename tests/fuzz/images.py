"""Radixes as octets and back: what is whole comes back whole, what is damaged breaks nothing."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from random import Random
from typing import Final

import twins

from dnsbl.zone.twin import AnyRadix
from fuzz.changes import CATEGORIES, compare, question
from fuzz.entries import entry, network

DAMAGED: Final = 40  # bodies of a round
_TELLING: Final = (0, 1, 2, 16, 17, 31, 32, 33, 63, 64, 65, 127, 128, 129, 254, 255)


def round_(rng: Random) -> Counter[str]:
    """One radix; how many of its bodies were restored, and how many refused."""
    native = twins.compiled("image")
    radix = _new()
    for _ in range(rng.choice((0, 1, 10, 300))):
        held = entry(rng, CATEGORIES, network(rng, shortest=0))
        radix.put(replace(held, text=""))  # an image leaves texts to the database
    body = b"".join(native.pieces(radix))
    again = _new()
    assert native.restore(again, body) == len(body)
    compare(radix, again)
    done = Counter({"whole": 1})
    # Most of it is empty runs: damage is done about what is not.
    places = [found.start() for found in re.finditer(rb"[^\x00\xff]", body)] or [0]
    for _ in range(DAMAGED):
        done[_restored(_damaged(rng, body, places))] += 1
    return done


def _new() -> AnyRadix:
    radix: AnyRadix = twins.compiled("radix").Radix(CATEGORIES)
    return radix


def _damaged(rng: Random, body: bytes, places: list[int]) -> bytes:
    octets = bytearray(body)
    for _ in range(rng.choice((1, 1, 2, 6))):
        at = max(0, min(len(octets) - 1, rng.choice(places) + rng.randint(-8, 8)))
        kind = rng.randrange(8)
        if kind == 0:
            octets[at] ^= 1 << rng.randrange(8)
        elif kind == 1:
            octets[at] = rng.getrandbits(8)
        elif kind < 5:
            octets[at] = rng.choice(_TELLING)
        elif kind == 5:
            octets[at : at + 4] = rng.choice((b"\xff" * 4, bytes(4), b"\0\0\1\0", b"\1\0\0\0"))
        elif kind == 6:
            other = rng.choice(places)
            octets[at : at + 8] = octets[other : other + 8]
        elif rng.randrange(4) == 0:
            del octets[rng.randrange(len(octets)) :]
            octets += bytes(rng.choice((0, 4)))
    return bytes(octets)


def _restored(body: bytes) -> str:
    """What became of it: refused, or a radix that holds together and can be emptied."""
    native = twins.compiled("image")
    radix = _new()
    try:
        native.restore(radix, body)
    except native.DamagedError:
        return "refused"
    held = list(radix)
    assert len(held) == len(radix)
    for each in held:
        question(radix, radix, each.network)
        assert radix.discard(each.network, each.category, excludes=each.excludes)
    assert list(radix) == []
    return "restored"
