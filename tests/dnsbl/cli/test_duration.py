"""Durations as a person writes them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnsbl.cli.duration import DURATION_S_MAX, DurationError, parse_duration


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("45s", 45),
        ("30m", 1800),
        ("12h", 43_200),
        ("7d", 604_800),
        ("2w", 1_209_600),
        ("1s", 1),
        ("3650d", DURATION_S_MAX),
    ],
)
def test_a_number_and_a_unit_are_seconds(text: str, seconds: int) -> None:
    """Each unit counts what it says, up to ten years."""
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(
    "text",
    [
        "", "7", "d", "0s", "-1d", "+1d", "1.5h", "7 d", " 7d", "7d\n", "1y", "7D", "1d12h",
        "3651d", "522w", "999999999999w", "9" * 5000 + "s", "\u0667d", "\x1b[31m7d",
    ],
)  # fmt: skip
def test_absurd_and_unitless_durations_are_refused(text: str) -> None:
    """Whatever is no whole positive number with a unit, or over ten years, has its sentence."""
    with pytest.raises(DurationError, match=r"is not (a duration|between)") as refused:
        parse_duration(text)

    assert str(refused.value).isprintable()


@given(st.text(max_size=20))
def test_any_text_is_a_duration_or_refused(text: str) -> None:
    """No text crashes the parser, and none becomes a time that is not within its bounds."""
    try:
        seconds = parse_duration(text)
    except DurationError:
        return

    assert 1 <= seconds <= DURATION_S_MAX
