"""Datagrams over real sockets, by both twins."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import socket
from collections.abc import Callable, Iterator, Sequence
from unittest import mock

import dns.asyncquery
import dns.flags
import dns.message
import dns.opcode
import dns.rcode
import dns.rdataclass
import pytest
import twins
from asking import CLIENT

from dnsbl.config import Endpoint
from dnsbl.server import udp
from dnsbl.server.counters import Counters
from dnsbl.server.datagrams import DatagramServer, udp_server
from dnsbl.server.endpoint import bind_udp
from dnsbl.server.respond import Responder
from dnsbl.server.udp import MESSAGE_BYTES_MAX
from dnsbl.zone.zones import Zones

LISTED = "7.2.0.192.bl.example"
UNLISTED = "8.2.0.192.bl.example"
COMPILED_BATCH = 64
TIMEOUT_S = 20

# What a socket's buffer takes, whatever net.core.rmem_max is.
BURST = 200


@pytest.fixture(params=twins.SERVERS)
def responder(request: pytest.FixtureRequest, zones: Zones) -> Responder:
    """Answers out of the zone, by either twin, and counts."""
    return twins.responder(request.param, zones)


@contextlib.contextmanager
def serving(bound: socket.socket, responder: Responder) -> Iterator[DatagramServer]:
    """Serves a socket inside the block, by the twin that the responder has."""
    server = udp_server(bound, responder)
    expected = "UdpServer" if responder.fast is None else "DrainServer"
    assert type(server).__name__ == expected
    server.start()
    try:
        yield server
    finally:
        server.stop()


@contextlib.contextmanager
def served(address: str, responder: Responder) -> Iterator[int]:
    """Serves an address at a free port inside the block; the port."""
    bound = bind_udp(Endpoint(address, 0))
    port: int = bound.getsockname()[1]
    with serving(bound, responder):
        yield port


def client_of(port: int, address: str = "127.0.0.1") -> socket.socket:
    """A client with a socket of its own."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    client = socket.socket(family, socket.SOCK_DGRAM)
    client.connect((address, port))
    client.settimeout(0)
    return client


def query(name: str = LISTED, *, message_id: int = 7, qtype: str = "A") -> bytes:
    """A query as a stub sends it."""
    return dns.message.make_query(name, qtype, id=message_id).to_wire()


async def received(client: socket.socket, count: int) -> list[bytes]:
    """So many datagrams, as they come."""
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(TIMEOUT_S):
        return [await loop.sock_recv(client, 65_535) for _ in range(count)]


def waiting(client: socket.socket) -> list[bytes]:
    """What has come to the client by now."""
    found = []
    with contextlib.suppress(BlockingIOError):
        while True:
            found.append(client.recv(65_535))
    return found


def ids(replies: Sequence[bytes]) -> list[int]:
    """The ids of replies."""
    return [dns.message.from_wire(data).id for data in replies]


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
@pytest.mark.parametrize("qtype", ["A", "ANY"])
async def test_reply_comes_from_the_address_that_was_asked(
    responder: Responder, listen: str, asked: str, qtype: str
) -> None:
    """Over IPv4 and IPv6; on a machine with several addresses too (RFC 5452 §4.4).

    Also where the compiled path declines.
    """
    question = dns.message.make_query(LISTED, qtype)

    with served(listen, responder) as port:
        # dnspython takes no reply from another address than the one it sent to
        reply = await dns.asyncquery.udp(question, asked, timeout=TIMEOUT_S, port=port)

    assert str(reply.answer[0][0]) == "127.0.0.2"


async def test_each_of_several_addresses_replies_for_itself(responder: Responder) -> None:
    """Also where queries to all of them wait in the same batch."""
    addresses = [f"127.0.{number}.{number + 1}" for number in range(30)]

    with served("0.0.0.0", responder) as port, contextlib.ExitStack() as stack:
        clients = [stack.enter_context(client_of(port, address)) for address in addresses]
        for number, client in enumerate(clients):
            client.send(query(message_id=number, qtype="A" if number % 3 else "ANY"))
        # a connected socket takes nothing from another address
        for number, client in enumerate(clients):
            assert ids(await received(client, 1)) == [number]


async def test_every_datagram_of_a_burst_is_answered(responder: Responder) -> None:
    """Several batches at once: none is lost, and what gets no reply stops nothing."""
    queries = {number: query(message_id=number) for number in range(BURST)}

    with served("127.0.0.1", responder) as port, client_of(port) as client:
        for data in queries.values():
            client.send(data)
            client.send(b"noise")
        replies = await received(client, len(queries))

    assert sorted(ids(replies)) == sorted(queries)
    assert responder.counters.dropped("short") == BURST


async def test_what_arrived_before_the_stop_is_answered(responder: Responder) -> None:
    """Queries that wait in the socket when the server stops get their replies: batches of them."""
    with served("127.0.0.1", responder) as port:
        client = client_of(port)
        for number in range(BURST):
            client.send(query(message_id=number, qtype="A" if number % 9 else "ANY"))
        # the loop has had no turn to read them

    with client:
        assert sorted(ids(waiting(client))) == list(range(BURST))
    assert responder.counters.replies() == BURST


def odd(message_id: int) -> bytes:
    """One of the messages that only Python answers."""
    kind = message_id % 5
    question = dns.message.make_query(LISTED, "A", id=message_id)
    if kind == 0:
        question.set_opcode(dns.opcode.NOTIFY)
    elif kind == 1:
        question = dns.message.make_query(
            "version.bind", "TXT", dns.rdataclass.CHAOS, id=message_id
        )
    elif kind == 2:
        question = dns.message.make_query("bl.example", "SOA", id=message_id)
    elif kind == 3:
        return question.to_wire() + b"more"
    else:
        question.use_edns(7)
    return question.to_wire()


@pytest.mark.parametrize("every", [1, 2, 3, COMPILED_BATCH, COMPILED_BATCH + 1])
async def test_what_is_declined_in_the_middle_of_a_batch(responder: Responder, every: int) -> None:
    """Is answered by Python, each to its own client, and so is what comes before and after."""
    with served("127.0.0.1", responder) as port, contextlib.ExitStack() as stack:
        clients = [stack.enter_context(client_of(port)) for _ in range(3)]
        for number in range(BURST):
            data = query(message_id=number) if number % every else odd(number)
            clients[number % 3].send(data)
        for number, client in enumerate(clients):
            expected = list(range(number, BURST, 3))
            replies = await received(client, len(expected))
            assert sorted(ids(replies)) == expected
            for data in replies:
                reply = dns.message.from_wire(data)
                assert (reply.rcode(), len(reply.answer)) == _expected_of(reply.id, every)


def _expected_of(message_id: int, every: int) -> tuple[dns.rcode.Rcode, int]:
    if message_id % every:
        return dns.rcode.NOERROR, 1
    return (
        (dns.rcode.REFUSED, 0),
        (dns.rcode.REFUSED, 0),
        (dns.rcode.NOERROR, 1),
        (dns.rcode.FORMERR, 0),
        (dns.rcode.BADVERS, 0),
    )[message_id % 5]


async def test_oversized_datagrams_are_dropped_and_counted(responder: Responder) -> None:
    """Over 4096 octets; one of just that is malformed, and told so."""
    whole = query(message_id=1).ljust(MESSAGE_BYTES_MAX, b"\0")

    with served("127.0.0.1", responder) as port, client_of(port) as client:
        for data in (whole + b"\0", query(message_id=2), whole, bytes(60_000), query(message_id=3)):
            client.send(data)
        replies = {dns.message.from_wire(data).id: data for data in await received(client, 3)}

    assert {number: data[3] & 15 for number, data in replies.items()} == {
        1: dns.rcode.FORMERR, 2: dns.rcode.NOERROR, 3: dns.rcode.NOERROR,
    }  # fmt: skip
    assert responder.counters.dropped("oversized") == 2
    assert responder.counters.dropped("short") == 0


async def test_what_gets_no_reply_is_counted(responder: Responder) -> None:
    """No header, nothing at all, or a response: dropped by its cause, and nothing else stops."""
    response = bytearray(query(message_id=3))
    response[2] |= 0x80

    with served("127.0.0.1", responder) as port, client_of(port) as client:
        for data in (b"", b"short", bytes(11), bytes(response), bytes(response), query()):
            client.send(data)
        assert ids(await received(client, 1)) == [7]
        assert waiting(client) == []

    dropped = {"short": 3, "response": 2, "oversized": 0, "unsent": 0, "unreceived": 0}
    assert {cause: responder.counters.dropped(cause) for cause in dropped} == dropped


TRAFFIC = (
    [query(name, qtype=qtype) for name in (LISTED, UNLISTED, "2.0.192.bl.example", "bl.example")
     for qtype in ("A", "TXT", "AAAA", "NS", "SOA", "ANY", "MX", "OPT", "AXFR")]
    + [odd(number) for number in range(5)]
    + [query("x.example.net"), query(".", qtype="NS"), b"", bytes(11), bytes(12), bytes(5000)]
    + [query()[:end] for end in range(12, 30)]
    + [dns.message.make_query(LISTED, "TXT", payload=size).to_wire() for size in (0, 512, 4096)]
    + [dns.message.make_response(dns.message.make_query(LISTED, "A")).to_wire()]
)  # fmt: skip


async def test_the_twins_count_alike(zones: Zones) -> None:
    """The same traffic, the same counters; and the same replies, in whatever order."""
    documents = []
    replies = []
    for twin in twins.SERVERS:
        responder = twins.responder(twin, zones)
        with served("127.0.0.1", responder) as port:
            client = client_of(port)
            for data in TRAFFIC:
                client.send(data)
        with client:
            replies.append(sorted(waiting(client)))
        documents.append(responder.counters.document())

    assert documents[0] == documents[1]
    assert replies[0] == replies[1]
    assert len(replies[0]) == responder.counters.replies() > len(TRAFFIC) - 10


# Where the network takes no replies. Datagrams between sockets of the Unix kind are refused at
# once where nobody is there, or where whoever is does not read: as with a full buffer.


@contextlib.contextmanager
def unix_clients(responder: Responder) -> Iterator[Callable[[], socket.socket]]:
    """Serves a Unix socket inside the block, with little room for replies; makes clients of it."""
    with contextlib.ExitStack() as stack:
        bound = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1)  # the least that the kernel gives
        bound.bind("")  # a name that the kernel makes up
        stack.enter_context(mock.patch("dnsbl.server.udp.client_of", return_value=CLIENT))
        bound.settimeout(0)

        def new() -> socket.socket:
            client = stack.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM))
            client.bind("")
            client.connect(bound.getsockname())
            client.settimeout(0)
            return client

        stack.enter_context(serving(bound, responder))
        yield new


async def turns(count: int) -> None:
    """So many turns of the loop."""
    for _ in range(count):
        await asyncio.sleep(0)


async def send_all(client: socket.socket, messages: Sequence[bytes]) -> None:
    """Sends them, with turns of the loop where the server's queue is full."""
    for data in messages:
        async with asyncio.timeout(TIMEOUT_S):
            while True:
                try:
                    client.send(data)
                    break
                except BlockingIOError:
                    await turns(1)


@pytest.mark.parametrize("qtype", ["A", "ANY"])
async def test_reply_that_is_not_taken_is_counted(responder: Responder, qtype: str) -> None:
    """Where the buffer for replies is full they are lost, and the server goes on afterwards."""
    with unix_clients(responder) as new:
        stuck, other = new(), new()
        count = 0
        while responder.counters.dropped("unsent") < 5:
            await send_all(stuck, [query(message_id=9, qtype=qtype)])
            count += 1
            assert count < 5000
            await turns(1)
        await turns(3)
        taken = waiting(stuck)
        await send_all(other, [query(message_id=7, qtype=qtype)])
        assert ids(await received(other, 1)) == [7]

    assert set(ids(taken)) == {9}
    assert len(taken) + responder.counters.dropped("unsent") == count
    assert responder.counters.replies() == count + 1


@pytest.mark.parametrize("qtype", ["A", "ANY"])
async def test_client_that_is_gone_is_counted(responder: Responder, qtype: str) -> None:
    """Its reply cannot be sent; those behind it in the batch can."""
    with unix_clients(responder) as new:
        first, gone, last = new(), new(), new()
        for number, client in enumerate((first, gone, last)):
            client.send(query(message_id=number, qtype=qtype))
        gone.close()
        await turns(3)
        assert ids(waiting(first)) == [0]
        assert ids(waiting(last)) == [2]

    assert responder.counters.dropped("unsent") == 1


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
async def test_client_whose_port_is_closed_disturbs_nobody(
    responder: Responder, address: str
) -> None:
    """ICMP says that it cannot be reached; the next queries are answered as ever."""
    with served(address, responder) as port:
        for number in range(20):
            gone = client_of(port, address)
            gone.send(query(message_id=1))
            gone.close()
            with client_of(port, address) as client:
                client.send(query(message_id=number))
                assert ids(await received(client, 1)) == [number]

    assert responder.counters.replies() == 40
    assert responder.counters.dropped("unreceived") == 0


async def test_flood_leaves_the_loop_its_turns(
    responder: Responder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of what waits, a turn takes so many messages at most; timers come in between."""
    monkeypatch.setattr(udp, "BATCH_MESSAGES_MAX", 16)
    if responder.fast:
        monkeypatch.setattr("dnsbl.server.drain.BATCHES_MAX", 1)
    most = COMPILED_BATCH if responder.fast else 16
    loop = asyncio.get_running_loop()
    replied_at_timers: list[int] = []

    def tick() -> None:
        replied_at_timers.append(responder.counters.replies())
        if replied_at_timers[-1] < BURST:
            loop.call_later(0, tick)

    with served("127.0.0.1", responder) as port, client_of(port) as client:
        for number in range(BURST):
            client.send(query(message_id=number))
        tick()
        assert len(await received(client, BURST)) == BURST
        await turns(3)

    steps = [after - before for before, after in itertools.pairwise(replied_at_timers)]
    assert max(steps) <= most
    assert len(replied_at_timers) > BURST // most


async def test_what_is_declined_leaves_the_loop_its_turns_too(
    responder: Responder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One batch a turn, where each has something that Python answers."""
    monkeypatch.setattr(udp, "BATCH_MESSAGES_MAX", 16)
    replied: list[int] = []

    with served("127.0.0.1", responder) as port, client_of(port) as client:
        for number in range(BURST):
            client.send(query(message_id=number, qtype="ANY"))
        async with asyncio.timeout(TIMEOUT_S):
            while responder.counters.replies() < BURST:
                await turns(1)
                replied.append(responder.counters.replies())
        assert len(waiting(client)) == BURST

    steps = [after - before for before, after in itertools.pairwise([0, *replied])]
    assert max(steps) <= COMPILED_BATCH


async def test_stop_under_a_flood_ends(zones: Zones, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of what waits at the stop, so much is answered at most; of the pure twin one by one."""
    monkeypatch.setattr(udp, "STOP_MESSAGES_MAX", 20)
    responder = Responder(zones, Counters())

    with served("127.0.0.1", responder) as port:
        client = client_of(port)
        for number in range(BURST):
            client.send(query(message_id=number))

    with client:
        assert len(waiting(client)) == 20


async def test_stop_under_a_flood_ends_for_the_compiled_twin_too(
    zones: Zones, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By whole batches: the one in which the bound is reached is the last."""
    twins.compiled("drain")
    monkeypatch.setattr("dnsbl.server.drain.STOP_MESSAGES_MAX", COMPILED_BATCH)
    responder = twins.responder("compiled", zones)

    with served("127.0.0.1", responder) as port:
        client = client_of(port)
        for number in range(BURST):
            client.send(query(message_id=number))

    with client:
        assert len(waiting(client)) == 2 * COMPILED_BATCH
