"""The statistics page: its figures are those of the database, read at most once a minute."""

from __future__ import annotations

import asyncio
import json
import re
from xml.dom import minidom

import pytest
from house import ZONE_TEXT, House
from portal import LISTED, START, Clock, Portal

from api.language import language
from api.portal import statistics as page
from api.portal.statistics import CHARTED_ZONES_MAX, DAYS, Reading, Statistics, show
from dnsbl.store import statistics
from dnsbl.store.database import Database, DatabaseMissingError
from dnsbl.store.statistics import DAY_S, Day, Delay, Figures

TODAY = START // DAY_S
ENGLISH = language("en")
CELLS = re.compile(r'<th scope="row">([^<]*)</th><td class="number">([^<]*)</td>'
                   r'<td class="number">([^<]*)</td><td class="number">([^<]*)</td>')  # fmt: skip


def reading(zones: dict[str, dict[int, Day]], **entries: int) -> Reading:
    """What was read of zones."""
    figures = Figures(TODAY - DAYS + 1, TODAY, zones, None, None)
    return Reading(figures, {f"{name}.example": count for name, count in entries.items()})


async def count(portal: Portal, day: int, *, added: int = 0, removed: int = 0) -> None:
    """Counts in the portal's database."""
    await portal.sidecar.truth.write(
        statistics.count, day, "bl.example", added=added, removed=removed
    )


def table(html: str) -> dict[str, tuple[str, ...]]:
    """The rows of a page's tables, by their names."""
    rows: dict[str, tuple[str, ...]] = {}
    for name, *numbers in CELLS.findall(html.replace("\n", "")):
        rows[name] = tuple(numbers)
    return rows


async def test_figures_are_told_by_day(portal: Portal) -> None:
    """Thirty days, today among them, and their total; what is older is not told."""
    await count(portal, TODAY, added=1234, removed=5)
    await count(portal, TODAY - 29, added=1)
    await count(portal, TODAY - 30, added=1_000_000)
    answer = await portal.fetch("/statistics")
    rows = table(answer.text)

    assert answer.status == 200
    assert len(rows) == DAYS + 1
    assert rows["15 January 2027"] == ("1,234", "5", "0")
    assert rows["17 December 2026"] == ("1", "0", "0")
    assert rows["Total"] == ("1,235", "5", "0")
    assert "1,000,000" not in answer.text


async def test_a_delisting_is_counted(portal: Portal) -> None:
    """From the press of the button on, with how long it took."""
    await portal.add(LISTED)
    link = await portal.link(LISTED)
    portal.clock.at += 90
    await portal.press(link)
    text = (await portal.fetch("/statistics")).text

    assert table(text)["15 January 2027"][2] == "1"
    assert "<dt>delisted on request in 30 days</dt><dd>1</dd>" in text
    assert "<dt>or less from Submit to removal, for half of those who asked</dt>" in text
    assert "<dd>2 minutes</dd>" in text


async def test_the_page_is_in_the_visitors_language(portal: Portal) -> None:
    """Days and numbers too."""
    await count(portal, TODAY, added=1234)
    text = (await portal.fetch("/statistics", headers={"Accept-Language": "de"})).text

    assert table(text)["15. Januar 2027"][0] == "1.234"
    assert "15.01.2027: 1.234</title>" in text


async def test_figures_are_kept_for_a_minute(portal: Portal) -> None:
    """Then they are read again; a clock that was set back is no reason to wait."""
    told = []
    for later in (0, 59, 60, -3600):
        portal.clock.at = START + later
        await count(portal, TODAY, added=1)
        told.append(table((await portal.fetch("/statistics")).text)["Total"][0])

    assert told == ["1", "1", "3", "4"]


async def test_many_who_ask_at_once_have_them_read_once(
    house: House, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many, in however many languages."""
    del database  # it is there
    reads = 0
    original = page.read

    def read(*arguments: object) -> Reading:
        nonlocal reads
        reads += 1
        return original(*arguments)  # type: ignore[arg-type]  # as they came

    monkeypatch.setattr(page, "read", read)
    kept = Statistics(house.config, Clock(), lambda shown, _: str(shown))
    drawn = await asyncio.gather(
        *(kept.drawn(language(tag)) for tag in ("en", "it", "de", "en") for _ in range(25))
    )

    assert reads == 1
    assert len({id(each) for each in drawn}) == 3


async def test_a_database_that_is_away_is_told(house: House) -> None:
    """And asked again the next time, not a minute later."""
    kept = Statistics(house.config, Clock(), lambda shown, _: str(shown))
    for _ in range(2):
        with pytest.raises(DatabaseMissingError):
            await kept.drawn(ENGLISH)


async def test_entries_are_told_while_the_dns_process_tells_them(portal: Portal) -> None:
    """Nobody counts rows for this; without its word nothing is said of it."""
    before = (await portal.fetch("/statistics")).text
    portal.house.config.data.dns_status.write_text(
        json.dumps({
            "state": "serving", "started_at": START - 100.0, "written_at": START + 60,
            "database_readable": True, "applied_seq": 1, "counters": {},
            "zones": {"bl.example": {"serial": 1, "entries": 9_876_543}},
        })
    )  # fmt: skip
    portal.clock.at += 60
    after = (await portal.fetch("/statistics")).text

    assert "entries on the lists" not in before
    assert "<dt>entries on the lists at this moment</dt><dd>9,876,543</dd>" in after


def test_nothing_happened() -> None:
    """Charts all the same, which say so; no delay is told."""
    shown = show(reading({}), ["a.example"], ENGLISH)
    (section,) = shown.sections

    assert [tile for _, tile in shown.tiles] == ["delisted on request in 30 days"]
    assert [chart.total for chart in section.charts] == ["0", "0"]
    assert section.total == Day()
    assert all("None in these 30 days." in chart.drawing for chart in section.charts)


def test_one_zone_has_one_section_and_several_one_more() -> None:
    """What is true of all of them stands first."""
    days = {"a.example": {TODAY: Day(3, 2, 1)}, "b.example": {TODAY: Day(30, 20, 10)}}
    one = show(reading(days), ["a.example"], ENGLISH)
    several = show(reading(days), ["a.example", "b.example"], ENGLISH)

    assert [section.origin for section in one.sections] == ["a.example"]
    assert [(section.origin, section.total) for section in several.sections] == [
        ("", Day(33, 22, 11)), ("a.example", Day(3, 2, 1)), ("b.example", Day(30, 20, 10)),
    ]  # fmt: skip
    assert one.tiles[0][0] == "1"
    assert several.tiles[0][0] == "11"


def test_entries_of_each_of_several_zones_are_told() -> None:
    """Beside their sum; of a single one the sum says it, and of an unknown one nothing does."""
    zones = ["a.example", "b.example"]
    both = show(reading({}, a=1000, b=2), zones, ENGLISH)
    one = show(reading({}, a=1000), zones, ENGLISH)
    alone = show(reading({}, a=1000), zones[:1], ENGLISH)
    said = "Entries at this moment: "

    assert [section.entries for section in both.sections] == ["", f"{said}1,000", f"{said}2"]
    assert both.tiles[0][0] == "1,002"
    assert [section.entries for section in one.sections] == ["", f"{said}1,000", ""]
    assert len(one.tiles) == 1
    assert [section.entries for section in alone.sections] == [""]


def test_zones_that_are_not_served_are_not_told() -> None:
    """The database may know more than the configuration; it is nobody's business."""
    days = {"a.example": {TODAY: Day(1)}, "secret.example": {TODAY: Day(1000)}}
    shown = show(reading(days, a=5, secret=7), ["a.example"], ENGLISH)

    assert "secret" not in str(shown)
    assert shown.tiles[0] == ("5", "entries on the lists at this moment")


def test_of_many_zones_the_busiest_have_charts() -> None:
    """In the order of the configuration; the others are a line of a table each."""
    zones = [f"z{number:02}.example" for number in range(CHARTED_ZONES_MAX + 3)]
    days = {zone: {TODAY: Day(added=100 - at)} for at, zone in enumerate(reversed(zones))}
    shown = show(reading(days), zones, ENGLISH)

    assert [section.origin for section in shown.sections] == ["", *zones[3:]]
    assert [zone for zone, _ in shown.others] == zones[:3]
    assert shown.others[0][1] == Day(added=100 - len(zones) + 1)


def test_huge_numbers_and_every_language() -> None:
    """Ten thousand million in a day, written as each language does, in well-formed drawings."""
    days = {"a.example": {TODAY - 7: Day(10**10, 1, 10**6)}}
    for tag in ("en", "de", "es", "fr", "it"):
        spoken = language(tag)
        (section,) = show(reading(days), ["a.example"], spoken).sections
        for chart in section.charts:
            minidom.parseString(chart.drawing)  # noqa: S318  # our own

        assert section.charts[0].total == spoken.number(10**10)
        drawing = str(section.charts[0].drawing)
        assert f"{spoken.short_day((TODAY - 7) * DAY_S)}: {spoken.number(10**10)}<" in drawing


@pytest.mark.parametrize("tag", ["en", "de", "es", "fr", "it"])
def test_both_ends_of_a_chart_fit_below_it(tag: str) -> None:
    """A phone of 320 pixels has room for some 35 letters there, also in September."""
    spoken = language(tag)
    september = 20_700  # 4 September 2026, and each day of the month after it
    longest = max(len(spoken.short_day(day * DAY_S)) for day in range(september, september + 30))

    assert longest <= 14


@pytest.mark.parametrize(
    ("median_s", "told"),
    [(0, "1 second"), (1, "1 second"), (59, "59 seconds"), (60, "1 minute"), (61, "2 minutes"),
     (3599, "1 hour"), (3600, "1 hour"), (3601, "2 hours"), (DAY_S, "1 day"),
     (DAY_S + 1, "2 days")],
)  # fmt: skip
def test_a_delay_is_told_in_one_unit(median_s: int, told: str) -> None:
    """Rounded up, since half of the delistings took no longer; never as no time at all."""
    figures = Figures(TODAY, TODAY, {}, Delay(3, median_s), Delay(2, 5))
    shown = show(Reading(figures, {}), ["a.example"], ENGLISH)

    assert [value for value, _ in shown.tiles[1:]] == [told, "5 seconds"]


async def test_no_two_parts_of_a_page_have_one_id(house: House, clock: Clock) -> None:
    """Of several zones: a chart refers to its own name."""
    for name in ("bl", "b2"):
        house.write_zone(ZONE_TEXT.replace('"bl.example"', f'"{name}.example"'), f"{name}.example")
    async with Portal(house, clock) as portal:
        text = (await portal.fetch("/statistics")).text
    ids = re.findall(r' id="([^"]*)"', text)

    assert len(ids) == len(set(ids)) > 12
    assert set(re.findall(r'aria-labelledby="(\S*) (\S*)"', text)) == {
        (f"{key}-title", f"{key}-desc")
        for kind in ("added", "delisted")
        for key in (f"{kind}-all", f"{kind}-zone-bl.example", f"{kind}-zone-b2.example")
    }
