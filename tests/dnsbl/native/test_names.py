"""What the compiled table of names alone promises: its hash, its memory, and no names out of it."""

from __future__ import annotations

import resource
from random import Random
from types import ModuleType
from typing import Final

import pytest
import twins

from dnsbl.name import Name
from dnsbl.verdict import Entry
from dnsbl.zone.twin import AnyRadix

SECRET: Final = bytes(range(16))
_MASK: Final = (1 << 64) - 1


@pytest.fixture(scope="module")
def native() -> ModuleType:
    """The compiled module."""
    return twins.compiled("names")


def siphash128(secret: bytes, octets: bytes) -> tuple[int, int]:
    """SipHash-2-4 with 128 bits, as its paper and reference have it, for whole blocks."""
    k0, k1 = (int.from_bytes(secret[at : at + 8], "little") for at in (0, 8))
    v = [k0 ^ 0x736F6D6570736575, k1 ^ 0x646F72616E646F6D ^ 0xEE,
         k0 ^ 0x6C7967656E657261, k1 ^ 0x7465646279746573]  # fmt: skip

    def turned(word: int, bits: int) -> int:
        return (word << bits | word >> (64 - bits)) & _MASK

    def rounds(count: int) -> None:
        for _ in range(count):
            v[0] = (v[0] + v[1]) & _MASK
            v[1] = turned(v[1], 13) ^ v[0]
            v[0] = turned(v[0], 32)
            v[2] = (v[2] + v[3]) & _MASK
            v[3] = turned(v[3], 16) ^ v[2]
            v[0] = (v[0] + v[3]) & _MASK
            v[3] = turned(v[3], 21) ^ v[0]
            v[2] = (v[2] + v[1]) & _MASK
            v[1] = turned(v[1], 17) ^ v[2]
            v[2] = turned(v[2], 32)

    blocks = [octets[at : at + 8] for at in range(0, len(octets), 8)]
    for block in (*blocks, bytes(7) + bytes([len(octets) & 0xFF])):
        word = int.from_bytes(block, "little")
        v[3] ^= word
        rounds(2)
        v[0] ^= word
    v[2] ^= 0xEE
    rounds(4)
    first = v[0] ^ v[1] ^ v[2] ^ v[3]
    v[1] ^= 0xDD
    rounds(4)
    return first, v[0] ^ v[1] ^ v[2] ^ v[3]


def test_hash_is_siphash(native: ModuleType) -> None:
    """Of the labels from the last to the first, each with its length, filled up with zeros."""
    names = native.Names((), SECRET)
    labels = ["a", "aaaaaaa", "aaaaaaaa", "x" * 63, "-_09az", "com"]

    found = names.hashes(Name(".".join(labels), "exact"))

    padded, expected = b"", []
    for label in reversed(labels):
        octets = bytes([len(label)]) + label.encode()
        padded += octets + bytes(-len(octets) % 8)
        expected.append(siphash128(SECRET, padded))
    assert found == expected


def test_siphash_of_the_tests_is_that_of_its_authors() -> None:
    """The vectors of the reference implementation for no octets and for eight."""
    assert [half.to_bytes(8, "little").hex() for half in siphash128(SECRET, b"")] == [
        "a3817f04ba25a8e6", "6df67214c7550293",
    ]  # fmt: skip
    assert [half.to_bytes(8, "little").hex() for half in siphash128(SECRET, bytes(range(8)))] == [
        "3b62a9ba6258f561", "0f83e264f31497b4",
    ]  # fmt: skip


@pytest.mark.parametrize("octet", range(256))
def test_letters_alone_lose_their_case(native: ModuleType, octet: int) -> None:
    """RFC 4343 §3: other octets match exactly, wherever in a block they stand."""
    names = native.Names((), SECRET)
    if octet == ord("."):
        return
    for before in (0, 3, 7, 12):
        text = "x" * before + chr(octet) + "y"
        as_is, lowered = (
            names.hashes(Name(each, "exact"))
            for each in (text, text.encode("latin-1").lower().decode("latin-1"))
        )
        assert as_is == lowered


def test_secret_is_another_each_time(native: ModuleType) -> None:
    """Nobody can know which names crowd in one place."""
    about = Name("example.com", "exact")

    assert native.Names(()).hashes(about) != native.Names(()).hashes(about)
    with pytest.raises(ValueError, match="another size"):
        native.Names((), b"short")


def test_names_do_not_come_out_again(native: ModuleType) -> None:
    """They are not there: a program that wants them asks the database."""
    with pytest.raises(TypeError, match="does not know the names"):
        list(native.Names(()))


@pytest.mark.parametrize("domain", ["", "a..b", "x" * 64, ".".join(("a",) * 128), "\u0142.pl"])
def test_what_is_no_domain_is_refused(native: ModuleType, domain: str) -> None:
    """Before anything is changed or asked."""
    names = native.Names(("spam",))

    with pytest.raises(ValueError, match=r"domain|latin-1"):
        names.put(Entry(Name(domain, "exact"), "spam", excludes=False, expires_at=None))
    with pytest.raises(ValueError, match=r"domain|latin-1"):
        names.covering(Name(domain, "exact"))
    assert len(names) == names.slots() == 0


def held(names: AnyRadix, numbers: range, expires_at: int | None = None) -> None:
    """Puts so many names, each with a time of its own if the first has one."""
    for number in numbers:
        at = None if expires_at is None else expires_at + number
        names.put(Entry(Name(f"n{number}.example", "all"), "spam", excludes=False, expires_at=at))


def test_pages_grow_wide_where_numbers_do(native: ModuleType) -> None:
    """More values than 16 bits can number, one for each name, and all below one domain."""
    count = 70_000
    names = native.Names(("spam",))

    held(names, range(count), expires_at=1000)

    for number in range(0, count, 97):
        (entry,) = names.covering(Name(f"x.n{number}.example", "exact"))
        assert entry.expires_at == 1000 + number
    assert names.slots() == count + 1
    assert names.drop_expired(1000 + count, count + 1) == count
    assert names.listed_below(Name("example", "exact"))
    for number in range(count):
        assert not names.discard(Name(f"n{number}.example", "all"), "spam", excludes=False)
    assert (names.slots(), names.listed_below(Name("example", "exact"))) == (0, False)


def test_memory_is_some_ten_octets_a_name(native: ModuleType) -> None:
    """And is given back: rounds of additions and removals, in any order, do not make it grow."""
    chance = Random(4)
    names = native.Names(("spam",))
    count = 100_000
    grown = []

    for _ in range(3):
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        numbers = list(range(count))
        for start in range(0, count, 10_000):
            rows = [b".n%d.example\tspam\t\t" % number for number in range(start, start + 10_000)]
            names.take([b"\n".join(rows)], excludes=False, now=0, odd=pytest.fail)
        assert names.slots() == count + 1
        chance.shuffle(numbers)
        for number in numbers:
            names.discard(Name(f"n{number}.example", "all"), "spam", excludes=False)
        assert names.slots() == 0
        grown.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)

    assert grown[2] < 1_000, "KiB in the last round"
