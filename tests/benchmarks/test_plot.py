"""The picture of cost against list size."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.figures import Figures
from benchmarks.plot import draw


def test_the_same_figures_give_the_same_picture(tmp_path: Path) -> None:
    """So that a run that found nothing new changes no file."""
    pytest.importorskip("matplotlib", reason="the extra `bench` is not installed")
    figures = Figures()
    for name in ("100k", "1M"):
        for turn in (0, 1):
            figures.add(name, "dnsbl", turn, cpu_us=1.0 + turn, resident_mb=60.0)
    for file in ("first.svg", "second.svg"):
        draw(figures, tmp_path / file)

    assert (tmp_path / "first.svg").read_bytes() == (tmp_path / "second.svg").read_bytes()
    assert "dnsbl" in (tmp_path / "first.svg").read_text()
