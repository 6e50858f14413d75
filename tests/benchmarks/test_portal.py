"""The page of `python -m benchmarks.portal`, and its visitors."""

from __future__ import annotations

import asyncio

from benchmarks import portal
from benchmarks.figures import Figures
from benchmarks.visits import visits


def test_the_page_has_the_99th_percentile_and_the_ratio_of_neighbours() -> None:
    """Of two hundred presses the third largest is named; the ratio is of one turn's two values."""
    figures = Figures({"date": "2026-11-28"})
    for number in range(1, 201):
        figures.add(portal.PRESSES, "dnsbl", number, ms=float(number))
    for priority, factor in zip(portal.PRIORITIES, (3.0, 1.0), strict=True):
        for turn, slower in enumerate((1.0, 1.1, 1.2)):
            figures.add(portal.VISITS, portal.idle(priority), turn, median_us=50.0, p99_us=100.0)
            figures.add(
                portal.VISITS, portal.visited(priority), turn,
                median_us=60.0, p99_us=100.0 * slower * factor,
                asked=2000, failed=turn, page_median_ms=3.0, page_p99_ms=9.0, page_cpu_ms=1.5,
            )  # fmt: skip

    page = portal.page(figures)

    assert "| from the press to NXDOMAIN, 99th percentile | ≤ 50 ms | 198.0 ms |" in page
    assert "| 3 of 6,000 |" in page
    assert "| within noise | 1.10 × (1.00–1.20) |" in page
    assert "|  | 3.30 × (3.00–3.60) |" in page


async def test_visitors_count_what_failed() -> None:
    """A whole page with status 200 is a visit; another status, or a connection cut off, is none."""
    answers = [
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
        b"HTTP/1.1 503 No\r\nContent-Length: 2\r\n\r\nno",
        b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok",
    ]

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answers.pop(0) if answers else b"")
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        failed, taken_ms = await visits(f"http://127.0.0.1:{port}/", 50, 0.06)

    assert (failed, len(taken_ms)) == (2, 2)
