"""A message's way through the server: decoded, answered, encoded, counted."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

import structlog

from dnsbl.network import Network
from dnsbl.server.counters import Counters, Transport
from dnsbl.server.observe import Observer
from dnsbl.wire.message import (
    HEADER_BYTES,
    TCP_BYTES_MAX,
    Dropped,
    Query,
    decode,
    encode,
    udp_limit_bytes,
)
from dnsbl.wire.numbers import Rcode
from dnsbl.wire.record import Answer
from dnsbl.zone.answer import answer
from dnsbl.zone.fast import FastPath
from dnsbl.zone.zones import Zones

LOGGED_BYTES_MAX: Final = 128  # of a message that broke something
LOGGED_FAILURES_MAX: Final = 100  # a message that breaks us can be sent a million times

_log = structlog.get_logger()


class Responder:
    """Answers messages out of the zones, for one worker. `now` gives Unix seconds.

    ``fast`` is the worker's compiled path, where there is one: what it declines
    is answered here. ``observer`` is told of what was asked and said.
    """

    def __init__(
        self,
        zones: Zones,
        counters: Counters,
        now: Callable[[], float] = time.time,
        fast: FastPath | None = None,
        observer: Observer | None = None,
    ) -> None:
        self._zones = zones
        self._now = now
        self.counters = counters
        self.fast: Final = fast
        self.observer: Final = observer

    def respond(self, data: bytes, transport: Transport, client: Network) -> bytes | None:
        """The reply to a client's message, or None where it gets none. Never raises."""
        query = decode(data)
        if isinstance(query, Dropped):
            self.counters.drop(transport, query.cause)
            return None
        try:
            with self._zones.lock:
                decided = answer(self._zones, query, self._now(), client)
            return self._reply(query, decided, transport, client)
        # A mistake of ours. One question must not end the service for all others.
        except Exception:  # noqa: BLE001  # logged with its traceback, and counted
            self.counters.failed += 1
            if self.counters.failed <= LOGGED_FAILURES_MAX:
                _log.exception("answer_failed", message=data[:LOGGED_BYTES_MAX].hex())
        bare = Query(query.id, query.opcode, query.rd)
        return self._reply(bare, Answer(Rcode.SERVFAIL), transport, client)

    def _reply(
        self, query: Query, decided: Answer | None, transport: Transport, client: Network
    ) -> bytes | None:
        if decided is None:
            self.counters.drop(transport, "ignored")
            self._tell(transport, client, query, None, 0)
            return None
        limit_bytes = TCP_BYTES_MAX if transport == "tcp" else udp_limit_bytes(query)
        reply = encode(query, decided, limit_bytes)
        assert HEADER_BYTES <= len(reply.data) <= limit_bytes
        qtype = None if query.question is None else query.question.qtype
        self.counters.reply(transport, qtype, decided, truncated=reply.truncated)
        self._tell(transport, client, query, decided, len(reply.data))
        return reply.data

    def _tell(
        self,
        transport: Transport,
        client: Network,
        query: Query,
        decided: Answer | None,
        octets: int,
    ) -> None:
        if self.observer is not None and self.observer.watching:
            self.observer.saw(transport, client, query, decided, octets)
