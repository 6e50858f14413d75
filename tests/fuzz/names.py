"""The same changes to both twins of a table of names: the same answers, about every name near them.

The compiled one has no names to list, so both are asked.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from random import Random
from typing import Final, get_args

import twins

from dnsbl.name import Name, Scope
from dnsbl.verdict import Entry
from dnsbl.zone.names import Names, question_name
from dnsbl.zone.twin import AnyRadix
from fuzz.changes import CATEGORIES, dropped
from fuzz.entries import NOW, entry

SCOPES: Final[tuple[Scope, ...]] = get_args(Scope)
_LABELS: Final = ("com", "a", "b", "c", "example", "aaaaaaa", "aaaaaaaa", "x" * 63, "1", "-", "_")
_DEEP: Final = 127
_ODD_LABELS: Final = (b"a.b", b"\0", b"\xff", b"A", b"*", b".", b"a\0", b"aaaaaaa\0", b" ")
_TELLING: Final = b"abcdefxyz0189-_.*\t\n \0\xff\xc3ABZ"
_ODD_ROWS: Final = (
    b"", b"\t\t\t", b".\tspam\t\t", b"*\tspam\t\t", b"*.\tspam\t\t", b"com.\tspam\t\t",
    b"Com\tspam\t\t", b"1\tspam\t\t", b"a.1\tspam\t\t", b"1.a\tspam\t\t", b"..a\tspam\t\t",
    b"a..b\tspam\t\t", b"*.*.a\tspam\t\t", b"192.0.2.1/32\tspam\t\t", b"-\tspam\t\t",
    b"_.0-\tspam\t1200\t", b"x" * 63 + b"\tspam\t\t", b"x" * 64 + b"\tspam\t\t",
    b".".join((b"x" * 63,) * 4) + b"\tspam\t\t", b"*." + b".".join((b"a",) * 127) + b"\tspam\t\t",
    b"." + b".".join((b"a",) * 128) + b"\tspam\t\t", b"a\tspam\t\tits own\t",
    b"." + b"x" * 62 + b"." + b".".join((b"x" * 63,) * 3) + b"\tspam\t\t",
    b"x" * 61 + b"." + b".".join((b"x" * 63,) * 3) + b"\tspam\t\t",
)  # fmt: skip


def name(rng: Random) -> Name:
    """A name in few places, at times a deep one."""
    count = rng.choice((1, 2, 2, 2, 3, 3, 4, 7, 8, 9, 10))
    if rng.randrange(40) == 0:
        count = _DEEP
    labels = [rng.choice(_LABELS[:4] if count > len(_LABELS) else _LABELS) for _ in range(count)]
    domain = ".".join(labels)[-253:].lstrip(".")
    if domain.rpartition(".")[2].isdigit():
        domain = "com"
    return Name(domain, rng.choice(SCOPES))


def question(pure: AnyRadix, compiled: AnyRadix, about: Name) -> None:
    """Asks both about a name, in each scope, and about the names above it."""
    domain = about.domain
    for scope in SCOPES:
        each = Name(domain, scope)
        assert compiled.covering(each) == pure.covering(each), str(each)
    while domain:
        above = Name(domain, "exact")
        assert compiled.listed_below(above) == pure.listed_below(above), domain
        domain = domain.partition(".")[2]


def asked(rng: Random, near: Name) -> Name:
    """What a query may ask near a name: below it, above it, and what nobody can list."""
    labels = [label.encode() for label in near.labels]
    for _ in range(rng.randrange(3)):
        kind = rng.randrange(4)
        if kind == 0 and len(labels) < _DEEP - 1:
            labels.insert(0, rng.choice((*_ODD_LABELS, b"a", b"b")))
        elif kind == 1 and len(labels) > 1:
            del labels[0]
        elif kind == 2:
            labels[rng.randrange(len(labels))] = rng.choice(_ODD_LABELS)
        elif len(labels) > 1:
            labels[:2] = [(labels[0] + b"." + labels[1])[:63]]
    return question_name(tuple(labels))


class _Pair:
    """Both twins, and what was put into them."""

    def __init__(self, rng: Random) -> None:
        self._rng = rng
        self.pure: AnyRadix = Names(CATEGORIES)
        self.compiled: AnyRadix = twins.compiled("names").Names(CATEGORIES)
        self.held: list[Entry] = []
        self.ever: list[Entry] = []
        self._now = NOW - 3
        self.done: Counter[str] = Counter()

    def change(self) -> None:
        """One change or question."""
        rng = self._rng
        kind = rng.randrange(20)
        if kind < 10 or not self.held:
            at = rng.choice(self.held).network if self.held and rng.randrange(4) == 0 else name(rng)
            put = entry(rng, CATEGORIES, at)
            self.pure.put(put)
            self.compiled.put(put)
            self.held.append(put)
            self.ever.append(put)
            self.done["put"] += 1
        elif kind < 16:
            out = self.held.pop(rng.randrange(len(self.held)))
            self.discard(out, excludes=out.excludes == (rng.randrange(8) > 0))
        elif kind < 19:
            self.ask()
        elif rng.randrange(4) == 0:
            self._now += rng.choice((0, 1, 2, 50))
            dropped(self.pure, self.compiled, self._now, rng.choice((1, 7, 1000)))
            self.done["drop"] += 1
        assert len(self.pure) == len(self.compiled)

    def ask(self) -> None:
        """About a name near those that are held."""
        near = self._rng.choice(self.held).network if self.held else name(self._rng)
        assert isinstance(near, Name)
        question(self.pure, self.compiled, near)
        question(self.pure, self.compiled, asked(self._rng, near))
        self.done["question"] += 2

    def discard(self, out: Entry, *, excludes: bool) -> None:
        """Removes an entry, or one of the other kind that may be there."""
        pure, compiled = (
            names.discard(out.network, out.category, excludes=excludes)
            for names in (self.pure, self.compiled)
        )
        assert pure == compiled, out
        self.done["discard"] += 1


def _taken(rng: Random, pair: _Pair) -> None:
    """Chunks of rows into both, whole and damaged."""
    for excludes in (True, False):
        rows: dict[bytes, bytes] = {}  # by what a table has once
        for _ in range(rng.randint(0, 200)):
            row = _row(rng, excludes=excludes)
            rows[b"\t".join(row.split(b"\t")[:2])] = row
        per_chunk = rng.choice((1, 7, 400))
        kept = list(rows.values())
        chunks = [b"\n".join(kept[at : at + per_chunk]) for at in range(0, len(kept), per_chunk)]
        odd: tuple[list[bytes], list[bytes]] = ([], [])
        now = rng.choice((0, NOW, NOW + 0.5))
        for names, handed_back in zip((pair.pure, pair.compiled), odd, strict=True):
            names.take(chunks, excludes=excludes, now=now, odd=handed_back.append)
        assert odd[0] == odd[1], f"handed back by one: {set(odd[0]) ^ set(odd[1])}"
        pair.done["odd"] += len(odd[0])
        pair.done["rows"] += len(rows)
    pair.held += list(pair.pure)
    pair.ever += pair.held


def _row(rng: Random, *, excludes: bool) -> bytes:
    if rng.randrange(15) == 0:
        return rng.choice(_ODD_ROWS)
    held = entry(rng, CATEGORIES, name(rng))
    if held.excludes != excludes:
        held = replace(held, category=rng.choice(CATEGORIES), excludes=excludes, text="")
    end = "" if held.expires_at is None else held.expires_at
    data = bytearray(f"{held.network}\t{held.category}\t{end}\t{held.text}".encode())
    if rng.randrange(6) == 0:
        where = rng.randrange(len(data))
        if rng.randrange(2):
            data[where] = rng.choice(_TELLING)
        else:
            data.insert(where, rng.choice(_TELLING))
    return bytes(data)


def round_(rng: Random) -> Counter[str]:
    """Rows at times, some hundred changes and questions; how many there were of each kind."""
    pair = _Pair(rng)
    if rng.randrange(2):
        _taken(rng, pair)
    for _ in range(rng.choice((20, 300, 300, 2500))):
        pair.change()
    for _ in range(300):
        pair.ask()
    for each in list(pair.pure):
        pair.discard(each, excludes=each.excludes)
    for each in pair.ever:  # what has expired is still counted above
        pair.discard(each, excludes=each.excludes)
    assert len(pair.pure) == len(pair.compiled) == 0
    slots: int = pair.compiled.slots()  # type: ignore[attr-defined]  # of the compiled one
    assert (slots, list(pair.pure)) == (0, [])
    return pair.done
