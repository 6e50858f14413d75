"""A chart is a drawing that is well-formed, to scale, and says its numbers."""

from __future__ import annotations

import re
from xml.dom import minidom

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.chart import HEIGHT_PX, LEAST_BAR_PX, PLOT_BOTTOM_PX, PLOT_TOP_PX, Bar, bars
from api.language import language
from api.look import STATIC_FOLDER

values = st.lists(st.integers(0, 10**18), min_size=1, max_size=60)


def drawn(numbers: list[int], tag: str = "en", label: str = "day") -> minidom.Element:
    """The chart of such numbers as XML."""
    svg = bars(
        [Bar(f"{label} {at}", number) for at, number in enumerate(numbers)],
        key="k", title="Title", told="What it shows.", number=language(tag).number,
    )  # fmt: skip
    element = minidom.parseString(svg).documentElement  # noqa: S318  # our own
    assert element is not None
    return element


def heights(svg: minidom.Element) -> list[float]:
    """Of the bars, in pixels."""
    return [float(rect.getAttribute("height")) for rect in of_class(svg, "rect", "bar")]


def of_class(svg: minidom.Element, tag: str, name: str) -> list[minidom.Element]:
    """The elements of a class."""
    return [each for each in svg.getElementsByTagName(tag) if each.getAttribute("class") == name]


def text(element: minidom.Element) -> str:
    """What an element says."""
    return "".join(node.data for node in element.childNodes if isinstance(node, minidom.Text))


@given(values)
def test_bars_are_to_scale(numbers: list[int]) -> None:
    """Higher where there is more; inside the plot; something is seen, nothing is not."""
    found = heights(drawn(numbers))
    plot = PLOT_BOTTOM_PX - PLOT_TOP_PX

    assert len(found) == len(numbers)
    assert [height > 0 for height in found] == [number > 0 for number in numbers]
    assert all(height == 0 or LEAST_BAR_PX <= height <= plot for height in found)
    by_number = sorted(zip(numbers, found, strict=True))
    assert [height for _, height in by_number] == sorted(found)
    if any(numbers):
        assert max(found) >= plot / 2  # the scale fits what there is


@given(values)
def test_every_number_is_told(numbers: list[int]) -> None:
    """By what a pointer rests on, with what it stands for."""
    titles = [text(each) for each in drawn(numbers).getElementsByTagName("title")]

    assert titles == ["Title"] + [
        f"day {at}: {language('en').number(number)}" for at, number in enumerate(numbers)
    ]


def test_bars_stand_side_by_side() -> None:
    """Each within its own share of the width, whole."""
    reaches = of_class(drawn([1, 2, 3, 4]), "rect", "reach")
    bar = of_class(drawn([1, 2, 3, 4]), "rect", "bar")[1]

    assert [each.getAttribute("x") for each in reaches] == ["0%", "25%", "50%", "75%"]
    assert {each.getAttribute("width") for each in reaches} == {"25%"}
    assert (bar.getAttribute("x"), bar.getAttribute("width")) == ("28.5%", "18%")


@pytest.mark.parametrize(
    ("most", "scale"),
    [(0, "2"), (1, "2"), (2, "2"), (3, "4"), (5, "6"), (9, "10"), (10, "10"), (11, "20"),
     (21, "30"), (45, "50"), (9_999_999, "10,000,000"), (10**18, "1,000,000,000,000,000,000")],
)  # fmt: skip
def test_the_scale_ends_with_a_round_number(most: int, scale: str) -> None:
    """No less than the most; it stands where no bar reaches."""
    number = drawn([0, most]).getElementsByTagName("text")[0]

    assert text(number) == scale
    assert float(number.getAttribute("y")) < PLOT_TOP_PX


def test_numbers_are_written_as_the_language_does() -> None:
    """In the scale and in what is told."""
    svg = drawn([1_500_000], "de")

    assert text(svg.getElementsByTagName("text")[0]) == "2.000.000"
    assert text(svg.getElementsByTagName("title")[1]) == "day 0: 1.500.000"


def test_it_says_what_it_is_to_those_who_do_not_see_it() -> None:
    """A picture with a name and a description, which it refers to by their ids."""
    svg = drawn([1, 2])
    named = [
        text(each)
        for tag in ("title", "desc")
        for each in svg.getElementsByTagName(tag)
        if each.getAttribute("id") in svg.getAttribute("aria-labelledby").split()
    ]

    assert svg.getAttribute("role") == "img"
    assert named == ["Title", "What it shows."]


def test_the_first_and_the_last_are_named_below() -> None:
    """At either end; a single one once."""

    def below(numbers: list[int]) -> list[tuple[str, str]]:
        return [
            (text(each), each.getAttribute("x"))
            for each in drawn(numbers).getElementsByTagName("text")
            if float(each.getAttribute("y")) > PLOT_BOTTOM_PX
        ]

    assert below([1, 2, 3]) == [("day 0", "0%"), ("day 2", "100%")]
    assert below([1]) == [("day 0", "0%")]


def test_texts_are_escaped() -> None:
    """Whatever they are."""
    svg = drawn([1], label='"<b>&')

    assert text(svg.getElementsByTagName("title")[1]) == '"<b>& 0: 1'


def test_the_style_sheet_needs_no_styles_inside() -> None:
    """None that the pages' policy would drop; and the drawing is as high as the sheet says."""
    svg = bars([Bar("a", 1)], key="k", title="t", told="d", number=str)
    css = (STATIC_FOLDER / "portal.css").read_text()

    assert "style" not in svg
    assert re.findall(r"\.chart \{[^}]* height: (\d+)px", css) == [str(HEIGHT_PX)]
