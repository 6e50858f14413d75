"""The live view on a terminal of any size."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnsbl.cli.pace import ClientPace, ListedPace, Pace
from dnsbl.cli.screen import Screen, duration, number, percent

BUSY = Pace(
    at=1_800_000_000.0,
    seconds=2.0,
    started_at=1_799_700_000.0,
    path="compiled",
    replies_per_s=12_345.0,
    hits_per_s=3_000.0,
    hit_rate=0.243,
    dropped_per_s=3.0,
    truncated_per_s=1.5,
    slipped_per_s=0.0,
    failed_per_s=0.0,
    rcodes={"NXDOMAIN": 9_000.0, "NOERROR": 3_345.0},
    qtypes={"A": 8_000.0, "TXT": 4_345.0},
    transports={"udp": 12_000.0, "tcp": 345.0},
    zones={"bl.example": 12_300.0, "other": 45.0},
    zone_hits={"bl.example": 3_000.0},
    categories={"bl.example": {"spam": 2_000.0, "policy": 1_000.0}},
    drops={"short": 3.0},
    tcp_connections={},
    query_log={},
    workers={"1": 6_000.0, "2": 6_345.0},
    sample={"listed": 4, "other": 16},
    top_listed=[
        ListedPace(f"192.0.2.{number}", "bl.example", ["spam", "policy"], 99.0 - number, 0.0)
        for number in range(50)
    ],
    top_clients=[ClientPace(f"2001:db8::{number:x}", 500.0, 0.0) for number in range(3)],
)
IDLE = Pace(
    1_800_000_000.0, 2.0, 1_799_999_999.0, "python", 0.0, 0.0, None, 0.0, 0.0, 0.0, 0.0,
    {}, {}, {}, {}, {}, {}, {}, {}, {}, {"1": 0.0}, {"listed": 1, "other": 1}, [], [],
)  # fmt: skip


def text(screen: Screen, pace: Pace, past: tuple[float, ...] = ()) -> str:
    """The screen's rows, one below the other."""
    return "\n".join(row.text for row in screen.rows(pace, past))


def test_a_usual_terminal_shows_all_that_matters() -> None:
    """In 80 columns and 24 rows."""
    shown = text(Screen(80, 24), BUSY, (1.0, 6_000.0, 12_345.0))

    for part in (
        "dnsbl top   compiled, 2 workers, up 3d 11h",
        "08:00:00 UTC",
        "12,345 replies/s   24.3 % listed   udp 12,000   tcp 345   truncated 1.5",
        "▁▄█ 12,345/s at most",
        "bl.example    12,300   24.4 %  spam 2,000  policy 1,000",
        "192.0.2.0   spam policy             99   2001:db8::0                        500",
        "1 in 4 that list and 1 in 16 others",
        "q quits",
    ):
        assert part in shown


@given(st.integers(20, 200), st.integers(2, 80), st.sampled_from((BUSY, IDLE)))
def test_no_terminal_is_overfull(width: int, height: int, pace: Pace) -> None:
    """As many rows as it has, none wider; the foot is the last."""
    rows = Screen(width, height).rows(pace, [1.0] * 300)

    assert len(rows) == height
    assert max(len(row.text) for row in rows) <= width
    assert rows[-1].style == "faint"


def test_a_larger_terminal_shows_more() -> None:
    """The rows are the tops'."""
    assert text(Screen(80, 24), BUSY).count("spam policy") == 10
    assert text(Screen(80, 60), BUSY).count("spam policy") > 40


def test_where_there_is_no_terminal_the_view_has_an_end() -> None:
    """It is as long as it has to be, and names no key to press."""
    assert len(Screen(80, None).rows(BUSY, [])) <= 41
    assert len(Screen(80, None).rows(IDLE, [])) < 20
    assert "q quits" not in text(Screen(80, None), BUSY)


def test_a_plain_terminal_gets_plain_characters() -> None:
    """Where the locale has no block characters, nor an ellipsis."""
    assert text(Screen(40, 24, unicode=False), BUSY, (1.0, 9.0)).isascii()


def test_control_characters_do_nothing_to_the_terminal() -> None:
    """Whatever the server says, they are escaped."""
    pace = Pace(**{
        name: getattr(BUSY, name) for name in BUSY.__dataclass_fields__ if name != "top_clients"
    }, top_clients=[ClientPace("\x1b[2Jevil", 1.0, 0.0)])  # fmt: skip

    assert "\x1b" not in text(Screen(80, 24), pace)


@pytest.mark.parametrize(
    ("seconds", "told"),
    [(0, "0s"), (59.9, "59s"), (61, "1m 1s"), (3_700, "1h 1m"), (100_000, "1d 3h"), (-5, "0s")],
)
def test_durations_are_short(seconds: float, told: str) -> None:
    """Two units at most."""
    assert duration(seconds) == told


def test_numbers_are_as_people_read_them() -> None:
    """Thousands are grouped; small paces have a decimal."""
    assert [number(each) for each in (0, 0.25, 9.94, 9.96, 1234.5)] == [
        "0", "0.2", "9.9", "10", "1,234",
    ]  # fmt: skip
    assert [percent(each) for each in (None, 0.0, 0.5, 1.2)] == ["-", "0.0 %", "50.0 %", "100.0 %"]
