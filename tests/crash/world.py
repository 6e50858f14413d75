"""What is around a sidecar and outlives it: a mail server, a name server, hooks behind HTTP.

A process of its own. What it took it tells at once, a line of JSON each, on the
socket that it was given, on which it takes orders as well.
"""

from __future__ import annotations

import asyncio
import contextlib
import email
import email.policy
import json
import re
import socket
from dataclasses import dataclass
from typing import Any, Final

import dns.message
import dns.rcode

# What the process is ordered: to tell all that it took so far; to forget it; and that hooks behind
# HTTP fail at the first attempt of each message.
SYNC: Final = b"sync"
FORGET: Final = b"forget"
FAIL: Final = b"fail"

GREYLISTED: Final = "grey"  # what a mailbox begins with whose first mail has to come again
REFUSED: Final = "refused"  # and one that there is not

_LENGTH: Final = re.compile(rb"(?i)^content-length: *(\d+)\r?$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Ports:
    """Of the loopback: what listens where. ``portal`` is the sidecar's."""

    portal: int
    dns: int
    smtp: int
    hooks: int

    @property
    def names(self) -> dict[int, str]:
        """What is at each."""
        return {
            self.portal: "a visitor", self.dns: "the zone", self.smtp: "the mail server",
            self.hooks: "a hook",
        }  # fmt: skip


class World:
    """Takes mails, answers NXDOMAIN, takes what hooks are told."""

    def __init__(self, told: socket.socket) -> None:
        self._told = told
        self._deferred: set[str] = set()
        self._hooks_fail_first = False

    async def run(self, ports: Ports) -> None:
        """Until the other end of its socket is closed."""
        self._told.setblocking(False)  # noqa: FBT003  # the method has no name for it
        loop = asyncio.get_running_loop()
        await asyncio.start_server(self._mail_session, "127.0.0.1", ports.smtp)
        await asyncio.start_server(self._hook_call, "127.0.0.1", ports.hooks)
        await loop.create_datagram_endpoint(_NameServer, ("127.0.0.1", ports.dns))
        self._tell({"ready": True})
        while order := await loop.sock_recv(self._told, 4096):
            if order != SYNC:
                self._deferred.clear()
                self._hooks_fail_first = order == FAIL
            self._tell({"done": True})

    def _tell(self, what: dict[str, Any]) -> None:
        line = json.dumps(what).encode() + b"\n"
        self._told.setblocking(True)  # noqa: FBT003
        self._told.sendall(line)
        self._told.setblocking(False)  # noqa: FBT003

    async def _mail_session(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """RFC 5321, as far as a client with one mail goes; the client may die at any point."""
        with contextlib.suppress(OSError, asyncio.IncompleteReadError), contextlib.closing(writer):
            recipient = ""
            writer.write(b"220 mx.sender.example ESMTP\r\n")
            while verb := await reader.readline():
                match verb.split(b":")[0].split()[0].upper():
                    case b"EHLO" | b"HELO":
                        writer.write(b"250 mx.sender.example\r\n")
                    case b"RCPT":
                        recipient = verb.partition(b"<")[2].partition(b">")[0].decode()
                        writer.write(self._reply_to(recipient))
                    case b"DATA":
                        writer.write(b"354 go on\r\n")
                        mail = await reader.readuntil(b"\r\n.\r\n")
                        writer.write(b"250 2.0.0 accepted\r\n")
                        self._keep(recipient, mail)
                    case b"QUIT":
                        writer.write(b"221 bye\r\n")
                        return
                    case _:
                        writer.write(b"250 2.0.0 OK\r\n")

    def _reply_to(self, recipient: str) -> bytes:
        if recipient.startswith(REFUSED):
            return b"550 5.1.1 no such mailbox\r\n"
        if recipient.startswith(GREYLISTED) and recipient not in self._deferred:
            self._deferred.add(recipient)
            return b"450 4.2.0 greylisted, come again\r\n"
        return b"250 2.1.5 OK\r\n"

    def _keep(self, recipient: str, mail: bytes) -> None:
        self._tell(told_of(mail) | {"to": recipient})

    async def _hook_call(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One POST a connection: /told takes a message, /asked has nothing against a delisting."""
        with contextlib.suppress(OSError, asyncio.IncompleteReadError), contextlib.closing(writer):
            head = await reader.readuntil(b"\r\n\r\n")
            length = _LENGTH.search(head)
            assert length is not None, head
            body = json.loads(await reader.readexactly(int(length[1])))
            status, answer = b"200 OK", b""
            if b"POST /asked" in head:
                answer = b'{"decision": "accept"}'
            else:
                uid = head.lower().partition(b"webhook-id: ")[2].partition(b"\r")[0].decode()
                if self._hooks_fail_first and uid not in self._deferred:
                    self._deferred.add(uid)
                    status = b"500 Out of order"
                else:
                    self._tell({"told": uid, "body": body})
            writer.write(
                b"HTTP/1.1 %b\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%b"
                % (status, len(answer), answer)
            )
            await writer.drain()


def told_of(mail: bytes) -> dict[str, Any]:
    """A mail as it is told of: its Message-ID, its recipient, its links."""
    message = email.message_from_bytes(mail, policy=email.policy.default)
    part = message.get_body(("plain",))  # type: ignore[attr-defined]  # of this policy
    links = re.findall(r"https?://\S+/confirm/\S+", part.get_content())
    return {"mail": message["Message-ID"], "to": message["To"], "links": links}


class _NameServer(asyncio.DatagramProtocol):
    """The zone no longer lists anything."""

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]
        self._transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        reply = dns.message.make_response(dns.message.from_wire(data))
        reply.set_rcode(dns.rcode.NXDOMAIN)
        self._transport.sendto(reply.to_wire(), addr)


def run(told: socket.socket, ports: Ports) -> None:
    """The life of the process."""
    asyncio.run(World(told).run(ports))
