"""Hooks behind HTTP: what they are sent, and what becomes of whatever they answer."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import email.utils
import json
import shutil
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.abc import AbstractResolver, ResolveResult
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from api.hooks.http import HttpTransport, NameLookup, retry_after_s
from api.hooks.message import REPLY_OCTETS_MAX, RETRY_AFTER_S_MAX, Message, Reply
from dnsbl.config import HookConfig, HttpTarget

MESSAGE = Message("msg_1", 1_800_000_000, b'{"type":"delist.completed","data":{"zone":"\xc3\xa4"}}')
SECRETS = tuple(f"whsec_{base64.b64encode(bytes([n] * 32)).decode()}" for n in (1, 2))
NOW = 1_800_000_000


class Names(AbstractResolver):
    """Gives the addresses that it is told to, one set a look-up; the last one stays."""

    def __init__(self, *answers: list[str]) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []

    async def resolve(
        self,
        host: str,
        port: int = 0,
        family: socket.AddressFamily = socket.AF_INET,  # noqa: ARG002  # aiohttp's
    ) -> list[ResolveResult]:
        self.asked.append(host)
        addresses = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if not addresses:
            raise socket.gaierror(-2, "Name or service not known")
        return [
            ResolveResult(
                hostname=host, host=address, port=port, proto=0, flags=socket.AI_NUMERICHOST,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
            )
            for address in addresses
        ]  # fmt: skip

    async def close(self) -> None:
        """Holds nothing."""


class Receiver:
    """A web server that takes messages; `answer` says what it makes of one."""

    def __init__(self) -> None:
        self.requests: list[tuple[dict[str, str], bytes]] = []
        self.answer: Callable[[web.Request], web.StreamResponse] = lambda _: web.Response()

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.requests.append((dict(request.headers), await request.read()))
        return self.answer(request)


@pytest.fixture
async def receiver() -> AsyncIterator[tuple[Receiver, str]]:
    """A receiver on the loopback, with its address."""
    receiver = Receiver()
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", receiver.handle)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    yield receiver, f"http://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


@pytest.fixture
async def opened(tmp_path: Path) -> AsyncIterator[Callable[..., HttpTransport]]:
    """Makes transports, and closes them."""
    made: list[HttpTransport] = []

    def opened(
        url: str,
        *,
        allow_private: bool = True,
        secrets: tuple[str, ...] = SECRETS[:1],
        timeout_s: int = 15,
        now: Callable[[], float] = time.time,
        names: AbstractResolver | None = None,
        tls: ssl.SSLContext | bool = True,
    ) -> HttpTransport:
        files = []
        for number, secret in enumerate(secrets):
            files.append(tmp_path / f"secret{number}")
            files[-1].write_text(secret)
        target = HttpTarget(url, tuple(files), allow_private)
        hook = HookConfig("mine", "notify", target, timeout_s=timeout_s)
        made.append(HttpTransport(hook, target, now=now, names=names or Names(), tls=tls))
        return made[-1]

    yield opened
    for transport in made:
        await transport.close()


async def test_a_message_is_a_signed_post(
    receiver: tuple[Receiver, str], opened: Callable[..., HttpTransport]
) -> None:
    """The reference library of Standard Webhooks accepts it, body and all."""
    server, url = receiver

    reply = await opened(f"{url}/in?x=1").send(MESSAGE)

    assert reply == Reply("done", "HTTP 200 OK")
    ((headers, body),) = server.requests
    assert Webhook(SECRETS[0]).verify(body, headers) == json.loads(MESSAGE.body)
    assert headers["Content-Type"] == "application/json"
    assert headers["Webhook-Id" if "Webhook-Id" in headers else "webhook-id"] == "msg_1"


async def test_every_secret_signs(
    receiver: tuple[Receiver, str], opened: Callable[..., HttpTransport]
) -> None:
    """Whoever knows the old secret or the new one is content; whoever knows another is not."""
    server, url = receiver

    await opened(url, secrets=SECRETS).send(MESSAGE)

    ((headers, body),) = server.requests
    for secret in SECRETS:
        assert Webhook(secret).verify(body, headers) == json.loads(MESSAGE.body)
    with pytest.raises(WebhookVerificationError, match="No matching signature"):
        Webhook(f"whsec_{base64.b64encode(bytes([3] * 32)).decode()}").verify(body, headers)


async def test_an_old_attempt_cannot_be_replayed(
    receiver: tuple[Receiver, str], opened: Callable[..., HttpTransport]
) -> None:
    """The time is the attempt's, and is signed: the library refuses one of ten minutes ago."""
    server, url = receiver

    await opened(url, now=lambda: time.time() - 600).send(MESSAGE)

    ((headers, body),) = server.requests
    with pytest.raises(WebhookVerificationError, match="too old"):
        Webhook(SECRETS[0]).verify(body, headers)
    now = {name: str(int(time.time())) for name in headers if name.lower() == "webhook-timestamp"}
    with pytest.raises(WebhookVerificationError, match="No matching signature"):
        Webhook(SECRETS[0]).verify(body, headers | now)


async def test_a_new_secret_counts_at_once(
    receiver: tuple[Receiver, str], opened: Callable[..., HttpTransport], tmp_path: Path
) -> None:
    """Files are read at each message, so that no restart is needed to change one."""
    server, url = receiver
    transport = opened(url)
    await transport.send(MESSAGE)

    (tmp_path / "secret0").write_text(SECRETS[1])
    await transport.send(MESSAGE)

    headers, body = server.requests[1]
    assert Webhook(SECRETS[1]).verify(body, headers) == json.loads(MESSAGE.body)


async def test_without_its_secret_nothing_is_sent(
    receiver: tuple[Receiver, str], opened: Callable[..., HttpTransport], tmp_path: Path
) -> None:
    """A secret that is away or wrong is told; no unsigned message leaves."""
    server, url = receiver
    transport = opened(url)

    (tmp_path / "secret0").write_text("whsec_c2VjcmV0")
    short = await transport.send(MESSAGE)
    (tmp_path / "secret0").unlink()
    away = await transport.send(MESSAGE)

    assert (short.kind, away.kind) == ("failed", "failed")
    assert "has 6 octets" in short.detail
    assert "c2Vj" not in short.detail
    assert "secret0: cannot be read: No such file" in away.detail
    assert server.requests == []


@pytest.mark.parametrize(
    ("status", "headers", "reply"),
    [
        (200, {}, Reply("done", "HTTP 200 OK", body=b"ok")),
        (202, {}, Reply("done", "HTTP 202 Accepted", body=b"ok")),
        (400, {}, Reply("failed", "HTTP 400 Bad Request")),
        (401, {"WWW-Authenticate": "Basic"}, Reply("failed", "HTTP 401 Unauthorized")),
        (404, {}, Reply("failed", "HTTP 404 Not Found")),
        (410, {}, Reply("gone", "HTTP 410 Gone")),
        (429, {}, Reply("failed", "HTTP 429 Too Many Requests")),
        (429, {"Retry-After": "30"}, Reply("later", "HTTP 429 Too Many Requests", 30)),
        (503, {"Retry-After": "0"}, Reply("later", "HTTP 503 Service Unavailable", 0)),
        (503, {"Retry-After": email.utils.formatdate(NOW + 60, usegmt=True)},
         Reply("later", "HTTP 503 Service Unavailable", 60)),
        (503, {"Retry-After": "soon"}, Reply("failed", "HTTP 503 Service Unavailable")),
        (500, {"Retry-After": "30"}, Reply("failed", "HTTP 500 Internal Server Error")),
    ],
)  # fmt: skip
async def test_statuses_have_meanings(
    receiver: tuple[Receiver, str],
    opened: Callable[..., HttpTransport],
    status: int,
    headers: dict[str, str],
    reply: Reply,
) -> None:
    """2xx has it, 410 wants no more, 429 and 503 say when; all else has failed."""
    server, url = receiver
    server.answer = lambda _: web.Response(status=status, headers=headers, body=b"ok")

    assert await opened(url, now=lambda: NOW).send(MESSAGE) == reply


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308, 304])
async def test_no_redirect_is_followed(
    receiver: tuple[Receiver, str], opened: Callable[..., HttpTransport], status: int
) -> None:
    """A receiver leads us nowhere, least of all to an address of our own network."""
    server, url = receiver
    server.answer = lambda _: web.Response(status=status, headers={"Location": f"{url}/other"})

    reply = await opened(url).send(MESSAGE)

    assert reply.kind == "failed"
    assert "no redirect is followed" in reply.detail
    assert len(server.requests) == 1


async def test_no_cookie_is_kept(
    receiver: tuple[Receiver, str], opened: Callable[..., HttpTransport]
) -> None:
    """Nothing that a receiver says comes back to it."""
    server, url = receiver
    server.answer = lambda _: web.Response(headers={"Set-Cookie": "a=b"})
    transport = opened(url)

    await transport.send(MESSAGE)
    await transport.send(MESSAGE)

    assert [headers.get("Cookie") for headers, _ in server.requests] == [None, None]


async def test_no_proxy_of_the_environment_is_used(
    receiver: tuple[Receiver, str],
    opened: Callable[..., HttpTransport],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A proxy would connect for us to what we must not reach."""
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    _, url = receiver

    assert (await opened(url).send(MESSAGE)).kind == "done"


@pytest.mark.parametrize("declared", [True, False])
@pytest.mark.parametrize("status", [200, 500])
async def test_a_huge_answer_is_cut_off(
    opened: Callable[..., HttpTransport],
    declared: bool,  # noqa: FBT001  # pytest's way
    status: int,
) -> None:
    """Of ten megabytes no more than the bound is read, whether or not their length is told."""
    sent = 0
    octets = 10_000_000

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        await reader.readuntil(b"\r\n\r\n")
        length = f"Content-Length: {octets}\r\n" if declared else ""
        writer.write(f"HTTP/1.1 {status} X\r\n{length}Connection: close\r\n\r\n".encode())
        with contextlib.suppress(ConnectionError):
            while sent < octets:
                writer.write(b"x" * 10_000)
                await writer.drain()
                sent += 10_000
        writer.transport.abort()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        reply = await opened(f"http://127.0.0.1:{port}").send(MESSAGE)

    assert (reply.kind, reply.body) == ("done" if status == 200 else "failed", b"")
    assert sent < octets / 2, "what is left over is in the kernel's buffers"


async def test_an_answer_of_the_bound_is_read(
    receiver: tuple[Receiver, str], opened: Callable[..., HttpTransport]
) -> None:
    """The last octet that fits is there; one more, and nothing is."""
    server, url = receiver
    transport = opened(url)

    server.answer = lambda _: web.Response(body=b"x" * REPLY_OCTETS_MAX)
    fits = await transport.send(MESSAGE)
    server.answer = lambda _: web.Response(body=b"x" * (REPLY_OCTETS_MAX + 1))
    over = await transport.send(MESSAGE)

    assert (len(fits.body), fits.kind) == (REPLY_OCTETS_MAX, "done")
    assert (over.body, over.kind) == (b"", "done")
    assert f"over {REPLY_OCTETS_MAX} octets" in over.detail


async def test_a_compressed_answer_is_not_unpacked(
    receiver: tuple[Receiver, str], opened: Callable[..., HttpTransport]
) -> None:
    """A bomb stays a small lump."""
    server, url = receiver
    server.answer = lambda _: web.Response(
        body=b"\x1f\x8b lump", headers={"Content-Encoding": "gzip"}
    )

    assert (await opened(url).send(MESSAGE)).body == b"\x1f\x8b lump"


@pytest.mark.parametrize("said", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"])
async def test_a_receiver_that_hangs_is_left(
    opened: Callable[..., HttpTransport], said: bytes
) -> None:
    """Silence ends at the hook's time, before the answer or in the middle of it."""
    release = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(said)
        await release.wait()
        writer.transport.abort()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        begun = time.monotonic()
        reply = await opened(f"http://127.0.0.1:{port}", timeout_s=1).send(MESSAGE)
        took_s = time.monotonic() - begun
        release.set()

    assert reply == Reply("failed", "did not answer within 1 s")
    assert 0.9 < took_s < 10


@pytest.mark.parametrize(
    "said",
    [b"", b"220 smtp.example ready\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf",
     b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100_000 + b"\r\n\r\n",
     b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n"],
)  # fmt: skip
async def test_a_receiver_that_breaks_has_failed(
    opened: Callable[..., HttpTransport], said: bytes
) -> None:
    """A closed connection, another protocol, half an answer, endless headers: one line tells."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        with contextlib.suppress(ConnectionError):
            writer.write(said)
            await writer.drain()
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        reply = await opened(f"http://127.0.0.1:{port}").send(MESSAGE)

    assert reply.kind == "failed"
    assert reply.detail.isprintable()
    assert 0 < len(reply.detail) <= 200


async def test_nobody_there_has_failed(opened: Callable[..., HttpTransport]) -> None:
    """A refused connection says so."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

    reply = await opened(f"http://127.0.0.1:{port}").send(MESSAGE)

    assert reply.kind == "failed"
    assert "cannot be reached" in reply.detail


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "[::ffff:127.0.0.1]", "10.0.0.1"])
async def test_a_literal_private_address_is_refused(
    opened: Callable[..., HttpTransport], host: str
) -> None:
    """No connection is made, not even an attempt."""
    reply = await opened(f"http://{host}:9/", allow_private=False).send(MESSAGE)

    assert reply.kind == "failed"
    assert "is not a public address" in reply.detail


@pytest.mark.parametrize("host", ["2130706433", "0x7f.1", "127.1", "metadata.example"])
async def test_what_a_name_leads_to_is_refused(
    receiver: tuple[Receiver, str], opened: Callable[..., HttpTransport], host: str
) -> None:
    """However an address is spelled, and whatever a name has: what counts is where it leads."""
    server, url = receiver
    names = Names(["127.0.0.1"])

    reply = await opened(url.replace("127.0.0.1", host), allow_private=False, names=names).send(
        MESSAGE
    )

    assert reply.kind == "failed"
    # The client itself refuses numbers that are spelled unlike an address.
    assert "is not a public address" in reply.detail or "is not a canonical IPv4" in reply.detail
    assert server.requests == []


async def test_rebinding_gains_nothing(
    receiver: tuple[Receiver, str],
    opened: Callable[..., HttpTransport],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A name that was public when it was first looked up, and is ours the next time, is refused.

    What is checked is the address of the very connection; there is no time between.
    """
    server, url = receiver
    names = Names(["9.9.9.9"], ["127.0.0.1"])
    attempted: list[object] = []

    async def connect(_loop: object, _socket: object, address: object) -> None:
        attempted.append(address)
        raise ConnectionRefusedError(111, "as if nobody were there")

    loop = asyncio.get_running_loop()
    monkeypatch.setattr(type(loop), "sock_connect", connect)
    transport = opened(url.replace("127.0.0.1", "rebind.example"), allow_private=False, names=names)

    public = await transport.send(MESSAGE)
    private = await transport.send(MESSAGE)

    assert names.asked == ["rebind.example", "rebind.example"]
    assert "as if nobody were there" in public.detail
    assert "127.0.0.1 is not a public address" in private.detail
    assert [address[0] for address in attempted if isinstance(address, tuple)] == ["9.9.9.9"]
    assert server.requests == []


async def test_a_private_address_among_public_ones_is_refused(
    receiver: tuple[Receiver, str],
    opened: Callable[..., HttpTransport],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Where the public one does not answer, the other of the same name is not tried instead."""
    server, url = receiver
    attempted: list[object] = []

    async def connect(_loop: object, _socket: object, address: object) -> None:
        attempted.append(address)
        raise ConnectionRefusedError(111, "as if nobody were there")

    monkeypatch.setattr(type(asyncio.get_running_loop()), "sock_connect", connect)
    names = Names(["9.9.9.9", "::1", "127.0.0.1"])

    reply = await opened(
        url.replace("127.0.0.1", "both.example"), allow_private=False, names=names
    ).send(MESSAGE)

    assert reply.kind == "failed"
    assert [address[0] for address in attempted if isinstance(address, tuple)] == ["9.9.9.9"]
    assert server.requests == []


async def test_a_name_that_is_not_there_has_failed(opened: Callable[..., HttpTransport]) -> None:
    """What the look-up says is told."""
    names = Names([])

    reply = await opened("https://nowhere.example/", names=names).send(MESSAGE)

    assert reply.kind == "failed"
    assert "cannot be reached" in reply.detail


@pytest.mark.parametrize("uid", ["msg_1\r\nX-Other: 1", "msg\0", "\ud800"])
async def test_a_name_that_is_no_header_is_not_sent(
    receiver: tuple[Receiver, str], opened: Callable[..., HttpTransport], uid: str
) -> None:
    """Names come from the database, which other programs write as well."""
    server, url = receiver

    reply = await opened(url).send(Message(uid, NOW, b"{}"))

    assert reply.kind == "failed"
    assert reply.detail.isprintable()
    assert server.requests == []


async def test_a_look_up_that_hangs_delays_the_hook_alone(
    opened: Callable[..., HttpTransport], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The system's resolver is asked in a thread of its own, and left there at the hook's time."""
    release = threading.Event()
    asked: list[str] = []

    def getaddrinfo(host: str, *_: object) -> list[object]:
        asked.append(host)
        release.wait(60)
        return []

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    sending = asyncio.create_task(
        opened("https://slow.example/", timeout_s=1, names=NameLookup()).send(MESSAGE)
    )
    turns = 0
    while not sending.done():
        await asyncio.sleep(0.01)
        turns += 1
    release.set()

    assert (await sending).detail == "did not answer within 1 s"
    assert asked == ["slow.example"]
    assert turns > 5


async def test_what_the_system_resolves_to_is_checked(
    receiver: tuple[Receiver, str],
    opened: Callable[..., HttpTransport],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its answer is used, where the configuration allows where it leads."""
    server, url = receiver
    port = int(url.rpartition(":")[2])
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_: found)
    url = f"http://ours.example:{port}"

    refused = await opened(url, allow_private=False, names=NameLookup()).send(MESSAGE)
    allowed = await opened(url, names=NameLookup()).send(MESSAGE)

    assert "127.0.0.1 is not a public address" in refused.detail
    assert allowed.kind == "done"
    assert [headers["Host"] for headers, _ in server.requests] == [f"ours.example:{port}"]


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[Path, Path]:
    """A certificate for hooks.example, and its key."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("openssl is not installed")
    file, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    subprocess.run(
        [openssl, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
         "-days", "2", "-subj", "/CN=hooks.example", "-addext",
         "subjectAltName=DNS:hooks.example", "-keyout", str(key), "-out", str(file)],
        check=True, capture_output=True,
    )  # fmt: skip
    return file, key


async def test_a_certificate_that_nobody_vouches_for_is_refused(
    opened: Callable[..., HttpTransport], certificate: tuple[Path, Path]
) -> None:
    """TLS is verified: nothing is sent to whoever took the receiver's place."""
    file, key = certificate
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file, key)
    received: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        received.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context) as server:
        port = server.sockets[0].getsockname()[1]
        url = f"https://hooks.example:{port}/"
        names = Names(["127.0.0.1"])
        unknown = await opened(url, names=names).send(MESSAGE)
        assert received == []
        trusted = await opened(
            url, names=names, tls=ssl.create_default_context(cafile=str(file))
        ).send(MESSAGE)
        other = await opened(
            url.replace("hooks", "other"), names=names,
            tls=ssl.create_default_context(cafile=str(file)),
        ).send(MESSAGE)  # fmt: skip

    assert (unknown.kind, trusted.kind, other.kind) == ("failed", "done", "failed")
    assert "certificate verify failed" in unknown.detail
    assert len(received) == 1


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("0", 0),
        (" 120 ", 120),
        ("99999999999999999999", RETRY_AFTER_S_MAX),
        (email.utils.formatdate(NOW + 90, usegmt=True), 90),
        (email.utils.formatdate(NOW - 90, usegmt=True), 0),
        (email.utils.formatdate(NOW + 10**8, usegmt=True), RETRY_AFTER_S_MAX),
        ("", None),
        ("-1", None),
        ("1.5", None),
        ("tomorrow", None),
        ("\N{ARABIC-INDIC DIGIT ONE}", None),
        ("Fri, 31 Feb 2027 00:00:00 GMT", None),
        ("Fri, 01 Jan 99999 00:00:00 GMT", None),
    ],
)
def test_retry_after_is_a_number_or_a_date(value: str, seconds: int | None) -> None:
    """Both forms of RFC 9110 §10.2.3, bounded to a day; anything else is none."""
    assert retry_after_s(value, NOW) == seconds


@given(st.text())
def test_no_retry_after_breaks_us(value: str) -> None:
    """Whatever a receiver writes there."""
    seconds = retry_after_s(value, NOW)

    assert seconds is None or 0 <= seconds <= RETRY_AFTER_S_MAX
