"""The style sheet can be read: whatever is set on whatever ground, in light and in dark."""

from __future__ import annotations

import re

import pytest

from api.accent import contrast
from api.look import STATIC_FOLDER

CSS = (STATIC_FOLDER / "portal.css").read_text()
SCHEMES = ("light", "dark")
LETTERS = 4.5  # WCAG 2.2 §1.4.3, level AA
SHAPES = 3.0  # §1.4.11: what shows where a field is


def colours(scheme: str) -> dict[str, str]:
    """The custom properties of a scheme, by name."""
    light, dark = re.findall(r":root \{(.*?)\}", CSS, re.DOTALL)[:2]
    named = dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6});", light))
    return named if scheme == "light" else named | dict(
        re.findall(r"--([a-z-]+): (#[0-9a-f]{6});", dark)
    )  # fmt: skip


@pytest.mark.parametrize("scheme", SCHEMES)
def test_letters_stand_out(scheme: str) -> None:
    """From the page, from sheets on it, from fields, from the ground of a notice or a badge."""
    colour = colours(scheme)
    pairs = [(text, ground) for text in ("ink", "quiet") for ground in ("ground", "sheet", "field")]
    pairs += [(kind, f"{kind}-ground") for kind in ("good", "warn", "bad")]
    pairs += [("bad", "ground"), ("bad", "sheet"), ("ink", "line"), ("sheet", "bad")]

    assert [
        (text, ground, round(contrast(colour[text], colour[ground]), 2))
        for text, ground in pairs
        if contrast(colour[text], colour[ground]) < LETTERS
    ] == []


@pytest.mark.parametrize("scheme", SCHEMES)
def test_fields_can_be_found(scheme: str) -> None:
    """By their edges."""
    colour = colours(scheme)

    assert (
        min(contrast(colour["edge"], colour[on]) for on in ("field", "sheet", "ground")) >= SHAPES
    )


def test_no_colour_is_named_twice() -> None:
    """Beside the names there is none, but for shadows and paper."""
    rules = re.sub(r":root \{.*?\}", "", CSS, flags=re.DOTALL)

    assert re.findall(r"#[0-9a-fA-F]{3,8}\b", rules) == []


def test_it_fetches_nothing() -> None:
    """The pages' policy lets nothing else in, and nobody is told who reads them."""
    assert re.findall(r"url\(|@import|@font-face", CSS) == []


@pytest.mark.parametrize(
    "preference",
    ["prefers-color-scheme: dark", "prefers-reduced-motion: no-preference",
     "prefers-contrast: more",
     "forced-colors: active", "print"],
)  # fmt: skip
def test_preferences_are_heard(preference: str) -> None:
    """What a reader asks of the browser has its rules."""
    assert re.search(rf"@media [^{{]*{preference}", CSS)
