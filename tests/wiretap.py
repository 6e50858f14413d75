"""Listens on the loopback of a namespace: what was asked of a name server, in its order."""

from __future__ import annotations

import socket
import struct
from ipaddress import IPv4Address
from types import TracebackType
from typing import Self

import dns.message
import dns.rdatatype
from namespaces import Namespace

ETH_P_IP = 0x0800  # <linux/if_ether.h>
PACKET_OUTGOING = 4  # <linux/if_packet.h>: on the loopback each packet is seen twice
UDP = 17
DNS = 53
BUFFER_OCTETS = 1 << 22


class Wiretap:
    """Hears the UDP queries to IPv4 addresses from now on."""

    def __init__(self, namespace: Namespace, *servers: str) -> None:
        self._servers = {IPv4Address(server).packed for server in servers}
        with namespace.inside():
            self._socket = socket.socket(
                socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(ETH_P_IP)
            )
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER_OCTETS)
        self._socket.setblocking(False)  # noqa: FBT003  # as the library has it

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._socket.close()

    def asked(self) -> list[tuple[str, str]]:
        """The names, in lower case without the last dot, and types asked since the last time."""
        found: list[tuple[str, str]] = []
        while True:
            try:
                packet, (_, _, direction, *_) = self._socket.recvfrom(65535)
            except BlockingIOError:
                return found
            length = (packet[0] & 15) * 4  # RFC 791 §3.1: the header's
            if (
                direction == PACKET_OUTGOING
                or packet[9] != UDP
                or packet[16:20] not in self._servers
            ):
                continue
            if struct.unpack_from("!H", packet, length + 2)[0] != DNS:
                continue
            (question,) = dns.message.from_wire(packet[length + 8 :]).question
            name = question.name.to_text(omit_final_dot=True).lower()
            found.append((name, dns.rdatatype.to_text(question.rdtype)))
