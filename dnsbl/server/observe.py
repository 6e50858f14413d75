"""Queries handed from the threads that answer to one that looks at them.

Nothing is handed over unless somebody wants to see it: the query log, or whoever
watches the live view. What is wanted is a sample, and the queue is bounded: a
consumer that is slow, such as a disk, costs observations and delays no answer.
"""

from __future__ import annotations

import asyncio
import random
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import structlog

from dnsbl.network import Network
from dnsbl.server.counters import Transport
from dnsbl.server.observation import Narrator, Observation, Seen, SeenBytes
from dnsbl.wire.message import HEADER_BYTES, Query
from dnsbl.wire.record import Answer

QUEUE_MAX: Final = 10_000  # of some 300 octets each, and a query's 4096 at most
BATCH_MAX: Final = 1_000
POLL_S: Final = 0.1  # between two looks at the queue, while anything is wanted
STOP_S: Final = 2.0  # what is left is looked at, unless a disk hangs
LOGGED_FAILURES_MAX: Final = 100

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Rates:
    """Which queries are wanted: one of so many of those that list, and of the others; 0 is none."""

    listed: int = 0
    other: int = 0

    def __or__(self, also: Rates) -> Rates:
        """What serves both: the finer sample, of which either takes its part."""
        return Rates(_finer(self.listed, also.listed), _finer(self.other, also.other))


NOTHING: Final = Rates()


class Sampled(Protocol):
    """The compiled path, which keeps a sample of what it answers."""

    def watch(self, listed_every: int, other_every: int) -> None:
        """Keeps one of so many from now on; 0 is none. Of any thread."""


class Consumer(Protocol):
    """Who looks at observations, in the thread for that."""

    def take(self, observations: Sequence[Observation]) -> None:
        """Those of a moment, in order; may take its time."""

    def lost(self, count: int) -> None:
        """So many more would have come, had there been room."""


class Observer:
    """One worker's end of the queue. Its thread alone calls `saw` and `saw_all`."""

    def __init__(
        self, worker: int, queue: deque[Seen | SeenBytes], now: Callable[[], float]
    ) -> None:
        self._worker = worker
        self._queue = queue
        self._now = now
        self._drains: list[Sampled] = []
        self._rates = NOTHING
        self.lost = 0  # for want of room; only ever rises

    @property
    def watching(self) -> bool:
        """Whether anything is wanted."""
        return bool(self._rates.listed or self._rates.other)

    def include(self, drain: Sampled) -> None:
        """That drain, too, keeps what is wanted from now on, for `saw_all`."""
        self._drains.append(drain)
        drain.watch(self._rates.listed, self._rates.other)

    def want(self, rates: Rates) -> None:
        """From now on; may be called by any thread."""
        self._rates = rates
        for drain in self._drains:
            drain.watch(rates.listed, rates.other)

    def saw(
        self,
        transport: Transport,
        client: Network,
        query: Query,
        answer: Answer | None,
        octets: int,
    ) -> None:
        """A query was answered in Python; None where nothing is said, 0 octets where none left."""
        listed = answer is not None and bool(answer.listed)
        every = self._rates.listed if listed else self._rates.other
        # By chance rather than each so manieth: clients ask in turns of their own.
        if every and (every == 1 or random.random() * every < 1):  # noqa: S311  # guards nothing
            self._put(
                Seen(self._now(), every, self._worker, transport, client, query, answer, octets)
            )

    def saw_all(self, observed: Iterable[tuple[bytes, bytes, bytes]]) -> None:
        """What a drain kept: the client's address of 4 or 16 octets, the message, the reply."""
        rates = self._rates
        for client, message, reply in observed:
            # RFC 1035 §4.1.1: ANCOUNT; a reply that lists has records, and few others have.
            every = (rates.listed if any(reply[6:8]) else rates.other) or 1
            head = reply[:HEADER_BYTES]
            self._put(
                SeenBytes(self._now(), every, self._worker, client, message, head, len(reply))
            )

    def _put(self, seen: Seen | SeenBytes) -> None:
        if len(self._queue) >= QUEUE_MAX:
            self.lost += 1
        else:
            self._queue.append(seen)


class Observers:
    """The queue of all workers, and the thread that looks at it. `now` gives Unix seconds."""

    def __init__(
        self, narrator: Narrator, workers: Sequence[int], now: Callable[[], float] = time.time
    ) -> None:
        self._narrator = narrator
        self._queue: deque[Seen | SeenBytes] = deque()
        self.workers: Final = [Observer(number, self._queue, now) for number in workers]
        self._wanted: dict[Consumer, Rates] = {}
        self._woken = threading.Event()
        self._stopping = False
        self._lost = 0
        self._failed = 0

    def want(self, consumer: Consumer, rates: Rates) -> None:
        """That consumer wants so many from now on, or none; of the main thread."""
        # Replaced as a whole: the thread may be walking the one before.
        self._wanted = {**self._wanted, consumer: rates}
        both = NOTHING
        for each in self._wanted.values():
            both |= each
        for worker in self.workers:
            worker.want(both)
        self._woken.set()

    async def run(self) -> None:
        """Looks until it is cancelled, then at what is left."""
        thread = threading.Thread(target=self._look, name="observers", daemon=True)
        thread.start()
        try:
            await asyncio.Event().wait()
        finally:
            self._stopping = True
            self._woken.set()
            await asyncio.to_thread(thread.join, STOP_S)

    def _look(self) -> None:
        while not self._stopping:
            idle = not any(worker.watching for worker in self.workers)
            self._woken.wait(None if idle else POLL_S)
            self._woken.clear()
            self.look()
        self.look()

    def look(self) -> None:
        """Hands what is in the queue to whoever wants it."""
        while batch := [self._queue.popleft() for _ in range(min(BATCH_MAX, len(self._queue)))]:
            told = [observation for seen in batch if (observation := self._told(seen)) is not None]
            for consumer, rates in self._wanted.items():
                if rates != NOTHING:
                    self._hand(consumer, told)
        lost = sum(worker.lost for worker in self.workers)
        if lost > self._lost:
            for consumer, rates in self._wanted.items():
                if rates != NOTHING:
                    consumer.lost(lost - self._lost)
            self._lost = lost

    def _hand(self, consumer: Consumer, told: Sequence[Observation]) -> None:
        try:
            consumer.take(told)
        # A mistake of ours, too. One consumer must not end the others'.
        except Exception:  # noqa: BLE001  # logged with its traceback
            self._failed += 1
            if self._failed <= LOGGED_FAILURES_MAX:
                _log.exception("observation_failed")

    def _told(self, seen: Seen | SeenBytes) -> Observation | None:
        try:
            return self._narrator.tell(seen)
        # A mistake of ours. One query must not end the log for all others.
        except Exception:  # noqa: BLE001  # logged with its traceback
            self._failed += 1
            if self._failed <= LOGGED_FAILURES_MAX:
                _log.exception("observation_failed")
        return None


def _finer(one: int, other: int) -> int:
    return min((each for each in (one, other) if each), default=0)
