"""The most frequent of a stream, against counting all of it."""

from __future__ import annotations

import itertools
import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnsbl.server.sketch import Sketch

# Few keys and few cells, so that they meet; weights as those of samples.
STREAMS = st.lists(st.tuples(st.integers(0, 30), st.integers(1, 16)), max_size=300)


NOW = 1_800_000_000.0


def place(key: int) -> int:
    """A poor hash: many keys share a cell."""
    return key // 3


@given(STREAMS, st.integers(1, 12))
def test_counts_keep_their_bounds(stream: list[tuple[int, int]], room: int) -> None:
    """Never too low, too high by the error at most, and that is at most the total over the room."""
    sketch: Sketch[int] = Sketch(room, place=place)
    true: Counter[int] = Counter()
    for key, weight in stream:
        sketch.add(key, 0.0, weight)
        true[key] += weight
    bound = true.total() / room

    kept = {each.key: each for each in sketch.top(room, 0.0)}

    assert sketch.total(0.0) == true.total()
    assert len(kept) == len(sketch) <= room
    for key, each in kept.items():
        assert each.count - each.error <= true[key] <= each.count
        assert each.error <= bound
    assert {key for key, count in true.items() if count > bound} <= set(kept)


@given(STREAMS)
def test_few_keys_are_counted_exactly(stream: list[tuple[int, int]]) -> None:
    """Where there is room for all, the sketch is a count, in order."""
    sketch: Sketch[int] = Sketch(31)
    true: Counter[int] = Counter()
    for key, weight in stream:
        sketch.add(key, 0.0, weight)
        true[key] += weight

    top = sketch.top(31, 0.0)

    assert {each.key: (each.count, each.error) for each in top} == {
        key: (count, 0.0) for key, count in true.items()
    }
    assert [each.count for each in top] == sorted(true.values(), reverse=True)


@pytest.mark.parametrize("half_life_s", [1.0, 30.0])
def test_old_events_count_less(half_life_s: float) -> None:
    """By half after each half-life, through every scaling back."""
    sketch: Sketch[str] = Sketch(4, half_life_s)
    sketch.add("old", 0.0, 1024)
    for halvings in range(1, 11):
        (old,) = sketch.top(1, halvings * half_life_s)
        assert old.count == pytest.approx(1024 / 2**halvings)

    sketch.add("new", 500 * half_life_s)

    assert [each.key for each in sketch.top(2, 500 * half_life_s)] == ["new", "old"]
    assert sketch.total(500 * half_life_s) == pytest.approx(1.0)


def test_after_ages_all_is_forgotten() -> None:
    """A sketch that was left alone for years goes on with what is new."""
    sketch: Sketch[str] = Sketch(1, 30.0)
    sketch.add("old", 0.0, 1e9)

    sketch.add("new", 1e9)

    assert [(each.key, each.count) for each in sketch.top(1, 1e9)] == [("new", 1.0)]


def test_a_steady_pace_is_told_from_the_first_second_on() -> None:
    """Count over span is events a second, young or old."""
    sketch: Sketch[str] = Sketch(4, 10.0, begun_at=NOW)
    for tenth in range(1, 1200):
        sketch.add("steady", NOW + tenth / 10, 5)
        if tenth in (30, 100, 1199):
            (steady,) = sketch.top(1, NOW + tenth / 10)
            assert steady.count / sketch.span_s(NOW + tenth / 10) == pytest.approx(50, rel=0.05)


def test_the_frequent_are_found_among_a_million() -> None:
    """Ten of a million addresses are asked for often: the sketch of two hundred tells which."""
    dice = random.Random(4)
    room = 200
    sketch: Sketch[int] = Sketch(room, 30.0)
    often = [number for number in range(10) for _ in range(20 - number)]
    for step in itertools.islice(itertools.count(), 60_000):
        key = dice.choice(often) if dice.random() < 0.4 else dice.randrange(100, 1_000_000)
        sketch.add(key, step / 10_000)

    top = [each.key for each in sketch.top(10, 6.0)]

    assert set(top) == set(range(10))
    assert len(sketch) == room
