"""What is counted by day is what happened, and how long delistings took is their median."""

from __future__ import annotations

import statistics as reference
from collections import Counter
from dataclasses import dataclass

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from dnsbl.store import statistics
from dnsbl.store.database import Database
from dnsbl.store.statistics import DAY_S, Day, Delay

FIRST, LAST = 100, 102
BEGIN = FIRST * DAY_S
ZONES = st.sampled_from(["a.example", "b.example"])
COUNTS = st.lists(st.tuples(st.integers(99, 103), ZONES, st.integers(0, 9), st.integers(0, 9)))


@dataclass(frozen=True)
class Delisted:
    """A request: when it was made, confirmed, and listings were removed because of it."""

    made_at: int
    confirmed_after: int | None
    removed_after: list[int]


REQUESTS = st.lists(
    st.builds(
        Delisted,
        st.integers(BEGIN - DAY_S, (LAST + 1) * DAY_S),
        st.none() | st.integers(0, 500),
        st.lists(st.integers(0, 2 * DAY_S), max_size=3),
    ),
    max_size=6,
)


def request(database: Database, number: int, made: Delisted) -> None:
    """A request as the database has it."""
    confirmed_at = None if made.confirmed_after is None else made.made_at + made.confirmed_after
    database.change(
        """
        INSERT INTO delist_requests (id, status_hash, address, mailbox, mailbox_key, mailbox_domain,
            client, state, created_at, state_at, expires_at, confirmed_at)
        VALUES (?, ?, '192.0.2.1', 'a@b.example', 'a@b.example', 'b.example', '198.51.100.1/32',
            'delisted', ?, ?, ?, ?)
        """,
        number, number.to_bytes(32, "big"), made.made_at, made.made_at, made.made_at, confirmed_at,
    )  # fmt: skip


def delisting(database: Database, at: int, zone: str = "a.example", number: int = 0) -> None:
    """A delisting of a request, or of none."""
    database.change(
        "INSERT INTO delistings (zone, network, category, at, request_id) "
        "VALUES (?, '192.0.2.1/32', 'spam', ?, ?)",
        zone, at, number or None,
    )  # fmt: skip


def emptied(database: Database) -> None:
    """As it was at first."""
    for table in ("daily_counts", "delistings", "delist_requests"):
        database.change(f"DELETE FROM {table}")  # noqa: S608  # one of three


def test_nothing_happened(database: Database) -> None:
    """No zone, no delay."""
    figures = statistics.figures(database, FIRST, LAST)

    assert (figures.first_day, figures.last_day) == (FIRST, LAST)
    assert figures.zones == {}
    assert (figures.since_request, figures.since_confirmed) == (None, None)


@example([], [(BEGIN - 1, "a.example"), (BEGIN, "a.example")])
@example([], [((LAST + 1) * DAY_S - 1, "b.example"), ((LAST + 1) * DAY_S, "b.example")])
@given(COUNTS, st.lists(st.tuples(st.integers(BEGIN - DAY_S, (LAST + 2) * DAY_S), ZONES)))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_days_add_up(
    database: Database, counts: list[tuple[int, str, int, int]], delisted: list[tuple[int, str]]
) -> None:
    """Zone by zone and day by day, from the first to the last and no further."""
    added: Counter[tuple[str, int]] = Counter()
    removed: Counter[tuple[str, int]] = Counter()
    off: Counter[tuple[str, int]] = Counter()
    with database.transaction():
        emptied(database)
        for day, zone, more, fewer in counts:
            statistics.count(database, day, zone, added=more, removed=fewer)
            added[zone, day] += more
            removed[zone, day] += fewer
        for at, zone in delisted:
            delisting(database, at, zone)
            off[zone, at // DAY_S] += 1
    days = {
        zone: {
            day: Day(added[zone, day], removed[zone, day], off[zone, day])
            for day in range(FIRST, LAST + 1)
            if added[zone, day] or removed[zone, day] or off[zone, day]
        }
        for zone in ("a.example", "b.example")
    }

    assert statistics.figures(database, FIRST, LAST).zones == {
        zone: of_zone for zone, of_zone in days.items() if of_zone
    }


@example([Delisted(BEGIN - 5, 2, [4, 5]), Delisted((LAST + 1) * DAY_S - 9, 2, [8, 9])])
@given(REQUESTS)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_delays_are_medians(database: Database, made: list[Delisted]) -> None:
    """Of two in the middle the greater: what is said is never too short. By the last removal."""
    since_request: list[int] = []
    since_confirmed: list[int] = []
    with database.transaction():
        emptied(database)
        for number, one in enumerate(made, 1):
            request(database, number, one)
            within = [
                one.made_at + after
                for after in one.removed_after
                if BEGIN <= one.made_at + after < (LAST + 1) * DAY_S
            ]
            for after in one.removed_after:
                delisting(database, one.made_at + after, number=number)
            if within:
                since_request.append(max(within) - one.made_at)
            if within and one.confirmed_after is not None:
                since_confirmed.append(max(0, max(within) - one.made_at - one.confirmed_after))
    figures = statistics.figures(database, FIRST, LAST)

    assert figures.since_request == median(since_request)
    assert figures.since_confirmed == median(since_confirmed)


def median(seconds: list[int]) -> Delay | None:
    """The same by Python's own."""
    return Delay(len(seconds), reference.median_high(seconds)) if seconds else None


def test_the_time_of_a_day_is_midnight() -> None:
    """In UTC, whatever part of a second it is."""
    assert statistics.day_of(DAY_S - 0.001) == 0
    assert statistics.day_of(DAY_S) == 1
