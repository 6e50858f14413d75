"""How long something holds, as a person writes it: ``45s``, ``30m``, ``12h``, ``7d``, ``2w``."""

from __future__ import annotations

import re
from typing import Final

import click

from dnsbl.errors import DnsblError

SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
DURATION_S_MAX: Final = 3650 * SECONDS["d"]  # ten years; whatever is meant to stay longer, stays

_DURATION = re.compile(r"([0-9]{1,12})([smhdw])", re.ASCII)


class DurationError(DnsblError):
    """A text that is no duration, or an absurd one."""


def parse_duration(text: str) -> int:
    """Seconds, from a whole positive number and a unit. Raises DurationError with a sentence."""
    found = _DURATION.fullmatch(text)
    if found is None:
        raise DurationError(
            f"{text[:40]!r} is not a duration: a whole number with a unit, "
            "one of 45s, 30m, 12h, 7d, 2w"
        )
    seconds = int(found[1]) * SECONDS[found[2]]
    if not 1 <= seconds <= DURATION_S_MAX:
        raise DurationError(f"{text!r} is not between 1s and 3650d (ten years)")
    return seconds


class Duration(click.ParamType[int]):
    """An option's value that becomes seconds."""

    name = "duration"

    def convert(
        self, value: str | int, param: click.Parameter | None, ctx: click.Context | None
    ) -> int:
        """The seconds of a text; a default is in seconds already."""
        if isinstance(value, int):
            return value
        try:
            return parse_duration(value)
        except DurationError as error:
            self.fail(str(error), param, ctx)
