"""Raw connections to a portal: whatever octets, from whichever address of the loopback."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field

PATIENCE_S = 30


@dataclass
class Wire:
    """One connection. `gone` returns what came until the portal ended it."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    heard: bytes = field(default=b"")

    async def say(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def until(self, mark: bytes) -> bytes:
        async with asyncio.timeout(PATIENCE_S):
            return await self.reader.readuntil(mark)

    async def gone(self) -> bytes:
        async with asyncio.timeout(PATIENCE_S):
            try:
                while data := await self.reader.read(65_536):
                    self.heard += data
            except ConnectionError:  # reset: it went without reading all that we said
                pass
        return self.heard

    def close(self) -> None:
        self.writer.transport.abort()


async def connect(port: int, source: str = "127.0.0.1") -> Wire:
    """A connection from an address of the loopback."""
    return Wire(*await asyncio.open_connection("127.0.0.1", port, local_addr=(source, 0)))


async def say(port: int, data: bytes) -> bytes:
    """Sends octets; what comes back until the portal ends the connection."""
    wire = await connect(port)
    try:
        with suppress(ConnectionError):  # it has heard enough; what it said stands to be read
            await wire.say(data)
        return await wire.gone()
    finally:
        wire.close()
