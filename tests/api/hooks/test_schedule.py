"""The schedule of Standard Webhooks: ten attempts, each a little early or late."""

from __future__ import annotations

import pytest

from api.hooks.schedule import ATTEMPT_AFTER_S, ATTEMPTS_MAX, next_attempt_at

NOW = 1_800_000_000


def test_the_schedule_is_that_of_standard_webhooks() -> None:
    """0 s, 5 s, 5 min, 30 min, 2 h, 5 h, 10 h, 14 h, 20 h, 24 h."""
    waits = [next_attempt_at(n, NOW, None, lambda: 0.5) for n in range(1, ATTEMPTS_MAX)]

    assert waits == [
        NOW + wait_s
        for wait_s in (5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400)
    ]  # fmt: skip
    assert len(ATTEMPT_AFTER_S) == 10


def test_after_the_last_attempt_it_is_given_up() -> None:
    """Whatever the hook asks for."""
    assert next_attempt_at(ATTEMPTS_MAX, NOW, 60, lambda: 0.5) is None


@pytest.mark.parametrize(("chance", "wait_s"), [(0.0, 240), (0.5, 300), (1.0, 360)])
def test_jitter_is_a_fifth_either_way(chance: float, wait_s: int) -> None:
    """So that many who waited do not come in one moment."""
    assert next_attempt_at(2, NOW, None, lambda: chance) == NOW + wait_s


@pytest.mark.parametrize(("retry_after_s", "wait_s"), [(0, 240), (2, 240), (3600, 3600)])
def test_a_hook_is_left_alone_for_as_long_as_it_asks(retry_after_s: int, wait_s: int) -> None:
    """And never tried faster than by the schedule, or its attempts would be used up at once."""
    assert next_attempt_at(2, NOW, retry_after_s, lambda: 0.0) == NOW + wait_s
