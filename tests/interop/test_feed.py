"""A real feed, whole: imported while the server runs, then asked for, address by address."""

from __future__ import annotations

import asyncio
import ipaddress
import random
import struct
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import cast

from house import House
from running import Running

FEED = Path(__file__).parent.parent / "data" / "ipsum.txt"
WINDOW = 64  # questions under way at once: a socket's buffer holds them all
TIMEOUT_S = 20

LISTED = (0, b"\x7f\x00\x00\x02")  # NOERROR, 127.0.0.2
UNLISTED = (3, None)  # NXDOMAIN


class Asker(asyncio.DatagramProtocol):
    """Asks for A records, many at once, never twice: a lost question is a failure."""

    def __init__(self) -> None:
        self._waiting: dict[int, asyncio.Future[tuple[int, bytes | None]]] = {}
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: object) -> None:  # noqa: ARG002  # the protocol's
        number, flags, _, answers, _, _ = struct.unpack_from("!6H", data)
        self._waiting.pop(number).set_result((flags & 15, data[-4:] if answers else None))

    async def ask(self, number: int, address: int) -> tuple[int, bytes | None]:
        octets = [str(octet).encode() for octet in reversed(address.to_bytes(4, "big"))]
        labels = [*octets, b"bl", b"example", b""]
        name = b"".join(bytes([len(label)]) + label for label in labels)
        self._waiting[number] = asyncio.get_running_loop().create_future()
        assert self._transport is not None
        self._transport.sendto(struct.pack("!6H", number, 0x0100, 1, 0, 0, 0) + name + b"\0\1\0\1")
        async with asyncio.timeout(TIMEOUT_S):
            return await self._waiting[number]


async def ask_all(port: int, addresses: list[int]) -> list[tuple[int, bytes | None]]:
    """The (rcode, A value) of each address."""
    transport, asker = await asyncio.get_running_loop().create_datagram_endpoint(
        Asker, remote_addr=("127.0.0.1", port)
    )
    answers: list[tuple[int, bytes | None]] = [UNLISTED] * len(addresses)

    async def lane(first: int) -> None:
        for index in range(first, len(addresses), WINDOW):
            answers[index] = await asker.ask(first, addresses[index])

    try:
        await asyncio.gather(*(lane(first) for first in range(WINDOW)))
    finally:
        transport.close()
    return answers


async def test_the_whole_feed_is_listed_and_nothing_else(
    house: House,
    serve: Callable[..., Running],
    dnsbl: Callable[..., subprocess.CompletedProcess[str]],
) -> None:
    """After an import under load all of IPsum is listed, and 100,000 others follow a model."""
    serve(house.file)
    feed = [
        int(ipaddress.IPv4Address(line.split()[0]))
        for line in FEED.read_text().splitlines()
        if line and not line.startswith("#")
    ]
    chance = random.Random(5782)
    ranges = [
        ipaddress.ip_network(
            (chance.getrandbits(26) << 6 | 1 << 30, chance.randint(12, 28)), strict=False
        )
        for _ in range(60)
    ]
    listable = [n for n in ranges if n.is_global and not n.is_multicast]
    (house.folder / "ranges.txt").write_text("".join(f"{network}\n" for network in listable))
    others = [chance.getrandbits(32) for _ in range(60_000)]
    others += [address ^ 1 << chance.randrange(12) for address in chance.sample(feed, 20_000)]
    others += [
        int(network[0]) + chance.randrange(-2, network.num_addresses + 2)
        for network in chance.choices(listable, k=20_000)
    ]

    importing = asyncio.create_task(asyncio.to_thread(dnsbl, house.file, "import", str(FEED)))
    while not importing.done():  # answers go on while the import runs
        await ask_all(house.dns_port, others[:1000])
    assert importing.result().returncode == 0, importing.result().stderr
    added = dnsbl(house.file, "import", "--strict", str(house.folder / "ranges.txt"))
    assert added.returncode == 0, added.stderr
    await listed_now(house.dns_port, [feed[-1], int(listable[-1][0])])

    assert await ask_all(house.dns_port, feed) == [LISTED] * len(feed)
    assert await ask_all(house.dns_port, others) == model(feed, listable, others)


async def listed_now(port: int, addresses: list[int]) -> None:
    """Waits until the last lines of the imports are served."""
    async with asyncio.timeout(TIMEOUT_S):
        while await ask_all(port, addresses) != [LISTED] * len(addresses):
            pass


def model(
    feed: list[int], ranges: list[ipaddress.IPv4Network], asked: list[int]
) -> list[tuple[int, bytes | None]]:
    """What a list of networks says by definition, without any tree. 127.0.0.2 is RFC 5782's."""
    singles = {*feed, int(ipaddress.IPv4Address("127.0.0.2"))}
    bounds = [(int(network[0]), int(network[-1])) for network in ranges]
    return [
        LISTED if address in singles or any(low <= address <= high for low, high in bounds)
        else UNLISTED
        for address in asked
    ]  # fmt: skip
