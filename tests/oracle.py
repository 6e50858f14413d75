"""A DNS server that says what a test tells it."""

from __future__ import annotations

import contextlib
import socketserver
import threading
from collections.abc import Iterator

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset
from house import free_port


class Oracle:
    """A DNS server on 127.0.0.1, UDP and TCP: answers come from `records`, else NXDOMAIN.

    ``rcode`` overrides all of it; ``truncates`` sends UDP clients to TCP;
    ``silent`` answers nothing. ``asked`` keeps the questions with their way.
    """

    def __init__(self) -> None:
        self.port = free_port()
        self.records: dict[tuple[str, str], dns.rrset.RRset] = {}
        self.rcode: int | None = None
        self.truncates = False
        self.silent = False
        self.garbage = False
        self.asked: list[tuple[str, str, str]] = []

    def has(self, name: str, kind: str, *values: str, ttl_s: int = 300) -> None:
        """Gives a name its records."""
        self.records[f"{name}.", kind] = dns.rrset.from_text(f"{name}.", ttl_s, "IN", kind, *values)

    def answer(self, octets: bytes, way: str) -> bytes | None:
        """The reply to a query, None for none."""
        query = dns.message.from_wire(octets)
        question = query.question[0]
        name, kind = question.name.to_text(), dns.rdatatype.to_text(question.rdtype)
        self.asked.append((name, kind, way))
        if self.silent:
            return None
        if self.garbage:
            return octets[:2] + b"\x80"
        reply = dns.message.make_response(query)
        if self.rcode is not None:
            reply.set_rcode(dns.rcode.Rcode(self.rcode))
        elif self.truncates and way == "udp":
            reply.flags |= dns.flags.TC
        elif (name, kind) in self.records:
            reply.answer.append(self.records[name, kind])
        elif not any(known == name for known, _ in self.records):
            reply.set_rcode(dns.rcode.NXDOMAIN)
            soa = "ns1.bl.example. hostmaster.bl.example. 1 7200 3600 604800 60"
            reply.authority.append(dns.rrset.from_text("bl.example.", 300, "IN", "SOA", soa))
        return reply.to_wire()


@contextlib.contextmanager
def serving() -> Iterator[Oracle]:
    """An Oracle, answering on its port."""
    oracle = Oracle()

    class Datagram(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            octets, sock = self.request
            if (reply := oracle.answer(octets, "udp")) is not None:
                sock.sendto(reply, self.client_address)

    class Stream(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            length = int.from_bytes(self.rfile.read(2), "big")
            if (reply := oracle.answer(self.rfile.read(length), "tcp")) is not None:
                self.wfile.write(len(reply).to_bytes(2, "big") + reply)

    where = ("127.0.0.1", oracle.port)
    with (
        socketserver.UDPServer(where, Datagram) as udp,
        socketserver.TCPServer(where, Stream) as tcp,
    ):
        threads = [
            threading.Thread(target=server.serve_forever, args=(0.01,)) for server in (udp, tcp)
        ]
        for thread in threads:
            thread.start()
        yield oracle
        for server in (udp, tcp):
            server.shutdown()
        for thread in threads:
            thread.join()
