"""Datagrams over real sockets."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Iterator

import dns.asyncquery
import dns.message
import dns.rcode
import pytest

from dnsbl.config import Endpoint
from dnsbl.server.endpoint import bind_udp
from dnsbl.server.respond import Responder
from dnsbl.server.udp import BATCH_MESSAGES_MAX, UdpServer

LISTED = "7.2.0.192.bl.example"


@contextlib.contextmanager
def served(address: str, responder: Responder) -> Iterator[int]:
    """Serves an address at a free port inside the block; the port."""
    bound = bind_udp(Endpoint(address, 0))
    port: int = bound.getsockname()[1]
    server = UdpServer(bound, responder)
    server.start()
    try:
        yield port
    finally:
        server.stop()


@pytest.mark.parametrize(
    ("listen", "asked"),
    [
        ("127.0.0.1", "127.0.0.1"),
        ("::1", "::1"),
        ("0.0.0.0", "127.0.0.1"),
        ("0.0.0.0", "127.9.8.7"),
        ("::", "::1"),
    ],
)
async def test_reply_comes_from_the_address_that_was_asked(
    responder: Responder, listen: str, asked: str
) -> None:
    """Over IPv4 and IPv6; on a machine with several addresses too (RFC 5452 §4.4)."""
    query = dns.message.make_query(LISTED, "A")

    with served(listen, responder) as port:
        # dnspython takes no reply from another address than the one it sent to
        reply = await dns.asyncquery.udp(query, asked, timeout=10, port=port)

    assert str(reply.answer[0][0]) == "127.0.0.2"


async def test_every_datagram_of_a_burst_is_answered(responder: Responder) -> None:
    """More than one batch at once: none is lost, and what gets no reply stops nothing."""
    count = 5 * BATCH_MESSAGES_MAX
    queries = {number: dns.message.make_query(LISTED, "A", id=number) for number in range(count)}

    with served("127.0.0.1", responder) as port, _client(port) as client:
        for query in queries.values():
            client.send(query.to_wire())
            client.send(b"noise")
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(20):
            replies = [await loop.sock_recv(client, 2000) for _ in queries]

    assert {dns.message.from_wire(data).id for data in replies} == set(queries)
    assert responder.counters.dropped("short") == count


async def test_what_arrived_before_the_stop_is_answered(responder: Responder) -> None:
    """A query that waits in the socket when the server stops gets its reply."""
    with served("127.0.0.1", responder) as port:
        client = _client(port)
        client.send(dns.message.make_query(LISTED, "A", id=7).to_wire())
        # the loop has had no turn to read it

    with client:
        assert dns.message.from_wire(client.recv(2000)).id == 7


async def test_reply_that_cannot_be_sent_is_counted(responder: Responder) -> None:
    """A client that cannot be reached costs its own reply, and nothing else."""

    class Unsendable(socket.socket):
        def sendto(self, *_: object) -> int:
            raise OSError("no route")

    bound = Unsendable(socket.AF_INET, socket.SOCK_DGRAM)
    bound.settimeout(0)
    bound.bind(("127.0.0.1", 0))
    server = UdpServer(bound, responder)
    with _client(bound.getsockname()[1]) as client:
        client.send(dns.message.make_query(LISTED, "A").to_wire())
        server.start()
        server.stop()

    assert responder.counters.dropped("unsent") == 1


def _client(port: int) -> socket.socket:
    client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    client.connect(("127.0.0.1", port))
    client.settimeout(0)
    return client
