"""The live view as lines of text, for a terminal of any size: what is there and no wider."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import zip_longest
from typing import Final, Literal

from dnsbl.cli.pace import ListedPace, Pace
from dnsbl.cli.report import cell

GAP: Final = "   "  # between two blocks that stand side by side
BLOCK_ROWS: Final = 5  # of rcodes, types, drops
ZONE_ROWS_LEAST: Final = 3
ROWS_UNBOUNDED: Final = 40  # where there is no terminal to fill

_BARS: Final = "▁▂▃▄▅▆▇█"
_BARS_ASCII: Final = "_.-=+*%#"

Style = Literal["title", "heading", "plain", "faint"]


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the screen, without its end, and how it is to stand out."""

    text: str
    style: Style = "plain"


@dataclass(frozen=True, slots=True)
class Block:
    """A small table: a name and a value each line, the values to the right."""

    name: str
    value: str
    lines: Sequence[tuple[str, str]]

    def rows(self, width: int, height: int) -> list[str]:
        """Its heading and lines, each of exactly that width."""
        lines = [(self.name, self.value), *(self.lines or [("none", "")])][: height + 1]
        return [_spread(name, value, width) for name, value in lines]


class Screen:
    """Draws. `past` are the replies a second of earlier moments, the latest last."""

    def __init__(self, width: int, height: int | None, *, unicode: bool = True) -> None:
        self._width = max(20, width)
        self._height = height
        self._unicode = unicode

    def rows(self, pace: Pace, past: Sequence[float]) -> list[Row]:
        """The whole screen."""
        rows = self._rows(pace, past)
        if self._unicode:
            return rows
        return [Row(row.text.replace("…", "~"), row.style) for row in rows]

    def _rows(self, pace: Pace, past: Sequence[float]) -> list[Row]:
        rows = [
            self._title(pace),
            Row(""),
            Row(self._sums(pace)),
            *self._course(past),
            Row(""),
            *self._side_by_side(
                [
                    Block("RCODE", "/s", _paces(pace.rcodes)),
                    Block("TYPE", "/s", _paces(pace.qtypes)),
                    Block("DROPPED", "/s", _paces(pace.drops)),
                ],
                BLOCK_ROWS,
            ),
            Row(""),
        ]
        height = self._height or ROWS_UNBOUNDED
        left = height - len(rows) - 1  # the last row is the foot
        zones = self._zones(pace)
        zone_rows = min(len(zones), max(ZONE_ROWS_LEAST, left // 3))
        rows += [*zones[:zone_rows], Row("")]
        rows += self._side_by_side(
            [
                Block("TOP LISTED", "/s", _listed(pace.top_listed[:height])),
                Block("TOP CLIENTS", "/s", [(top.client, number(top.per_s))
                                            for top in pace.top_clients]),
            ],
            max(1, left - zone_rows - 2),
        )  # fmt: skip
        foot = self._foot(pace)
        if self._height is None:
            return [*rows, foot]
        rows = rows[: self._height - 1]
        return [*rows, *(Row("") for _ in range(self._height - 1 - len(rows))), foot]

    def _title(self, pace: Pace) -> Row:
        when = datetime.fromtimestamp(pace.at, UTC).strftime("%H:%M:%S UTC")
        workers = f"{len(pace.workers)} worker{'s' * (len(pace.workers) != 1)}"
        up = duration(pace.at - pace.started_at)
        return Row(_spread(f"dnsbl top   {pace.path}, {workers}, up {up}", when, self._width),
                   "title")  # fmt: skip

    def _sums(self, pace: Pace) -> str:
        parts = [
            f"{number(pace.replies_per_s)} replies/s",
            f"{percent(pace.hit_rate)} listed",
            *(
                f"{name} {number(pace.transports[name])}"
                for name in ("udp", "tcp")
                if pace.transports.get(name)
            ),
            *(
                f"{name} {number(per_s)}"
                for name, per_s in (
                    ("truncated", pace.truncated_per_s),
                    ("slipped", pace.slipped_per_s),
                    ("failed", pace.failed_per_s),
                )
                if per_s
            ),
        ]
        if len(pace.workers) > 1:
            shares = " ".join(number(per_s) for _, per_s in sorted(
                pace.workers.items(), key=lambda item: int(item[0])))  # fmt: skip
            parts.append(f"by worker {shares}")
        line = parts[0]
        for part in parts[1:]:
            if len(line) + len(GAP) + len(part) <= self._width:
                line += GAP + part
        return self._cut(line)

    def _course(self, past: Sequence[float]) -> list[Row]:
        """How many replies there were a second, moment by moment."""
        bars = _BARS if self._unicode else _BARS_ASCII
        most = max(past, default=0.0)
        label = f" {number(most)}/s at most"
        shown = past[-max(0, self._width - len(label)) :]
        if not most or len(past) < 2:  # noqa: PLR2004  # one moment is no course
            return []
        drawn = "".join(bars[min(7, int(per_s / most * 8))] if per_s else " " for per_s in shown)
        return [Row(self._cut(drawn + label), "faint")]

    def _zones(self, pace: Pace) -> list[Row]:
        found = [
            (
                zone,
                number(per_s),
                percent(pace.zone_hits.get(zone, 0.0) / per_s),
                "  ".join(
                    f"{category} {number(each)}"
                    for category, each in pace.categories.get(zone, {}).items()
                ),
            )
            for zone, per_s in pace.zones.items()
        ] or [("none", "", "", "")]
        wide = min(max(len(zone) for zone, *_ in found), max(12, self._width // 3))
        table = [("ZONE", "/s", "listed", "categories, /s"), *found]
        return [
            Row(
                self._cut(f"{_fit(zone, wide)} {per_s:>9}  {share:>7}  {categories}"),
                "plain" if place else "heading",
            )
            for place, (zone, per_s, share, categories) in enumerate(table)
        ]

    def _side_by_side(self, blocks: Sequence[Block], height: int) -> list[Row]:
        wide = (self._width - len(GAP) * (len(blocks) - 1)) // len(blocks)
        columns = [block.rows(wide, height) for block in blocks]
        return [
            Row(self._cut(GAP.join(line or " " * wide for line in lines).rstrip()),
                "plain" if place else "heading")
            for place, lines in enumerate(zip_longest(*columns))
        ]  # fmt: skip

    def _foot(self, pace: Pace) -> Row:
        listed, other = pace.sample.get("listed", 1), pace.sample.get("other", 1)
        if max(listed, other) <= 1:
            text = "the tops are of the last minute or so"
        else:
            text = f"the tops are estimates, of 1 in {listed} that list and 1 in {other} others"
        return Row(_spread(text, "" if self._height is None else "q quits", self._width), "faint")

    def _cut(self, text: str) -> str:
        return _fit(text, self._width).rstrip()


def number(per_s: float) -> str:
    """A pace as people read it: 12,345, 7.3."""
    return f"{per_s:,.0f}" if per_s >= 9.95 or per_s == 0 else f"{per_s:.1f}"  # noqa: PLR2004


def percent(share: float | None) -> str:
    """A share of one, in percent; a hyphen for none."""
    return "-" if share is None else f"{min(share, 1.0) * 100:.1f} %"


def duration(seconds: float) -> str:
    """How long something has been so, to the minute once it is one."""
    whole = max(0, int(seconds))
    days, hours, minutes = whole // 86_400, whole // 3_600 % 24, whole // 60 % 60
    if days:
        return f"{days}d {hours}h"
    if hours:
        return f"{hours}h {minutes}m"
    return f"{minutes}m {whole % 60}s" if minutes else f"{whole}s"


def _listed(tops: Sequence[ListedPace]) -> list[tuple[str, str]]:
    wide = max((len(top.subject) for top in tops), default=0)
    wide = min(wide, len("255.255.255.255"))  # longer ones stand out
    return [
        (f"{top.subject:<{wide}}  {' '.join(top.categories)}", number(top.per_s)) for top in tops
    ]


def _paces(paces: Mapping[str, float]) -> list[tuple[str, str]]:
    return [(name, number(per_s)) for name, per_s in paces.items()]


def _spread(left: str, right: str, width: int) -> str:
    """The one at the left, the other at the right, in exactly that width; the left one is cut."""
    room = width - len(right) - 1 if right else width
    return f"{_fit(left, room)} {right}" if right else _fit(left, room)


def _fit(text: str, width: int) -> str:
    return cell(text, max(1, width)).ljust(width)
