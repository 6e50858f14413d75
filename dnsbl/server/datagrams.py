"""Datagrams, by whichever twin serves."""

from __future__ import annotations

import socket
from typing import Protocol

from dnsbl.server.respond import Responder
from dnsbl.server.udp import UdpServer


class DatagramServer(Protocol):
    """Answers what arrives at one bound socket, which it closes in the end."""

    def start(self) -> None:
        """Begins to answer, on the running loop."""

    def stop(self) -> None:
        """Answers what has arrived already, and closes the socket."""


def udp_server(bound: socket.socket, responder: Responder) -> DatagramServer:
    """The server of a socket: compiled where the responder has a compiled path."""
    if responder.fast is None:
        return UdpServer(bound, responder)
    from dnsbl.server.drain import DrainServer  # noqa: PLC0415  # not built everywhere

    return DrainServer(bound, responder, responder.fast)
