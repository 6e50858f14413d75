"""A name server that says whatever a test wants, over UDP and TCP, truth and nonsense alike."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Self

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset
from house import free_port

from dnsbl.config import Endpoint, ResolverConfig

Spoken = tuple[str, str, dns.rrset.RRset]  # a question's name and kind, and what is said then
Answering = Callable[[dns.message.Message], Iterable[bytes]]  # the datagrams that a question gets

UDP_OCTETS = 1232
TCP_OCTETS = 65_535


def records(name: str, kind: str, *values: str, ttl: int = 60, owner: str | None = None) -> Spoken:
    """What a name has of a kind: for `Script.say`. ``owner``: whose records these really are."""
    rrset = dns.rrset.from_text_list(f"{owner or name}.", ttl, "IN", kind, values)
    return name, kind, rrset


def aliases(name: str, kind: str, *names: str) -> list[Spoken]:
    """The steps that lead from a name to others, to be said when it is asked for a kind."""
    steps = zip((name, *names), names, strict=False)
    return [
        (name, kind, dns.rrset.from_text(f"{one}.", 60, "IN", "CNAME", f"{other}."))
        for one, other in steps
    ]


class Script(asyncio.DatagramProtocol):
    """Answers what it was told to say; other names do not exist, unless `otherwise` is set.

    ``asked`` are the questions that came, as (name, kind, transport).
    """

    def __init__(self) -> None:
        self.port = free_port()
        self.asked: list[tuple[str, str, str]] = []
        self.otherwise = dns.rcode.NXDOMAIN
        self.ways: dict[tuple[str, str], Answering] = {}  # odd ones, before all else
        self.silent = False
        self.by_tcp = True
        self._said: dict[tuple[str, str], list[dns.rrset.RRset]] = {}

    def say(self, *spoken: Spoken) -> None:
        """Adds records, in the order in which an answer has them."""
        for name, kind, rrset in spoken:
            self._said.setdefault((name, kind), []).append(rrset)

    def count(self, name: str, kind: str) -> int:
        """How often a question was asked."""
        return sum(1 for asked in self.asked if asked[:2] == (name, kind))

    def config(self, timeout_s: int = 10) -> ResolverConfig:
        """The configuration of a resolver that asks here; patient, unless a test is of time."""
        return ResolverConfig((Endpoint("127.0.0.1", self.port),), timeout_s)

    def reply(self, query: dns.message.Message) -> dns.message.Message:
        """The honest answer."""
        question = query.question[0]
        name = question.name.to_text(omit_final_dot=True).lower()
        reply = dns.message.make_response(query, recursion_available=True)
        found = self._said.get((name, dns.rdatatype.to_text(question.rdtype)))
        if found is not None:
            reply.answer.extend(found)
        elif not any(other == name for other, _ in self._said):
            reply.set_rcode(self.otherwise)
        return reply

    def _answers(self, wire: bytes, transport: str) -> Iterable[bytes]:
        query = dns.message.from_wire(wire)
        question = query.question[0]
        name = question.name.to_text(omit_final_dot=True).lower()
        kind = dns.rdatatype.to_text(question.rdtype)
        self.asked.append((name, kind, transport))
        if self.silent:
            return []
        if way := self.ways.get((name, kind)):
            return way(query)
        octets = UDP_OCTETS if transport == "udp" else TCP_OCTETS
        return [wire_of(self.reply(query), octets)]

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]
        self._transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        for datagram in self._answers(data, "udp"):
            self._transport.sendto(datagram, addr)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            length = int.from_bytes(await reader.readexactly(2), "big")
            query = await reader.readexactly(length)
            for answer in self._answers(query, "tcp"):
                writer.write(len(answer).to_bytes(2, "big") + answer)
            await writer.drain()
            if self.silent:
                await reader.read()  # until the other side gives up
        except (OSError, EOFError):
            pass
        finally:
            writer.close()

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        await loop.create_datagram_endpoint(lambda: self, ("127.0.0.1", self.port))
        if self.by_tcp:
            self._server = await asyncio.start_server(self._connected, "127.0.0.1", self.port)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._transport.close()
        if self.by_tcp:
            self._server.close()


def wire_of(reply: dns.message.Message, octets: int = TCP_OCTETS) -> bytes:
    """An answer in bytes; cut short, with TC set, where it is too long."""
    wire = reply.to_wire(max_size=TCP_OCTETS)
    if len(wire) <= octets:
        return wire
    reply.answer.clear()
    reply.flags |= dns.flags.TC
    return reply.to_wire()
