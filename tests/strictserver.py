"""A mail server that takes nothing but what RFC 5321 and RFC 5322 allow, and offers no extension.

What it finds wrong is in `faults`, and is its reply; what it took is in `mails`, octet by octet.
"""

from __future__ import annotations

import asyncio
import contextlib
import email
import email.policy
import re
from dataclasses import dataclass, field
from email.message import EmailMessage
from typing import Self

COMMAND_OCTETS_MAX = 512  # RFC 5321 §4.5.3.1.4, with CRLF
LINE_OCTETS_MAX = 1000  # RFC 5321 §4.5.3.1.6, with CRLF
LINE_CHARS_MAX = 78  # RFC 5322 §2.1.1
GRACE_S = 0.02  # a client that speaks before it is answered speaks within that

# RFC 5322 §3.6: what stands once in every mail of ours, and what never does.
ONCE = (
    "Date", "From", "To", "Subject", "Message-ID", "MIME-Version", "Content-Type",
    "Auto-Submitted", "Content-Language",
)  # fmt: skip
NEVER = ("Bcc", "Cc", "Sender", "Reply-To", "Return-Path", "Received")
FIELD = re.compile(rb"([!-9;-~]+):[ \t]")  # RFC 5322 §2.2
DATE = re.compile(  # RFC 5322 §3.3
    r"(Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d{1,2} (Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) "
    r"\d{4} \d\d:\d\d:\d\d [+-]\d{4}"
)
MESSAGE_ID = re.compile(r"<[A-Za-z0-9.]+@[A-Za-z0-9.-]+>")
PATH = re.compile(rb"(?:FROM|TO):<([^<>\s]*)>", re.IGNORECASE)  # and no parameter behind it


class FaultError(Exception):
    """Something that is not allowed."""


@dataclass
class Taken:
    """A mail that was taken: its envelope and its octets."""

    sender: str
    recipient: str
    octets: bytes

    @property
    def message(self) -> EmailMessage:
        """The mail as a reader's program sees it."""
        found = email.message_from_bytes(self.octets, policy=email.policy.default)
        assert isinstance(found, EmailMessage)
        return found


@dataclass
class StrictServer:
    """Listens on a port of the loopback while its context lasts."""

    port: int
    mails: list[Taken] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    refusal: str = ""  # of every recipient, where it is set

    async def __aenter__(self) -> Self:
        self._tasks: set[asyncio.Task[None]] = set()
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
                await _Dialogue(self, reader, writer).run()
        finally:
            writer.close()
            self._tasks.discard(task)


@dataclass
class _Dialogue:
    server: StrictServer
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    greeted: bool = False
    sender: str | None = None
    recipient: str | None = None

    async def run(self) -> None:
        await self._reply("220 strict.example ESMTP")
        while True:
            try:
                line = await self._line(COMMAND_OCTETS_MAX)
                verb, _, rest = line.partition(b" ")
                if not await self._command(verb.upper(), rest):
                    return
            except FaultError as fault:
                self.server.faults.append(str(fault))
                await self._reply(f"554 5.5.0 {fault}")

    async def _command(self, verb: bytes, rest: bytes) -> bool:
        """Answers a command; whether another may follow."""
        match verb:
            case b"EHLO" | b"HELO":
                if not rest or b" " in rest:
                    raise FaultError("no name to greet")
                self.greeted = True
                await self._reply("250 strict.example")  # no extension: not even PIPELINING
            case b"MAIL":
                if not self.greeted or self.sender is not None:
                    raise FaultError("MAIL out of turn")
                self.sender = self._path(rest)
                await self._reply("250 2.1.0 ok")
            case b"RCPT":
                if self.sender is None or self.recipient is not None:
                    raise FaultError("RCPT out of turn")
                self.recipient = self._path(rest)
                await self._reply(self.server.refusal or "250 2.1.5 ok")
            case b"DATA":
                await self._data()
            case b"RSET":
                self.sender = self.recipient = None
                await self._reply("250 2.0.0 ok")
            case b"QUIT":
                await self._reply("221 2.0.0 bye")
                return False
            case _:
                raise FaultError(f"unknown command {verb!r}")
        return True

    def _path(self, rest: bytes) -> str:
        path = PATH.fullmatch(rest)
        if path is None:
            raise FaultError(f"no path without parameters: {rest!r}")
        local, _, domain = path[1].decode("ascii").rpartition("@")
        if not 1 <= len(local) <= 64 or not 1 <= len(domain) <= 255:  # RFC 5321 §4.5.3.1
            raise FaultError(f"a path that is too long: {path[1]!r}")
        return f"{local}@{domain}"

    async def _data(self) -> None:
        if self.sender is None or self.recipient is None:
            raise FaultError("DATA out of turn")
        await self._reply("354 go on")
        lines: list[bytes] = []
        fault: FaultError | None = None
        while True:
            try:
                line = await self._line(LINE_OCTETS_MAX)
            except FaultError as found:
                fault, line = fault or found, b""
            if line == b".":
                break
            lines.append(line.removeprefix(b".") if line.startswith(b".") else line)
        octets = b"\r\n".join(lines) + b"\r\n"
        if fault is not None:
            raise fault
        check(octets, self.recipient)
        self.server.mails.append(Taken(self.sender, self.recipient, octets))
        await self._reply("250 2.0.0 taken")

    async def _line(self, octets_max: int) -> bytes:
        line = await self.reader.readuntil(b"\n")
        if len(line) > octets_max:
            raise FaultError(f"a line of {len(line)} octets")
        if not line.endswith(b"\r\n"):
            raise FaultError("a line that ends in a bare LF")
        line = line[:-2]
        if b"\r" in line or b"\x00" in line or not line.isascii():  # RFC 5321 §2.3.8, §4.5.2
            raise FaultError(f"a bare CR, a NUL or eight bits: {line!r}")
        return line

    async def _reply(self, text: str) -> None:
        """Replies, unless the client has spoken before its turn (RFC 2920 was not offered)."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(GRACE_S):
                early = await self.reader.readexactly(1)
                raise AssertionError(f"the client did not wait for a reply: {early!r}")
        self.writer.write(f"{text}\r\n".encode())
        await self.writer.drain()


def check(octets: bytes, recipient: str) -> None:
    """Whether a mail is what RFC 5322 and MIME make of one. Raises FaultError."""
    head, blank, _ = octets.partition(b"\r\n\r\n")
    if not blank:
        raise FaultError("no empty line after the header")
    for line in octets.split(b"\r\n"):
        # An address or a link cannot be broken.
        if len(line) > LINE_CHARS_MAX and b"@" not in line and b"://" not in line:
            raise FaultError(f"a line of {len(line)} characters: {line!r}")
    for line in head.split(b"\r\n"):
        if not (FIELD.match(line) or line[:1] in (b" ", b"\t")) or not line.strip():
            raise FaultError(f"no header field: {line!r}")
    message = email.message_from_bytes(octets, policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    _check_fields(message, recipient)
    for part in message.walk():
        if part.defects:
            raise FaultError(f"defects: {part.defects}")
        if part.get_content_maintype() == "multipart":
            continue
        if part["Content-Transfer-Encoding"] not in ("7bit", "quoted-printable"):
            raise FaultError(f"encoding {part['Content-Transfer-Encoding']}")
        part.get_content()


def _check_fields(message: EmailMessage, recipient: str) -> None:
    for name in ONCE:
        if len(message.get_all(name, [])) != 1:
            raise FaultError(f"not one {name}: {message.get_all(name)}")
        if message[name].defects:
            raise FaultError(f"{name}: {message[name].defects}")
    for name in NEVER:
        if name in message:
            raise FaultError(f"a {name}")
    # As it stands: what reads it here makes any date a good one.
    date = next(str(value) for name, value in message.raw_items() if name == "Date")
    if not DATE.fullmatch(date):
        raise FaultError(f"Date {date}")
    if not MESSAGE_ID.fullmatch(message["Message-ID"]):
        raise FaultError(f"Message-ID {message['Message-ID']}")
    if [each.addr_spec for each in message["To"].addresses] != [recipient]:
        raise FaultError(f"To {message['To']}, sent to {recipient}")
