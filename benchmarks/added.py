"""One listing added to the radix, without a server around it; and the first load of it."""

from __future__ import annotations

import random
import time
from typing import Final

from benchmarks.figures import Figures, percentile
from benchmarks.lists import SEED, address_text
from benchmarks.prepared import CATEGORY, Prepared
from benchmarks.questions import ORIGIN, BenchList
from dnsbl.network import parse_address
from dnsbl.store.database import open_reader
from dnsbl.store.journal import chunks
from dnsbl.verdict import Entry
from dnsbl.zone.twin import COMPILED, new_radix

ADDITIONS: Final = 5000
PURE_ENTRIES_MAX: Final = 1_000_000  # the pure twin would need many gigabytes for more
NS_PER_US: Final = 1000
FREE_OCTET: Final = 198  # the lists leave it out


def measure(figures: Figures, peer: str, prepared: Prepared, served: BenchList) -> None:
    """Loads the whole list, then adds addresses one by one; half of them to a /16 that has many."""
    if not COMPILED and served.plan.entries > PURE_ENTRIES_MAX:
        return
    radix = new_radix((CATEGORY,))
    database = open_reader(prepared.database)
    begun = time.perf_counter()
    try:
        with database.snapshot():
            rows = chunks(database, ORIGIN, "listing")
            radix.take(rows, excludes=False, now=time.time(), odd=_refuse)
    finally:
        database.close()
    load_s = time.perf_counter() - begun
    chance = random.Random(SEED + 2)
    taken_ns = []
    for number in range(ADDITIONS):
        near = parse_address(served.sample[number % len(served.sample)][0]).bits
        free = FREE_OCTET << 24 | chance.getrandbits(24)
        address = near ^ chance.getrandbits(16) if number % 2 else free
        entry = Entry(
            parse_address(address_text(address)), CATEGORY, excludes=False, expires_at=None
        )
        start = time.perf_counter_ns()
        radix.put(entry)
        taken_ns.append(time.perf_counter_ns() - start)
    taken = sorted(value / NS_PER_US for value in taken_ns)
    figures.add(
        served.name,
        peer,
        0,
        radix_load_s=load_s,
        added_mean_us=sum(taken) / len(taken),
        added_median_us=percentile(taken, 50),
        added_p99_us=percentile(taken, 99),
    )


def _refuse(row: bytes) -> None:
    raise AssertionError(f"a row of the list is odd: {row!r}")
