"""What became of listings in the last month, for everyone to see, in charts and in figures."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from aiohttp import web
from markupsafe import Markup

from api import chart
from api.chart import Bar
from api.dns_status import read_status
from api.language import Language, Sentence
from api.negotiation import choose
from api.services import SERVICES, Services
from dnsbl.config import Config
from dnsbl.store import statistics
from dnsbl.store.database import open_reader
from dnsbl.store.statistics import DAY_S, Day, Delay, Figures

DAYS: Final = 30
KEPT_S: Final = 60.0  # how long what was read is good for
CHARTED_ZONES_MAX: Final = 12  # the busiest; a page has an end

_UNITS_S: Final = (DAY_S, 3600, 60)


@dataclass(frozen=True, slots=True)
class Reading:
    """What was read at one time: the figures, and how many entries each zone answers by.

    ``entries`` is empty while the DNS process says nothing.
    """

    figures: Figures
    entries: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Charted:
    """A chart, with its name and its total as text."""

    title: str
    total: str
    drawing: Markup


@dataclass(frozen=True, slots=True)
class Section:
    """What is told of a zone, or of all where `origin` is "": by day, the newest first.

    ``entries`` says how many a zone has at this moment; empty where that is told already, or
    unknown.
    """

    origin: str
    charts: tuple[Charted, ...]
    days: tuple[tuple[int, Day], ...]  # with the Unix time that each begins at
    total: Day
    entries: str = ""


@dataclass(frozen=True, slots=True)
class Shown:
    """The page, in a language: numbers with what they mean; sections; zones that have none."""

    tiles: tuple[tuple[str, str], ...]
    sections: tuple[Section, ...]
    others: tuple[tuple[str, Day], ...]


class Statistics:
    """Reads the figures once a minute, however many ask, and draws them once for each language.

    ``draw`` makes HTML of what is shown.
    """

    def __init__(
        self,
        config: Config,
        now: Callable[[], float],
        draw: Callable[[Shown, Language], str],
    ) -> None:
        self._config = config
        self._now = now
        self._draw = draw
        self._reading: Reading | None = None
        self._read_at = 0.0
        self._drawn: dict[str, Markup] = {}
        self._turn = asyncio.Lock()

    async def drawn(self, language: Language) -> Markup:
        """The figures of the page. Raises StoreError."""
        async with self._turn:
            now = self._now()
            if self._reading is None or not 0 <= now - self._read_at < KEPT_S:
                # By a connection and a thread of its own: no look-up waits behind it.
                self._reading = await asyncio.to_thread(read, self._config, now)
                self._read_at = now
                self._drawn.clear()
            if language.tag not in self._drawn:
                shown = show(self._reading, listing_zones(self._config), language)
                self._drawn[language.tag] = Markup(self._draw(shown, language))  # noqa: S704  # a template's
            return self._drawn[language.tag]


STATISTICS: Final = web.AppKey("statistics", Statistics)


async def page(request: web.Request) -> web.Response:
    """`GET /statistics`."""
    services = request.app[SERVICES]
    choice = choose(request, services.config)
    figures = await request.app[STATISTICS].drawn(choice.language)
    return services.pages.page(
        "statistics.html", {"figures": figures, "days": DAYS}, language=choice
    )


def build(services: Services) -> Statistics:
    """The figures of a portal."""

    def draw(shown: Shown, language: Language) -> str:
        return services.pages.text("figures.html", {"shown": shown}, language)

    return Statistics(services.config, services.now, draw)


def read(config: Config, now: float) -> Reading:
    """What there is to tell at a time in Unix seconds. Raises StoreError."""
    today = statistics.day_of(now)
    database = open_reader(config.data.database)
    try:
        with database.snapshot():
            figures = statistics.figures(database, today - DAYS + 1, today)
    finally:
        database.close()
    return Reading(figures, read_status(config.data.dns_status, now).entries)


def listing_zones(config: Config) -> list[str]:
    """The zones that have listings of their own; an aggregate alone has none."""
    return [zone.origin for zone in config.zones if zone.categories]


def show(reading: Reading, zones: Sequence[str], language: Language) -> Shown:
    """What is told of these zones, and of no other that the database may know."""
    figures = reading.figures
    totals = {zone: _sum(figures.zones.get(zone, {}).values()) for zone in zones}
    busiest = sorted(zones, key=lambda zone: (-_changes(totals[zone]), zone))[:CHARTED_ZONES_MAX]
    alone = len(zones) == 1
    sections = [] if alone else [_section("", _together(figures, zones), figures, language)]
    for zone in zones:
        if zone in busiest:
            entries = "" if alone else _entries(reading, zone, language)
            days = figures.zones.get(zone, {})
            sections.append(_section(zone, days, figures, language, entries))
    delisted = sum(total.delisted for total in totals.values())
    return Shown(
        tiles=_tiles(reading, zones, delisted, language),
        sections=tuple(sections),
        others=tuple((zone, totals[zone]) for zone in zones if zone not in busiest),
    )


def _tiles(
    reading: Reading, zones: Sequence[str], delisted: int, language: Language
) -> tuple[tuple[str, str], ...]:
    """The numbers that are told first, each with what it is."""
    tiles: list[tuple[str, Sentence]] = []
    if all(zone in reading.entries for zone in zones):
        count = sum(reading.entries[zone] for zone in zones)
        tiles.append((language.number(count), Sentence("entries on the lists at this moment")))
    tiles.append(
        (language.number(delisted), Sentence("delisted on request in %(days)s days", days=DAYS))
    )
    for delay, sentence in (
        (reading.figures.since_request,
         Sentence("or less from Submit to removal, for half of those who asked")),
        (reading.figures.since_confirmed,
         Sentence("or less from the press of the button to removal, for half of those who asked")),
    ):  # fmt: skip
        if delay is not None:
            tiles.append((_span(delay, language), sentence))
    return tuple((value, language.say(sentence)) for value, sentence in tiles)


def _entries(reading: Reading, zone: str, language: Language) -> str:
    if zone not in reading.entries:
        return ""
    count = reading.entries[zone]
    return language.say(Sentence("Entries at this moment: %(count)s", count=count))


def _span(delay: Delay, language: Language) -> str:
    """The median in its largest unit, rounded up: what is said is never too short."""
    unit_s = next((unit for unit in _UNITS_S if delay.median_s >= unit), 1)
    return language.span(max(1, math.ceil(delay.median_s / unit_s) * unit_s))


def _section(
    origin: str, days: Mapping[int, Day], figures: Figures, language: Language, entries: str = ""
) -> Section:
    shown = [
        (day * DAY_S, days.get(day, Day()))
        for day in range(figures.first_day, figures.last_day + 1)
    ]
    key = f"zone-{origin}" if origin else "all"
    added = [(at, day.added) for at, day in shown]
    delisted = [(at, day.delisted) for at, day in shown]
    return Section(
        origin,
        charts=(
            _chart(added, f"added-{key}", Sentence("Newly listed"), language),
            _chart(delisted, f"delisted-{key}", Sentence("Delisted on request"), language),
        ),
        days=tuple(reversed(shown)),
        total=_sum(days.values()),
        entries=entries,
    )


def _chart(
    values: Sequence[tuple[int, int]], key: str, title: Sentence, language: Language
) -> Charted:
    total = sum(value for _, value in values)
    most_at, most = max(values, key=lambda each: each[1])
    told = Sentence("None in these %(days)s days.", days=len(values))
    if total:
        told = Sentence(
            "%(total)s in %(days)s days; at most %(most)s in a day, on %(day)s.",
            total=total, days=len(values), most=most, day=language.day(most_at),
        )  # fmt: skip
    name = language.say(title)
    drawing = chart.bars(
        [Bar(language.short_day(at), value) for at, value in values],
        key=key, title=name, told=language.say(told), number=language.number,
    )  # fmt: skip
    return Charted(name, language.number(total), drawing)


def _together(figures: Figures, zones: Iterable[str]) -> dict[int, Day]:
    days: dict[int, list[Day]] = {}
    for zone in zones:
        for at, day in figures.zones.get(zone, {}).items():
            days.setdefault(at, []).append(day)
    return {at: _sum(each) for at, each in days.items()}


def _sum(days: Iterable[Day]) -> Day:
    added = removed = delisted = 0
    for day in days:
        added += day.added
        removed += day.removed
        delisted += day.delisted
    return Day(added, removed, delisted)


def _changes(day: Day) -> int:
    return day.added + day.removed + day.delisted
