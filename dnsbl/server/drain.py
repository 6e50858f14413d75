"""Datagrams by the compiled path: whole batches without Python, and what is left one by one."""

from __future__ import annotations

import asyncio
import socket
import struct
from typing import Final

from dnsbl.native.drain import BATCH_MESSAGES_MAX, Drain
from dnsbl.native.ratelimit import RateLimiter
from dnsbl.server.client import client_network
from dnsbl.server.respond import Responder
from dnsbl.server.udp import STOP_MESSAGES_MAX, asks_packet_info
from dnsbl.zone.fast import FastPath

WAIT_US: Final = 1_000  # by the kernel's clock, so 4 to 8 ms on some machines
BATCHES_MAX: Final = 64  # before that, two milliseconds are over, and others have their turn


class DrainServer:
    """Answers what arrives at one bound socket, which it closes in the end.

    The same to its users as `dnsbl.server.udp.UdpServer`.
    """

    def __init__(self, bound: socket.socket, responder: Responder, fast: FastPath) -> None:
        self._socket = bound
        # The drain itself says when it waits, and for how long at most.
        bound.settimeout(None)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("@ll", 0, WAIT_US))
        limiter = responder.manners.limiter
        assert limiter is None or isinstance(limiter, RateLimiter)
        self._responder = responder
        self._drain = Drain(
            bound.fileno(),
            fast.answerer,
            fast.reader,
            asks_packet_info(bound),
            limiter,
        )
        responder.counters.include(self._drain)
        if responder.observer is not None:
            responder.observer.include(self._drain)

    def start(self) -> None:
        """Begins to answer, on the running loop."""
        asyncio.get_running_loop().add_reader(self._socket, self._readable)

    def stop(self) -> None:
        """Answers what has arrived already, and closes the socket."""
        asyncio.get_running_loop().remove_reader(self._socket)
        for _ in range(STOP_MESSAGES_MAX // BATCH_MESSAGES_MAX + 1):
            if not self._answer(1):
                break
        self._socket.close()

    def _readable(self) -> None:
        self._answer(BATCHES_MAX)

    def _answer(self, batches_max: int) -> bool:
        """So many batches; whether more may wait."""
        left, more = self._drain.run(batches_max)
        observer = self._responder.observer
        if observer is not None and (seen := self._drain.observed()) and observer.watching:
            observer.saw_all(seen)
        for index in range(left):
            client = client_network(self._drain.client(index))
            reply = self._responder.respond(self._drain.message(index), "udp", client)
            if reply is not None and not self._drain.reply(index, reply):
                self._responder.counters.drop("udp", "unsent")
        return more
