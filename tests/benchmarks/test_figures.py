"""Figures: percentiles, ratios of neighbours, and what becomes of them in a file."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.figures import Figures, Spread, percentile


@pytest.mark.parametrize(
    ("values", "percent", "expected"),
    [
        ([7.0], 99, 7.0),
        ([1.0, 2.0, 3.0, 4.0], 50, 2.0),
        ([float(n) for n in range(1, 101)], 99, 99.0),
        ([float(n) for n in range(1, 101)], 100, 100.0),
        ([float(n) for n in range(1, 202)], 99, 199.0),
    ],
)
def test_a_percentile_is_a_value_that_was_measured(
    values: list[float], percent: float, expected: float
) -> None:
    """It is the smallest that so many per cent of the values do not exceed."""
    assert expected == percentile(values, percent)


def test_ratios_are_of_the_same_round() -> None:
    """A machine that was slow in one round, for both peers, changes no ratio."""
    figures = Figures()
    for turn, speed in enumerate((1.0, 5.0, 2.0)):
        figures.add("1M", "ours", turn, cpu_us=3 * speed)
        figures.add("1M", "theirs", turn, cpu_us=4 * speed)

    expected = Spread(0.75, 0.75, 0.75)

    assert expected == figures.ratio("1M", ("ours", "cpu_us"), ("theirs", "cpu_us"))


def test_a_ratio_needs_both() -> None:
    """A round that only one of them has says nothing."""
    figures = Figures()
    figures.add("1M", "ours", 0, cpu_us=1.0)
    figures.add("1M", "theirs", 1, cpu_us=1.0)

    assert figures.ratio("1M", ("ours", "cpu_us"), ("theirs", "cpu_us")) is None


def test_figures_are_the_same_after_a_file(tmp_path: Path) -> None:
    """A report can be written anew from what was kept."""
    figures = Figures({"kernel": "6"})
    figures.add("1M", "ours", 0, cpu_us=1.5, start_s=0.25)
    figures.save(tmp_path / "new" / "figures.json")

    assert figures == Figures.load(tmp_path / "new" / "figures.json")
