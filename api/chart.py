"""A chart of bars as SVG, drawn here, so that a page needs no program for it.

Across it is measured in hundredths of its width and down in pixels: it fits a
phone and a desk, and its letters keep their size. Colours are the style sheet's.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from markupsafe import Markup

PLOT_TOP_PX: Final = 18  # the uppermost number stands there
PLOT_BOTTOM_PX: Final = 128
HEIGHT_PX: Final = 150
BAR_SHARE: Final = 0.72  # of what a bar has from its neighbour to the next
LEAST_BAR_PX: Final = 2.0  # of what is not zero, beside what is a million times as much


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar: what it stands for, as people write it, and how much."""

    label: str
    value: int


def bars(
    shown: Sequence[Bar], *, key: str, title: str, told: str, number: Callable[[int], str]
) -> Markup:
    """A chart of one or more bars, none negative.

    ``key`` tells the chart from others of the page; ``told`` says in a sentence
    what it shows, to those who do not see it; ``number`` writes a number.
    """
    assert shown
    assert min(bar.value for bar in shown) >= 0
    top = _ceiling(max(bar.value for bar in shown))
    return Markup(
        '<svg class="chart" role="img" aria-labelledby="{key}-title {key}-desc"'
        ' xmlns="http://www.w3.org/2000/svg">'
        '<title id="{key}-title">{title}</title><desc id="{key}-desc">{told}</desc>'
        "{grid}{bars}{labels}</svg>"
    ).format(
        key=key,
        title=title,
        told=told,
        grid=_grid(top, number),
        bars=Markup().join(
            _bar(bar, at, len(shown), top, number) for at, bar in enumerate(shown)
        ),
        labels=_labels(shown),
    )  # fmt: skip


def _ceiling(value: int) -> int:
    """The least of 2, 4, 6, 8, 10, 20, 30 … that is no less; its half is whole too."""
    power = 1
    while True:
        for factor in (2, 3, 4, 5, 6, 8, 10):
            top = factor * power
            if value <= top and top % 2 == 0:
                return top
        power *= 10


def _grid(top: int, number: Callable[[int], str]) -> Markup:
    """A line at the top, with its number where no bar reaches; one half-way; and the ground."""
    lines = Markup('<text x="0" y="{}">{}</text>').format(PLOT_TOP_PX - 4, number(top))
    for value in (top, top // 2, 0):
        lines += Markup('<line class="grid" x1="0" x2="100%" y1="{0}" y2="{0}"/>').format(
            _y(value, top)
        )
    return lines


def _bar(bar: Bar, at: int, count: int, top: int, number: Callable[[int], str]) -> Markup:
    """A bar, with what it says where a pointer rests on it or above it."""
    width = 100 / count
    height = (PLOT_BOTTOM_PX - PLOT_TOP_PX) * bar.value / top
    height = max(height, LEAST_BAR_PX) if bar.value else 0.0
    return Markup(
        '<g><title>{label}: {value}</title><rect class="reach" x="{reach_x}%" y="0"'
        ' width="{reach_width}%" height="{bottom}"/><rect class="bar" x="{x}%" y="{y}"'
        ' width="{width}%" height="{height}" rx="1.5"/></g>'
    ).format(
        label=bar.label,
        value=number(bar.value),
        reach_x=_px(at * width),
        reach_width=_px(width),
        bottom=PLOT_BOTTOM_PX,
        x=_px((at + (1 - BAR_SHARE) / 2) * width),
        y=_px(PLOT_BOTTOM_PX - height),
        width=_px(BAR_SHARE * width),
        height=_px(height),
    )


def _labels(shown: Sequence[Bar]) -> Markup:
    """What the first and the last bar stand for, below them."""
    text = Markup('<text x="{}%" y="{}" text-anchor="{}">{}</text>')
    y = HEIGHT_PX - 4
    labels = text.format(0, y, "start", shown[0].label)
    if len(shown) > 1:
        labels += text.format(100, y, "end", shown[-1].label)
    return labels


def _y(value: int, top: int) -> str:
    return _px(PLOT_BOTTOM_PX - (PLOT_BOTTOM_PX - PLOT_TOP_PX) * value / top)


def _px(value: float) -> str:
    """A number of SVG, to the hundredth."""
    return f"{value:.2f}".rstrip("0").rstrip(".")
