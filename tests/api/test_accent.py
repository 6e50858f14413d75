"""Whatever colour an operator has, everybody can read it."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api import accent
from api.accent import DARK_GROUNDS, LIGHT_GROUNDS, Accent, contrast, style_sheet
from api.look import STATIC_FOLDER
from dnsbl.config.portal import ACCENT_DEFAULT

colours = st.integers(0, 0xFFFFFF).map(lambda value: f"#{value:06x}")


@pytest.mark.parametrize(
    ("one", "other", "ratio"),
    [
        ("#000000", "#ffffff", 21.0),
        ("#ffffff", "#ffffff", 1.0),
        ("#777777", "#ffffff", 4.48),  # the well-known grey that just fails
        ("#767676", "#ffffff", 4.54),  # and the one that just passes
    ],
)
def test_contrast_is_as_defined(one: str, other: str, ratio: float) -> None:
    """WCAG 2.2, whichever of the two is lighter."""
    assert round(contrast(one, other), 2) == ratio
    assert contrast(one, other) == contrast(other, one)


def assert_readable(colours: Accent, grounds: tuple[str, ...]) -> None:
    """Level AA: as text on each ground, and under the text of a button."""
    for colour in (colours.plain, colours.strong):
        assert min(contrast(colour, ground) for ground in grounds) >= 4.5
        assert contrast(colour, colours.on) >= 4.5


@given(colours)
def test_every_colour_can_be_read(colour: str) -> None:
    """In both schemes, as a link, as a button, and under the pointer."""
    assert_readable(accent.light(colour), LIGHT_GROUNDS)
    assert_readable(accent.dark(colour), DARK_GROUNDS)


@given(colours)
def test_a_colour_that_can_be_read_stays(colour: str) -> None:
    """On light pages, within what rounding does to a channel."""
    if min(contrast(colour, ground) for ground in LIGHT_GROUNDS) < 4.5:
        return
    found = accent.light(colour).plain

    assert all(
        abs(int(colour[at : at + 2], 16) - int(found[at : at + 2], 16)) <= 1 for at in (1, 3, 5)
    )


def test_the_hue_stays() -> None:
    """A yellow becomes a dark yellow on light pages; a dark blue a light blue on dark ones."""
    yellow = accent.light("#ffd500").plain
    blue = accent.dark("#00008b").plain

    assert int(yellow[1:3], 16) > int(yellow[3:5], 16) > int(yellow[5:7], 16)
    assert int(blue[5:7], 16) > int(blue[3:5], 16) >= int(blue[1:3], 16) - 16


def test_the_grounds_are_those_of_the_style_sheet() -> None:
    """What is computed against is what stands in portal.css, light first, then dark."""
    css = (STATIC_FOLDER / "portal.css").read_text()
    found = [
        tuple(re.findall(rf"--{name}: (#[0-9a-f]{{6}})", css)[at] for name in names)
        for at, names in ((0, ("sheet", "ground")), (1, ("sheet", "ground", "field")))
    ]

    assert found == [LIGHT_GROUNDS, DARK_GROUNDS]


def test_the_style_sheet_says_the_colours() -> None:
    """Custom properties, once for each scheme; on paper those of light pages."""
    sheet = style_sheet("#0b6b62")

    assert sheet.startswith(":root { --accent: #0b6b62; --accent-strong: ")
    assert sheet.count("--on-accent: #ffffff;") == 1
    assert re.findall(r"@media [^{]*", sheet) == ["@media screen and (prefers-color-scheme: dark) "]


def test_the_accent_of_the_house_stands_in_the_style_sheet() -> None:
    """A page whose accent.css does not arrive looks like one whose operator chose none."""
    css = (STATIC_FOLDER / "portal.css").read_text()
    named = {name: re.findall(rf"--{name}: ([^;]*);", css) for name in ("accent", "on-accent")}
    light, dark = accent.light(ACCENT_DEFAULT), accent.dark(ACCENT_DEFAULT)

    assert named == {"accent": [light.plain, dark.plain], "on-accent": [light.on, dark.on]}
