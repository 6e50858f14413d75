"""What arrives that no browser would send: cut off, malformed, hanging."""

from __future__ import annotations

import asyncio

import pytest
from aiohttp import web
from aiohttp.base_protocol import BaseProtocol
from aiohttp.streams import StreamReader
from aiohttp.test_utils import make_mocked_request
from portal import Portal
from structlog.typing import EventDict

from api import form, http_log

FORM_HEAD = (
    b"POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
    b"Content-Type: application/x-www-form-urlencoded\r\n"
)


async def send(portal: Portal, data: bytes, *, hang_up: bool = False) -> bytes:
    """Sends bytes; what comes back until the other side closes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", portal.house.portal_port)
    writer.write(data)
    await writer.drain()
    reply = b"" if hang_up else await asyncio.wait_for(reader.read(), 30)
    writer.close()
    await writer.wait_closed()
    return reply


async def test_no_token_of_a_malformed_request_is_logged(
    portal: Portal, log: list[EventDict], capfd: pytest.CaptureFixture[str]
) -> None:
    """A request that cannot be parsed is told by its kind; its bytes are nobody's business."""
    reply = await send(portal, b"GET /confirm/SECRET HTTP/9.9\r\n\r\n")
    await send(portal, b"GET /confirm/SECRET\x01 HTTP/1.1\r\nHost: x\r\n\r\n")

    assert reply.startswith(b"HTTP/1.0 400 ")
    kinds = [event["kind"] for event in log if event["event"] == "http_malformed"]
    assert kinds == ["BadStatusLine", "InvalidURLError"]
    assert "SECRET" not in str(log) + "".join(capfd.readouterr())


async def test_a_form_that_hangs_is_given_up(
    portal: Portal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """408 after a while: a client that stops in the middle holds no connection for ever."""
    monkeypatch.setattr(form, "FORM_WITHIN_S", 0.05)

    reply = await send(portal, FORM_HEAD + b"Content-Length: 1000\r\n\r\nip=")

    assert reply.startswith(b"HTTP/1.1 408 ")


async def test_a_client_that_hangs_up_is_no_mistake_of_ours(
    portal: Portal, log: list[EventDict]
) -> None:
    """A form cut off in the middle is no error in the log, and changes nothing."""
    await send(portal, FORM_HEAD + b"Content-Length: 1000\r\n\r\nip=", hang_up=True)

    assert (await portal.fetch("/healthz")).status == 200
    while 'route="/",status="400"' not in (await portal.fetch("/metrics")).text:
        pass
    assert not [event for event in log if event["log_level"] == "error"]


async def test_a_compressed_form_is_not_unpacked(portal: Portal, log: list[EventDict]) -> None:
    """No browser compresses a form: whatever it is, its bytes are taken as they are."""
    body = b"\x1f\x8b" + bytes(100)
    head = FORM_HEAD + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(body)

    reply = await send(portal, head + body)

    assert reply.startswith(b"HTTP/1.1 400 ")
    assert not [event for event in log if event["log_level"] == "error"]


async def test_who_hangs_up_in_the_middle_is_no_trouble_of_ours(
    portal: Portal, log: list[EventDict]
) -> None:
    """While its form is awaited, or its answer written: nothing is logged as an error."""
    head = (
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\n"
        b"Content-Length: 500\r\n\r\n"
    )
    for _ in range(100):
        _, writer = await asyncio.open_connection("127.0.0.1", portal.house.portal_port)
        writer.write(head)
        writer.transport.abort()
    http_log.logger().error("while writing", exc_info=ConnectionResetError("gone"))

    assert (await portal.fetch("/")).status == 200
    assert [event for event in log if event["log_level"] == "error"] == []


async def test_a_form_of_whom_nobody_is_left_is_not_whole() -> None:
    """Hung up before its reading begins: the visitor's doing, and no error of ours."""
    loop = asyncio.get_running_loop()
    gone = BaseProtocol(loop)  # that never had a connection
    request = make_mocked_request(
        "POST", "/", {"Content-Type": "application/x-www-form-urlencoded"},
        payload=StreamReader(gone, 2**16, loop=loop),
    )  # fmt: skip
    request.protocol.transport = None

    with pytest.raises(web.HTTPBadRequest, match="Bad Request"):
        await form.read_fields(request)
