"""The operator's colour, made such that it can be read: on light pages and on dark ones.

Its hue stays. Its lightness moves until it stands out from every ground of the
style sheet, in OKLCH, where equal steps look equal.

Sources: WCAG 2.2 §1.4.3 and its definition of contrast ratio;
B. Ottosson, "A perceptual color space for image processing" (2020).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

CONTRAST_MIN: Final = 4.5  # WCAG 2.2 §1.4.3, level AA

# What the style sheet, static/portal.css, sets text and buttons on.
LIGHT_GROUNDS: Final = ("#ffffff", "#f6f7f8")
DARK_GROUNDS: Final = ("#191d21", "#101316", "#0b0e10")
_ON_ACCENT: Final = ("#ffffff", "#0b0e10", "#000000")  # the first that can be read

_DARK_LIGHTNESS_MIN: Final = 0.74  # what is darker glows little on a dark page
_STEP: Final = 0.005
_STRONGER: Final = 0.08  # how much further what the pointer is on goes

Channels = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class Accent:
    """A scheme's colours, "#rrggbb": of links and buttons, under the pointer, of text on them."""

    plain: str
    strong: str
    on: str


def light(colour: str) -> Accent:
    """The colours of light pages."""
    lightness, chroma, hue = _lch(colour)
    darker = _steps(lightness, -_STEP)
    found = next(at for at in darker if _stands_out(_hex(at, chroma, hue), LIGHT_GROUNDS))
    return _accent(found, found - _STRONGER, chroma, hue)


def dark(colour: str) -> Accent:
    """The colours of dark pages."""
    lightness, chroma, hue = _lch(colour)
    lighter = _steps(max(lightness, _DARK_LIGHTNESS_MIN), _STEP)
    found = next(at for at in lighter if _stands_out(_hex(at, chroma, hue), DARK_GROUNDS))
    return _accent(found, found + _STRONGER, chroma, hue)


def style_sheet(colour: str) -> str:
    """The custom properties that the style sheet takes its accent from."""
    return (
        f":root {{ {_properties(light(colour))} }}\n"
        f"@media screen and (prefers-color-scheme: dark) {{\n"
        f"  :root {{ {_properties(dark(colour))} }}\n}}\n"
    )


def contrast(one: str, other: str) -> float:
    """How two colours stand out from each other, from 1 to 21 (WCAG 2.2, contrast ratio)."""
    low, high = sorted((_luminance(one), _luminance(other)))
    return (high + 0.05) / (low + 0.05)


def _properties(accent: Accent) -> str:
    return f"--accent: {accent.plain}; --accent-strong: {accent.strong}; --on-accent: {accent.on};"


def _accent(lightness: float, strong: float, chroma: float, hue: float) -> Accent:
    plain = _hex(lightness, chroma, hue)
    on = next(text for text in _ON_ACCENT if contrast(text, plain) >= CONTRAST_MIN)
    return Accent(plain, _hex(min(max(strong, 0.0), 1.0), chroma, hue), on)


def _stands_out(colour: str, grounds: Sequence[str]) -> bool:
    return all(contrast(colour, ground) >= CONTRAST_MIN for ground in grounds)


def _steps(begin: float, step: float) -> Iterator[float]:
    """From a lightness on to black or white, which stand out from every ground of the other."""
    at = begin
    while 0.0 < at < 1.0:
        yield at
        at += step
    yield min(max(at, 0.0), 1.0)


def _luminance(colour: str) -> float:
    red, green, blue = _linear(colour)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _linear(colour: str) -> Channels:
    """The light of each channel, from 0 to 1 (IEC 61966-2-1)."""
    red, green, blue = (int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))
    return _decoded(red), _decoded(green), _decoded(blue)


def _decoded(value: float) -> float:
    return value / 12.92 if value <= 0.04045 else math.pow((value + 0.055) / 1.055, 2.4)  # noqa: PLR2004


def _encoded(value: float) -> float:
    return value * 12.92 if value <= 0.0031308 else 1.055 * math.pow(value, 1 / 2.4) - 0.055  # noqa: PLR2004


def _lch(colour: str) -> Channels:
    """Lightness from 0 to 1, chroma, and hue in radians."""
    red, green, blue = _linear(colour)
    long = math.cbrt(0.4122214708 * red + 0.5363325363 * green + 0.0514459929 * blue)
    medium = math.cbrt(0.2119034982 * red + 0.6806995451 * green + 0.1073969566 * blue)
    short = math.cbrt(0.0883024619 * red + 0.2817188376 * green + 0.6299787005 * blue)
    lightness = 0.2104542553 * long + 0.7936177850 * medium - 0.0040720468 * short
    a = 1.9779984951 * long - 2.4285922050 * medium + 0.4505937099 * short
    b = 0.0259040371 * long + 0.7827717662 * medium - 0.8086757660 * short
    return lightness, math.hypot(a, b), math.atan2(b, a)


def _hex(lightness: float, chroma: float, hue: float) -> str:
    """The nearest colour that a screen has, by as much less chroma as it takes."""
    while True:
        channels = _screen(lightness, chroma, hue)
        if all(-0.0005 <= value <= 1.0005 for value in channels) or chroma == 0:  # noqa: PLR2004
            octets = (round(255 * _encoded(min(max(value, 0.0), 1.0))) for value in channels)
            return "#" + "".join(f"{octet:02x}" for octet in octets)
        chroma = max(0.0, chroma - 0.002)


def _screen(lightness: float, chroma: float, hue: float) -> Channels:
    """The light of each channel; beyond 0 to 1 where no screen has the colour."""
    a, b = chroma * math.cos(hue), chroma * math.sin(hue)
    long = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3
    medium = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3
    short = (lightness - 0.0894841775 * a - 1.2914855480 * b) ** 3
    return (
        4.0767416621 * long - 3.3077115913 * medium + 0.2309699292 * short,
        -1.2684380046 * long + 2.6097574011 * medium - 0.3413193965 * short,
        -0.0041960863 * long - 0.7034186147 * medium + 1.7076147010 * short,
    )
