"""Datagrams: taken off a socket in small batches, answered at once."""

from __future__ import annotations

import asyncio
import socket
import sys
from typing import Any, Final

from dnsbl.server.client import client_of
from dnsbl.server.respond import Responder

# About 3 ms of answering; then timers, TCP and the follower have their turn.
BATCH_MESSAGES_MAX: Final = 32
STOP_MESSAGES_MAX: Final = 10_000  # of those that wait at the stop, under a flood
MESSAGE_BYTES_MAX: Final = 4096  # no query is so long; the same as of the compiled path

_WILDCARDS: Final = ("0.0.0.0", "::")  # noqa: S104  # compared with, not bound to

# Python 3.14 names it; elsewhere it is the number in Linux's <linux/in.h>.
_IP_PKTINFO: Final[int | None] = getattr(
    socket, "IP_PKTINFO", 8 if sys.platform == "linux" else None
)
_PACKET_INFO_BYTES: Final = 20  # struct in6_pktinfo; struct in_pktinfo has 12

_Client = Any  # what recvfrom gives: a pair for IPv4, four values for IPv6


class UdpServer:
    """Answers what arrives at one bound socket, which it closes in the end.

    The loop watches the socket and this reads it, rather than a transport of
    the loop: a transport would take one datagram at each turn, and would hold
    replies without limit where the network does not take them.
    """

    def __init__(self, bound: socket.socket, responder: Responder) -> None:
        self._socket = bound
        self._responder = responder
        self._buffer = bytearray(MESSAGE_BYTES_MAX + 1)
        self._view = memoryview(self._buffer)
        self._any_address = asks_packet_info(bound)

    def start(self) -> None:
        """Begins to answer, on the running loop."""
        asyncio.get_running_loop().add_reader(self._socket, self._readable)

    def stop(self) -> None:
        """Answers what has arrived already, and closes the socket."""
        asyncio.get_running_loop().remove_reader(self._socket)
        self._answer_waiting(STOP_MESSAGES_MAX)
        self._socket.close()

    def _readable(self) -> None:
        self._answer_waiting(BATCH_MESSAGES_MAX)

    def _answer_waiting(self, messages_max: int) -> None:
        for _ in range(messages_max):
            try:
                data, client, arrived_at = self._receive()
            except (BlockingIOError, InterruptedError):
                return
            except OSError:
                self._responder.counters.drop("udp", "unreceived")
                return
            if len(data) > MESSAGE_BYTES_MAX:
                self._responder.counters.drop("udp", "oversized")
                continue
            reply = self._responder.respond(data, "udp", client_of(client))
            if reply is None:
                continue
            try:
                self._send(reply, client, arrived_at)
            except OSError:  # a full buffer among others: the client asks again
                self._responder.counters.drop("udp", "unsent")

    def _receive(self) -> tuple[bytes, _Client, list[tuple[int, int, bytes]]]:
        if not self._any_address:
            size, client = self._socket.recvfrom_into(self._buffer)
            return bytes(self._view[:size]), client, []
        size, ancillary, _, client = self._socket.recvmsg_into(
            [self._buffer], socket.CMSG_SPACE(_PACKET_INFO_BYTES)
        )
        return bytes(self._view[:size]), client, ancillary

    def _send(
        self, reply: bytes, client: _Client, arrived_at: list[tuple[int, int, bytes]]
    ) -> None:
        if not self._any_address:
            self._socket.sendto(reply, client)
            return
        # A machine with several addresses replies from the one that was asked; a resolver drops
        # replies from any other (RFC 5452 §4.4).
        self._socket.sendmsg([reply], [_source(*item) for item in arrived_at], 0, client)


def asks_packet_info(bound: socket.socket) -> bool:
    """Has the kernel tell the address that each datagram was sent to, if that can be any.

    Whether it does.
    """
    if bound.getsockname()[0] not in _WILDCARDS:
        return False
    if bound.family == socket.AF_INET6:
        bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVPKTINFO, 1)
        return True
    if _IP_PKTINFO is None:
        return False
    bound.setsockopt(socket.IPPROTO_IP, _IP_PKTINFO, 1)
    return True


def _source(level: int, kind: int, info: bytes) -> tuple[int, int, bytes]:
    """The address a datagram was sent to, as the one that the reply leaves from.

    IPv4 has interface, local address, destination of 4 bytes each: the
    interface is cleared, so that routing chooses it. IPv6 keeps it: link-local
    addresses mean nothing without.
    """
    if level == socket.IPPROTO_IP:
        return level, kind, bytes(4) + info[4:8] + bytes(4)
    return level, kind, info
