"""Requests as nobody should send them: mutated, cut, doubled, smuggled, over a raw socket.

`DNSBL_FUZZ_S` says for how many seconds, and `DNSBL_FUZZ_SEED` from where.
"""

from __future__ import annotations

import asyncio
import os
import random
import re
import time
from collections.abc import Iterator
from typing import Final
from urllib.parse import urlencode

import pytest
from portal import LISTED, SENDER, Portal
from raw_connection import say
from structlog.typing import EventDict

from api import connections

FUZZ_S: Final = float(os.environ.get("DNSBL_FUZZ_S", "4"))
SEED: Final = int(os.environ.get("DNSBL_FUZZ_SEED", "7"))
AT_ONCE: Final = 48

MARK: Final = b"mk7z"
RAW_MARK: Final = MARK + b"<\"'>"
FORM: Final = b"Content-Type: application/x-www-form-urlencoded\r\n"
CHUNKED: Final = b"Transfer-Encoding: chunked\r\n"
ANSWER: Final = re.compile(
    rb"^HTTP/[0-9]\.[0-9] ([0-9]{3}) [^\r\n]*\r\n(.*?)\r\n\r\n", re.MULTILINE | re.DOTALL
)
ALWAYS: Final = (
    b"content-security-policy:", b"x-content-type-options:", b"referrer-policy:",
    b"cache-control:", b"server: dnsbl\r\n",
)  # fmt: skip

PIECES: Final = (
    b"\r\n", b"\n", b"\r", b"\0", b"\r\n\r\n", b" ", b"\t", b"%0d%0a", b"%00", b"%ff", b"%", b"%u1",
    b"\xff", b"\xc3\xa4", b"\xe2\x80\xa8", b"\xed\xa0\x80", b"\xf0\x9f\x92\xa9", b"\xe2\x80\xae",
    RAW_MARK, MARK, b"&", b"=", b";", b",", b":", b"//", b"/..", b"?", b"#", b"[", b"]", b"@",
    b"-1", b"0", b"99999999999999999999", b"a" * 9000, b"A: b\r\n" * 70, b"{{7*7}}", b"${x}",
    b"Transfer-Encoding: chunked\r\n", b"Content-Length: 5\r\n", b"Content-Length: +5\r\n",
    b"Content-Length: 0x5\r\n", b"Transfer-Encoding: identity, chunked\r\n", b"Host: y\r\n",
    b"Transfer-Encoding : chunked\r\n", b"Expect: 100-continue\r\n",
    b"Expect: " + RAW_MARK + b"\r\n",
    b"Upgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\n", b"Connection: close\r\n",
    b"X-Forwarded-For: \xff, 1.2.3.4\r\n", b"Accept-Language: \xff,,;q=\r\n",
    b"Range: bytes=9-1\r\n",
    b"X-HTTP-Method-Override: " + MARK + b"\r\n", b"Origin: http://[\r\n", b"If-Range: \xff\r\n",
    b"Sec-Fetch-Site: cross-site\r\n", b"Cookie: a=\xff; =;;" + MARK + b"\r\n", b" HTTP/1.1\r\n",
    b"Content-Encoding: gzip\r\n", b"5\r\nip=1&\r\n0\r\n\r\n", b"ffffffffffffffff\r\n",
)  # fmt: skip


def seeds(form_token: str, link: str, status: str) -> list[bytes]:
    """Honest requests, for others to be made of."""
    fields = urlencode({"ip": LISTED, "email": SENDER, "form_token": form_token}).encode()
    press = urlencode({"action": "delist", "form_token": form_token}).encode()

    def get(target: str, more: bytes = b"") -> bytes:
        return b"GET %b HTTP/1.1\r\nHost: bl.example\r\n%b\r\n" % (target.encode(), more)

    def post(target: str, body: bytes) -> bytes:
        head = b"POST %b HTTP/1.1\r\nHost: bl.example\r\n%bContent-Length: %d\r\n\r\n"
        return head % (target.encode(), FORM, len(body)) + body

    chunked = (
        b"POST / HTTP/1.1\r\nHost: bl.example\r\n" + FORM + b"Transfer-Encoding: chunked\r\n\r\n"
        b"5\r\nip=1&\r\n7\r\nemail=a\r\n0\r\n\r\n"
    )
    return [
        get("/"), get(f"/?ip={LISTED}"), get("/?address=2001:db8::1"), get(link), get(status),
        get("/policy"), get("/static/portal.css", b"Range: bytes=0-10\r\n"), get("/nowhere"),
        get("/healthz"), get("/static/../app.py"), post("/", fields), post(link, press),
        post("/policy", fields), get("/statistics"),
        get("/operator/requests", b"Cookie: a=b\r\n"),
        get("/operator/login"), post("/operator/login", fields), chunked,
        b"HEAD / HTTP/1.0\r\n\r\n", b"GET /\r\n",
        b"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n", b"CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"GET / HTTP/2.0\r\nHost: x\r\n\r\n",
    ]  # fmt: skip


def mutated(chance: random.Random, bases: list[bytes]) -> bytes:
    """One of them, or two in a row, with some octets changed."""
    data = bytearray(b"".join(chance.choices(bases, k=chance.choice((1, 1, 1, 2)))))
    for _ in range(chance.choice((1, 1, 2, 3, 6))):
        at = chance.randrange(len(data) + 1)
        match chance.randrange(6):
            case 0:
                data[at:at] = chance.choice(PIECES)
            case 1:  # a header more, where headers stand
                end = data.find(b"\r\n", at)
                data[end + 2 : end + 2] = chance.choice(PIECES)
            case 2:
                data[at : at + 1] = bytes([chance.randrange(256)])
            case 3:
                del data[at : at + chance.choice((1, 2, 10))]
            case 4:  # a line twice
                start, end = data.rfind(b"\r\n", 0, at) + 2, data.find(b"\r\n", at) + 2
                data[end:end] = data[start:end]
            case _:
                data[at:at] = chance.randbytes(chance.choice((1, 4, 40)))
    return bytes(data)


def faults(heard: bytes) -> Iterator[str]:
    """What is wrong with what came back."""
    if heard and not heard.startswith(b"HTTP/"):
        yield "no answer of HTTP"
    if RAW_MARK in heard:
        yield "the page has what was sent, and not escaped"
    for status, lines in ANSWER.findall(heard):
        head = lines.lower() + b"\r\n"
        if status >= b"500" and status != b"505":
            yield f"status {status.decode()}"
        if status != b"100" and not all(name in head for name in ALWAYS):
            yield f"headers missing: {head!r}"
        if MARK in head or re.search(rb"[^\r]\n|\r[^\n]|[\0\x80-\xff]", head):
            yield f"a stranger's octets in a header: {head!r}"


async def test_no_octets_break_the_portal(
    portal: Portal, monkeypatch: pytest.MonkeyPatch, log: list[EventDict]
) -> None:
    """Never a 5xx, a reflected header, an answer without its headers, or an error in the log."""
    monkeypatch.setattr(connections, "HEADERS_WITHIN_S", 0.1)
    monkeypatch.setattr(connections, "NEXT_WITHIN_S", 0.1)
    monkeypatch.setattr(connections, "LINGER_S", 0.1)
    monkeypatch.setattr("api.form.FORM_WITHIN_S", 0.1)
    await portal.add(LISTED)
    status = (await portal.ask(LISTED, SENDER)).location
    await portal.delivered()
    form = (await portal.fetch("/")).form("Submit")
    bases = seeds(form.fields["form_token"], "/confirm/" + "A" * 43, status)
    chance = random.Random(SEED)
    sent = 0
    until = time.monotonic() + FUZZ_S
    found: list[tuple[bytes, list[str]]] = []
    while time.monotonic() < until and not found:
        batch = [mutated(chance, bases) for _ in range(AT_ONCE)]
        heard = await asyncio.gather(*(say(portal.house.portal_port, data) for data in batch))
        found = [
            (data, wrong) for data, back in zip(batch, heard, strict=True)
            if (wrong := list(faults(back)))
        ]  # fmt: skip
        broken = [event for event in log if event["log_level"] == "error"]
        assert not broken, (broken, batch)
        log.clear()
        sent += len(batch)

    assert found == []
    assert sent > AT_ONCE
    assert (await portal.fetch("/healthz")).status == 200


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\n folded: mk7z\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\nX: \0\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\nX: " + MARK * 2500 + b"\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\n" + b"X: mk7z\r\n" * 65 + b"\r\n", 400),
        (b"GET /" + MARK * 2500 + b" HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        (b"GET /?ip=\xff HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        (b"GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505),
        (b"GET / HTTP/0.9\r\n\r\n", 505),
        (b"GET / HTTP/1.1\r\nHost: a\r\nExpect: mk7z\r\n\r\n", 417),
        (b"GET / HTTP/1.1\r\nHost: a\r\nExpect: \xffmk7z\r\n\r\n", 417),
        (b"GET /static/" + b"a" * 300 + b" HTTP/1.1\r\nHost: a\r\n\r\n", 404),
        (b"GET /static/%00 HTTP/1.1\r\nHost: a\r\n\r\n", 404),
        (b"GET /static/..%2fpages.py HTTP/1.1\r\nHost: a\r\n\r\n", 404),
        (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", 400),
        (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n" + CHUNKED + b"\r\n", 400),
        (b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: mk7z\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +1\r\n\r\na", 400),
        (b"\x16\x03\x01\x02\x00mk7z\r\n\r\n", 400),
        (b"TRACE / HTTP/1.1\r\nHost: a\r\nX: mk7z\r\n\r\n", 405),
    ],
)  # fmt: skip
async def test_what_is_wrong_with_a_request_is_said_once_and_not_repeated(
    portal: Portal, monkeypatch: pytest.MonkeyPatch, request_: bytes, status: int
) -> None:
    """One answer with the headers of all answers, nothing of the request in it, and the end."""
    monkeypatch.setattr(connections, "NEXT_WITHIN_S", 0.1)

    another = b"" if status == 505 else b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n"

    heard = await say(portal.house.portal_port, request_ + another)

    answers = ANSWER.findall(heard)
    assert int(answers[0][0]) == status
    assert list(faults(heard)) in ([], ["status 505"])
    assert MARK not in heard
    if status in (400, 417, 505):
        assert len(answers) == 1
