"""How often a client may fail to log in."""

from __future__ import annotations

import pytest
from portal import Clock

from api.operator import attempts
from api.operator.attempts import FAILURES_MAX, WINDOW_S, Attempts
from dnsbl.network import parse

CLIENT = parse("198.51.100.7")
OTHER = parse("198.51.100.8")


def test_ten_failures_in_a_quarter_of_an_hour_are_enough(clock: Clock) -> None:
    """Then that client waits until the first of them is that old; others do not."""
    tried = Attempts(clock)
    for _ in range(FAILURES_MAX):
        assert tried.again_in_s(CLIENT) == 0
        tried.failed(CLIENT)
        clock.at += 1

    assert tried.again_in_s(CLIENT) == WINDOW_S - FAILURES_MAX
    assert tried.again_in_s(OTHER) == 0
    clock.at += WINDOW_S - FAILURES_MAX
    assert tried.again_in_s(CLIENT) == 0


def test_memory_is_bounded(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of many clients those are forgotten that failed the longest ago."""
    monkeypatch.setattr(attempts, "CLIENTS_MAX", 2)
    tried = Attempts(clock)
    for _ in range(FAILURES_MAX):
        tried.failed(CLIENT)

    tried.failed(OTHER)
    kept = tried.again_in_s(CLIENT)
    tried.failed(parse("198.51.100.9"))

    assert kept > 0
    assert tried.again_in_s(CLIENT) == 0
