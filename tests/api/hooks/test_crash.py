"""Killed at any point between two steps: what happened is told all the same, and in order."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import random
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hooked import DONE, FAILED, notified, told
from portal import START, Clock

from api.hooks.delivery import HookDelivery
from api.hooks.fan_out import FanOut
from api.hooks.message import Message, Reply
from api.metrics import Metrics
from api.truth import Truth
from api.watch import Watch
from dnsbl.network import parse
from dnsbl.store import deliveries, listings
from dnsbl.store.database import open_writer
from dnsbl.store.listings import Listing

ONE, TWO = "192.0.2.1/32", "192.0.2.2/32"
HISTORY = {ONE: ["listing.added", "listing.removed", "listing.added"], TWO: ["listing.added"]}
CONFIGS = [notified("crm"), notified("log")]


class Fuse:
    """Ends the process after so many steps; it then neither writes nor sends any more."""

    def __init__(self, steps: int | None) -> None:
        self._left = steps
        self.is_dead = False

    def step(self) -> None:
        if self._left is not None and not self.is_dead:
            self._left -= 1
            self.is_dead = self._left < 0
        if self.is_dead:
            raise asyncio.CancelledError


class MortalTruth(Truth):
    """A kill comes before a commit, or between it and whatever is done because of it."""

    def __init__(self, path: Path, fuse: Fuse) -> None:
        super().__init__(path)
        self._fuse = fuse

    async def write(self, change: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401  # as Truth
        self._fuse.step()
        result = await super().write(change, *args, **kwargs)
        self._fuse.step()
        return result


class Receiver:
    """What a hook got over all lives; the first attempt at each of its messages fails."""

    def __init__(self) -> None:
        self.taken: list[Message] = []
        self._failed: set[str] = set()
        self.fuse = Fuse(None)

    async def send(self, message: Message) -> Reply:
        self.fuse.step()  # killed before it left
        is_first = message.uid not in self._failed
        self._failed.add(message.uid)
        if not is_first:
            self.taken.append(message)
        self.fuse.step()  # killed before its answer came
        return FAILED if is_first else DONE

    async def close(self) -> None:
        """Nothing is held."""

    def history(self) -> dict[str, list[str]]:
        """The types of each subject's messages, each at its first arrival."""
        found: dict[str, list[str]] = {}
        for message in {message.uid: message for message in self.taken}.values():
            body = told(message)
            found.setdefault(body["data"]["subject"], []).append(body["type"])
        return found

    def came_in_order(self) -> bool:
        """Whether none came again after a later one about its subject."""
        ids: dict[str, list[int]] = {}
        for message in self.taken:
            data = told(message)["data"]
            ids.setdefault(data["subject"], []).append(data["id"])
        return all(a <= b for each in ids.values() for a, b in itertools.pairwise(each))


@contextlib.asynccontextmanager
async def life(
    path: Path, clock: Clock, fuse: Fuse, receivers: dict[str, Receiver]
) -> AsyncIterator[Callable[[], Any]]:
    """A process: a round of all that it does, as often as it is asked, until it is killed."""
    for receiver in receivers.values():
        receiver.fuse = fuse
    truth = MortalTruth(path, fuse)
    await truth.open()
    delivery = HookDelivery(CONFIGS, truth, receivers, Metrics(), clock, chance=lambda: 0.5)
    fan_out = FanOut(CONFIGS, truth, clock, lambda: None)
    watch = Watch(CONFIGS, truth, clock, fan_out.round)

    async def round_() -> None:
        await watch.round()
        await fan_out.round()
        await delivery._start_due()  # noqa: SLF001  # a turn of its loop
        while tasks := list(delivery._dispatch.under_way.values()):  # noqa: SLF001
            await asyncio.gather(*tasks, return_exceptions=True)
        if fuse.is_dead:
            raise asyncio.CancelledError

    try:
        with contextlib.suppress(asyncio.CancelledError):
            yield round_
    finally:
        await truth.close()


async def live(path: Path, clock: Clock, fuse: Fuse, receivers: dict[str, Receiver]) -> bool:
    """One life, until nothing is left to be told; whether it was killed before."""
    async with life(path, clock, fuse, receivers) as round_:
        while True:
            await round_()
            with closing(open_writer(path)) as database:
                if not any(deliveries.depths(database).values()):
                    return False
            clock.at += 10
    return True


@pytest.fixture(scope="module")
def changed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database that was looked at once, and in which then something happened."""
    path = tmp_path_factory.mktemp("changed") / "listings.sqlite3"

    async def begin() -> None:
        receivers = {config.name: Receiver() for config in CONFIGS}
        await live(path, Clock(), Fuse(None), receivers)

    asyncio.run(begin())
    with closing(open_writer(path)) as database:
        for network in (ONE, TWO):
            listings.add(database, Listing("bl.example", parse(network), "spam", listed_at=START))
        listings.remove(database, "bl.example", parse(ONE), "spam")
        listings.add(database, Listing("bl.example", parse(ONE), "spam", listed_at=START))
    return path


async def outlived(changed: Path, folder: Path, lives: list[int]) -> dict[str, Receiver]:
    """What hooks got after lives of so many steps each, and one to the end."""
    path = folder / "listings.sqlite3"
    shutil.copy(changed, path)
    receivers = {config.name: Receiver() for config in CONFIGS}
    clock = Clock()
    for steps in lives:
        if not await live(path, clock, Fuse(steps), receivers):
            break
    await live(path, clock, Fuse(None), receivers)
    return receivers


async def count_steps(changed: Path, folder: Path) -> int:
    """How many steps a life without a kill has."""
    for steps in itertools.count():
        path = folder / f"{steps}.sqlite3"
        shutil.copy(changed, path)
        if not await live(path, Clock(), Fuse(steps), {c.name: Receiver() for c in CONFIGS}):
            return steps
    raise AssertionError


def check(receivers: dict[str, Receiver]) -> None:
    """Everything came, at least once, and in order."""
    assert {name: receiver.history() for name, receiver in receivers.items()} == {
        config.name: HISTORY for config in CONFIGS
    }
    assert all(receiver.came_in_order() for receiver in receivers.values())


async def test_a_kill_at_any_step_loses_nothing(changed: Path, tmp_path: Path) -> None:
    """Before and after each commit, before and after each message."""
    steps = await count_steps(changed, tmp_path)
    assert steps > 40
    for kill_at in range(steps):
        folder = tmp_path / f"killed-{kill_at}"
        folder.mkdir()
        check(await outlived(changed, folder, [kill_at]))


@pytest.mark.parametrize("seed", range(10))
async def test_a_process_that_is_killed_over_and_over_loses_nothing(
    changed: Path, tmp_path: Path, seed: int
) -> None:
    """It needs one life that is long enough to get anywhere, and gets on by each."""
    chance = random.Random(seed)
    check(await outlived(changed, tmp_path, [chance.randint(0, 12) for _ in range(12)]))
