"""Slow requests and many connections: who waits for nothing makes room for who wants something."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from aiohttp import web
from house import House
from portal import Clock, Portal
from raw_connection import Wire, connect

from api import connections
from api.descriptors import connections_within

GET = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
BEGUN = b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-Slow: "


@asynccontextmanager
async def many(
    portal: Portal, source: Callable[[int], str], count: int
) -> AsyncIterator[list[Wire]]:
    """So many connections that have begun a request each."""
    wires: list[Wire] = []
    try:
        for number in range(count):
            wires.append(await connect(portal.house.portal_port, source(number)))
            await wires[-1].say(BEGUN)
        yield wires
    finally:
        for wire in wires:
            wire.close()


def configure(house: House, lines: str) -> None:
    """Writes such lines into the table [portal]."""
    house.file.write_text(house.file.read_text().replace("[portal]", f"[portal]\n{lines}"))


async def counted(portal: Portal, event: str) -> int:
    """How many connections came to such an end."""
    text = (await portal.fetch("/metrics")).text
    line = f'dnsbl_portal_connections_total{{event="{event}"}} '
    return int(float(text.partition(line)[2].partition("\n")[0]))


async def test_headers_that_drip_in_are_cut_off(
    portal: Portal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An octet now and then keeps no connection open: the headers have their time as a whole."""
    monkeypatch.setattr(connections, "HEADERS_WITHIN_S", 0.3)
    wire = await connect(portal.house.portal_port)
    began = time.monotonic()

    async def drip() -> None:
        while True:
            await wire.say(b"a")
            await asyncio.sleep(0.05)  # what a slow sender is

    await wire.say(BEGUN)
    dripping = asyncio.create_task(drip())
    heard = await wire.gone()
    dripping.cancel()
    await asyncio.gather(dripping, return_exceptions=True)

    assert heard == b""
    assert 0.25 < time.monotonic() - began < 5
    assert await counted(portal, "late") == 1
    wire.close()


async def test_a_connection_that_says_nothing_is_cut_off(
    portal: Portal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither before its first request nor, once answered, before another."""
    monkeypatch.setattr(connections, "HEADERS_WITHIN_S", 0.1)
    silent = await connect(portal.house.portal_port)
    assert await silent.gone() == b""
    silent.close()

    monkeypatch.setattr(connections, "HEADERS_WITHIN_S", 10)
    monkeypatch.setattr(connections, "NEXT_WITHIN_S", 0.1)
    idle = await connect(portal.house.portal_port)
    await idle.say(GET)
    assert (await idle.gone()).startswith(b"HTTP/1.1 200 ")
    idle.close()


async def test_a_connection_is_kept_for_the_next_request(portal: Portal) -> None:
    """Who asks again in time is answered on the same connection; a proxy gets longer for it."""
    wire = await connect(portal.house.portal_port)

    for _ in range(3):
        await wire.say(GET)
        assert (await wire.until(b"alive\n")).startswith(b"HTTP/1.1 200 ")

    assert connections.NEXT_WITHIN_S < connections.PROXY_WITHIN_S
    wire.close()


async def test_an_answer_that_nobody_takes_is_dropped(
    portal: Portal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who asks a thousand times in one go and reads nothing is cut off, not waited for."""
    monkeypatch.setattr(connections, "TAKE_WITHIN_S", 0.2)
    wire = await connect(portal.house.portal_port)
    request = b"GET /policy HTTP/1.1\r\nHost: x\r\n\r\n"

    async def insist() -> None:
        async with asyncio.timeout(30):
            while True:
                await wire.say(request * 1000)

    with pytest.raises(ConnectionError):
        await insist()

    assert await counted(portal, "late") == 1
    wire.close()


async def test_an_answer_that_takes_too_long_ends_its_connection(
    portal: Portal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever a page hangs at, its visitor is let go."""
    monkeypatch.setattr(connections, "ANSWER_WITHIN_S", 0.2)
    wire = await connect(portal.house.portal_port)

    await wire.say(
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n"
        b"Content-Type: application/x-www-form-urlencoded\r\n\r\nip="
    )

    assert await wire.gone() == b""
    wire.close()


async def test_one_client_cannot_take_every_connection(house: House, clock: Clock) -> None:
    """Beyond its number a client displaces its own oldest, and nobody else's."""
    configure(house, "client_connections_max = 8")
    async with Portal(house, clock) as portal:
        honest = await connect(house.portal_port, "127.0.0.2")
        async with many(portal, lambda _: "127.0.0.3", 20) as wires:
            for wire in wires[:12]:
                assert await wire.gone() == b""
            for wire in (honest, *wires[12:]):
                await wire.say(b"\r\n\r\n" if wire is not honest else GET)
                assert (await wire.until(b"alive\n")).startswith(b"HTTP/1.1 200 ")
        honest.close()
        assert await counted(portal, "displaced") == 12


async def test_a_full_house_makes_room_for_who_comes(house: House, clock: Clock) -> None:
    """Among all, it is the one that has waited for the longest that goes."""
    configure(house, "connections_max = 10")
    async with (
        Portal(house, clock) as portal,
        many(portal, lambda number: f"127.0.1.{number + 1}", 30) as wires,
    ):
        began = time.monotonic()
        assert (await portal.fetch("/healthz")).status == 200
        assert time.monotonic() - began < 1
        for wire in wires[:20]:
            assert await wire.gone() == b""


async def test_who_is_being_answered_is_not_displaced(
    house: House, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where all are at work, the newcomer is told to come again, and nothing is torn off."""
    configure(house, "client_connections_max = 2")
    at_work = asyncio.Semaphore(0)
    released = asyncio.Event()

    async def working(_: web.Request) -> web.Response:
        at_work.release()
        await released.wait()
        return web.Response(text="alive\n")

    monkeypatch.setattr("api.health.alive", working)
    async with Portal(house, clock):
        wires = [await connect(house.portal_port, "127.0.0.3") for _ in range(2)]
        for wire in wires:
            await wire.say(GET)
            await at_work.acquire()
        refused = await connect(house.portal_port, "127.0.0.3")

        said = await refused.gone()
        released.set()

        assert said.startswith(b"HTTP/1.1 503 ")
        assert b"\r\nRetry-After: " in said
        head, _, body = said.partition(b"\r\n\r\n")
        assert b"Content-Length: %d" % len(body) in head
        for wire in wires:
            assert (await wire.until(b"alive\n")).startswith(b"HTTP/1.1 200 ")
            wire.close()
        refused.close()


async def test_a_trusted_proxy_brings_as_many_as_there_are(house: House, clock: Clock) -> None:
    """The number for one client is not for a proxy, behind which all of them are."""
    configure(house, 'client_connections_max = 2\ntrusted_proxies = ["127.0.0.3"]')
    async with Portal(house, clock) as portal:
        async with many(portal, lambda _: "127.0.0.3", 20) as wires:
            for wire in wires:
                await wire.say(b"\r\n\r\n")
                assert (await wire.until(b"alive\n")).startswith(b"HTTP/1.1 200 ")
        assert await counted(portal, "displaced") == 0


def test_connections_leave_descriptors_for_the_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    """The process's own limit bounds them too: the database must find a descriptor."""
    monkeypatch.setattr("resource.getrlimit", lambda _: (1024, 4096))

    assert connections_within(10_000) == 896
    assert connections_within(100) == 100
