"""`python -m benchmarks.visits URL RATE SECONDS`: visitors of a page, paced, on kept connections.

An open loop: a visit that is due leaves at its time, whatever became of those
before it, and is timed from then. Prints JSON: `asked`, `failed`, and the times
in milliseconds. It does little by itself, so that the machine is the portal's.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from typing import Final
from urllib.parse import urlsplit

CONNECTIONS: Final = 16
PATIENCE_S: Final = 30.0


class Visitor:
    """A connection that fetches one page again and again."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        assert parts.hostname is not None
        self._host, self._port = parts.hostname, parts.port or 80
        self._path = parts.path or "/"
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def fetch(self, query: str) -> bool:
        """Whether the whole page came, with status 200."""
        if self._streams is None:
            self._streams = await asyncio.open_connection(self._host, self._port)
        reader, writer = self._streams
        host = f"{self._host}:{self._port}"
        writer.write(f"GET {self._path}?{query} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(
            int(line.partition(b":")[2])
            for line in head.lower().split(b"\r\n")
            if line.startswith(b"content-length:")
        )
        await reader.readexactly(length)
        return head.startswith(b"HTTP/1.1 200 ")

    def close(self) -> None:
        """Hangs up; the next fetch connects anew."""
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None


async def visits(url: str, rate: float, seconds: float) -> tuple[int, list[float]]:
    """How many failed, and the milliseconds of the others."""
    free: asyncio.LifoQueue[Visitor] = asyncio.LifoQueue()
    for _ in range(CONNECTIONS):
        free.put_nowait(Visitor(url))
    taken_ms: list[float] = []
    failed = 0

    async def visit(number: int, due: float) -> None:
        nonlocal failed
        visitor = await free.get()
        try:
            async with asyncio.timeout(PATIENCE_S):
                whole = await visitor.fetch(f"ip=198.53.{number >> 8 & 255}.{number & 255}")
        except (OSError, EOFError, TimeoutError, ValueError):
            visitor.close()
            failed += 1
        else:
            failed += not whole
            taken_ms.append((time.monotonic() - due) * 1000)
        finally:
            free.put_nowait(visitor)

    begun = time.monotonic()
    async with asyncio.TaskGroup() as under_way:
        for number in range(round(rate * seconds)):
            due = begun + number / rate
            if (wait_s := due - time.monotonic()) > 0:
                await asyncio.sleep(wait_s)
            under_way.create_task(visit(number, due))
    while not free.empty():
        free.get_nowait().close()
    return failed, taken_ms


def main() -> None:
    """Visits, and prints what became of it."""
    url, rate, seconds = sys.argv[1], float(sys.argv[2]), float(sys.argv[3])
    failed, taken_ms = asyncio.run(visits(url, rate, seconds))
    json.dump({"asked": round(rate * seconds), "failed": failed, "ms": taken_ms}, sys.stdout)


if __name__ == "__main__":
    main()
