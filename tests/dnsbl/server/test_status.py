"""What the DNS process says of itself, for the sidecar."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import structlog.testing
from asking import CLIENT

from dnsbl.server.counters import Counters, Tally
from dnsbl.server.respond import Responder
from dnsbl.server.status import WRITE_UNCHANGED_S, StatusFile
from dnsbl.store.database import Database
from dnsbl.zone.follow import Follower
from dnsbl.zone.zones import Zones

NOW = 1_800_000_000.0


class Published:
    """A status file, its clock, and what it says."""

    def __init__(self, path: Path, zones: Zones, follower: Follower, responder: Responder) -> None:
        self.path = path
        self.clock = [NOW]
        self.file = StatusFile(
            path, zones, follower,
            Tally([responder.counters, Counters()], lambda: {"written": 3, "lost": 1}),
            loop_name="asyncio", now=lambda: self.clock[0],
        )  # fmt: skip

    def read(self) -> dict[str, Any]:
        document: dict[str, Any] = json.loads(self.path.read_text())
        return document


@pytest.fixture
async def published(
    zones: Zones, responder: Responder, database: Database
) -> AsyncIterator[Published]:
    """The status of a zone that is answered for."""
    follower = Follower(database.path, zones)
    yield Published(database.path.with_name("dns.json"), zones, follower, responder)
    await follower.close()


async def test_file_says_what_its_description_says(
    published: Published, responder: Responder
) -> None:
    """The shape that `dnsbl.server.status` describes, and that the sidecar reads."""
    responder.respond(b"noise", "udp", CLIENT)
    responder.respond(b"\x00\x01\x01\x00" + bytes(8), "tcp", CLIENT)

    await published.file.write("serving")

    assert published.read() == {
        "format": 2,
        "state": "serving",
        "pid": os.getpid(),
        "started_at": NOW,
        "written_at": NOW,
        "loop": "asyncio",
        "database_readable": True,
        "applied_seq": 0,
        "zones": {
            "bl.example": {"serial": 0, "entries": 1, "keys": {"holders": [], "rejected": []}}
        },
        "counters": {
            "replies": [
                {"transport": "tcp", "zone": "", "qtype": "none", "rcode": "FORMERR", "count": 1}
            ],
            "hits": [],
            "listed": [],
            "worker_replies": [{"worker": 1, "count": 1}, {"worker": 2, "count": 0}],
            "dropped": [{"transport": "udp", "cause": "short", "count": 1}],
            "truncated": [],
            "tcp_connections": [],
            "access": [],
            "rate_limited": [],
            "slipped": 0,
            "query_log": [{"result": "written", "count": 3}, {"result": "lost", "count": 1}],
            "failed": 0,
        },
    }


async def test_file_is_written_when_something_changed_or_some_time_passed(
    published: Published, responder: Responder
) -> None:
    """A reader sees news at the next look, and that the process lives within 5 s."""
    await published.file.write("serving")

    published.clock[0] += 1
    await published.file.write("serving")
    assert published.read()["written_at"] == NOW
    responder.respond(b"noise", "udp", CLIENT)
    await published.file.write("serving")
    assert published.read()["written_at"] == NOW + 1

    published.clock[0] += WRITE_UNCHANGED_S
    await published.file.write("serving")
    assert published.read()["written_at"] == NOW + 1 + WRITE_UNCHANGED_S


async def test_file_is_written_last_at_the_stop(published: Published) -> None:
    """It then says that nobody answers any more."""
    task = asyncio.create_task(published.file.run())
    while not published.path.exists():  # noqa: ASYNC110  # as a reader of it would
        await asyncio.sleep(0.005)
    assert published.read()["state"] == "serving"

    task.cancel()
    await asyncio.gather(task, return_exceptions=True)

    assert published.read()["state"] == "stopped"
    assert [item.name for item in published.path.parent.glob("*dns.json*")] == ["dns.json"]


async def test_file_that_cannot_be_written_is_reported_once(published: Published) -> None:
    """A folder stands in its place; once it is gone, the file is written."""
    published.path.mkdir()

    with structlog.testing.capture_logs() as logs:
        for _ in range(3):
            await published.file.write("serving")
        published.path.rmdir()
        await published.file.write("serving")

    assert [line["event"] for line in logs] == ["status_unwritable"]
    assert published.read()["state"] == "serving"
