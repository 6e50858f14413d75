"""The page of results: aims, what was measured, and whether they hold."""

from __future__ import annotations

import pytest

from benchmarks.aims import ECHO, IP4SET, IP4TRIE, PRODUCT, verdicts
from benchmarks.figures import Figures, Spread
from benchmarks.report import cell, markdown, number
from benchmarks.rounds import in_turn


@pytest.fixture
def figures() -> Figures:
    """Two rounds of four peers on one list, by made-up values."""
    held = Figures({"kernel": "6.1"})
    for turn in (0, 1):
        for peer, cpu_us in ((ECHO, 4.0), (IP4SET, 6.0), (IP4TRIE, 7.0), (PRODUCT, 4.2 + turn)):
            held.add("1M", peer, turn, cpu_us=cpu_us, user_us=cpu_us / 4, resident_mb=40 * cpu_us)
    return held


def test_an_aim_that_holds(figures: Figures) -> None:
    """The median of the rounds' ratios is compared with it."""
    by_text = {verdict.aim.text: verdict for verdict in verdicts(figures, "1M", ranges=False)}
    beside = by_text["CPU per query, to rbldnsd ip4set"]

    assert beside.spread is not None
    assert beside.spread.median == pytest.approx((4.2 + 5.2) / 2 / 6)
    assert beside.holds is True


def test_an_aim_that_does_not_hold(figures: Figures) -> None:
    """It says so, by the same rule."""
    by_text = {verdict.aim.text: verdict.holds for verdict in verdicts(figures, "1M", ranges=False)}

    assert by_text["resident memory"] is False


def test_an_aim_that_was_not_measured(figures: Figures) -> None:
    """It is neither."""
    by_text = {verdict.aim.text: verdict.holds for verdict in verdicts(figures, "1M", ranges=True)}

    assert by_text["import while serving"] is None


def test_the_page(figures: Figures) -> None:
    """It has the machine, each peer's row with medians and extremes, and each aim's verdict."""
    page = markdown(figures)

    assert "| kernel | 6.1 |" in page
    assert "## 1,000,000 random addresses" in page
    assert "| CPU per query, to the echo | ≤ 1.1 × | 1.18 × (1.05–1.30) | **no** |" in page
    assert "| rbldnsd ip4set | – | 6.00 | 1.50 |" in page
    assert "| start without an image, from SQLite | ≤ 15 s | – | not measured |" in page


@pytest.mark.parametrize(
    ("value", "expected"), [(0.256, "0.26"), (9.999, "10.00"), (81.25, "81.2"), (12345.6, "12,346")]
)
def test_numbers(value: float, expected: str) -> None:
    """As many places as mean something."""
    assert expected == number(value)


def test_a_single_value_has_no_extremes() -> None:
    """One round shows as one number."""
    assert cell(Spread(2.0, 2.0, 2.0), "s") == "2.00 s"
    assert cell(None) == "–"


def test_peers_take_turns() -> None:
    """Each begins a round in its turn, and each is in every round once."""

    class Named:
        answers = True
        pinned = True

        def __init__(self, name: str) -> None:
            self.name = name

        def command(self, served: object, port: int) -> list[str]:
            del served, port
            return []

    peers = [Named(name) for name in "abc"]

    assert [(turn, peer.name) for turn, peer in in_turn(peers, 2)] == [
        (0, "a"), (0, "b"), (0, "c"), (1, "b"), (1, "c"), (1, "a"),
    ]  # fmt: skip
