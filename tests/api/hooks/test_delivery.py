"""Messages to hooks: at least once, in order for each subject, by the schedule, never lost."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
from hooked import DONE, FAILED, Hook, Hooked, notified, told, until
from house import House
from portal import SENDER, START, Clock
from structlog.typing import EventDict

from api.hooks.delivery import CONCURRENT_MAX, CONCURRENT_MAX_OF_HOOK
from api.hooks.message import MISTAKE, Message, Reply
from api.hooks.schedule import ATTEMPT_AFTER_S, ATTEMPTS_MAX
from dnsbl.store import deliveries, events, hooks, requests
from dnsbl.store.database import Database, StoreError
from dnsbl.store.deliveries import Delivery
from dnsbl.store.requests import NewRequest

ONE, TWO = "192.0.2.1/32", "192.0.2.2/32"


async def test_an_event_arrives_with_its_name_and_its_parts(
    house: House, clock: Clock, log: list[EventDict]
) -> None:
    """The shape that docs/hooks describes; the row then says what the hook answered."""
    hook = Hook(lambda _: Reply("done", "200 thanks"))
    async with Hooked(house, clock, [notified()], crm=hook) as hooked:
        await hooked.happen(ONE)
        await hooked.settled()
        [delivery] = await hooked.deliveries()

    [message] = hook.taken
    assert (message.uid, message.at, message.attempt) == (delivery.event.uid, START, 1)
    assert message.uid.startswith("msg_")
    assert told(message) == {
        "type": "listing.added",
        "timestamp": "2027-01-15T08:00:00Z",
        "data": {
            "id": delivery.event.id,
            "subject": ONE,
            "network": ONE,
            "address": "192.0.2.1",
            "zone": "bl.example",
            "category": "spam",
            "reason": "spam trap",
            "request_id": None,
        },
    }
    assert (delivery.state, delivery.attempts, delivery.answer) == ("delivered", 1, "200 thanks")
    assert delivery.done_at == START
    [event] = [one for one in log if one["event"] == "hook_delivered"]
    assert (event["hook"], event["kind"], event["attempt"]) == ("crm", "listing.added", 1)


@pytest.mark.parametrize(
    ("subject", "parts"),
    [
        ("192.0.2.0/24", {"network": "192.0.2.0/24"}),
        ("2001:db8::1/128", {"network": "2001:db8::1/128", "address": "2001:db8::1"}),
        ("*.example.com", {"name": "*.example.com"}),
        ("192.0.2.1/24", {}),  # no network, by another client
    ],
)
async def test_what_a_subject_is_is_told(
    house: House, clock: Clock, subject: str, parts: dict[str, str]
) -> None:
    """A network, an address, a name; the text itself always."""
    async with Hooked(house, clock, [notified()]) as hooked:
        await hooked.happen(subject)
        await hooked.settled()
        data = told(hooked.hooks["crm"].taken[0])["data"]

    assert data["subject"] == subject
    assert {part: data[part] for part in ("network", "address", "name") if part in data} == parts


async def test_the_mailbox_is_told_only_to_a_hook_that_asks(house: House, clock: Clock) -> None:
    """And only of requests."""

    def ask(database: Database) -> None:
        requests.create(
            database,
            NewRequest(
                b"s" * 32, "192.0.2.1", SENDER, SENDER, "sender.example", "198.51.100.1/32", "en",
                START, START + 60,
            ),
        )  # fmt: skip

    configs = [notified("discreet"), notified("curious", mailbox=True)]
    async with Hooked(house, clock, configs) as hooked:
        await hooked.truth.write(ask)
        await hooked.happen(ONE)
        for name in hooked.hooks:
            await hooked.settled(name)
        data = {
            name: [told(message)["data"] for message in hook.taken]
            for name, hook in hooked.hooks.items()
        }

    assert [one.get("mailbox") for one in data["curious"]] == [SENDER, None]
    assert data["curious"][0]["address"] == "192.0.2.1"
    assert SENDER not in str(data["discreet"])


async def test_a_failing_hook_is_tried_by_the_schedule_until_it_is_given_up(
    house: House, clock: Clock, log: list[EventDict]
) -> None:
    """Ten attempts under one name; then the delivery is dead, with what was said last."""
    hook = Hook(lambda _: FAILED)
    async with Hooked(house, clock, [notified()], crm=hook) as hooked:
        await hooked.happen(ONE)
        times = [START]
        for attempt in range(1, ATTEMPTS_MAX):
            delivery = await hooked.attempted(attempt)
            assert delivery.state == "queued"
            times.append(delivery.next_attempt_at)
            hooked.turn_to(delivery.next_attempt_at)
        await hooked.settled()
        [dead] = await hooked.deliveries()

    assert [later - earlier for earlier, later in pairwise(times)] == list(ATTEMPT_AFTER_S[1:])
    assert (dead.state, dead.attempts, dead.answer) == ("dead", 10, "500 out of order")
    assert {message.uid for message in hook.taken} == {dead.event.uid}
    assert [message.attempt for message in hook.taken] == list(range(1, 11))
    assert [one["event"] for one in log if one["event"].startswith("hook_")] == (
        ["hook_deferred"] * 9 + ["hook_dead"]
    )


async def test_a_message_is_not_sent_before_its_time(house: House, clock: Clock) -> None:
    """Not a second."""
    hook = Hook(lambda _: FAILED)
    async with Hooked(house, clock, [notified()], crm=hook) as hooked:
        await hooked.happen(ONE)
        delivery = await hooked.attempted(1)
        hooked.turn_to(delivery.next_attempt_at - 1)
        await hooked.happen(TWO)  # it is looked at meanwhile

        async def second_tried() -> bool:
            return (await hooked.deliveries())[1].attempts == 1

        await until(second_tried)
        [first, _] = await hooked.deliveries()

    assert first.attempts == 1


async def test_a_hook_that_wants_to_be_left_alone_is(house: House, clock: Clock) -> None:
    """Retry-After counts where it is longer than the schedule."""
    hook = Hook(lambda _: Reply("later", "503 busy", 1000))
    async with Hooked(house, clock, [notified()], crm=hook) as hooked:
        await hooked.happen(ONE)
        delivery = await hooked.attempted(1)

    assert delivery.next_attempt_at == START + 1000


async def test_events_of_a_subject_are_told_in_order(house: House, clock: Clock) -> None:
    """While one of them is tried again the next ones wait; those of others go on."""
    refusals = {1}
    hook = Hook(lambda message: FAILED if told(message)["data"]["id"] in refusals else DONE)
    async with Hooked(house, clock, [notified()], crm=hook) as hooked:
        await hooked.happen(ONE, ONE, TWO)
        await hooked.happen(ONE, kind="listing.removed")
        delivery = await hooked.attempted(1)

        async def other_told() -> bool:
            return ("listing.added", TWO) in hook.told

        await until(other_told)
        meanwhile = list(hook.told)
        refusals.clear()
        hooked.turn_to(delivery.next_attempt_at)
        await hooked.settled()

    assert sorted(meanwhile) == [("listing.added", ONE), ("listing.added", TWO)]
    assert [told(message)["data"]["id"] for message in hook.taken if ONE in str(message)] == [
        1, 1, 2, 4,
    ]  # fmt: skip


async def test_events_of_one_64_are_told_in_order(house: House, clock: Clock) -> None:
    """An IPv6 address is delisted with its /64: what is told of either is one story."""
    address, own, next_door = "2001:db8:1:2::7/128", "2001:db8:1:2::/64", "2001:db8:1:3::/64"
    refusals = {1}
    hook = Hook(lambda message: FAILED if told(message)["data"]["id"] in refusals else DONE)
    async with Hooked(house, clock, [notified()], crm=hook) as hooked:
        await hooked.happen(address, own, next_door, "2001:db8::/32")
        delivery = await hooked.attempted(1)

        async def others_told() -> bool:
            return len(hook.told) == 3

        await until(others_told)
        meanwhile = {subject for _, subject in hook.told}
        refusals.clear()
        hooked.turn_to(delivery.next_attempt_at)
        await hooked.settled()

    assert meanwhile == {address, next_door, "2001:db8::/32"}
    assert [subject for _, subject in hook.told[-2:]] == [address, own]


async def test_a_decision_names_the_listing_and_a_request_as_a_whole_none(
    house: House, clock: Clock
) -> None:
    """The subject is the address that is to go, whatever network lists it."""
    async with Hooked(house, clock, [notified()]) as hooked:

        def record(database: Database) -> None:
            events.record(database, "delist.requested", ONE, now=START, request_id=1)
            events.record(
                database, "delist.completed", ONE, now=START, zone="bl.example", category="spam",
                request_id=1, network="192.0.2.0/24",
            )  # fmt: skip

        await hooked.truth.write(record)
        await hooked.spread()
        await hooked.settled()
        requested, completed = (told(message)["data"] for message in hooked.hooks["crm"].taken)

    assert (requested["subject"], requested["network"]) == (ONE, None)
    assert (completed["subject"], completed["network"]) == (ONE, "192.0.2.0/24")
    assert requested["address"] == completed["address"] == "192.0.2.1"


async def test_what_ends_while_the_queue_is_read_is_not_sent_again(
    house: House, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rows that were read still call it queued."""
    hook = Hook()
    hook.open.clear()
    async with Hooked(house, clock, [notified()], crm=hook) as hooked:
        read = hooked.truth.read
        outdated: list[Delivery] = []

        async def slow(ask: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401  # as Truth
            found = await read(ask, *args, **kwargs)
            if ask is deliveries.due and hook.begun and not outdated:
                outdated.extend(found)
                hook.open.set()
                while hooked.delivery._dispatch.under_way:  # noqa: ASYNC110, SLF001
                    await asyncio.sleep(0)
            return found

        monkeypatch.setattr(hooked.truth, "read", slow)
        await hooked.happen(ONE)

        async def begun() -> bool:
            hooked.delivery.wake()
            return bool(outdated)

        await until(begun)
        await hooked.settled()
        await hooked.happen(TWO)
        await hooked.settled()

    assert [one.event.subject for one in outdated] == [ONE]
    assert [subject for _, subject in hook.told] == [ONE, TWO]


async def test_what_waits_goes_on_once_the_one_before_is_given_up(
    house: House, clock: Clock
) -> None:
    """A dead letter holds up nothing."""
    hook = Hook(lambda message: FAILED if told(message)["data"]["id"] == 1 else DONE)
    async with Hooked(house, clock, [notified()], crm=hook) as hooked:
        await hooked.happen(ONE, ONE)
        for attempt in range(1, ATTEMPTS_MAX):
            delivery = await hooked.attempted(attempt)
            hooked.turn_to(delivery.next_attempt_at)
        await hooked.settled()

        assert await hooked.states() == ["dead", "delivered"]


async def test_a_replayed_letter_is_told_again_under_its_name(house: House, clock: Clock) -> None:
    """With all attempts before it."""
    hook = Hook(lambda _: FAILED)
    async with Hooked(house, clock, [notified()], crm=hook) as hooked:
        await hooked.happen(ONE)
        for attempt in range(1, ATTEMPTS_MAX):
            delivery = await hooked.attempted(attempt)
            hooked.turn_to(delivery.next_attempt_at)
        await hooked.settled()
        hook.reply = lambda _: DONE
        count = await hooked.truth.write(deliveries.replay_dead, "crm", clock.at)
        hooked.delivery.wake()
        await hooked.settled()
        [delivery] = await hooked.deliveries()

    assert count == 1
    assert (delivery.state, delivery.attempts) == ("delivered", 1)
    assert len({message.uid for message in hook.taken}) == 1
    assert hook.taken[-1].attempt == 1


async def test_a_hook_that_is_gone_is_disabled_and_loses_nothing(
    house: House, clock: Clock, log: list[EventDict]
) -> None:
    """410: nothing more is sent, what happens waits, and enabled it gets all of it in order."""
    hook = Hook(lambda _: Reply("gone", "410 moved away"))
    async with Hooked(house, clock, [notified()], crm=hook) as hooked:
        await hooked.happen(ONE)

        async def disabled() -> bool:
            return (await hooked.truth.read(hooks.states))["crm"].disabled_at is not None

        await until(disabled)
        await hooked.happen(ONE, TWO)
        hooked.turn_to(START + 86_400)
        await hooked.delivery._start_due()  # noqa: SLF001  # it looks, and sends nothing
        state = (await hooked.truth.read(hooks.states))["crm"]
        waiting = await hooked.deliveries()
        hook.reply = lambda _: DONE
        assert await hooked.truth.write(hooks.enable, "crm", clock.at)
        hooked.delivery.wake()
        await hooked.settled()

        assert (state.disabled_at, state.disabled_why) == (START, "410 moved away")
        assert [(one.state, one.attempts) for one in waiting] == [("queued", 0)] * 3
        assert waiting[0].answer == "410 moved away"
        assert await hooked.states() == ["delivered"] * 3
    assert len(hook.taken) == 4
    assert [one["hook"] for one in log if one["event"] == "hook_disabled"] == ["crm"]


async def test_a_killed_process_sends_again_what_it_had_not_noted(
    house: House, clock: Clock
) -> None:
    """Killed while the hook works on it: at the next start it goes again, under its name."""
    held = Hook()
    held.open.clear()
    first = Hooked(house, clock, [notified()], crm=held)
    await first.__aenter__()
    await first.happen(ONE, TWO)

    async def begun() -> bool:
        return len(held.begun) == 2

    await until(begun)
    await first.kill()

    hook = Hook()
    async with Hooked(house, clock, [notified()], crm=hook) as hooked:
        await hooked.settled()

    assert held.taken == []
    assert sorted(message.uid for message in hook.taken) == sorted(
        message.uid for message in held.begun
    )


async def test_a_hook_that_hangs_holds_up_no_other(house: House, clock: Clock) -> None:
    """Even where enough of them hang to use up what all may have under way."""
    hanging = [notified(f"hanging{number}") for number in range(6)]
    held = {config.name: Hook() for config in hanging}
    for hook in held.values():
        hook.open.clear()
    subjects = [f"192.0.2.{number}/32" for number in range(12)]
    async with Hooked(house, clock, [*hanging, notified()], **held) as hooked:
        await hooked.happen(*subjects)
        await hooked.settled()
        under_way = [len(hook.begun) for hook in held.values()]

    assert max(under_way) <= CONCURRENT_MAX_OF_HOOK
    assert min(under_way) >= 1
    assert sum(under_way) <= CONCURRENT_MAX + len(hanging)
    assert len(hooked.hooks["crm"].taken) == len(subjects)


async def test_a_hook_is_told_of_what_it_wants(house: House, clock: Clock) -> None:
    """By kind, zone and category."""
    configs = [
        notified("all"),
        notified("removals", events=("listing.removed",)),
        notified("patterns", events=("delist.*", "listing.a*")),
        notified("elsewhere", zones=("other.example",)),
        notified("policy", categories=("policy",)),
    ]
    async with Hooked(house, clock, configs) as hooked:
        await hooked.happen(ONE)
        await hooked.happen(ONE, kind="listing.removed")
        for name in hooked.hooks:
            await hooked.settled(name)
        got = {name: [kind for kind, _ in hook.told] for name, hook in hooked.hooks.items()}

    assert got == {
        "all": ["listing.added", "listing.removed"],
        "removals": ["listing.removed"],
        "patterns": ["listing.added"],
        "elsewhere": [],
        "policy": [],
    }


async def test_a_new_hook_begins_with_what_happens_from_now_on(house: House, clock: Clock) -> None:
    """A second one beside it, later, is not told the past."""
    async with Hooked(house, clock, [notified()]) as hooked:
        await hooked.happen(ONE)
        await hooked.settled()
    async with Hooked(house, clock, [notified(), notified("later")]) as hooked:
        await hooked.happen(TWO)
        await hooked.settled()
        await hooked.settled("later")

    assert hooked.hooks["crm"].told == [("listing.added", TWO)]
    assert hooked.hooks["later"].told == [("listing.added", TWO)]


async def test_a_trial_goes_to_one_hook_alone(house: House, clock: Clock) -> None:
    """It looks like the event that it is a trial of, says that it is one, and waits for nothing."""
    hook = Hook(lambda message: DONE if "test" in told(message)["data"] else FAILED)
    async with Hooked(house, clock, [notified(), notified("other")], crm=hook) as hooked:
        await hooked.happen(ONE)
        await hooked.attempted(1)

        def queue(database: Database) -> int:
            return deliveries.queue_test(
                database, "crm", "delist.completed", subject=ONE, zone="bl.example",
                category="spam", now=START,
            )  # fmt: skip

        delivery_id = await hooked.truth.write(queue)
        await hooked.spread()
        hooked.delivery.wake()

        async def delivered() -> bool:
            found = await hooked.truth.read(deliveries.get, delivery_id)
            return found is not None and found.state == "delivered"

        await until(delivered)
        await hooked.settled("other")

    body = told(hook.taken[-1])
    assert body["type"] == "delist.completed"
    assert body["data"]["test"] is True
    assert hooked.hooks["other"].told == [("listing.added", ONE)]


async def test_an_outcome_that_cannot_be_noted_is_not_forgotten(
    house: House, clock: Clock, log: list[EventDict], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The database is away after the hook took it: noted once it is back, and sent just once."""
    monkeypatch.setattr("api.dispatch.PAUSE_AFTER_ERROR_S", 0)
    hook = Hook()
    away = [True]
    settle = deliveries.settle

    def unable(*args: object, **kwargs: object) -> bool:
        if away:
            away.pop()
            raise StoreError("the disk is full")
        return settle(*args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(deliveries, "settle", unable)
    async with Hooked(house, clock, [notified()], crm=hook) as hooked:
        await hooked.happen(ONE)
        await hooked.settled()

    assert len(hook.taken) == 1
    assert [one["event"] for one in log if one["event"] == "hook_unsettled"] == ["hook_unsettled"]


async def test_a_transport_that_breaks_is_a_failed_attempt(
    house: House, clock: Clock, log: list[EventDict]
) -> None:
    """A bug of ours loses no message."""

    def broken(_: Message) -> Reply:
        raise ZeroDivisionError

    hook = Hook(broken)
    async with Hooked(house, clock, [notified()], crm=hook) as hooked:
        await hooked.happen(ONE)
        delivery = await hooked.attempted(1)

    assert delivery.state == "queued"
    assert delivery.answer.startswith("this server made a mistake")
    assert "hook_crashed" in {one["event"] for one in log}


async def test_an_event_that_cannot_be_told_is_a_failed_attempt(house: House, clock: Clock) -> None:
    """Another client's clock was beyond all calendars: tried by the schedule, not without end."""
    hook = Hook()
    async with Hooked(house, clock, [notified()], crm=hook) as hooked:
        await hooked.truth.write(
            lambda database: events.record(database, "listing.added", ONE, now=10**15)
        )
        await hooked.spread()
        delivery = await hooked.attempted(1)

    assert hook.taken == []
    assert delivery.answer == MISTAKE


async def test_another_database_in_its_place_is_not_marked(house: House, clock: Clock) -> None:
    """What was sent for one event is not noted for another that has its number."""
    hook = Hook()
    hook.open.clear()
    async with Hooked(house, clock, [notified()], crm=hook) as hooked:
        await hooked.happen(ONE)

        async def begun() -> bool:
            return len(hook.begun) == 1

        await until(begun)
        await hooked.truth.write(
            lambda database: database.change("UPDATE events SET uid = 'msg_other'")
        )
        hook.open.set()
        await hooked.settled()

    assert [message.uid == "msg_other" for message in hook.taken] == [False, True]


async def test_metrics_count_attempts(house: House, clock: Clock) -> None:
    """By hook and outcome; each is there from the start."""
    async with Hooked(house, clock, [notified()]) as hooked:
        await hooked.happen(ONE)
        await hooked.settled()
        await asyncio.sleep(0)
        attempts = {
            sample.labels["outcome"]: sample.value
            for metric in hooked.metrics.hook_attempts.collect()
            for sample in metric.samples
            if sample.name.endswith("_total")
        }

    assert attempts == {"delivered": 1, "deferred": 0, "dead": 0, "disabled": 0}


async def test_without_hooks_nothing_is_queued(house: House, clock: Clock) -> None:
    """What requests note of themselves stays until it is old."""
    async with Hooked(house, clock, []) as hooked:
        await hooked.happen(ONE)
        rows = await hooked.truth.read(
            lambda database: database.rows("SELECT * FROM hook_deliveries")
        )
        [event] = await hooked.truth.read(
            lambda database: [events.event(row) for row in database.rows("SELECT * FROM events")]
        )

    assert rows == []
    assert event.kind == "listing.added"
