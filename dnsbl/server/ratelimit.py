"""Response rate limiting: how many replies of a kind leave over UDP to one network of clients.

Who forges the address of somebody else has our replies sent there. Over the
limit most get none, and every so manieth an empty one with TC: a client that
is what it seems asks again over TCP, where no address can be forged, while a
victim gets about as much as was sent to us, a cookie's 16 octets more at most.

A limit is kept as one time for each network and kind (the generic cell rate
algorithm, as ITU-T I.371 has it): when all replies that it has had would have
been due, had they left evenly. That may lie ahead by the burst. A reply over
the limit does not move it, so that a flood ends when it ends, and what the rate
allows leaves meanwhile.

The times stand in a table of a fixed size, in sets of eight that a keyed hash
picks: nobody can aim at the place of another. In a full set the one that is
furthest past goes; it limited nobody any longer, unless a hundred thousand
networks flood at once.

This is the reference, written to be read; `dnsbl.native.ratelimit` is its
compiled twin, which decides the same.
"""

from __future__ import annotations

import asyncio
import importlib
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import IntEnum
from typing import Final, Literal, Protocol, TypeAlias

import structlog

from dnsbl.config import RateLimitConfig
from dnsbl.network import BITS, IPV4, IPV6, Family, Network
from dnsbl.verdict import Entry
from dnsbl.wire.numbers import Rcode
from dnsbl.wire.record import Answer
from dnsbl.zone.twin import COMPILED, AnyRadix, new_radix

UNITS_PER_S: Final = 1 << 22  # of time: a quarter of a microsecond
TIME_BITS: Final = 42  # twelve days; what is older than that is long past
TIME_MASK: Final = (1 << TIME_BITS) - 1
SLACK_UNITS: Final = 10 * UNITS_PER_S  # by which the clocks of two batches may differ
SET_BITS: Final = 13
SLOTS: Final = 8  # in a set; with 8,192 sets, half a mebibyte
REPORT_S: Final = 1.0

SEND: Final = 0
SLIP: Final = 1  # an empty reply with TC
DROP: Final = 2
Verdict: TypeAlias = Literal[0, 1, 2]

_log = structlog.get_logger()


class Kind(IntEnum):
    """Of a reply; each has a limit of its own."""

    LISTED = 0  # with records
    UNLISTED = 1  # NXDOMAIN
    EMPTY = 2  # no data
    ERRORS = 3


def kind_of(answer: Answer) -> Kind:
    """What kind of reply an answer makes."""
    if answer.rcode == Rcode.NXDOMAIN:
        return Kind.UNLISTED
    if answer.rcode != Rcode.NOERROR:
        return Kind.ERRORS
    return Kind.LISTED if answer.answer else Kind.EMPTY


@dataclass(frozen=True, slots=True)
class Limits:
    """A RateLimitConfig in units of time, as both twins take it.

    ``intervals`` lie between two replies, by Kind; 0: no limit. ``tolerance`` is
    the burst.
    """

    intervals: tuple[int, int, int, int]
    tolerance: int
    slip: int
    ipv4_prefix: int
    ipv6_prefix: int
    log_only: bool

    @classmethod
    def of(cls, config: RateLimitConfig) -> Limits:
        """Those of a configuration."""

        def interval(per_s: int) -> int:
            return round(UNITS_PER_S / per_s) if per_s else 0

        return cls(
            (
                interval(config.listed_per_s),
                interval(config.unlisted_per_s),
                interval(config.empty_per_s),
                interval(config.errors_per_s),
            ),
            config.burst_s * UNITS_PER_S,
            config.slip,
            config.ipv4_prefix,
            config.ipv6_prefix,
            config.log_only,
        )


Counts: TypeAlias = tuple[tuple[int, ...], tuple[int, ...]]  # slipped and dropped, by Kind
Limited: TypeAlias = tuple[bytes, int]  # a network's address, and the Kind


class AnyRateLimiter(Protocol):
    """What `RateLimiter` promises, whichever twin it is. Several threads may ask it."""

    def check(self, address: bytes, kind: int, now: float) -> Verdict:
        """Counts a reply of that kind to the address; what is to leave."""

    def counts(self) -> Counts:
        """The replies slipped and dropped so far, or those that would have been."""

    def take_limited(self) -> Limited | None:
        """The first that went over its limit since the last call, if any did."""


class _Slot:
    """What is kept of one network and kind: a time, and the replies over the limit since a slip."""

    __slots__ = ("over", "tag", "time")

    def __init__(self, tag: int, time: int) -> None:
        self.tag = tag
        self.time = time
        self.over = 0


class RateLimiter:
    """Counts replies against limits. `now` in Unix seconds; networks of ``exempt`` are not limited.

    ``place`` hashes a network's octets and its kind: the low SET_BITS of it are
    the number of a set, the rest tells those in it apart.
    """

    def __init__(
        self,
        limits: Limits,
        exempt: AnyRadix | None = None,
        place: Callable[[bytes], int] = hash,  # of octets: SipHash, with a secret of the process
    ) -> None:
        self._limits = limits
        self._exempt = exempt
        self._place = place
        self._sets: dict[int, list[_Slot]] = {}
        self._lock = threading.Lock()
        self._slipped = [0] * len(Kind)
        self._dropped = [0] * len(Kind)
        self._limited: Limited | None = None

    def check(self, address: bytes, kind: int, now: float) -> Verdict:
        """Counts a reply of that kind to the address (4 or 16 octets); what is to leave."""
        interval = self._limits.intervals[kind]
        if not interval:
            return SEND
        client = _client(address)
        if self._exempt is not None and self._exempt.covering(client):
            return SEND
        prefix = self._limits.ipv4_prefix if client.family == IPV4 else self._limits.ipv6_prefix
        network = client.widened(prefix).bits.to_bytes(BITS[client.family] // 8, "big")
        with self._lock:
            verdict = self._count(self._place(network + bytes([kind])), interval, now)
            if verdict != SEND:
                (self._slipped if verdict == SLIP else self._dropped)[kind] += 1
                self._limited = self._limited or (network, kind)
        return SEND if self._limits.log_only else verdict

    def _count(self, place: int, interval: int, now: float) -> Verdict:
        units = int(now * UNITS_PER_S) & TIME_MASK
        slot = self._slot(place, units)
        ahead = max(self._ahead(slot.time, units), 0)
        if ahead + interval <= self._limits.tolerance:
            slot.time = units + ahead + interval & TIME_MASK
            return SEND
        if not self._limits.slip:
            return DROP
        slot.over += 1
        if slot.over < self._limits.slip:
            return DROP
        slot.over = 0
        return SLIP

    def _slot(self, place: int, units: int) -> _Slot:
        """The slot of that hash, if need be a new one, or one that was another's."""
        slots = self._sets.setdefault(place & (1 << SET_BITS) - 1, [])
        tag = place >> SET_BITS
        for slot in slots:
            if slot.tag == tag:
                return slot
        fresh = _Slot(tag, units)
        if len(slots) < SLOTS:
            slots.append(fresh)
        else:
            oldest = min(range(SLOTS), key=lambda index: self._ahead(slots[index].time, units))
            slots[oldest] = fresh
        return fresh

    def _ahead(self, time: int, units: int) -> int:
        """By how much a time lies ahead of now; what lies beyond every burst is past."""
        ahead = time - units & TIME_MASK
        far = ahead > self._limits.tolerance + SLACK_UNITS
        return ahead - (1 << TIME_BITS) if far else ahead

    def counts(self) -> Counts:
        """The replies slipped and dropped so far, or those that would have been."""
        return tuple(self._slipped), tuple(self._dropped)

    def take_limited(self) -> Limited | None:
        """The first that went over its limit since the last call, if any did."""
        with self._lock:
            limited, self._limited = self._limited, None
        return limited


def _client(address: bytes) -> Network:
    """An address from a socket as a network; an IPv4-mapped one is IPv4."""
    bits = int.from_bytes(address, "big")
    if len(address) not in {BITS[IPV4] // 8, BITS[IPV6] // 8}:
        raise ValueError("an address has 4 or 16 octets")
    if len(address) == BITS[IPV6] // 8 and bits >> BITS[IPV4] == 0xFFFF:  # noqa: PLR2004  # RFC 4291 §2.5.5.2
        return Network(IPV4, bits & 0xFFFF_FFFF, BITS[IPV4])
    family: Family = IPV4 if len(address) == BITS[IPV4] // 8 else IPV6
    return Network(family, bits, BITS[family])


def new_rate_limiter(config: RateLimitConfig) -> AnyRateLimiter | None:
    """One of the twin that serves, for all workers; None where nothing is limited."""
    limits = Limits.of(config)
    if not any(limits.intervals):
        return None
    exempt = _radix_of(config.exempt) if config.exempt else None
    if not COMPILED:
        return RateLimiter(limits, exempt)
    native = importlib.import_module("dnsbl.native.ratelimit")
    made: AnyRateLimiter = native.RateLimiter(limits, exempt)
    return made


def over_limits(limiter: AnyRateLimiter) -> list[dict[str, object]]:
    """What went over its limit so far, as JSON holds it, by kind and what was done.

    Where ``log_only`` is set, that would have been done.
    """
    return [
        {"kind": kind.name.lower(), "verdict": verdict, "count": counts[kind]}
        for verdict, counts in zip(("slipped", "dropped"), limiter.counts(), strict=True)
        for kind in Kind
        if counts[kind]
    ]


def _radix_of(networks: Iterable[Network]) -> AnyRadix:
    radix = new_radix(("exempt",))
    for network in networks:
        radix.put(Entry(network, "exempt", excludes=False, expires_at=None))
    return radix


class LimitReporter:
    """Tells the log of replies over the limit: an event a second at most, however many there are.

    `limits` are those that the limiter was made with.
    """

    def __init__(self, limiter: AnyRateLimiter, limits: Limits) -> None:
        self._limiter = limiter
        self._limits = limits
        self._told: tuple[int, int] = (0, 0)

    async def run(self) -> None:
        """Tells until it is cancelled."""
        while True:
            await asyncio.sleep(REPORT_S)
            self.report()

    def report(self) -> None:
        """Logs what went over the limit since the last call, if anything did."""
        limited = self._limiter.take_limited()
        if limited is None:
            return
        address, kind = limited
        client = _client(address)
        prefix = self._limits.ipv4_prefix if client.family == IPV4 else self._limits.ipv6_prefix
        slipped, dropped = (sum(counts) for counts in self._limiter.counts())
        _log.warning(
            "rate_limited",
            network=str(client.widened(prefix)),
            kind=Kind(kind).name.lower(),
            slipped=slipped - self._told[0],
            dropped=dropped - self._told[1],
            log_only=self._limits.log_only,
        )
        self._told = slipped, dropped
