"""Networks, listings and exclusions that meet often: in the same places, at the same times."""

from __future__ import annotations

from random import Random
from typing import Final

from dnsbl.network import BITS, Family, Network
from dnsbl.subject import Subject
from dnsbl.verdict import Entry

NOW: Final = 1000  # the time about which entries expire
MAPPED_BITS: Final = 0xFFFF << 32  # RFC 4291 §2.5.5.2
MAPPED_LENGTH: Final = 96
_TEXTS: Final = ("of its own", "$ did", "\u00fc")


def network(rng: Random, *, shortest: int = 1) -> Network:
    """A prefix of either family, in few places."""
    family: Family = rng.choice((4, 4, 6))
    width = BITS[family]
    length = rng.choice(
        (width, width, width, rng.randint(width - 4, width), rng.randint(shortest, width),
         rng.randint(shortest, 6), 64 if family == 6 else 24, 16, 17)
    )  # fmt: skip
    top = width - 4
    place = rng.randrange(6)
    if place == 0:
        bits = rng.getrandbits(width)
    elif place == 1:
        bits = rng.randrange(16) << top | rng.randrange(16)
    elif place == 2:
        bits = 0x0A0B << width - 16 | rng.randrange(300)
    elif place == 3:
        bits = 0x0A0B << width - 16 | rng.randrange(1 << 16) << width - 32
    elif place == 4:
        bits = 0x0A0B0C << width - 24 | rng.randrange(64)
    else:  # the test addresses, and neighbours of the mapped ones
        bits = 0x7F000000 | rng.randrange(6) if family == 4 else MAPPED_BITS | rng.getrandbits(34)
    found = Network(family, bits, width).widened(length)
    if family == 6 and length >= MAPPED_LENGTH and found.bits >> 32 == 0xFFFF:
        return Network(4, found.bits & 0xFFFFFFFF, 32).widened(max(1, length - MAPPED_LENGTH))
    return found


def entry(rng: Random, categories: tuple[str, ...], at: Subject | None = None) -> Entry:
    """A listing or an exclusion, there or at any network; many expire about NOW.

    Some listings have a text of their own.
    """
    excludes = rng.randrange(4) == 0
    names = (*categories, "") if excludes else categories
    expires_at = rng.choice((None, None, NOW, NOW + rng.randint(-3, 400)))
    text = rng.choice(_TEXTS) if not excludes and rng.randrange(6) == 0 else ""
    return Entry(at or network(rng), rng.choice(names), excludes, expires_at, text)
