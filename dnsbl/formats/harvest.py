"""All that a large feed names, brought into the order of its text.

A database whose rows come in the order of their keys is written from one end to
the other; in the order of a feed, every row would have to find its own page.

Ordinary lines of addresses, which are nearly all, go to `dnsbl.native.feed` where it was
built: eight octets for each, and some fifty nanoseconds. The others, and all
without it, are read by `plain` and held as text, in runs that were sorted when
they were full and are merged in the end.
"""

from __future__ import annotations

import heapq
import io
import itertools
from collections.abc import Callable, Iterator
from ipaddress import IPv4Address
from typing import IO, TYPE_CHECKING, Final

from dnsbl import native
from dnsbl.config import Lists
from dnsbl.formats.plain import (
    LINE_OCTETS_MAX,
    BadLine,
    Line,
    read,
    read_line,
    skip_line,
    unlistable,
)
from dnsbl.network import reserved_ranges
from dnsbl.subject import Subject

if TYPE_CHECKING:
    from dnsbl.native.feed import Prefixes

BLOCK_OCTETS: Final = 1 << 20
REPORT_LINES: Final = 1000  # where lines are read one by one, so many are between two reports
RUN_TEXTS: Final = 100_000

OnBadLine = Callable[[BadLine], None]


class Harvest:
    """What the good lines of a feed name. `force`: reserved space too.

    What stands in several lines is held as often. ``excluded`` is what the feed
    wants not to be listed, in the order of its lines. ``answer`` is that of the
    category into which they go.
    """

    def __init__(self, answer: IPv4Address, *, force: bool, lists: Lists = "addresses") -> None:
        self._answer = answer
        self._force = force
        self._lists = lists
        self._prefixes = _prefixes(force=force) if lists == "addresses" else None
        self._texts = _Texts()
        self.excluded: list[Subject] = []

    def __len__(self) -> int:
        return len(self._texts) + (0 if self._prefixes is None else len(self._prefixes))

    def bring_in(self, feed: IO[bytes], on_bad_line: OnBadLine) -> Iterator[int]:
        """Reads a feed to its end, bad lines in their order; yields how many octets are read."""
        if self._prefixes is not None:
            yield from self._take_blocks(feed, self._prefixes, on_bad_line)
            return
        lines = read(feed, self._answer, self._lists)
        while portion := list(itertools.islice(lines, REPORT_LINES)):
            for line in portion:
                self._take(line, on_bad_line)
            yield feed.tell()

    def batches(self, count: int) -> Iterator[tuple[int, str]]:
        """All that is named in the order of its text: first ordinary lines, then the others.

        Each batch is their number, at most so many, and a JSON array of their
        canonical texts.
        """
        if self._prefixes is not None:
            self._prefixes.sort()
            for start in range(0, len(self._prefixes), count):
                held = min(count, len(self._prefixes) - start)
                yield held, self._prefixes.json(start, count)
        yield from self._texts.batches(count)

    def _take_blocks(
        self, feed: IO[bytes], prefixes: Prefixes, on_bad_line: OnBadLine
    ) -> Iterator[int]:
        number = 1
        for block in _blocks(feed):
            lines, declined = prefixes.take(block, number)
            for line_number, start, end in declined:
                said = read_line(line_number, block[start:end], self._answer)
                if said is not None:
                    self._take(said, on_bad_line)
            number += lines
            yield feed.tell()

    def _take(self, line: Line | BadLine, on_bad_line: OnBadLine) -> None:
        bad = line if isinstance(line, BadLine) else unlistable(line, force=self._force)
        if bad is not None:
            on_bad_line(bad)
        else:
            assert isinstance(line, Line)
            if line.excludes:
                self.excluded.append(line.network)
            else:
                self._texts.add(str(line.network))


class _Texts:
    """Texts: sorted runs, each one piece of memory, and what is too new for one."""

    def __init__(self) -> None:
        self._runs: list[bytes] = []
        self._recent: list[str] = []
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def add(self, text: str) -> None:
        self._recent.append(text)
        self._count += 1
        if len(self._recent) == RUN_TEXTS:
            self._end_run()

    def batches(self, count: int) -> Iterator[tuple[int, str]]:
        self._end_run()
        # A line feed sorts below all that a text has, so the order is that of the texts.
        lines = heapq.merge(*map(io.BytesIO, self._runs))
        while batch := list(itertools.islice(lines, count)):
            # Nothing in them needs an escape.
            text = b"".join(batch)[:-1].decode("ascii").replace("\n", '","')
            yield len(batch), f'["{text}"]'

    def _end_run(self) -> None:
        if self._recent:
            self._recent.sort()
            self._runs.append("".join(f"{text}\n" for text in self._recent).encode("ascii"))
            self._recent.clear()


def _prefixes(*, force: bool) -> Prefixes | None:
    """The compiled reader; None where there is none, or it is not wanted."""
    if not native.wanted:
        return None
    try:
        from dnsbl.native.feed import Prefixes  # noqa: PLC0415  # it may not have been built
    except ImportError:
        return None
    return Prefixes([] if force else reserved_ranges())


def _blocks(feed: IO[bytes]) -> Iterator[bytes]:
    """A feed in pieces of whole lines; of one that is too long, its beginning will do."""
    while block := feed.read(BLOCK_OCTETS):
        if not block.endswith(b"\n"):
            rest = feed.readline(LINE_OCTETS_MAX + 1)
            if len(rest) > LINE_OCTETS_MAX:
                skip_line(feed, rest)
            block += rest
        yield block
