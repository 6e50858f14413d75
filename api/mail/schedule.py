"""When a deferred mail is tried again."""

from __future__ import annotations

from typing import Final

# RFC 5321 §4.5.4.1 asks queues to retry slowly; a person who waits for this mail asks for a quick
# first try, which greylisting lets in after a few minutes.
RETRY_AFTER_S: Final = (60, 300, 900, 1800, 3600, 7200)

# RFC 5321 §4.5.4.1: four or five days. For mail that tells of something; one that holds a link is
# of no use after its request.
NEWS_WITHIN_S: Final = 5 * 86_400


def next_attempt_at(attempts: int, now: int) -> int:
    """When to try again after so many failed attempts (one or more)."""
    assert attempts >= 1
    return now + RETRY_AFTER_S[min(attempts, len(RETRY_AFTER_S)) - 1]
