"""A message's way through the server: decoded, answered, limited, encoded, counted."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

import structlog

from dnsbl.network import BITS, Network
from dnsbl.server.counters import Counters, Transport
from dnsbl.server.observe import Observer
from dnsbl.server.ratelimit import DROP, SEND, SLIP, AnyRateLimiter, Verdict, kind_of
from dnsbl.wire.cookie import Exchange, Secrets, exchange
from dnsbl.wire.edns import ReplyOptions
from dnsbl.wire.message import (
    HEADER_BYTES,
    TCP_BYTES_MAX,
    Dropped,
    Query,
    decode,
    encode,
    encode_empty,
    udp_limit_bytes,
)
from dnsbl.wire.numbers import Rcode
from dnsbl.wire.record import Answer
from dnsbl.zone.answer import answer
from dnsbl.zone.fast import FastPath
from dnsbl.zone.zones import Zones

LOGGED_BYTES_MAX: Final = 128  # of a message that broke something
LOGGED_FAILURES_MAX: Final = 100  # a message that breaks us can be sent a million times

_NO_EXCHANGE: Final = Exchange(reply=b"", valid=False, invalid=False)

_log = structlog.get_logger()


class KeepsSecrets(Protocol):
    """What knows the secrets of server cookies at any moment."""

    @property
    def secrets(self) -> Secrets:
        """Those of now."""


@dataclass(frozen=True, slots=True)
class Manners:
    """How a server deals with clients beside answering them; one for all workers.

    ``identity`` is what NSID tells (RFC 5001), nothing where it is empty; None
    for ``cookies`` has none (RFC 7873), for ``limiter`` limits nobody.
    """

    identity: bytes = b""
    cookies: KeepsSecrets | None = None
    limiter: AnyRateLimiter | None = None


PLAIN: Final = Manners()


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
        manners: Manners = PLAIN,
    ) -> None:
        self._zones = zones
        self._now = now
        self.counters = counters
        self.fast: Final = fast
        self.observer: Final = observer
        self.manners: Final = manners

    def respond(self, data: bytes, transport: Transport, client: Network) -> bytes | None:
        """The reply to a client's message, or None where it gets none. Never raises."""
        query = decode(data)
        if isinstance(query, Dropped):
            self.counters.drop(transport, query.cause)
            return None
        now = self._now()
        try:
            with self._zones.lock:
                decided = answer(self._zones, query, now, client, self.counters.deny)
            return self._reply(query, decided, transport, client, now)
        # A mistake of ours. One question must not end the service for all others.
        except Exception:  # noqa: BLE001  # logged with its traceback, and counted
            self.counters.failed += 1
            if self.counters.failed <= LOGGED_FAILURES_MAX:
                _log.exception("answer_failed", message=self._shown(data))
        bare = Query(query.id, query.opcode, query.rd)
        return self._reply(bare, Answer(Rcode.SERVFAIL), transport, client, now)

    def _reply(
        self,
        query: Query,
        decided: Answer | None,
        transport: Transport,
        client: Network,
        now: float,
    ) -> bytes | None:
        if decided is None:
            self.counters.drop(transport, "ignored")
            self._tell(transport, client, query, None, 0)
            return None
        address = client.bits.to_bytes(BITS[client.family] // 8, "big")
        cookie = self._exchange(query, address, now)
        if query.question is None and decided.rcode == Rcode.NOERROR:
            decided = self._answer_cookie(cookie)
        verdict = SEND
        if transport == "udp" and not cookie.valid:  # who has our cookie is who it says
            verdict = self._limit(address, decided, now)
        if verdict == DROP:
            self.counters.drop(transport, "rate_limited")
            self._tell(transport, client, query, decided, 0)
            return None
        options = ReplyOptions(cookie.reply, self.manners.identity)
        limit_bytes = TCP_BYTES_MAX if transport == "tcp" else udp_limit_bytes(query)
        if verdict == SLIP:
            self.counters.slip()
            reply = encode_empty(query, decided, options)
        else:
            reply = encode(query, decided, limit_bytes, options)
        assert HEADER_BYTES <= len(reply.data) <= limit_bytes
        qtype = None if query.question is None else query.question.qtype
        self.counters.reply(transport, qtype, decided, truncated=reply.truncated)
        self._tell(transport, client, query, decided, len(reply.data))
        return reply.data

    def _exchange(self, query: Query, address: bytes, now: float) -> Exchange:
        cookies = self.manners.cookies
        if cookies is None or query.edns is None or query.edns.cookie is None:
            return _NO_EXCHANGE
        return exchange(query.edns.cookie, address, now, cookies.secrets)

    def _answer_cookie(self, cookie: Exchange) -> Answer:
        """What is said to a query without a question, which asks for a cookie (RFC 7873 §5.4)."""
        if self.manners.cookies is None:
            return Answer(Rcode.FORMERR)
        return Answer(Rcode.BADCOOKIE if cookie.invalid else Rcode.NOERROR)

    def _limit(self, address: bytes, decided: Answer, now: float) -> Verdict:
        limiter = self.manners.limiter
        return SEND if limiter is None else limiter.check(address, kind_of(decided), now)

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

    def _shown(self, data: bytes) -> str:
        """The message as hex for the log; its header alone where it may hold a key."""
        keyed = any(zone.config.keys.mode != "off" for zone in self._zones)
        return data[: HEADER_BYTES if keyed else LOGGED_BYTES_MAX].hex()
