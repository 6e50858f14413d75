"""Messages over TCP, in writes that are split and merged anywhere: the replies in their order.

A real connection over the loopback to a `TcpServer`. What comes back, to the
octet, is what a Responder of the same zones says to each message, up to the
first that ends the connection: one without octets or one without a reply.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from random import Random
from typing import Final

from dnsbl.config.keys import NO_KEYS
from dnsbl.network import parse
from dnsbl.server.counters import Counters
from dnsbl.server.loop import new_loop
from dnsbl.server.respond import Responder
from dnsbl.server.tcp import TcpServer
from dnsbl.subject import Subject
from dnsbl.zone.zones import Zones
from fuzz.entries import NOW
from fuzz.packets import packet
from fuzz.reading import check
from fuzz.replies import client_octets, fill, message
from fuzz.zones import zones

CONNECTIONS: Final = 10  # of a round
MESSAGES_MAX: Final = 40  # of a connection
PATIENCE_S: Final = 60
IDLE_S: Final = 30.0
_LOOPBACK: Final = parse("127.0.0.1")
_OCTETS: Final = client_octets(_LOOPBACK)


def stream(rng: Random, origins: list[str], near: Sequence[Subject]) -> tuple[list[bytes], bytes]:
    """Messages, and the octets of a connection with them; its end may be cut off."""
    messages = [
        packet(rng, origins, near) if rng.randrange(8) else message(rng, origins, near, _OCTETS)
        for _ in range(rng.randint(1, MESSAGES_MAX))
    ]
    if rng.randrange(4) == 0:
        messages.insert(rng.randrange(len(messages)), b"")
    octets = b"".join(struct.pack("!H", len(data)) + data for data in messages)
    if rng.randrange(3) == 0:  # the last one is promised, and never whole
        cut = rng.randint(1, len(messages[-1]) + 1)
        return messages[:-1], octets[:-cut]
    return messages, octets


def expected(responder: Responder, messages: list[bytes]) -> tuple[list[bytes], str]:
    """The replies to those messages, each of which is in order, and what ends the connection."""
    replies: list[bytes] = []
    for data in messages:
        if not data:
            return replies, "an empty message"
        reply = responder.respond(data, "tcp", _LOOPBACK)
        if reply is None:
            return replies, "no reply"
        check(data, reply, udp=False)
        replies.append(reply)
    return replies, "the client"


async def _talk(rng: Random, port: int, octets: bytes) -> tuple[bytes, bool]:
    """Writes those octets in pieces; what comes back until the server closes, and if by a reset."""
    loop = asyncio.get_running_loop()
    with socket.socket() as client:
        client.settimeout(0)
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        await loop.sock_connect(client, ("127.0.0.1", port))
        heard = asyncio.create_task(_hear(client))
        cuts = sorted(rng.randint(0, len(octets)) for _ in range(rng.choice((0, 1, 4, 60))))
        is_reset = True  # which the kernel says once, to whichever call comes next
        with contextlib.suppress(OSError):
            for start, end in pairwise((0, *cuts, len(octets))):
                await loop.sock_sendall(client, octets[start:end])
                for _ in range(rng.choice((0, 1, 3))):  # the server may read so much alone
                    await asyncio.sleep(0)
            client.shutdown(socket.SHUT_WR)
            is_reset = False
        async with asyncio.timeout(PATIENCE_S):
            told, was_reset = await heard
        return told, is_reset or was_reset


async def _hear(client: socket.socket) -> tuple[bytes, bool]:
    heard = bytearray()
    with contextlib.suppress(ConnectionResetError):
        while data := await asyncio.get_running_loop().sock_recv(client, 1 << 16):
            heard += data
        return bytes(heard), False
    return bytes(heard), True


async def _connections(rng: Random) -> Counter[str]:
    # Without keys: what was spent of a quota would be another's answer the second time.
    configs = [replace(config, keys=NO_KEYS) for config in zones(rng)]
    held = Zones(configs)
    near = fill(rng, held)
    origins = [config.origin for config in configs]
    serving, reference = (Responder(held, Counters(), now=lambda: NOW) for _ in range(2))
    server = TcpServer(serving, IDLE_S, 4, 4)
    listening = socket.create_server(("127.0.0.1", 0))
    await server.start(listening)
    ended: Counter[str] = Counter()
    try:
        for _ in range(CONNECTIONS):
            messages, octets = stream(rng, origins, near)
            replies, why = expected(reference, messages)
            told = b"".join(struct.pack("!H", len(reply)) + reply for reply in replies)
            heard, is_reset = await _talk(rng, listening.getsockname()[1], octets)
            # Closed with octets of ours unread, it is a reset, and what was on its way is lost.
            whole = told[: len(heard)] if is_reset and why != "the client" else told
            assert heard == whole, (
                f"to {octets.hex()}\nexpected {told.hex()}\nheard    {heard.hex()}"
            )
            ended[f"ended by {why}"] += len(messages)
    finally:
        await server.stop()
    assert serving.counters.failed == reference.counters.failed == 0
    return ended


def round_(rng: Random) -> Counter[str]:
    """Some connections; how many messages were sent on those that ended in which way."""
    factory = rng.choice((new_loop, asyncio.new_event_loop))  # uvloop's where it is installed
    with asyncio.Runner(loop_factory=factory) as runner:
        return runner.run(_connections(rng))
