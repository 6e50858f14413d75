"""When a message that a hook did not take is sent again, and when it is given up."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

# Standard Webhooks 1.0, "Retry schedule": how long after the attempt before it each attempt is
# made, the first at once. Ten attempts in 75 hours; then the delivery is dead.
ATTEMPT_AFTER_S: Final = (
    0, 5, 5 * 60, 30 * 60, 2 * 3600, 5 * 3600, 10 * 3600, 14 * 3600, 20 * 3600, 24 * 3600,
)  # fmt: skip
ATTEMPTS_MAX: Final = len(ATTEMPT_AFTER_S)

# So that a server which comes back does not meet all who waited for it in one moment.
JITTER: Final = 0.2


def next_attempt_at(
    attempts: int, now: int, retry_after_s: int | None, chance: Callable[[], float]
) -> int | None:
    """When to try again after so many attempts (one or more); None where it is given up.

    ``retry_after_s`` is how long the hook wants to be left alone: never less
    than that. ``chance`` gives a number from 0 to 1.
    """
    assert attempts >= 1
    if attempts >= ATTEMPTS_MAX:
        return None
    wait_s = ATTEMPT_AFTER_S[attempts] * (1 - JITTER + 2 * JITTER * chance())
    return now + max(1, round(wait_s), retry_after_s or 0)
