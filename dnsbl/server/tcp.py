"""DNS over TCP (RFC 7766): messages with their length before them, many on one connection."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from dataclasses import dataclass
from typing import Final

import structlog

from dnsbl.network import Network
from dnsbl.server.client import client_of, site_of
from dnsbl.server.counters import TcpEvent
from dnsbl.server.endpoint import TCP_BACKLOG
from dnsbl.server.respond import Responder
from dnsbl.server.seats import Seats

LENGTH_BYTES: Final = 2  # RFC 1035 §4.2.2
# What waits for one connection, here and in the kernel, so that a thousand clients that send much
# and read nothing take little. Messages are short; a longer one has the room it needs.
KERNEL_BYTES_MAX: Final = 32 << 10
READ_BYTES_MAX: Final = 4 << 10
WRITE_BYTES_MAX: Final = 0  # beside a reply: the next query is read once the kernel has that
# A first query is on its way with the connection, or once more if it was lost (RFC 6298 §2).
FIRST_QUERY_S: Final = 1.0
STOP_READ_S: Final = 0.1  # what is on its way at the stop still has this long to arrive
STOP_WAIT_S: Final = 2.0  # and replies have this long to leave

_log = structlog.get_logger()


@dataclass(slots=True, eq=False)
class _Connection:
    """``waiting`` ends the wait for a message, while there is one; times are the loop's."""

    writer: asyncio.StreamWriter
    accepted_at: float
    waiting: asyncio.Timeout | None = None


class TcpServer:
    """Serves the connections to one or more listening sockets, which it closes in the end.

    ``idle_timeout_s``: how long a connection may take for its next whole
    message, and for taking a reply. ``connections_max`` is the total of all,
    ``per_client_max`` that of an IPv4 address or an IPv6 /64. Where all are
    taken, one that has been silent long makes room for a new one: of a client
    that has as many as it may, one of its own, if it awaits no reply.
    """

    def __init__(
        self,
        responder: Responder,
        idle_timeout_s: float,
        connections_max: int,
        per_client_max: int,
    ) -> None:
        self._responder = responder
        self._counters = responder.counters
        self._idle_timeout_s = idle_timeout_s
        self._connections_max = connections_max
        self._per_client_max = per_client_max
        self._servers: list[asyncio.Server] = []
        self._connections: dict[asyncio.Task[None], _Connection] = {}
        self._seats: Seats[_Connection] = Seats()  # of those that were not told to go
        self._stopping = False

    async def start(self, listening: socket.socket) -> None:
        """Begins to accept, on the running loop."""
        # Accepted sockets have it from the listening one.
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, KERNEL_BYTES_MAX)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, KERNEL_BYTES_MAX)
        self._servers.append(
            await asyncio.start_server(
                self._accept, sock=listening, limit=READ_BYTES_MAX, backlog=TCP_BACKLOG
            )
        )

    async def stop(self) -> None:
        """Accepts no more; answers what has arrived; closes."""
        self._stopping = True
        for server in self._servers:
            server.close()
        until = asyncio.get_running_loop().time() + STOP_READ_S
        for connection in self._connections.values():
            if connection.waiting is not None and not connection.waiting.expired():
                connection.waiting.reschedule(until)
        if self._connections:
            _, late = await asyncio.wait([*self._connections], timeout=STOP_WAIT_S)
            for task in late:
                task.cancel()
            if late:
                await asyncio.wait(late)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peer = writer.get_extra_info("peername")
        if self._stopping:
            self._refuse(writer, "refused")
            return
        if not peer:  # it is gone already
            writer.transport.abort()
            return
        site = site_of(client_of(peer))
        if self._seats.count(site) >= self._per_client_max and not self._make_room_of(site):
            self._refuse(writer, "refused_client")
            return
        if len(self._seats) >= self._connections_max:
            self._make_room()
        self._counters.tcp("accepted")
        task = asyncio.current_task()
        assert task is not None
        connection = _Connection(writer, asyncio.get_running_loop().time())
        self._connections[task] = connection
        self._seats.take(connection, site)
        writer.transport.set_write_buffer_limits(WRITE_BYTES_MAX)
        try:
            await self._serve(connection, reader)
        except OSError as error:
            _log.debug("tcp_connection_lost", error=str(error))  # the client went away
        finally:
            del self._connections[task]
            self._seats.leave(connection)
            writer.transport.abort()  # does nothing where the connection was closed in order

    def _make_room(self) -> None:
        """Ends one connection.

        RFC 7766 §6.2.3: a server may close what is idle at any time. Who is new
        sends its query at once, while whoever fills the table has long been
        silent, or holds more than others.
        """
        connection = self._seats.most_dispensable()
        is_idle = connection.waiting is not None
        self._evict(connection, "evicted_idle" if is_idle else "evicted_slow")

    def _make_room_of(self, site: Network) -> bool:
        """Ends a connection of that client; False where none of them is idle.

        RFC 9210 §4.2: the oldest idle one first. Behind one address there may be
        many clients (RFC 7766 §6.2.2), whose silent connections would keep a new one
        out. None that awaits a reply goes: the client's own limit is no emergency.
        Nor does one that is new, for its query may lie unread; but then it has to ask soon.
        """
        connection = self._seats.longest_resting(site)
        if connection is None:
            connection = self._seats.longest_unheard(site)
            now = asyncio.get_running_loop().time()
            if connection is None or now - connection.accepted_at < FIRST_QUERY_S:
                return False
        self._evict(connection, "evicted_client")
        return True

    def _evict(self, connection: _Connection, event: TcpEvent) -> None:
        self._seats.leave(connection)
        self._counters.tcp(event)
        connection.writer.transport.abort()

    def _refuse(self, writer: asyncio.StreamWriter, event: TcpEvent) -> None:
        self._counters.tcp(event)
        writer.transport.abort()

    async def _serve(self, connection: _Connection, reader: asyncio.StreamReader) -> None:
        writer = connection.writer
        client = client_of(writer.get_extra_info("peername"))
        while True:
            try:
                message = await self._read(connection, reader)
            except TimeoutError:
                self._counters.tcp("idle")
                break
            except asyncio.IncompleteReadError:
                break  # closed by the client, perhaps in the middle of a message
            if not message:
                break  # RFC 1035 §4.2.2: a message has a header at least
            self._seats.stir(connection)
            reply = self._responder.respond(message, "tcp", client)
            if reply is None:
                break  # nothing that makes sense is to be expected from there
            # RFC 7766 §8: in one write, so that they leave in one segment
            writer.write(len(reply).to_bytes(LENGTH_BYTES, "big") + reply)
            if not await self._flushed(writer):
                return
            # A client may send thousands of queries at once; others have their turn in between.
            await asyncio.sleep(0)
            self._seats.rest(connection)
        writer.close()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._idle_timeout_s):
                await writer.wait_closed()

    async def _read(self, connection: _Connection, reader: asyncio.StreamReader) -> bytes:
        """The next message. Raises TimeoutError, IncompleteReadError."""
        # RFC 7766 §6.2.3: only a whole message begins the time anew. A client that sends a byte
        # now and then would hold the connection for ever.
        within_s = STOP_READ_S if self._stopping else self._idle_timeout_s
        async with asyncio.timeout(within_s) as timeout:
            connection.waiting = timeout
            try:
                length = int.from_bytes(await reader.readexactly(LENGTH_BYTES), "big")
                return await reader.readexactly(length)
            finally:
                connection.waiting = None

    async def _flushed(self, writer: asyncio.StreamWriter) -> bool:
        """Whether the client takes its replies; one that does not would fill our memory."""
        try:
            async with asyncio.timeout(self._idle_timeout_s):
                await writer.drain()
        except TimeoutError:
            self._counters.tcp("slow")
            return False
        return True
