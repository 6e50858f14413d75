"""The journal is kept within its bounds beside the pages, and who asked is forgotten."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import closing

import pytest
from house import House
from portal import START, Clock, Portal
from structlog.typing import EventDict

from api.pruning import Pruning
from api.truth import Truth
from dnsbl.network import parse
from dnsbl.store import forgetting, journal, listings, pruning, requests
from dnsbl.store.database import Database, open_writer
from dnsbl.store.journal import Position
from dnsbl.store.listings import Listing

ROWS = 8


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Batches of two; the newest three stay."""
    monkeypatch.setattr(pruning, "BATCH_ROWS", 2)
    monkeypatch.setattr(pruning, "KEPT_ROWS_MIN", 3)


def fill(database: Database) -> Position:
    """Some rows of the journal, by the clock of these tests."""
    for number in range(ROWS):
        listings.add(database, Listing("bl.example", parse(f"203.0.113.{number}"), "spam"))
    database.change("UPDATE journal SET at = ?", START)
    return journal.position(database)


@pytest.fixture
async def truth(house: House) -> AsyncIterator[Truth]:
    """The sidecar's view of the database, without its workers."""
    truth = Truth(house.config.data.database)
    await truth.open()
    yield truth
    await truth.close()


async def test_old_rows_of_the_journal_go(
    house: House, truth: Truth, clock: Clock, log: list[EventDict]
) -> None:
    """Once they are older than the configuration says; one line of the log tells of them all."""
    before = await truth.write(fill)
    worker = Pruning(truth, house.config.data, clock)
    clock.at += house.config.data.journal_age_s
    fresh = await worker.round()
    clock.at += 1
    rounds = [await worker.round() for _ in range(4)]
    after = await truth.read(journal.position)

    assert not fresh
    assert rounds == [True, True, False, False]
    assert (after.first_seq, after.last_seq) == (before.first_seq + 4, before.last_seq)
    assert [event["rows"] for event in log if event["event"] == "journal_pruned"] == [4]


async def test_pruning_waits_for_no_lock_while_nothing_is_due(
    house: House, truth: Truth, clock: Clock
) -> None:
    """An import that runs does not keep it, nor it an import."""
    await truth.write(fill)
    with closing(open_writer(house.config.data.database)) as other, other.transaction():
        assert not await Pruning(truth, house.config.data, clock).round()


async def test_the_sidecar_prunes_by_itself(portal: Portal) -> None:
    """It is one of its rounds."""
    await portal.sidecar.truth.write(fill)
    portal.clock.at += portal.house.config.data.journal_age_s + 1
    while await portal.sidecar.pruning.round():
        pass
    position = await portal.sidecar.truth.read(journal.position)

    assert position.last_seq - position.first_seq + 1 < ROWS
    assert "pruning" in [worker.name for worker in portal.sidecar._rounds]  # noqa: SLF001


async def test_who_asked_long_ago_is_forgotten(
    portal: Portal, log: list[EventDict], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Batch by batch; the status page is there, and knows the mailbox no more."""
    monkeypatch.setattr(forgetting, "BATCH_REQUESTS", 1)
    paths = []
    for number in (1, 2):
        await portal.add(f"203.0.113.{number}")
        page = await portal.ask(f"203.0.113.{number}", "postmaster@sender.example")
        paths.append(page.location)
        await portal.delivered()
    portal.clock.at += 86_400
    while await portal.sidecar.expiry.round():
        pass
    while (await portal.sidecar.truth.read(requests.in_states))["expired"] < 2:  # type: ignore[index]
        await portal.sidecar.expiry.round()
    fresh = await portal.fetch(paths[0])
    portal.clock.at += portal.house.config.data.requests_age_s + 1
    while await portal.sidecar.pruning.round():
        pass
    while await portal.sidecar.truth.read(
        forgetting.is_due, portal.house.config.data.requests_age_s, portal.clock.at
    ):
        await portal.sidecar.pruning.round()
    found = [await portal.sidecar.truth.read(requests.get, number) for number in (1, 2)]
    late = await portal.fetch(paths[0])

    assert [request and request.mailbox for request in found] == [requests.FORGOTTEN] * 2
    assert (fresh.status, late.status) == (200, 200)
    assert "sender.example" not in late.text
    assert [event["requests"] for event in log if event["event"] == "requests_forgotten"] == [1, 1]
