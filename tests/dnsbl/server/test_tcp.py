"""DNS over TCP, as RFC 7766 has it."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import sys
from collections.abc import AsyncIterator

import dns.asyncquery
import dns.message
import pytest

from dnsbl.config import Endpoint
from dnsbl.server.endpoint import bind_tcp
from dnsbl.server.respond import Responder
from dnsbl.server.tcp import FIRST_QUERY_S, TcpServer

LISTED = "7.2.0.192.bl.example"
PATIENT_S = 30.0
HASTY_S = 0.5
UNHURRIED_S = 1.5  # longer than a loaded machine keeps a busy connection waiting


@contextlib.asynccontextmanager
async def served(
    responder: Responder,
    idle_timeout_s: float = PATIENT_S,
    connections_max: int = 10,
    per_client_max: int = 10,
    address: str = "127.0.0.1",
) -> AsyncIterator[int]:
    """Serves at a free port of the address inside the block; the port."""
    listening = bind_tcp(Endpoint(address, 0))
    port: int = listening.getsockname()[1]
    server = TcpServer(responder, idle_timeout_s, connections_max, per_client_max)
    await server.start(listening)
    try:
        yield port
    finally:
        await server.stop()


@contextlib.asynccontextmanager
async def connected(
    port: int, source: str = "127.0.0.1", address: str = "127.0.0.1"
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A client's connection, from a source address; it takes no longer than a test should."""
    async with asyncio.timeout(PATIENT_S):
        reader, writer = await asyncio.open_connection(address, port, local_addr=(source, 0))
        try:
            yield reader, writer
        finally:
            writer.transport.abort()


@pytest.fixture
def taking(monkeypatch: pytest.MonkeyPatch) -> asyncio.Event:
    """While it is cleared, no reply counts as taken, as if its client read none."""
    event = asyncio.Event()
    event.set()
    drain = asyncio.StreamWriter.drain

    async def drained(writer: asyncio.StreamWriter) -> None:
        await event.wait()
        await drain(writer)

    monkeypatch.setattr(asyncio.StreamWriter, "drain", drained)
    return event


def framed(number: int = 1) -> bytes:
    """A query with its length before it."""
    data = dns.message.make_query(LISTED, "A", id=number).to_wire()
    return len(data).to_bytes(2, "big") + data


async def reply(reader: asyncio.StreamReader) -> dns.message.Message:
    """The next reply."""
    length = int.from_bytes(await reader.readexactly(2), "big")
    return dns.message.from_wire(await reader.readexactly(length))


async def test_query_is_answered(responder: Responder) -> None:
    """As dnspython asks over TCP."""
    query = dns.message.make_query(LISTED, "A")

    async with served(responder) as port:
        answer = await dns.asyncquery.tcp(query, "127.0.0.1", timeout=PATIENT_S, port=port)

    assert str(answer.answer[0][0]) == "127.0.0.2"
    assert responder.counters.document()["replies"] == [
        {"transport": "tcp", "zone": "bl.example", "qtype": "A", "rcode": "NOERROR", "count": 1}
    ]


def backlog(listening: socket.socket) -> int:
    """How many connections may wait to be accepted: tcpi_sacked, of a socket that listens."""
    info = listening.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 32)
    (sacked,) = struct.unpack_from("=28xI", info)
    assert isinstance(sacked, int)
    return sacked


@pytest.mark.skipif(sys.platform != "linux", reason="struct tcp_info is Linux's")
async def test_a_burst_of_connections_may_wait(responder: Responder) -> None:
    """As many as the socket was bound for, rather than the loop's own hundred."""
    listening = bind_tcp(Endpoint("127.0.0.1", 0))
    server = TcpServer(responder, PATIENT_S, 10, 10)
    waiting_max = backlog(listening)
    await server.start(listening)

    assert backlog(listening) == waiting_max
    await server.stop()


async def test_queries_sent_at_once_are_all_answered(responder: Responder) -> None:
    """RFC 7766 §6.2.1.1: pipelining; each reply bears the id of its query."""
    numbers = range(300)

    async with served(responder) as port, connected(port) as (reader, writer):
        writer.write(b"".join(framed(number) for number in numbers))
        replies = [await reply(reader) for _ in numbers]

    assert {message.id for message in replies} == set(numbers)


async def test_message_may_come_in_pieces(responder: Responder) -> None:
    """RFC 7766 §8: neither length nor message need to arrive as a whole."""
    async with served(responder) as port, connected(port) as (reader, writer):
        for octet in framed(7):
            writer.write(bytes([octet]))
            await writer.drain()
            await asyncio.sleep(0)
        answer = await reply(reader)

    assert answer.id == 7


async def test_length_and_message_leave_in_one_write(
    responder: Responder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """RFC 7766 §8: so that they can travel in one segment."""
    writes: list[bytes] = []
    write = asyncio.StreamWriter.write

    def recorded(writer: asyncio.StreamWriter, data: bytes) -> None:
        writes.append(data)
        write(writer, data)

    async with served(responder) as port, connected(port) as (reader, writer):
        writer.write(framed(7))
        monkeypatch.setattr(asyncio.StreamWriter, "write", recorded)
        await reply(reader)

    (data,) = writes
    assert int.from_bytes(data[:2], "big") == len(data) - 2


@pytest.mark.parametrize(
    "sent",
    [b"", b"\x00", framed()[:-1], framed() + framed()[:10]],
    ids=["nothing", "half_a_length", "half_a_message", "half_of_the_second"],
)
async def test_connection_without_a_whole_message_is_closed_in_time(
    responder: Responder, sent: bytes
) -> None:
    """RFC 7766 §6.2.3: idle from the start, after a query, or in the middle of one."""
    async with served(responder, HASTY_S) as port, connected(port) as (reader, writer):
        writer.write(sent)
        received = await reader.read()

    assert bool(received) == (len(sent) > len(framed()))
    assert responder.counters.tcp_events("idle") == 1


async def test_single_octets_hold_no_connection_open(responder: Responder) -> None:
    """RFC 7766 §6.2.3: only a whole message begins the idle time anew."""
    loop = asyncio.get_running_loop()
    started_at = loop.time()

    async with served(responder, 0.3) as port, connected(port) as (reader, writer):

        async def trickle() -> None:
            for octet in framed():
                writer.write(bytes([octet]))
                await asyncio.sleep(0.1)

        trickling = asyncio.create_task(trickle())
        with contextlib.suppress(ConnectionError):
            assert await reader.read() == b""
        took_s = loop.time() - started_at
        trickling.cancel()
        await asyncio.gather(trickling, return_exceptions=True)

    assert took_s < 0.1 * len(framed())  # the whole message would have taken that long
    assert responder.counters.tcp_events("idle") == 1


@pytest.mark.parametrize(
    "sent",
    [b"\x00\x00", b"\x00\x05hello", (12).to_bytes(2, "big") + b"\x00\x01\x80" + bytes(9)],
    ids=["empty", "short", "response"],
)
async def test_what_cannot_be_answered_ends_the_connection(
    responder: Responder, sent: bytes
) -> None:
    """No length, no header, or a response: nothing of sense is to be expected after it."""
    async with served(responder) as port, connected(port) as (reader, writer):
        writer.write(sent + framed())
        with contextlib.suppress(ConnectionError):
            assert await reader.read() == b""

    assert responder.counters.replies() == 0


async def test_malformed_message_is_answered_and_the_connection_kept(responder: Responder) -> None:
    """FORMERR, and then the next query."""
    malformed = b"\x00\x0d" + b"\x00\x09\x01\x00\x00\x01" + bytes(6) + b"\x3f"

    async with served(responder) as port, connected(port) as (reader, writer):
        writer.write(malformed + framed(10))
        answers = [await reply(reader), await reply(reader)]

    assert [(message.id, int(message.rcode())) for message in answers] == [(9, 1), (10, 0)]


async def test_client_that_takes_no_replies_is_cut_off(responder: Responder) -> None:
    """It would fill our memory with what it does not read."""
    listening = bind_tcp(Endpoint("127.0.0.1", 0))
    server = TcpServer(responder, UNHURRIED_S, 10, 10)
    await server.start(listening)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1)  # the kernel's least
    loop = asyncio.get_running_loop()

    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
        client.settimeout(0)
        await loop.sock_connect(client, ("127.0.0.1", listening.getsockname()[1]))
        async with asyncio.timeout(PATIENT_S):
            with contextlib.suppress(ConnectionError):
                while True:
                    await loop.sock_sendall(client, framed() * 1000)
    await server.stop()

    assert responder.counters.tcp_events("slow") == 1


async def test_connections_are_limited_in_total(responder: Responder) -> None:
    """One more than the limit is served, and the one that was silent longest goes (RFC 7766)."""
    async with (
        served(responder, connections_max=2) as port,
        connected(port) as first,
        connected(port) as second,
    ):
        for number, (reader, writer) in enumerate((first, second, first)):
            writer.write(framed(number))
            await reply(reader)

        async with connected(port) as (reader, writer):
            writer.write(framed(3))
            assert (await reply(reader)).id == 3
            with contextlib.suppress(ConnectionError):
                assert await second[0].read() == b""
            first[1].write(framed(4))
            assert (await reply(first[0])).id == 4

    assert responder.counters.tcp_events("evicted_idle") == 1
    assert responder.counters.tcp_events("refused") == 0


async def test_a_flood_from_a_few_addresses_pays_for_a_newcomer(responder: Responder) -> None:
    """Who holds one connection keeps it, however silent; who holds several makes the room."""
    async with contextlib.AsyncExitStack() as stack:
        port = await stack.enter_async_context(served(responder, connections_max=5))
        silent = await stack.enter_async_context(connected(port, "127.0.0.9"))
        silent[1].write(framed(9))
        await reply(silent[0])
        for number in range(40):
            source = f"127.0.0.{2 + number % 2}"
            reader, writer = await stack.enter_async_context(connected(port, source))
            writer.write(framed(number))
            await reply(reader)

        async with connected(port) as (reader, writer):
            writer.write(framed(50))
            assert (await reply(reader)).id == 50
        silent[1].write(framed(51))
        assert (await reply(silent[0])).id == 51

    assert responder.counters.tcp_events("evicted_idle") == 40 + 2 - 5


async def test_a_client_that_takes_no_replies_makes_room(responder: Responder) -> None:
    """It is not waited for first, and counted for what it is."""
    listening = bind_tcp(Endpoint("127.0.0.1", 0))
    port = listening.getsockname()[1]
    server = TcpServer(responder, PATIENT_S, 1, 1)
    await server.start(listening)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1)  # the kernel's least
    loop = asyncio.get_running_loop()

    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
        client.settimeout(0)
        await loop.sock_connect(client, ("127.0.0.1", port))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(UNHURRIED_S):
                while True:
                    await loop.sock_sendall(client, framed() * 100)

        async with connected(port, "127.0.0.2") as (reader, writer):
            writer.write(framed(2))
            assert (await reply(reader)).id == 2
    await server.stop()

    assert responder.counters.tcp_events("evicted_slow") == 1
    assert responder.counters.tcp_events("slow") == 0


async def test_connections_of_a_client_are_limited(responder: Responder) -> None:
    """One more than its limit takes the place of its own that was idle longest (RFC 9210 §4.2)."""
    async with (
        served(responder, per_client_max=2) as port,
        connected(port) as first,
        connected(port) as second,
        connected(port, "127.0.0.2") as other,
    ):
        for number, (reader, writer) in enumerate((other, first, second, first)):
            writer.write(framed(number))
            await reply(reader)

        async with connected(port) as (reader, writer):
            writer.write(framed(4))
            assert (await reply(reader)).id == 4
            with contextlib.suppress(ConnectionError):
                assert await second[0].read() == b""
            for number, kept in enumerate((first, other), 5):
                kept[1].write(framed(number))
                assert (await reply(kept[0])).id == number

    assert responder.counters.tcp_events("evicted_client") == 1
    assert responder.counters.tcp_events("refused_client") == 0


@pytest.mark.parametrize("sent", [b"", framed(1)[:-1]], ids=["nothing", "half_a_message"])
async def test_who_never_asks_keeps_newcomers_of_its_client_out_for_a_moment_only(
    responder: Responder, monkeypatch: pytest.MonkeyPatch, sent: bytes
) -> None:
    """No reply is due on a connection before it has asked, but a new one may be about to."""
    loop = asyncio.get_running_loop()
    time = loop.time
    async with (
        served(responder, per_client_max=1) as port,
        connected(port) as (slow, slow_writer),
    ):
        slow_writer.write(sent)
        async with connected(port) as (refused, _):
            with contextlib.suppress(ConnectionError):
                assert await refused.read() == b""
        monkeypatch.setattr(loop, "time", lambda: time() + FIRST_QUERY_S)
        async with connected(port) as (reader, writer):
            writer.write(framed(2))
            assert (await reply(reader)).id == 2
            with contextlib.suppress(ConnectionError):
                assert await slow.read() == b""

    assert responder.counters.tcp_events("refused_client") == 1
    assert responder.counters.tcp_events("evicted_client") == 1


async def test_a_burst_of_a_client_closes_none_that_has_asked(responder: Responder) -> None:
    """Its queries are there before the first is read: who is accepted is answered."""
    loop = asyncio.get_running_loop()
    replies = []
    async with served(responder, per_client_max=4) as port, asyncio.timeout(PATIENT_S):
        with contextlib.ExitStack() as stack:
            clients = [
                stack.enter_context(socket.create_connection(("127.0.0.1", port)))
                for _ in range(12)
            ]
            for client in clients:
                client.sendall(framed())
                client.settimeout(0)
            for client in clients:
                received = b""
                with contextlib.suppress(ConnectionError):
                    received = await loop.sock_recv(client, 512)
                replies.append(bool(received))

    assert replies == [True] * 4 + [False] * 8
    assert responder.counters.tcp_events("accepted") == 4
    assert responder.counters.tcp_events("refused_client") == 8
    assert responder.counters.tcp_events("evicted_client") == 0


async def test_a_client_that_awaits_replies_on_all_its_connections_gets_no_more(
    responder: Responder, taking: asyncio.Event
) -> None:
    """A new one is closed at once; others are served; it is again once it took its replies."""
    async with (
        served(responder, per_client_max=2) as port,
        connected(port) as first,
        connected(port) as second,
    ):
        taking.clear()
        for reader, writer in (first, second):
            writer.write(framed(1))
            await reply(reader)
        async with connected(port) as (refused, _):
            with contextlib.suppress(ConnectionError):
                assert await refused.read() == b""
        async with connected(port, "127.0.0.2") as (reader, writer):
            writer.write(framed(2))
            assert (await reply(reader)).id == 2
        taking.set()
        for number, (reader, writer) in enumerate((first, second), 3):
            writer.write(framed(number))
            assert (await reply(reader)).id == number
        async with connected(port) as (reader, writer):
            writer.write(framed(5))
            assert (await reply(reader)).id == 5

    assert responder.counters.tcp_events("refused_client") == 1
    assert responder.counters.tcp_events("evicted_client") == 1
    assert responder.counters.tcp_events("refused") == 0


async def test_connections_over_ipv6_are_served(responder: Responder) -> None:
    """And limited, by the /64."""
    async with (
        served(responder, per_client_max=1, address="::1") as port,
        connected(port, "::1", "::1") as (reader, writer),
    ):
        writer.write(framed(1))
        assert (await reply(reader)).id == 1
        async with connected(port, "::1", "::1") as (newer, newer_writer):
            newer_writer.write(framed(2))
            assert (await reply(newer)).id == 2
            with contextlib.suppress(ConnectionError):
                assert await reader.read() == b""

    assert responder.counters.tcp_events("evicted_client") == 1


async def test_a_refused_connection_counts_for_nobody(
    responder: Responder, taking: asyncio.Event
) -> None:
    """However often a client tries beyond its limit, it may come back when there is room."""
    async with served(responder, per_client_max=1) as port:
        async with connected(port) as (reader, writer):
            taking.clear()
            writer.write(framed(1))
            await reply(reader)
            for _ in range(20):
                async with connected(port) as (refused, _writer):
                    with contextlib.suppress(ConnectionError):
                        await refused.read()
            taking.set()
            writer.close()
            await writer.wait_closed()
        async with connected(port) as (reader, writer):
            writer.write(framed(2))
            assert (await reply(reader)).id == 2

    assert responder.counters.tcp_events("refused_client") == 20


async def test_client_that_has_said_all_gets_its_replies(responder: Responder) -> None:
    """RFC 7766 §6.2.4: it may close its half of the connection, and read on."""
    async with served(responder) as port, connected(port) as (reader, writer):
        writer.write(framed(1) + framed(2))
        writer.write_eof()
        answers = [await reply(reader), await reply(reader)]
        rest = await reader.read()

    assert ([message.id for message in answers], rest) == ([1, 2], b"")


async def test_client_that_reads_an_octet_now_and_then_is_cut_off(responder: Responder) -> None:
    """So that it holds neither its connection nor its replies for long."""
    listening = bind_tcp(Endpoint("127.0.0.1", 0))
    server = TcpServer(responder, HASTY_S, 10, 10)
    await server.start(listening)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1)
    loop = asyncio.get_running_loop()

    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
        client.settimeout(0)
        await loop.sock_connect(client, ("127.0.0.1", listening.getsockname()[1]))

        def sip() -> None:
            nonlocal sipping
            with contextlib.suppress(OSError):
                client.recv(1)
            sipping = loop.call_later(0.05, sip)

        sipping = loop.call_later(0.05, sip)
        async with asyncio.timeout(PATIENT_S):
            with contextlib.suppress(ConnectionError):
                while True:
                    await loop.sock_sendall(client, framed() * 1000)
        sipping.cancel()
    await server.stop()

    assert responder.counters.tcp_events("slow") == 1


async def test_a_long_message_is_read_whole(responder: Responder) -> None:
    """One of the most octets that a length can tell; it is no query, and gets FORMERR."""
    message = b"\x00\x09\x01\x00\x00\x01" + bytes(6) + b"\x3f" * 65523

    async with served(responder) as port, connected(port) as (reader, writer):
        writer.write(len(message).to_bytes(2, "big") + message + framed(10))
        answers = [await reply(reader), await reply(reader)]

    assert [(answer.id, int(answer.rcode())) for answer in answers] == [(9, 1), (10, 0)]


async def test_little_waits_for_a_client_that_reads_nothing(responder: Responder) -> None:
    """Its queries are left to the kernel once its replies do not leave; memory stays flat."""
    listening = bind_tcp(Endpoint("127.0.0.1", 0))
    server = TcpServer(responder, PATIENT_S, 10, 10)
    await server.start(listening)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1)
    loop = asyncio.get_running_loop()
    sent = 0

    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
        client.settimeout(0)
        await loop.sock_connect(client, ("127.0.0.1", listening.getsockname()[1]))
        with contextlib.suppress(TimeoutError):
            while sent < 50_000_000:
                async with asyncio.timeout(UNHURRIED_S):
                    await loop.sock_sendall(client, framed() * 100)
                sent += len(framed()) * 100
    await server.stop()

    assert sent < 1_000_000


async def test_the_next_query_waits_until_the_kernel_has_the_reply(
    responder: Responder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that no reply goes with a connection that is closed as idle."""
    listening = bind_tcp(Endpoint("127.0.0.1", 0))
    server = TcpServer(responder, PATIENT_S, 10, 10)
    await server.start(listening)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1)  # the kernel's least
    loop = asyncio.get_running_loop()
    kept = asyncio.Event()
    left: list[int] = []
    drain = asyncio.StreamWriter.drain

    async def drained(writer: asyncio.StreamWriter) -> None:
        if writer.transport.get_write_buffer_size():
            kept.set()
        await drain(writer)
        left.append(writer.transport.get_write_buffer_size())

    monkeypatch.setattr(asyncio.StreamWriter, "drain", drained)
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
        client.settimeout(0)
        await loop.sock_connect(client, ("127.0.0.1", listening.getsockname()[1]))
        async with asyncio.timeout(PATIENT_S):
            await loop.sock_sendall(client, framed() * 500)
            await kept.wait()
            while len(left) < 500:
                await loop.sock_recv(client, 65536)
    await server.stop()

    assert left == [0] * 500


async def test_one_client_does_not_keep_others_waiting(responder: Responder) -> None:
    """Another connection is answered while thousands of queries of the first wait."""
    count = 3000

    async with served(responder) as port, connected(port) as busy, connected(port) as other:
        busy[1].write(framed() * count)
        await reply(busy[0])
        other[1].write(framed(2))
        await reply(other[0])
        answered_before = responder.counters.replies()

    assert answered_before < count


async def test_stop_answers_what_has_arrived(responder: Responder) -> None:
    """Replies leave, half a message is not waited for, and the port is free at the end."""
    async with served(responder) as port, connected(port) as (reader, writer):
        writer.write(framed(1))
        await reply(reader)  # the connection is up
        writer.write(framed(2) + framed(3)[:5])
        await writer.drain()
        stopping = asyncio.get_running_loop().time()
    took_s = asyncio.get_running_loop().time() - stopping

    assert took_s < PATIENT_S / 3
    bind_tcp(Endpoint("127.0.0.1", port)).close()


async def test_stop_reaches_the_client_in_order(responder: Responder) -> None:
    """A client with a query on its way gets the reply, then the end of the stream."""
    listening = bind_tcp(Endpoint("127.0.0.1", 0))
    server = TcpServer(responder, PATIENT_S, 10, 10)
    await server.start(listening)

    async with connected(listening.getsockname()[1]) as (reader, writer):
        writer.write(framed(1))
        await reply(reader)
        writer.write(framed(2))
        await server.stop()

        assert (await reply(reader)).id == 2
        assert await reader.read() == b""
