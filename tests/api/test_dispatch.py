"""Deliveries begin when they are due, and end before the process does, if they can."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from api import dispatch
from api.dispatch import Dispatch
from dnsbl.store.database import StoreError

PATIENCE_S = 30
LONG_S = 3600.0  # a test that waits for it fails

Deliver = Callable[[int], Awaitable[None]]


class Desk:
    """Has deliveries by number, each due at the look of its turn; notes how they ended."""

    def __init__(self, *deliveries: Deliver, wait_s: float | None = LONG_S) -> None:
        self.looks = 0
        self.begun = asyncio.Event()
        self.ended = asyncio.Event()
        self.ends: list[tuple[int, str]] = []
        self._deliveries = deliveries
        self._wait_s = wait_s
        self.dispatch = Dispatch(self.look)

    async def look(self) -> float | None:
        number = self.looks
        self.looks += 1
        if number < len(self._deliveries):
            self.dispatch.begin(number, self._deliver(number), lambda e: self._ended(number, e))
        else:
            self.dispatch.stop()
        return self._wait_s

    async def run(self) -> None:
        async with asyncio.timeout(PATIENCE_S):
            await self.dispatch.run()

    async def _deliver(self, number: int) -> None:
        self.begun.set()
        await self._deliveries[number](number)

    def _ended(self, number: int, error: BaseException | None) -> None:
        assert number not in self.dispatch.under_way
        self.ends.append((number, "" if error is None else type(error).__name__))
        self.ended.set()


async def turns() -> None:
    """Lets whatever could go on do so."""
    for _ in range(9):
        await asyncio.sleep(0)


async def at_once(_: int) -> None:
    """Delivers."""


async def broken(_: int) -> None:
    """Has a bug."""
    raise ZeroDivisionError


async def test_the_end_of_one_is_followed_by_a_look_for_the_next() -> None:
    """Not after the wait, but now; and so for ever, however long the wait is."""
    desk = Desk(at_once, at_once, wait_s=None)

    await desk.run()

    assert (desk.looks, desk.ends) == (3, [(0, ""), (1, "")])


async def test_a_bug_is_told_and_waits_for_the_next_look() -> None:
    """It would come again at once, as often as the processor can."""
    desk = Desk(broken, wait_s=None)
    running = asyncio.create_task(desk.run())
    await desk.ended.wait()
    await turns()
    looks = desk.looks
    desk.dispatch.wake()
    await running

    assert desk.ends == [(0, "ZeroDivisionError")]
    assert (looks, desk.looks) == (1, 2)


async def test_a_look_comes_when_nothing_wakes_it() -> None:
    """After as many seconds as the last one said."""
    desk = Desk(broken, broken, wait_s=0.01)

    await desk.run()

    assert desk.looks == 3


async def test_what_is_under_way_may_end_before_all_is_stopped() -> None:
    """And nothing new begins meanwhile."""
    may_end = asyncio.Event()

    async def slow(_: int) -> None:
        await may_end.wait()

    desk = Desk(slow, at_once)
    running = asyncio.create_task(desk.run())
    await desk.begun.wait()
    desk.dispatch.stop()
    await turns()
    waited = not running.done()
    may_end.set()
    await running

    assert waited
    assert (desk.looks, desk.ends) == (1, [(0, "")])


async def test_what_does_not_end_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """A mail server that hangs holds no process up for ever."""
    monkeypatch.setattr(dispatch, "STOP_WITHIN_S", 0)

    async def hanging(_: int) -> None:
        desk.dispatch.stop()
        await asyncio.Event().wait()

    desk = Desk(hanging)
    await desk.run()

    assert desk.ends == [(0, "")]
    assert not desk.dispatch.under_way


async def test_an_outcome_is_noted_once_the_database_is_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each failure is told."""
    monkeypatch.setattr(dispatch, "PAUSE_AFTER_ERROR_S", 0)
    errors = [StoreError("full"), StoreError("locked")]
    told: list[StoreError] = []

    async def note() -> str:
        if len(told) < len(errors):
            raise errors[len(told)]
        return "noted"

    assert await Desk().dispatch.noted(note, told.append) == "noted"
    assert told == errors


async def test_an_outcome_that_cannot_be_noted_holds_no_end_up() -> None:
    """The next start finds the delivery as it was."""
    told: list[StoreError] = []

    async def note() -> str:
        raise StoreError("full")

    desk = Desk()
    desk.dispatch.stop()
    async with asyncio.timeout(PATIENCE_S):
        found = await desk.dispatch.noted(note, told.append)

    assert found is None
    assert len(told) == 1


async def test_a_look_that_ends_after_the_stop_begins_nothing() -> None:
    """It was reading what is due when all was stopped; the next start finds it."""
    stopped = asyncio.Event()

    async def look() -> float | None:
        looking.set()
        await stopped.wait()
        dispatch.begin(1, deliver(), lambda _: None)
        return LONG_S

    async def deliver() -> None:
        pytest.fail("it was begun")

    looking = asyncio.Event()
    dispatch = Dispatch(look)
    async with asyncio.timeout(PATIENCE_S), asyncio.TaskGroup() as group:
        group.create_task(dispatch.run())
        await looking.wait()
        dispatch.stop()
        stopped.set()

    assert not dispatch.under_way
