"""Rows of the database, whole and damaged: both twins take the same, and hand back the same."""

from __future__ import annotations

from collections import Counter
from random import Random
from typing import Final

import twins

from dnsbl.network import Network
from dnsbl.verdict import Entry
from dnsbl.zone.radix import Radix
from fuzz.changes import CATEGORIES, compare, question
from fuzz.entries import NOW, entry, network

ROWS_MAX: Final = 400
_TELLING: Final = b"0123456789./:\t\n -+\0\xff\xd9\xa0abcdefFspam"
_ODD: Final = (
    b"", b"\t", b"\t\t", b"192.0.2.1/32", b"::ffff:192.0.2.1/128\tspam\t\t",
    b"0.0.0.0/0\tspam\t\t", b"::/0\tspam\t\t", b"192.0.2.1/32\tspam\t\xd9\xa1\t",
    b"192.0.2.1/32\tspam\t999999999999\t", b"192.0.2.1/32\tspam\t000000000001\t",
    b"192.0.2.1/32\tspam\t1000000000000\t", b"1:2:3:4:5:6:7:8:9/128\tspam\t\t",
    b"2001:db8::0/128\tspam\t\t", b"::1.2.3.4/128\tspam\t\t", b"fe80::1%1/128\tspam\t\t",
    b"1:0:0:2::/64\tspam\t\t", b"1::2:0:0:3/128\tspam\t\t", b"\t\t\t", b"192.0.2.1/32\tspam\t",
    b"192.0.2.1/32\tspam\t\tof its own", b"192.0.2.1/32\tspam\t\tof its own\t",
    b"example.com\tspam\t\t", b"2001:db8::/32\tspam\t999999999999\t\xff",
)  # fmt: skip


def row(held: Entry) -> bytes:
    """The entry as `dnsbl.store.journal.chunks` writes it."""
    end = "" if held.expires_at is None else held.expires_at
    return f"{held.network}\t{held.category}\t{end}\t{held.text}".encode()


def round_(rng: Random) -> Counter[str]:
    """Chunks of rows for both; how many rows were taken, and how many handed back."""
    pure, compiled = Radix(CATEGORIES), twins.compiled("radix").Radix(CATEGORIES)
    done: Counter[str] = Counter()
    for excludes in (True, False):
        rows = [_row(rng, excludes=excludes) for _ in range(rng.randint(0, ROWS_MAX))]
        if rng.randrange(2):
            rows.sort()
        rows = _single(rows)
        per_chunk = rng.choice((1, 7, ROWS_MAX))
        chunks = [b"\n".join(rows[at : at + per_chunk]) for at in range(0, len(rows), per_chunk)]
        now = rng.choice((0, NOW, NOW + 0.5))
        odd: tuple[list[bytes], list[bytes]] = ([], [])
        for radix, handed_back in zip((pure, compiled), odd, strict=True):
            radix.take(chunks, excludes=excludes, now=now, odd=handed_back.append)
        assert odd[0] == odd[1], f"handed back by one: {set(odd[0]) ^ set(odd[1])}"
        done["odd"] += len(odd[0])
        done["rows"] += len(rows)
    for each in compare(pure, compiled)[:50]:
        question(pure, compiled, each.network)
    return done


def _single(rows: list[bytes]) -> list[bytes]:
    """Without the other rows of a key that has a text of its own: a table has a key once."""

    def key(row: bytes) -> tuple[bytes, ...]:
        return tuple(row.split(b"\t")[:2])

    texted = {key(row): row for row in rows if row.count(b"\t") > 2 and not row.endswith(b"\t")}
    return [row for row in rows if texted.get(key(row), row) is row]


def _row(rng: Random, *, excludes: bool) -> bytes:
    if rng.randrange(30) == 0:
        return rng.choice(_ODD)
    if rng.randrange(3) == 0:  # texts of IPv6 addresses with runs of zeros of every kind
        groups = [rng.choice((0, 0, 0, 1, 0xA0B, 0xFFFF)) for _ in range(8)]
        bits = int.from_bytes(b"".join(group.to_bytes(2, "big") for group in groups), "big")
        at = Network(6, bits, 128).widened(rng.choice((128, 128, 64, 48, rng.randint(1, 128))))
    else:
        at = network(rng)
    held = entry(rng, CATEGORIES, at)
    if held.excludes != excludes:
        held = Entry(at, rng.choice(CATEGORIES), excludes, held.expires_at)
    data = bytearray(row(held))
    if rng.randrange(6) == 0:
        where = rng.randrange(len(data))
        kind = rng.randrange(3)
        if kind == 0:
            data[where] = rng.choice(_TELLING)
        elif kind == 1:
            data.insert(where, rng.choice(_TELLING))
        else:
            del data[where]
    return bytes(data)
