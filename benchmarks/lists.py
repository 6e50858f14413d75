"""The lists that are served: random addresses, and ranges as policy lists have them.

Each comes from a seed, so that every run and every machine has the same. What
nobody may list (private and reserved space, whole /8s of it for simplicity) is
left out, and so is 198.0.0.0/8, where the benchmarks make their changes.
"""

from __future__ import annotations

import random
from array import array
from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

SEED: Final = 20210120
ADDRESS_BITS: Final = 32
FIRST_OCTETS: Final = tuple(
    octet for octet in range(1, 224) if octet not in {10, 100, 127, 169, 172, 192, 198, 203}
)

# Ranges by prefix length, in thousandths: most are those that providers register for their
# customers' lines, few are large. A sixth of the address space is listed by 500,000 of them.
POLICY_LENGTHS: Final = {
    12: 0.02, 13: 0.04, 14: 0.1, 15: 0.3, 16: 2, 17: 3, 18: 6, 19: 12, 20: 80, 21: 100, 22: 120,
    23: 90, 24: 180, 25: 80, 26: 80, 27: 80, 28: 70, 29: 56.54, 30: 15, 31: 5, 32: 20,
}  # fmt: skip

_OCTET_TEXTS: Final = tuple(map(str, range(256)))


class Members(Protocol):
    """What a list holds, as the questions need to know it."""

    def __contains__(self, address: object) -> bool: ...

    def draw(self, chance: random.Random) -> int:
        """A listed address."""


@dataclass(frozen=True, slots=True)
class ListPlan:
    """A list's name, its number of entries, and whether those are ranges of mixed length."""

    name: str
    entries: int
    ranges: bool = False


PLANS: Final = {
    plan.name: plan
    for plan in (
        ListPlan("100k", 100_000),
        ListPlan("1M", 1_000_000),
        ListPlan("10M", 10_000_000),
        ListPlan("policy", 500_000, ranges=True),
    )
}


class Addresses:
    """Distinct addresses, in no order."""

    def __init__(self, addresses: Sequence[int]) -> None:
        self.addresses = addresses
        self._set = frozenset(addresses)

    def __contains__(self, address: object) -> bool:
        return address in self._set

    def draw(self, chance: random.Random) -> int:
        """Any of them."""
        return self.addresses[chance.randrange(len(self.addresses))]


class Ranges:
    """Distinct networks (first address, prefix length), some of them inside others."""

    def __init__(self, networks: Sequence[tuple[int, int]]) -> None:
        self.networks = networks
        self._starts = array("I")
        self._ends = array("I")
        for first, length in sorted(networks):
            last = first + (1 << (ADDRESS_BITS - length)) - 1
            if not self._ends or last > self._ends[-1]:  # networks nest; they never overlap in part
                self._starts.append(first)
                self._ends.append(last)

    def __contains__(self, address: object) -> bool:
        assert isinstance(address, int)
        place = bisect_right(self._starts, address) - 1
        return place >= 0 and address <= self._ends[place]

    def draw(self, chance: random.Random) -> int:
        """An address of any range, be that large or small."""
        first, length = self.networks[chance.randrange(len(self.networks))]
        return first + chance.randrange(1 << (ADDRESS_BITS - length))


def random_address(chance: random.Random) -> int:
    """An address that might be listed."""
    return chance.choice(FIRST_OCTETS) << 24 | chance.getrandbits(24)


def addresses(count: int, seed: int = SEED) -> Addresses:
    """So many distinct random addresses, in random order."""
    chance = random.Random(seed)
    allowed = frozenset(FIRST_OCTETS)
    found: dict[int, None] = {}
    while len(found) < count:
        drawn = array("I")
        drawn.frombytes(chance.randbytes((count - len(found) + 1000) * drawn.itemsize))
        found.update(dict.fromkeys(address for address in drawn if address >> 24 in allowed))
    return Addresses(array("I", list(found)[:count]))


def ranges(count: int, seed: int = SEED) -> Ranges:
    """So many distinct random networks, of the lengths that POLICY_LENGTHS says."""
    chance = random.Random(seed)
    lengths, weights = list(POLICY_LENGTHS), list(POLICY_LENGTHS.values())
    found: dict[tuple[int, int], None] = {}
    while len(found) < count:
        for length in chance.choices(lengths, weights, k=count - len(found)):
            spare = ADDRESS_BITS - length
            found[random_address(chance) >> spare << spare, length] = None
    return Ranges(list(found))


def address_text(address: int) -> str:
    """Dotted decimal."""
    texts = _OCTET_TEXTS
    return (
        f"{texts[address >> 24]}.{texts[address >> 16 & 255]}"
        f".{texts[address >> 8 & 255]}.{texts[address & 255]}"
    )


def lines(members: Addresses | Ranges) -> Iterable[str]:
    """A list as a feed has it, a line for each entry."""
    if isinstance(members, Addresses):
        return map(address_text, members.addresses)
    return (f"{address_text(first)}/{length}" for first, length in members.networks)


def members(plan: ListPlan) -> Addresses | Ranges:
    """What a plan comes to."""
    return ranges(plan.entries) if plan.ranges else addresses(plan.entries)


def written(file: Path, write: Callable[[Path], None]) -> Path:
    """A file that is either there as a whole, from before or from now, or not at all."""
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        unfinished = file.with_name(f"{file.name}.unfinished")
        write(unfinished)
        unfinished.replace(file)
    return file
