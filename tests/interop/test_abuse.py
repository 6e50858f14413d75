"""A thousand connections at once that send an octet a second, at a real portal."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

import pytest
import visitor
from house import House
from raw_connection import Wire, connect
from running import Running

from api.connections import HEADERS_WITHIN_S
from api.descriptors import allow

CROWD: Final = 1000
CLIENT: Final = 128  # portal.client_connections_max, as it is where nothing is said
SERVED_WITHIN_S: Final = 1.0
GROWTH_OCTETS_MAX: Final = 48 << 20  # some 40 KiB a connection, and what Python keeps of it


def resident_octets(pid: int) -> int:
    """How much memory a process has."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


async def drip(wires: list[Wire]) -> None:
    """An octet a second on each, for as long as anybody listens."""
    while True:
        for wire in wires:
            with suppress(ConnectionError):
                wire.writer.write(b"a")
        await asyncio.sleep(1)  # the pace is the attack


@pytest.mark.long(13)
@pytest.mark.parametrize(
    ("source", "stay"),
    [
        (lambda _: "127.0.0.9", CLIENT),
        (lambda number: f"127.1.{number // 250}.{number % 250 + 1}", CROWD),
    ],
    ids=["of one client", "of a thousand clients"],
)
async def test_a_thousand_slow_connections_keep_nobody_out(
    house: House, serve: Callable[..., Running], source: Callable[[int], str], stay: int
) -> None:
    """Who comes meanwhile is served within a second, memory is bounded, and then they are gone."""
    allow(2 * CROWD)
    portal = serve(house.file, "portal")
    assert visitor.fetch(house.portal_url).status == 200
    before = resident_octets(portal.process.pid)
    wires: list[Wire] = []
    waits: list[float] = []
    dripping = asyncio.create_task(drip(wires))
    try:
        for number in range(CROWD):
            wires.append(await connect(house.portal_port, source(number)))
            wires[-1].writer.write(b"GET / HTTP/1.1\r\nHost: x\r\nX-Slow: ")
        opened = time.monotonic()
        while time.monotonic() < opened + 5:
            asked = time.monotonic()
            page = await asyncio.to_thread(visitor.fetch, house.portal_url)
            waits.append(time.monotonic() - asked)
            assert page.status == 200
            await asyncio.sleep(0.05)
        listening = sum(not wire.reader.at_eof() and not wire.reader.exception() for wire in wires)
        grown = resident_octets(portal.process.pid) - before
        ended = await asyncio.gather(*(wire.gone() for wire in wires))
        gone_after_s = time.monotonic() - opened
    finally:
        dripping.cancel()
        for wire in wires:
            wire.close()

    assert listening == stay
    assert max(waits) < SERVED_WITHIN_S
    assert grown < GROWTH_OCTETS_MAX
    assert set(ended) == {b""}
    assert gone_after_s < HEADERS_WITHIN_S + 5
    assert not [event for event in portal.events if event["level"] in ("error", "warning")]
