"""Response rate limiting: both twins keep the limits, and decide the same."""

from __future__ import annotations

import asyncio
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

import pytest
import structlog
import twins
from hypothesis import given
from hypothesis import strategies as st

from dnsbl.config import RateLimitConfig
from dnsbl.network import parse
from dnsbl.server import ratelimit
from dnsbl.server.ratelimit import (
    DROP,
    SEND,
    SLIP,
    SLOTS,
    UNITS_PER_S,
    AnyRateLimiter,
    Kind,
    LimitReporter,
    Limits,
    RateLimiter,
    kind_of,
    new_rate_limiter,
    over_limits,
)
from dnsbl.verdict import Entry
from dnsbl.wire.numbers import Rcode
from dnsbl.wire.record import NS, Answer

NOW = 1_800_000_000.0
CLIENT = bytes([192, 0, 2, 7])
NEIGHBOUR = bytes([192, 0, 2, 200])  # of the same /24
STRANGER = bytes([192, 0, 3, 7])
CLIENT6 = bytes.fromhex("20010db8000000010000000000000001")
NEIGHBOUR6 = bytes.fromhex("20010db8000000ff0000000000000001")  # of the same /56
STRANGER6 = bytes.fromhex("20010db8000001000000000000000001")


class Made(Protocol):
    """Makes a limiter of one of the twins."""

    def __call__(self, *exempt: str, **settings: int) -> AnyRateLimiter: ...


@pytest.fixture(params=twins.RADIXES)
def made(request: pytest.FixtureRequest) -> Made:
    """Of each twin in turn."""
    twin: str = request.param
    new = RateLimiter if twin == "pure" else twins.compiled("ratelimit").RateLimiter

    def make(*exempt: str, **settings: int) -> AnyRateLimiter:
        config = RateLimitConfig(**settings)  # type: ignore[arg-type]
        radix = twins.radix(twin)(("exempt",))
        for text in exempt:
            radix.put(Entry(parse(text), "exempt", excludes=False, expires_at=None))
        limiter: AnyRateLimiter = new(Limits.of(config), radix if exempt else None)
        return limiter

    return make


def verdicts(
    limiter: AnyRateLimiter, times: int, address: bytes = CLIENT, now: float = NOW
) -> list[int]:
    """What becomes of so many replies that list, at once."""
    return [limiter.check(address, Kind.LISTED, now) for _ in range(times)]


def test_a_burst_is_sent_and_no_more(made: Made) -> None:
    """The replies of `burst_s` seconds at once."""
    limiter = made(listed_per_s=3, burst_s=4, slip=0)

    assert verdicts(limiter, 15) == [SEND] * 12 + [DROP] * 3


def test_the_rate_is_what_goes_on(made: Made) -> None:
    """A client that asks ten times a second for a minute gets its burst and its rate."""
    limiter = made(listed_per_s=2, burst_s=5, slip=0)

    sent = [limiter.check(CLIENT, Kind.LISTED, NOW + tick / 10) for tick in range(600)]

    assert abs(sent.count(SEND) - (2 * 5 + 2 * 60)) <= 1
    assert abs(sent[300:].count(SEND) - 2 * 30) <= 1


def test_what_is_within_the_rate_is_always_sent(made: Made) -> None:
    """However long it goes on."""
    limiter = made(listed_per_s=4, burst_s=1, slip=0)

    sent = {limiter.check(CLIENT, Kind.LISTED, NOW + tick / 4) for tick in range(5000)}

    assert sent == {SEND}


def test_a_flood_ends_when_it_ends(made: Made) -> None:
    """What was over the limit is not held against the network afterwards."""
    limiter = made(listed_per_s=1, burst_s=5, slip=0)
    verdicts(limiter, 1000)

    assert verdicts(limiter, 2, now=NOW + 1) == [SEND, DROP]
    assert verdicts(limiter, 6, now=NOW + 10) == [SEND] * 5 + [DROP]


@pytest.mark.parametrize(
    ("slip", "expected"),
    [(0, [DROP] * 6), (1, [SLIP] * 6), (2, [DROP, SLIP] * 3), (3, [DROP, DROP, SLIP] * 2)],
)
def test_every_so_manieth_over_the_limit_slips(made: Made, slip: int, expected: list[int]) -> None:
    """So that an honest client in the network of a victim falls to TCP."""
    limiter = made(listed_per_s=1, burst_s=1, slip=slip)

    assert verdicts(limiter, 7) == [SEND, *expected]


def test_a_network_has_one_limit(made: Made) -> None:
    """Neighbours share it, others have their own, in both families."""
    limiter = made(listed_per_s=1, burst_s=1, slip=0)

    got = [
        limiter.check(address, Kind.LISTED, NOW)
        for address in (CLIENT, NEIGHBOUR, STRANGER, CLIENT6, NEIGHBOUR6, STRANGER6)
    ]

    assert got == [SEND, DROP, SEND, SEND, DROP, SEND]


def test_prefixes_are_those_configured(made: Made) -> None:
    """Single addresses, if wanted."""
    limiter = made(listed_per_s=1, burst_s=1, slip=0, ipv4_prefix=32, ipv6_prefix=128)

    got = [
        limiter.check(address, Kind.LISTED, NOW)
        for address in (CLIENT, NEIGHBOUR, CLIENT, CLIENT6, NEIGHBOUR6, CLIENT6)
    ]

    assert got == [SEND, SEND, DROP] * 2


def test_a_mapped_address_is_ipv4(made: Made) -> None:
    """As a socket of both families gives it (RFC 4291 §2.5.5.2)."""
    limiter = made("198.51.100.0/24", listed_per_s=1, burst_s=1, slip=0)
    mapped = bytes(10) + b"\xff\xff"

    assert limiter.check(CLIENT, Kind.LISTED, NOW) == SEND
    assert limiter.check(mapped + NEIGHBOUR, Kind.LISTED, NOW) == DROP
    assert verdicts(limiter, 3, mapped + bytes([198, 51, 100, 1])) == [SEND] * 3


def test_each_kind_has_its_limit(made: Made) -> None:
    """And one without a limit is sent."""
    limiter = made(listed_per_s=1, unlisted_per_s=2, errors_per_s=3, burst_s=1, slip=0)

    sent = {
        kind: [limiter.check(CLIENT, kind, NOW) for _ in range(10)].count(SEND) for kind in Kind
    }

    assert sent == {Kind.LISTED: 1, Kind.UNLISTED: 2, Kind.EMPTY: 10, Kind.ERRORS: 3}


def test_exempt_networks_are_not_limited(made: Made) -> None:
    """And not counted."""
    limiter = made("192.0.2.0/25", "2001:db8::/32", listed_per_s=1, burst_s=1, slip=0)

    assert verdicts(limiter, 5) == [SEND] * 5
    assert verdicts(limiter, 5, CLIENT6) == [SEND] * 5
    assert verdicts(limiter, 2, NEIGHBOUR) == [SEND, DROP]
    assert limiter.counts() == ((0, 0, 0, 0), (1, 0, 0, 0))


def test_log_only_sends_and_counts(made: Made) -> None:
    """What it would have done is told."""
    limiter = made(listed_per_s=1, burst_s=1, slip=2, log_only=True)

    assert verdicts(limiter, 8) == [SEND] * 8
    assert limiter.counts() == ((3, 0, 0, 0), (4, 0, 0, 0))
    assert limiter.take_limited() == (bytes([192, 0, 2, 0]), Kind.LISTED)


def test_the_first_over_its_limit_is_told_once(made: Made) -> None:
    """Until it was asked for; then the next one is."""
    limiter = made(listed_per_s=1, burst_s=1)
    for address in (CLIENT, CLIENT6):
        verdicts(limiter, 3, address)

    told = [limiter.take_limited(), limiter.take_limited()]
    verdicts(limiter, 1, CLIENT6)
    told.append(limiter.take_limited())

    assert told == [
        (bytes([192, 0, 2, 0]), Kind.LISTED),
        None,
        (CLIENT6[:7] + bytes(9), Kind.LISTED),
    ]


def test_a_clock_set_back_limits_nobody_for_long(made: Made) -> None:
    """What lies farther ahead than any burst is taken as past."""
    limiter = made(listed_per_s=1, burst_s=5, slip=0)
    verdicts(limiter, 10)

    assert verdicts(limiter, 6, now=NOW - 3600) == [SEND] * 5 + [DROP]


def test_clocks_of_two_workers_may_differ(made: Made) -> None:
    """A batch whose time was taken a moment before is limited by what came after."""
    limiter = made(listed_per_s=1, burst_s=5, slip=0)
    verdicts(limiter, 10)

    assert verdicts(limiter, 3, now=NOW - 0.1) == [DROP] * 3


def test_quiet_for_days_is_quiet(made: Made) -> None:
    """Times are kept for twelve days, and come round: an old one limits nobody."""
    limiter = made(listed_per_s=1, burst_s=5, slip=0)

    for day in (0, 5, 11, 13, 30):
        assert verdicts(limiter, 6, now=NOW + 86_400 * day) == [SEND] * 5 + [DROP]


def test_many_networks_take_no_more_memory_and_each_its_own_limit(made: Made) -> None:
    """Those that are long past give way."""
    limiter = made(listed_per_s=1, burst_s=1, slip=0)

    for number in range(200_000):
        limiter.check(number.to_bytes(3, "big") + b"\x01", Kind.LISTED, NOW + number / 1000)
    later = NOW + 200
    got = [
        limiter.check(number.to_bytes(3, "big") + b"\x02", Kind.LISTED, later)
        for number in range(199_500, 200_000)
    ]

    # A set may be full of those of this very second, though hardly one of 8,192.
    assert got.count(DROP) >= 495
    if isinstance(limiter, RateLimiter):
        assert max(len(slots) for slots in limiter._sets.values()) <= SLOTS  # noqa: SLF001


@pytest.mark.parametrize("address", [b"", b"abc", bytes(5), bytes(17)])
def test_what_is_no_address_is_refused(made: Made, address: bytes) -> None:
    """It is a mistake of ours."""
    with pytest.raises(ValueError, match="4 or 16"):
        made(listed_per_s=1).check(address, Kind.LISTED, NOW)


def test_there_are_four_kinds(made: Made) -> None:
    """Another is a mistake of ours."""
    with pytest.raises(IndexError):
        made(listed_per_s=1).check(CLIENT, 4, NOW)


@given(
    settings=st.fixed_dictionaries(
        {
            "listed_per_s": st.integers(1, 5),
            "unlisted_per_s": st.sampled_from((0, 1, 1000, 1_000_000)),
            "empty_per_s": st.sampled_from((0, 7)),
            "burst_s": st.integers(1, 3),
            "slip": st.integers(0, 3),
            "ipv4_prefix": st.sampled_from((1, 8, 24, 31, 32)),
            "ipv6_prefix": st.sampled_from((1, 56, 64, 65, 127, 128)),
        }
    ),
    steps=st.lists(
        st.tuples(
            st.one_of(
                st.integers(0, 60).map(lambda few: bytes([few % 3, few % 5, few % 2, few])),
                st.integers(0, 60).map(lambda few: bytes([few]) + bytes(14) + bytes([few % 4])),
            ),
            st.integers(0, 3),
            st.one_of(
                st.just(0.0), st.floats(-0.5, 3.0), st.sampled_from((-1e4, 1e4, 1_048_570.0))
            ),
        ),
        min_size=30,
        max_size=200,
    ),
)
def test_the_twins_decide_the_same(
    settings: dict[str, int], steps: list[tuple[bytes, int, float]]
) -> None:
    """At any time, of any network and kind, whichever had to give way: there are two sets here."""
    limits = Limits.of(RateLimitConfig(**settings))  # type: ignore[arg-type]
    fast = twins.compiled("ratelimit").RateLimiter(limits, secret=bytes(range(16)), set_bits=1)
    pure = RateLimiter(limits, place=fast.place)
    now = NOW
    for address, kind, passed_s in steps:
        now += passed_s

        assert fast.check(address, kind, now) == pure.check(address, kind, now)

    assert fast.counts() == pure.counts()
    assert fast.take_limited() == pure.take_limited()


def test_workers_share_a_limit_without_a_lock() -> None:
    """Of many replies at once from several threads no more are sent than the burst allows."""
    limits = Limits.of(RateLimitConfig(listed_per_s=1000, burst_s=10, slip=2))
    limiter = twins.compiled("ratelimit").RateLimiter(limits)
    each = 200_000

    with ThreadPoolExecutor(4) as threads:
        sent = sum(
            threads.map(lambda _: limiter.check_all(CLIENT, Kind.LISTED, NOW, each), range(4))
        )

    (slipped, *_), (dropped, *_) = limiter.counts()
    # The interval is rounded to units of time.
    assert sent == 10 * UNITS_PER_S // limits.intervals[0]
    assert sent + slipped + dropped == 4 * each


def test_the_compiled_hash_is_keyed_and_spread() -> None:
    """With another secret networks stand elsewhere, and neighbours do not stand together."""
    limits = Limits.of(RateLimitConfig(listed_per_s=1))
    made = twins.compiled("ratelimit").RateLimiter
    keys = [number.to_bytes(3, "big") + bytes(2) for number in range(8192)]
    one, other = ([made(limits).place(key) for key in keys] for _ in range(2))
    same = made(limits, secret=bytes(16)).place(keys[0])

    crowd = Counter(place & 8191 for place in one)

    assert max(crowd.values()) <= 12  # 8 for one key in a million, were it chance
    assert len(set(one)) >= len(keys) - 3  # of 32 bits: two meet in one run of a hundred
    assert sum(a == b for a, b in zip(one, other, strict=True)) <= 1
    assert same == made(limits, secret=bytes(16)).place(keys[0])


def _reference_siphash(key: bytes, data: bytes) -> int:
    """SipHash-1-3, as its paper has it."""
    mask = (1 << 64) - 1
    k0, k1 = int.from_bytes(key[:8], "little"), int.from_bytes(key[8:], "little")
    v = [
        k0 ^ int.from_bytes(b"somepseu", "big"),
        k1 ^ int.from_bytes(b"dorandom", "big"),
        k0 ^ int.from_bytes(b"lygenera", "big"),
        k1 ^ int.from_bytes(b"tedbytes", "big"),
    ]

    def turned(word: int, bits: int) -> int:
        return (word << bits | word >> (64 - bits)) & mask

    def step() -> None:
        v[0] = (v[0] + v[1]) & mask
        v[2] = (v[2] + v[3]) & mask
        v[1] = turned(v[1], 13) ^ v[0]
        v[3] = turned(v[3], 16) ^ v[2]
        v[0] = turned(v[0], 32)
        v[2] = (v[2] + v[1]) & mask
        v[0] = (v[0] + v[3]) & mask
        v[1] = turned(v[1], 17) ^ v[2]
        v[3] = turned(v[3], 21) ^ v[0]
        v[2] = turned(v[2], 32)

    for begun in range(0, len(data), 8):
        word = int.from_bytes(data[begun : begun + 8], "little")
        v[3] ^= word
        step()
        v[0] ^= word
    v[2] ^= 0xFF
    for _ in range(3):
        step()
    return v[0] ^ v[1] ^ v[2] ^ v[3]


def test_the_compiled_hash_is_siphash() -> None:
    """Of three words: the network, as a number, and its family."""
    limits = Limits.of(RateLimitConfig(listed_per_s=1))
    secret = bytes(range(16))
    limiter = twins.compiled("ratelimit").RateLimiter(limits, secret=secret)
    network = bytes([192, 0, 2, 0])

    place = limiter.place(network + bytes([2]))

    words = (int.from_bytes(network, "big") << 32, 0, 1)
    hashed = _reference_siphash(secret, b"".join(word.to_bytes(8, "little") for word in words))
    assert place == hashed >> 46 << 13 | (hashed ^ 2) & 8191


def test_answers_have_kinds() -> None:
    """By their outcome, and whether there are records."""
    record = NS((b"bl", b"example"), 60, (b"ns1", b"bl", b"example"))
    answers = [
        Answer(Rcode.NOERROR, answer=(record,)),
        Answer(Rcode.NXDOMAIN),
        Answer(Rcode.NOERROR),
        Answer(Rcode.REFUSED),
        Answer(Rcode.FORMERR),
    ]

    kinds = [kind_of(answer) for answer in answers]

    assert kinds == [Kind.LISTED, Kind.UNLISTED, Kind.EMPTY, Kind.ERRORS, Kind.ERRORS]


@pytest.mark.parametrize("compiled", [False, True])
def test_one_limiter_serves_where_anything_is_limited(
    compiled: bool,  # noqa: FBT001  # a parameter of the test
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """None where nothing is; of the twin that serves, with its exempt networks."""
    if compiled:
        twins.compiled("ratelimit")
    monkeypatch.setattr(ratelimit, "COMPILED", compiled)
    twin = twins.radix("compiled" if compiled else "pure")
    monkeypatch.setattr(ratelimit, "new_radix", twin)

    nothing = new_rate_limiter(RateLimitConfig())
    limiter = new_rate_limiter(
        RateLimitConfig(listed_per_s=1, burst_s=1, exempt=(parse("192.0.2.0/24"),))
    )

    assert nothing is None
    assert limiter is not None
    assert isinstance(limiter, RateLimiter) != compiled
    assert verdicts(limiter, 3) == [SEND] * 3
    assert verdicts(limiter, 3, STRANGER) == [SEND, DROP, SLIP]


async def test_the_log_tells_once_a_second_at_most(
    made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first network over its limit, and how much was limited in all."""
    config = RateLimitConfig(listed_per_s=1, unlisted_per_s=1, burst_s=1)
    limiter = made(listed_per_s=1, unlisted_per_s=1, burst_s=1)
    told: list[float] = []
    wake = asyncio.Event()

    async def slept(seconds: float) -> None:
        told.append(seconds)
        await wake.wait()
        wake.clear()

    monkeypatch.setattr(asyncio, "sleep", slept)
    with structlog.testing.capture_logs() as logs:
        reporter = LimitReporter(limiter, Limits.of(config))
        reporter.report()
        verdicts(limiter, 4)
        verdicts(limiter, 4, CLIENT6)
        reporter.report()
        limiter.check(CLIENT6, Kind.UNLISTED, NOW)
        limiter.check(CLIENT6, Kind.UNLISTED, NOW)
        running = asyncio.create_task(reporter.run())
        wake.set()
        while len(told) < 2:
            await asyncio.wait([running], timeout=0.001)
        running.cancel()

    assert told == [1.0, 1.0]
    assert logs == [
        {"event": "rate_limited", "log_level": "warning", "network": "192.0.2.0/24",
         "kind": "listed", "slipped": 2, "dropped": 4, "log_only": False},
        {"event": "rate_limited", "log_level": "warning", "network": "2001:db8::/56",
         "kind": "unlisted", "slipped": 0, "dropped": 1, "log_only": False},
    ]  # fmt: skip


def test_what_went_over_its_limit_is_told_by_kind(made: Made) -> None:
    """What never happened is left out."""
    limiter = made(listed_per_s=1, unlisted_per_s=1, burst_s=1, slip=2)
    assert over_limits(limiter) == []

    verdicts(limiter, 6)
    for _ in range(2):
        limiter.check(CLIENT, Kind.UNLISTED, NOW)

    assert over_limits(limiter) == [
        {"kind": "listed", "verdict": "slipped", "count": 2},
        {"kind": "listed", "verdict": "dropped", "count": 3},
        {"kind": "unlisted", "verdict": "dropped", "count": 1},
    ]
