"""Whether a server's answers are right: compared with the list itself, by dnspython."""

from __future__ import annotations

import random
import socket
import struct
import time
from types import TracebackType
from typing import Final, Self

import dns.exception
import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype

from benchmarks.questions import ANSWER, BenchList, message

QR: Final = 0x80
FLAGS_AT: Final = 2
PATIENCE_S: Final = 2


class WrongAnswerError(Exception):
    """A server that does not say what the list says; its figures would mean nothing."""


def listed_by(reply: bytes) -> bool | None:
    """What a reply says of the address that was asked about; None if it is no proper answer."""
    try:
        read = dns.message.from_wire(reply)
    except dns.exception.DNSException:
        return None
    found = [item.to_text() for rrset in read.answer for item in rrset]
    if read.rcode() == dns.rcode.NXDOMAIN and not found:
        soa = any(rrset.rdtype == dns.rdatatype.SOA for rrset in read.authority)
        return False if soa and read.flags & dns.flags.AA else None
    return True if read.rcode() == dns.rcode.NOERROR and found == [ANSWER] else None


class Asker:
    """Asks one server, one question at a time."""

    def __init__(self, port: int, patience_s: float = PATIENCE_S) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.connect(("127.0.0.1", port))
        self._patience_s = patience_s
        self._id = random.getrandbits(16)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._socket.close()

    def ask(self, question: bytes) -> bytes | None:
        """The reply, or None if there was none in time."""
        self._id = (self._id + 1) % 0x10000
        wanted = struct.pack("!H", self._id)
        deadline = time.monotonic() + self._patience_s
        try:
            self._socket.send(wanted + question[2:])
            while (left := deadline - time.monotonic()) > 0:
                self._socket.settimeout(left)
                reply = self._socket.recv(4096)
                if reply[:2] == wanted:
                    return reply
        except TimeoutError:
            return None
        except ConnectionRefusedError:  # nobody listens there yet
            time.sleep(max(0.0, deadline - time.monotonic()))
        return None

    def right(self, address: str, *, listed: bool, echo: bool = False) -> bool:
        """Whether there is an answer about an address, and that the right one."""
        question = message(address)
        reply = self.ask(question)
        if reply is None:
            return False
        if echo:
            return reply[FLAGS_AT:] == bytes([question[FLAGS_AT] | QR]) + question[FLAGS_AT + 1 :]
        return listed_by(reply) is listed


def check(port: int, served: BenchList, peer: str, *, echo: bool) -> None:
    """Asks the list's sample; raises WrongAnswerError at the first wrong answer."""
    with Asker(port) as asker:
        for address, listed in served.sample:
            if not asker.right(address, listed=listed, echo=echo):
                expected = "listed" if listed else "not listed"
                raise WrongAnswerError(
                    f"{peer} answers wrongly on the list {served.name}: {address} is {expected}."
                )
