"""Events become deliveries, and both go when their time is over."""

from __future__ import annotations

import pytest
from hooked import DONE, FAILED, Hook, Hooked, notified, told, until
from house import House
from portal import START, Clock
from structlog.typing import EventDict

from api.hooks import fan_out
from api.hooks.fan_out import PRUNE_EACH_S, UNDELIVERED_KEPT_S, EventPruning
from dnsbl.config import HookConfig
from dnsbl.store import hooks

SUBJECTS = [f"192.0.2.{number}/32" for number in range(7)]
DAY_S = 86_400


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Batches of three."""
    monkeypatch.setattr(fan_out, "BATCH_EVENTS", 3)
    monkeypatch.setattr(fan_out, "PRUNE_BATCH_EVENTS", 3)


async def prune(hooked: Hooked, house: House, configs: list[HookConfig]) -> EventPruning:
    """A whole pass."""
    pruning = EventPruning(configs, hooked.truth, house.config.data, hooked.clock)
    while await pruning.round():
        pass
    return pruning


async def left(hooked: Hooked) -> list[str]:
    """The subjects of the events there are."""
    rows = await hooked.truth.read(lambda database: database.rows("SELECT subject FROM events"))
    return [row["subject"] for row in rows]


async def test_many_events_are_fanned_out_in_batches(house: House, clock: Clock) -> None:
    """Each once, in order."""
    async with Hooked(house, clock, [notified()]) as hooked:
        await hooked.happen(*SUBJECTS)
        await hooked.settled()
        ids = [one.event.id for one in await hooked.deliveries()]

    assert ids == sorted(ids)
    assert sorted(told(message)["data"]["subject"] for message in hooked.hooks["crm"].taken) == (
        SUBJECTS
    )


async def test_a_hook_that_was_away_from_the_configuration_goes_on(
    house: House, clock: Clock
) -> None:
    """What was kept meanwhile is told when it is back."""
    async with Hooked(house, clock, [notified()]) as hooked:
        await hooked.happen(SUBJECTS[0])
        await hooked.settled()
    async with Hooked(house, clock, []) as hooked:
        await hooked.happen(SUBJECTS[1])
    async with Hooked(house, clock, [notified()]) as hooked:
        await hooked.settled()

    assert [subject for _, subject in hooked.hooks["crm"].told] == [SUBJECTS[1]]


async def test_what_was_delivered_goes_after_its_time(
    house: House, clock: Clock, log: list[EventDict]
) -> None:
    """With the journal's age; not a second before."""
    async with Hooked(house, clock, [notified()]) as hooked:
        await hooked.happen(*SUBJECTS)
        await hooked.settled()
        clock.at = START + house.config.data.journal_age_s
        pruning = await prune(hooked, house, [notified()])
        before = await left(hooked)
        clock.at += PRUNE_EACH_S
        while await pruning.round():
            pass
        after = await left(hooked)
        deliveries = await hooked.deliveries()

    assert (before, after, deliveries) == (SUBJECTS, [], [])
    assert [one["events"] for one in log if one["event"] == "events_pruned"] == [len(SUBJECTS)]


async def test_what_nobody_took_is_kept_for_thirty_days(
    house: House, clock: Clock, log: list[EventDict]
) -> None:
    """Queued or dead, though the journal is kept for a day only; that it goes then is told."""
    text = house.file.read_text()
    house.file.write_text(text.replace("[data]", f"[data]\njournal_age_s = {DAY_S}"))
    hook = Hook(lambda message: FAILED if SUBJECTS[1] in str(message.body) else DONE)
    async with Hooked(house, clock, [notified()], crm=hook) as hooked:
        await hooked.happen(*SUBJECTS)

        async def others_delivered() -> bool:
            return len(await hooked.deliveries("crm", "delivered")) == len(SUBJECTS) - 1

        await until(others_delivered)
        kept = []
        for later_s in (DAY_S + 1, UNDELIVERED_KEPT_S, UNDELIVERED_KEPT_S + 1):
            clock.at = START + later_s
            await prune(hooked, house, [notified()])
            kept.append(await left(hooked))

    assert kept == [[SUBJECTS[1]], [SUBJECTS[1]], []]
    assert [one["events"] for one in log if one["event"] == "events_given_up"] == [1]


async def test_what_was_not_looked_at_for_a_hook_is_kept(house: House, clock: Clock) -> None:
    """However old it is."""
    async with Hooked(house, clock, [notified()]) as hooked:
        await hooked.truth.write(hooks.fan_out, "slow", lambda *_: True, START, 1)
        await hooked.happen(*SUBJECTS)
        await hooked.settled()
        clock.at = START + 10 * house.config.data.journal_age_s
        await prune(hooked, house, [notified(), notified("slow")])

        assert await left(hooked) == SUBJECTS


async def test_without_hooks_old_events_go_as_well(house: House, clock: Clock) -> None:
    """Those that requests note of themselves."""
    async with Hooked(house, clock, []) as hooked:
        await hooked.happen(*SUBJECTS, kind="delist.requested")
        clock.at = START + house.config.data.journal_age_s + 1
        await prune(hooked, house, [])

        assert await left(hooked) == []
