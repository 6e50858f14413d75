"""Connections: how many there may be, how long each may dawdle, and what is said to no HTTP.

aiohttp bounds what a request may hold; it waits without end for headers that
drip in, and for a reader who takes nothing. Here each connection has a deadline
for whatever it is at, and there is a bound on all of them and on those of one
client. When one is reached, the connection that has waited for the longest
without a whole request makes room, so that a thousand idle ones keep nobody out.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final, cast

from aiohttp import HttpVersion10, HttpVersion11, web
from aiohttp.abc import AbstractAccessLogger

from api import http_log
from api.client_address import counted_peer
from api.descriptors import connections_within
from api.metrics import Metrics
from api.security_headers import SecurityHeaders
from dnsbl.config import PortalConfig
from dnsbl.network import Network

HEADERS_WITHIN_S: Final = 10.0  # the first request's headers, from the connection's begin on
NEXT_WITHIN_S: Final = 15.0  # the next request's headers, from the end of an answer on
# The same for trusted proxies, which keep connections at hand: longer than they do (60 s mostly).
PROXY_WITHIN_S: Final = 120.0
ANSWER_WITHIN_S: Final = 90.0  # a form's body, its hooks and its answer, all in all
TAKE_WITHIN_S: Final = 20.0  # what a reader gets to make room for more of an answer
LINGER_S: Final = 5.0  # what the rest of a body that nobody reads gets to arrive in
BACKLOG: Final = 256  # connections that the kernel keeps until we take them

_HEADER_OCTETS_MAX: Final = 8190  # of the request line, and of one header
_HEADERS_MAX: Final = 64

_CONTINUE: Final = "100-continue"
_NO_HTTP: Final = "That is no request that this server understands.\n"
_BROKEN: Final = "We made a mistake. It is in our log.\n"
_FULL_TEXT: Final = b"Too many connections are open. Please try again in a while.\n"
_FULL: Final = (
    b"HTTP/1.1 503 Service Unavailable\r\nServer: dnsbl\r\nCache-Control: no-store\r\n"
    b"Content-Security-Policy: default-src 'none'\r\nX-Content-Type-Options: nosniff\r\n"
    b"Retry-After: 10\r\nConnection: close\r\nContent-Type: text/plain; charset=utf-8\r\n"
    b"Content-Length: %d\r\n\r\n%b"
) % (len(_FULL_TEXT), _FULL_TEXT)


class Connections:
    """All connections of the portal; called, it makes the protocol of a new one."""

    def __init__(
        self,
        server: web.Server,
        headers: SecurityHeaders,
        metrics: Metrics,
        config: PortalConfig,
    ) -> None:
        self.headers = headers
        self._server = server
        self._application = server.request_handler
        server.request_handler = self._entered
        self._metrics = metrics
        self._most = connections_within(config.connections_max)
        self._client_most = config.client_connections_max
        self._trusted_proxies = config.trusted_proxies
        # Both in the order in which they began to wait, those that do not wait included.
        self._open: dict[Connection, None] = {}
        self._by_client: dict[Network, dict[Connection, None]] = {}

    def __call__(self) -> Connection:
        """The protocol of a connection that has come."""
        return Connection(self._server, self)

    def __len__(self) -> int:
        return len(self._open)

    def client_of(self, transport: asyncio.BaseTransport) -> Network | None:
        """Whose a connection is; None for a trusted proxy, which speaks for many."""
        peer = transport.get_extra_info("peername")
        return counted_peer(peer[0] if peer else None, self._trusted_proxies)

    def admit(self, connection: Connection) -> bool:
        """Takes a connection in, in the place of another where need be; false: there is none."""
        client = connection.client
        if client is not None and len(self._by_client.get(client, ())) >= self._client_most:
            full = self._by_client[client]
        elif len(self._open) >= self._most:
            full = self._open
        else:
            full = None
        if full is not None and not self._make_room(full):
            self.note("refused")
            return False
        self._metrics.connections.labels("opened").inc()
        self.began_to_wait(connection)
        return True

    def _make_room(self, among: dict[Connection, None]) -> bool:
        longest = next((each for each in among if each.waits), None)
        if longest is None:
            return False
        self.note("displaced")
        longest.abort()
        return True

    def began_to_wait(self, connection: Connection) -> None:
        """Puts a connection behind those that have waited for longer."""
        self._open.pop(connection, None)
        self._open[connection] = None
        if connection.client is not None:
            own = self._by_client.setdefault(connection.client, {})
            own.pop(connection, None)
            own[connection] = None
        self._metrics.open_connections.set(len(self._open))

    def leave(self, connection: Connection) -> None:
        """Forgets a connection."""
        self._open.pop(connection, None)
        if connection.client in self._by_client:
            own = self._by_client[connection.client]
            own.pop(connection, None)
            if not own:
                del self._by_client[connection.client]
        self._metrics.open_connections.set(len(self._open))

    async def _entered(self, request: web.BaseRequest) -> web.StreamResponse:
        """A request whose headers have come: for the application, if it is one that we speak."""
        if isinstance(request.protocol, Connection):
            request.protocol.handling()
        if request.version not in (HttpVersion10, HttpVersion11):
            return self.plain(505, _NO_HTTP)
        # RFC 9110 §10.1.1. aiohttp would say what was expected, in a page that is not ours.
        if request.headers.get("Expect", _CONTINUE).lower() != _CONTINUE:
            return self.plain(417, _NO_HTTP)
        return await self._application(request)

    def plain(self, status: int, text: str) -> web.Response:
        """An answer without the application, and the last on its connection."""
        response = web.Response(status=status, text=text)
        self.headers.add(response)
        response.force_close()
        return response

    def note(self, event: str) -> None:
        """Counts what became of a connection."""
        self._metrics.connections.labels(event).inc()


class Connection(web.RequestHandler):
    """One connection. It waits for a request, has it answered, and waits for the next."""

    def __init__(self, server: web.Server, connections: Connections) -> None:
        super().__init__(
            server,
            loop=asyncio.get_running_loop(),
            logger=http_log.logger(),
            access_log=http_log.logger(),
            access_log_class=_Answers,
            max_line_size=_HEADER_OCTETS_MAX,
            max_field_size=_HEADER_OCTETS_MAX,
            max_headers=_HEADERS_MAX,
            lingering_time=LINGER_S,
            auto_decompress=False,  # no browser compresses a form; a bomb would
        )
        self._connections = connections
        self._transport: asyncio.Transport | None = None
        self._deadline: asyncio.TimerHandle | None = None
        self._untaken: asyncio.TimerHandle | None = None
        self.client: Network | None = None
        self.waits = True

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """It has come: taken in, or told that there are too many."""
        stream = cast("asyncio.Transport", transport)
        self.client = self._connections.client_of(stream)
        if not self._connections.admit(self):
            stream.write(_FULL)
            stream.close()
            return
        self._transport = stream
        self._expect(HEADERS_WITHIN_S if self.client is not None else PROXY_WITHIN_S)
        super().connection_made(transport)

    def data_received(self, data: bytes) -> None:
        """Octets for the parser, unless this connection was refused or has ended."""
        if self._transport is not None:
            super().data_received(data)

    def connection_lost(self, exc: BaseException | None) -> None:
        """It has ended, from whichever side."""
        if self._transport is not None:
            self._end()
            super().connection_lost(exc)

    def handling(self) -> None:
        """A whole request has come, and is being answered."""
        self.waits = False
        self._expect(ANSWER_WITHIN_S)

    def answered(self) -> None:
        """The answer was written; what of it the client has yet to take is under the deadline."""
        if self._transport is None:
            return
        self.waits = True
        self._connections.began_to_wait(self)
        self._expect(NEXT_WITHIN_S if self.client is not None else PROXY_WITHIN_S)

    def pause_writing(self) -> None:
        """The client takes less than we have for it."""
        super().pause_writing()
        self._untaken = asyncio.get_running_loop().call_later(TAKE_WITHIN_S, self._late)

    def resume_writing(self) -> None:
        """It took enough."""
        super().resume_writing()
        if self._untaken is not None:
            self._untaken.cancel()

    def abort(self) -> None:
        """Ends the connection, whatever is left to be written on it."""
        transport = self._transport
        if transport is not None:
            self._connections.leave(self)  # its place is free from now on
            transport.abort()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """What is said to bytes that are no HTTP: nothing of what they were."""
        super().handle_error(request, status, exc, message)  # it logs, and knows if it is too late
        return self._connections.plain(status, _NO_HTTP if status < 500 else _BROKEN)  # noqa: PLR2004

    def _expect(self, within_s: float) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
        self._deadline = asyncio.get_running_loop().call_later(within_s, self._late)

    def _late(self) -> None:
        self._connections.note("late")
        self.abort()

    def _end(self) -> None:
        self._connections.leave(self)
        self._transport = None
        for timer in (self._deadline, self._untaken):
            if timer is not None:
                timer.cancel()


class _Answers(AbstractAccessLogger):
    """Logs nothing, since paths hold tokens; aiohttp calls it at the end of each answer."""

    def log(self, request: web.BaseRequest, response: Any, time: float) -> None:  # noqa: ANN401, ARG002
        """An answer was written."""
        if isinstance(request.protocol, Connection):
            request.protocol.answered()
