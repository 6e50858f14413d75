"""The running portal tells its hooks: from a row that anybody writes to a program's input."""

from __future__ import annotations

import asyncio
import json
import stat
from pathlib import Path
from typing import Any

import pytest
from hooked import until
from house import House
from portal import LISTED, SENDER, Clock, Portal

from api.sidecar import Sidecar
from dnsbl.network import parse
from dnsbl.store import deliveries, listings
from dnsbl.store.database import Database
from dnsbl.store.request_states import State

PROGRAM = """\
#!/bin/sh
cat >> "$1" && echo >> "$1"
"""


def hook(house: House, name: str, more: str = "") -> Path:
    """Adds a program to the configuration that keeps each message as a line of a file."""
    program, kept = house.folder / "keep", house.folder / f"{name}.jsonl"
    program.write_text(PROGRAM)
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    with house.file.open("a") as file:
        file.write(f'[hooks.{name}]\non = "notify"\nprogram = ["keep", "{kept}"]\n{more}\n')
    kept.touch()
    return kept


def messages(kept: Path) -> list[dict[str, Any]]:
    """What a hook was told."""
    return [json.loads(line) for line in kept.read_text().splitlines() if line.endswith("}")]


async def told(kept: Path, kind: str) -> dict[str, Any]:
    """The first message of a kind, once it has come."""

    async def came() -> bool:
        await asyncio.sleep(0.01)  # a file tells nobody
        return any(message["type"] == kind for message in messages(kept))

    await until(came)
    return next(message for message in messages(kept) if message["type"] == kind)


async def test_a_request_and_its_listing_are_told(house: House, clock: Clock) -> None:
    """From the form on, each as it happens; those of the request in their order."""
    kept = hook(house, "crm", "mailbox = true")
    async with Portal(house, clock) as portal:
        await portal.add(LISTED)
        await told(kept, "listing.added")
        await portal.ask(LISTED, SENDER)
        await portal.delivered()
        sent = await told(kept, "delist.mail_sent")

    assert [message["type"] for message in messages(kept)] == [
        "listing.added", "delist.requested", "delist.mail_sent",
    ]  # fmt: skip
    assert sent["data"]["mailbox"] == SENDER
    assert sent["data"]["address"] == LISTED


async def test_a_delisting_and_a_relapse_are_told(house: House, clock: Clock) -> None:
    """Both with the request, which knows of the relapse as well."""
    kept = hook(house, "crm")
    async with Portal(house, clock) as portal:
        await portal.add(LISTED)
        await portal.press(await portal.link(LISTED))
        await told(kept, "delist.completed")
        removed = await told(kept, "listing.removed")
        await told(kept, "exclusion.added")
        await portal.add(LISTED)
        relisted = await told(kept, "listing.relisted")
        state = await portal.state()

    assert removed["data"]["request_id"] == 1
    assert relisted["data"]["request_id"] == 1
    assert relisted["data"]["address"] == LISTED
    assert state is State.RELISTED
    assert sorted({message["type"] for message in messages(kept)}) == [
        "delist.completed", "delist.confirmed", "delist.mail_sent", "delist.requested",
        "exclusion.added", "exclusion.removed",
        "listing.added", "listing.relisted", "listing.removed",
    ]  # fmt: skip


async def test_a_hook_that_came_to_decide_is_told_nothing(house: House, clock: Clock) -> None:
    """What it was to be told before is tried by the schedule, and given up."""
    kept = hook(house, "crm")
    (house.folder / "keep").write_text("#!/bin/sh\nexit 75\n")
    async with Portal(house, clock) as portal:
        await portal.add(LISTED)

        async def tried() -> bool:
            found = await portal.sidecar.truth.read(deliveries.last_attempted, "crm")
            return found is not None

        await until(tried)
    (house.folder / "keep").write_text(PROGRAM)
    house.file.write_text(house.file.read_text().replace("notify", "decide"))
    clock.at += 10
    async with Portal(house, clock) as portal:

        async def refused() -> bool:
            found = await portal.sidecar.truth.read(deliveries.last_attempted, "crm")
            return found is not None and found.attempts == 2

        await until(refused)
        last = await portal.sidecar.truth.read(deliveries.last_attempted, "crm")

    assert last is not None
    assert last.answer == "it decides, and is told nothing any more"
    assert messages(kept) == []


@pytest.mark.parametrize("listed", ["2001:db8:1:2::7", "2001:db8:1:2::/64"])
async def test_one_delisting_is_told_in_order(house: House, clock: Clock, listed: str) -> None:
    """Its decision names the listing; all that it brings waits in one queue."""
    kept = hook(house, "crm", 'events = ["delist.completed", "listing.*", "exclusion.added"]')
    async with Portal(house, clock) as portal:
        await portal.add(listed)
        await portal.press(await portal.link("2001:db8:1:2::7"))
        completed = await told(kept, "delist.completed")
        await told(kept, "exclusion.added")
        rows = await portal.sidecar.truth.read(
            lambda database: database.rows("SELECT DISTINCT subject FROM hook_deliveries")
        )

    assert completed["data"]["network"] == str(parse(listed))
    assert completed["data"]["address"] == "2001:db8:1:2::7"
    assert [row["subject"] for row in rows] == ["2001:db8:1:2::/64"]


async def test_a_listing_that_has_its_time_is_told_as_expired(house: House, clock: Clock) -> None:
    """And one that somebody removes as removed."""
    kept = hook(house, "crm", 'events = ["listing.*"]')
    async with Portal(house, clock) as portal:
        await portal.add(LISTED, expires_at=clock.at - 1)
        expired = await told(kept, "listing.expired")
        await portal.add(LISTED)

        def remove(database: Database) -> None:
            for item in list(listings.browse(database)):
                listings.remove(database, item.zone, item.network, item.category)

        await portal.sidecar.truth.write(remove)
        removed = await told(kept, "listing.removed")

    assert expired["data"]["reason"] == "spam trap"
    assert removed["data"]["network"] == f"{LISTED}/32"


async def test_a_portal_with_a_hook_tells_its_metrics(house: House, clock: Clock) -> None:
    """What waits and what was given up, by hook; and what became of attempts."""
    kept = hook(house, "crm")
    async with Portal(house, clock) as portal:
        await portal.add(LISTED)
        await told(kept, "listing.added")

        async def settled() -> bool:
            depths = await portal.sidecar.truth.read(deliveries.depths)
            return depths["crm", "queued"] == 0

        await until(settled)
        await asyncio.sleep(0)
        text = (await portal.fetch("/metrics")).text

    assert 'dnsbl_hook_deliveries{hook="crm",state="queued"} 0.0' in text
    assert 'dnsbl_hook_deliveries{hook="crm",state="dead"} 0.0' in text
    assert 'dnsbl_hook_attempts_total{hook="crm",outcome="delivered"} 1.0' in text
    assert 'dnsbl_hook_attempts_total{hook="crm",outcome="deferred"} 0.0' in text


async def test_the_sidecar_runs_all_of_it(house: House) -> None:
    """Watch, fan-out and pruning are among its rounds; without hooks they run as well."""
    sidecar = Sidecar(house.config)
    names = {each.name for each in sidecar._rounds}  # noqa: SLF001

    assert {"watch", "fan_out", "event_pruning"} <= names
