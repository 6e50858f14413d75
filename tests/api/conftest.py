"""What the sidecar's tests share: a running portal, and zones of every policy."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest
import structlog
from house import ZONE_TEXT, House
from portal import Clock, Portal
from structlog.typing import EventDict

POLICIES_TEXT = (
    ZONE_TEXT
    + """
[category.policy]
answer = "127.0.0.10"
text = "Dynamic address space [$]"
delist = "review"
[category.hijacked]
answer = "127.0.0.9"
text = "Hijacked network [$]"
delist = "never"
[category.strict]
answer = "127.0.0.11"
text = "No grace for [$]"
delist = "self"
grace_s = 0
"""
)


@pytest.fixture
def clock() -> Clock:
    """The time, as all parts of the portal see it."""
    return Clock()


@pytest.fixture
async def portal(house: House, clock: Clock) -> AsyncIterator[Portal]:
    """A portal that writes mails into files; its zone has categories of every policy."""
    house.write_zone(POLICIES_TEXT)
    async with Portal(house, clock) as portal:
        yield portal


@pytest.fixture
def log() -> Iterator[list[EventDict]]:
    """The events that were logged."""
    with structlog.testing.capture_logs() as events:
        yield events
