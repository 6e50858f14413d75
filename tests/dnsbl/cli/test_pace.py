"""What goes on a second, out of two lines of the live view."""

from __future__ import annotations

import json
from typing import Any

import pytest

from dnsbl.cli.pace import ClientPace, LineError, ListedPace, pace, read_line


def counters(times: int) -> dict[str, Any]:
    """What a server has counted after so many moments."""

    def reply(zone: str, qtype: str, rcode: str, count: int) -> dict[str, Any]:
        labels = {"transport": "udp", "zone": zone, "qtype": qtype, "rcode": rcode}
        return labels | {"count": count * times}

    return {
        "replies": [
            reply("bl.example", "A", "NOERROR", 30),
            reply("bl.example", "TXT", "NXDOMAIN", 50),
            reply("", "A", "REFUSED", 20),
        ],
        "hits": [{"zone": "bl.example", "count": 25 * times}],
        "listed": [
            {"zone": "bl.example", "category": "spam", "count": 20 * times},
            {"zone": "bl.example", "category": "policy", "count": 10 * times},
        ],
        "worker_replies": [{"worker": 1, "count": 100 * times}, {"worker": 2, "count": 0}],
        "dropped": [{"transport": "udp", "cause": "short", "count": 2 * times}],
        "truncated": [],
        "tcp_connections": [{"event": "accepted", "count": 4}],  # once, long ago
        "slipped": 3 * times,
        "query_log": [{"result": "written", "count": 7 * times}, {"result": "lost", "count": 0}],
        "failed": 0,
    }


def line(times: int) -> dict[str, Any]:
    """A line of that moment; two seconds lie between moments."""
    return {
        "format": 1,
        "at": 1_800_000_000.0 + 2 * times,
        "started_at": 1_799_999_000.0,
        "path": "compiled",
        "counters": counters(times),
        "sample": {"listed": 1, "other": 16},
        "span_s": 10.0,
        "top_listed": [
            {
                "subject": "192.0.2.7",
                "zone": "bl.example",
                "categories": ["spam"],
                "count": 55.0,
                "error": 5.0,
            }
        ],
        "top_clients": [{"client": "198.51.100.0/24", "count": 80.0, "error": 0.0}],
    }


def test_paces_are_what_rose_a_second() -> None:
    """By every label, the most first; what did not rise is left out, but for workers."""
    lines = [read_line(json.dumps(line(times)).encode()) for times in (5, 6)]

    seen = pace(*lines)

    assert (seen.at, seen.seconds, seen.path) == (1_800_000_012.0, 2.0, "compiled")
    assert (seen.replies_per_s, seen.hits_per_s, seen.hit_rate) == (50.0, 12.5, 0.25)
    assert (seen.dropped_per_s, seen.truncated_per_s, seen.slipped_per_s) == (1.0, 0.0, 1.5)
    assert list(seen.rcodes.items()) == [("NXDOMAIN", 25.0), ("NOERROR", 15.0), ("REFUSED", 10.0)]
    assert seen.qtypes == {"A": 25.0, "TXT": 25.0}
    assert seen.zones == {"bl.example": 40.0, "other": 10.0}
    assert seen.zone_hits == {"bl.example": 12.5}
    assert seen.categories == {"bl.example": {"spam": 10.0, "policy": 5.0}}
    assert (seen.drops, seen.tcp_connections) == ({"short": 1.0}, {})
    assert (seen.workers, seen.query_log) == ({"1": 50.0, "2": 0.0}, {"written": 3.5})
    assert seen.top_listed == [ListedPace("192.0.2.7", "bl.example", ["spam"], 5.5, 0.5)]
    assert seen.top_clients == [ClientPace("198.51.100.0/24", 8.0, 0.0)]


def test_an_idle_server_has_no_hit_rate() -> None:
    """Nothing of nothing is no share."""
    same = read_line(json.dumps(line(5)).encode())

    seen = pace(same, same)

    assert (seen.replies_per_s, seen.hit_rate, seen.rcodes) == (0.0, None, {})


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (json.dumps({"format": 1, "error": "so many watch already"}), "so many watch already"),
        (json.dumps(line(1) | {"format": 2}), "of another version"),
        (json.dumps({"format": 1}), "no line of its live view"),
        ("[]", "no line of its live view"),
        ("noise", "no line of its live view"),
    ],
)
def test_a_line_that_is_none_is_refused_with_a_sentence(text: str, sentence: str) -> None:
    """What the server says, where it says something."""
    with pytest.raises(LineError, match=sentence):
        read_line(text.encode())
