"""Asking the configured name servers about senders: their domains' mail, their addresses' names.

Everything is bounded: the time of a question, how many are asked at once, how
much of an answer is kept, and for how long. That there is no such name, or no
record of that kind, is an answer; silence and trouble are `UnknownError`, and no
reason to think ill of anybody.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

import dns.asyncresolver
import dns.exception
import dns.message
import dns.name
import dns.nameserver
import dns.query
import dns.resolver
import structlog
from dns._asyncbackend import Backend  # where dns.asyncbackend has it from

from dnsbl.config import Config, ResolverConfig
from dnsbl.errors import DnsblError
from dnsbl.network import IPV4, Family, Network, parse_address

Kind = Literal["PTR", "MX", "A", "AAAA"]

PAYLOAD_OCTETS: Final = 1232  # DNS Flag Day 2020
TRIES_IN_TIME: Final = 2  # so that a datagram that is lost costs one of them
AT_ONCE_MAX: Final = 64
RECORDS_MAX: Final = 128  # of an answer, kept
CACHED_MAX: Final = 512  # answers

# An answer that nobody may keep is kept for a little while all the same: a page that is fetched
# again and again must not ask again and again.
KEPT_S_LEAST: Final = 30
KEPT_S_MOST: Final = 300
NONE_KEPT_S: Final = 30  # that there is nothing: whoever mends it looks again soon
UNKNOWN_KEPT_S: Final = 5


class UnknownError(DnsblError):
    """The name servers do not say."""


@dataclass(frozen=True, slots=True)
class _Known:
    """The records of a question in text form, sorted; None where nobody says. `until`: s."""

    records: tuple[str, ...] | None
    until: float


class Resolver:
    """A stub that asks the servers of its configuration and no other, by UDP and, if need be, TCP.

    ``now`` is a clock that never goes back, in seconds.
    """

    def __init__(self, config: ResolverConfig, now: Callable[[], float] = time.monotonic) -> None:
        assert config.servers, "without servers there is no resolver"
        self._timeout_s = config.timeout_s
        self._now = now
        # configure=False: the system's resolver, its search list and its options are not read
        self._stub = dns.asyncresolver.Resolver(configure=False)
        self._stub.nameservers = [_Server(each.address, each.port) for each in config.servers]
        self._stub.timeout = config.timeout_s / TRIES_IN_TIME
        self._stub.use_edns(0, 0, PAYLOAD_OCTETS)
        self._free = asyncio.Semaphore(AT_ONCE_MAX)
        self._cache: OrderedDict[tuple[str, Kind], _Known] = OrderedDict()
        self._asking: dict[tuple[str, Kind], asyncio.Task[_Known]] = {}

    async def names_of(self, address: Network) -> tuple[str, ...]:
        """The reverse names of an address, in the order of the alphabet. Raises UnknownError."""
        top = "in-addr.arpa" if address.family == IPV4 else "ip6.arpa"
        return await self._records(".".join((*address.reverse_labels, top)), "PTR")

    async def exchangers(self, domain: str) -> tuple[str, ...]:
        """The hosts of a domain's MX records, without preferences. Raises UnknownError.

        RFC 7505: "" is the root, by which a domain says that it gets no mail.
        """
        return await self._records(domain, "MX")

    async def addresses(self, name: str, family: Family) -> frozenset[Network]:
        """The addresses of a name, of one family. Raises UnknownError."""
        records = await self._records(name, "A" if family == IPV4 else "AAAA")
        # An IPv4-mapped AAAA record is no address of that name in either family.
        found = (parse_address(record) for record in records)
        return frozenset(address for address in found if address.family == family)

    async def _records(self, name: str, kind: Kind) -> tuple[str, ...]:
        """The records of a name, from the cache or asked for; together, if others ask as well."""
        key = (name.lower(), kind)
        known = self._cache.get(key)
        if known is None or known.until <= self._now():
            asking = self._asking.get(key)
            if asking is None:
                asking = asyncio.create_task(self._ask(*key), name=f"dns-{kind}")
                self._asking[key] = asking
                asking.add_done_callback(lambda _: self._asking.pop(key, None))
            known = await asyncio.shield(asking)  # whoever gives up leaves it to the others
        if known.records is None:
            raise UnknownError(f"the name servers do not say what {name} has as {kind}")
        return known.records

    async def _ask(self, name: str, kind: Kind) -> _Known:
        try:
            # To wait until others are done counts, so that nobody waits for longer than that.
            async with asyncio.timeout(self._timeout_s), self._free:
                answer = await self._stub.resolve(
                    dns.name.from_text(name), kind, raise_on_no_answer=False, search=False,
                    lifetime=self._timeout_s,
                )  # fmt: skip
        except dns.resolver.NXDOMAIN:
            known = _Known((), self._now() + NONE_KEPT_S)
        except (dns.exception.DNSException, TimeoutError, OSError) as error:
            structlog.get_logger().info(
                "dns_unanswered", name=name, kind=kind, error=type(error).__name__
            )
            known = _Known(None, self._now() + UNKNOWN_KEPT_S)
        else:
            known = _known(answer, self._now())
        self._cache[name, kind] = known
        self._cache.move_to_end((name, kind))
        while len(self._cache) > CACHED_MAX:
            self._cache.popitem(last=False)
        return known


class _Server(dns.nameserver.Do53Nameserver):
    """A name server whose long answers are read beside the event loop.

    One of 64 KiB takes a tenth of a second to read, and who is listed may have
    chosen it.
    """

    async def async_query(
        self,
        request: dns.message.QueryMessage,
        timeout: float,  # noqa: ASYNC109  # the base class has them so
        source: str | None,
        source_port: int,
        max_size: bool,  # noqa: FBT001
        backend: Backend,
        one_rr_per_rrset: bool = False,  # noqa: FBT001, FBT002
        ignore_trailing: bool = False,  # noqa: FBT001, FBT002
    ) -> dns.message.Message:
        if not max_size:
            return await super().async_query(
                request, timeout, source, source_port, max_size, backend,
                one_rr_per_rrset, ignore_trailing,
            )  # fmt: skip
        async with asyncio.timeout(timeout):
            wire = await _ask_by_tcp(self.address, self.port, request.to_wire())
        reply = await asyncio.to_thread(dns.message.from_wire, wire)
        if not request.is_response(reply):
            raise dns.query.BadResponse
        return reply


async def _ask_by_tcp(address: str, port: int, question: bytes) -> bytes:
    """One message there and one back (RFC 1035 §4.2.2). Raises OSError or EOFError."""
    reader, writer = await asyncio.open_connection(address, port)
    try:
        writer.write(len(question).to_bytes(2, "big") + question)
        length = int.from_bytes(await reader.readexactly(2), "big")
        return await reader.readexactly(length)
    finally:
        writer.close()


def _known(answer: dns.resolver.Answer, now: float) -> _Known:
    """What is kept of an answer; the chain that led to it has been followed, 16 steps at most."""
    if answer.rrset is None:
        return _Known((), now + NONE_KEPT_S)
    kept_s = min(KEPT_S_MOST, max(KEPT_S_LEAST, answer.chaining_result.minimum_ttl))
    texts = sorted({record.to_text().lower().rpartition(" ")[2] for record in answer.rrset})
    return _Known(tuple(text.removesuffix(".") for text in texts[:RECORDS_MAX]), now + kept_s)


def resolver_of(config: Config) -> Resolver | None:
    """The resolver of a configuration; None where it has none, and nobody is to be asked."""
    return Resolver(config.resolver) if config.resolver.servers else None
