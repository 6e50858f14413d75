# cython: boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Decides: the twin of `dnsbl.verdict`, with a bit for each category."""

from libc.stdint cimport INT64_MAX, int64_t, uint8_t, uint32_t, uint64_t

from dnsbl.native.bits cimport Bits, masked6, popcount
from dnsbl.native.ipv4 cimport COVERING4_MAX, covering4, listed_below4
from dnsbl.native.ipv6 cimport COVERING6_MAX, covering6, listed_below6
from dnsbl.native.plan cimport Plan
from dnsbl.native.values cimport Value, Values

cdef enum:
    NEVER_LISTED = 0x7F000001     # RFC 5782 §5
    LOOPBACK = 127


cdef uint64_t listed4(const Plan* plan, uint32_t bits, double now, uint32_t* ttl) noexcept nogil:
    """The categories in which an address is listed."""
    cdef uint32_t found[COVERING4_MAX]
    cdef uint8_t lengths[COVERING4_MAX]
    cdef unsigned int count, index
    if bits >> 24 == LOOPBACK:
        if bits == NEVER_LISTED:
            return 0
        for index in range(plan.tests_count):
            if plan.tests[index].bits == bits:
                return plan.tests[index].listed
    count = covering4(plan.ipv4, bits, 32, found, lengths)
    return _decide(plan.values, found, count, now, ttl) if count else 0


cdef bint exists4(const Plan* plan, uint32_t bits, unsigned int length,
                  double now) noexcept nogil:
    """Whether any address of a prefix may be listed."""
    cdef uint32_t found[COVERING4_MAX]
    cdef uint8_t lengths[COVERING4_MAX]
    cdef uint32_t ttl = 0
    cdef unsigned int index
    if listed_below4(plan.ipv4, bits, length):
        return True
    for index in range(plan.tests_count):
        if <uint64_t>(plan.tests[index].bits ^ bits) >> (32 - length) == 0:
            return True
    index = covering4(plan.ipv4, bits, length, found, lengths)
    return _decide(plan.values, found, index, now, &ttl) != 0


cdef uint64_t listed6(const Plan* plan, Bits bits, unsigned int length, double now,
                      uint32_t* ttl) noexcept nogil:
    """The categories in which an IPv6 network is listed as a whole."""
    cdef uint32_t found[COVERING6_MAX]
    cdef uint8_t lengths[COVERING6_MAX]
    cdef unsigned int count = covering6(plan.ipv6, bits, length, found, lengths)
    return _decide(plan.values, found, count, now, ttl) if count else 0


cdef bint exists6(const Plan* plan, Bits bits, unsigned int length, double now) noexcept nogil:
    """Whether any address of a prefix may be listed."""
    cdef Bits mapped
    cdef uint32_t ttl = 0
    mapped.high = 0
    mapped.low = <uint64_t>0xFFFF << 32
    mapped = masked6(mapped, length)
    if length < 96 and mapped.high == bits.high and mapped.low == bits.low:
        return True  # the test entries are in ::ffff:0:0/96
    return listed_below6(plan.ipv6, bits, length) or listed6(plan, bits, length, now, &ttl) != 0


cdef uint64_t _decide(const Values* values, const uint32_t* found, unsigned int count, double now,
                      uint32_t* ttl) noexcept nogil:
    """The categories that are listed, by values from the most specific on; lowers the TTL.

    No answer outlives the listing that decides.
    """
    cdef uint64_t decided = 0, listed = 0, mask, live, bit
    cdef const Value* value
    cdef int64_t expires
    cdef unsigned int index, place
    for index in range(count):
        value = &values.held[found[index]]
        if value.times == NULL:
            if not _live(value.expires, now):
                continue
            if value.excludes_all:
                break
            decided |= value.excludes & ~listed
            mask = value.lists & ~decided
            if mask:
                _shorten(ttl, value.expires, now)
        else:
            place = popcount(value.lists) + popcount(value.excludes)
            if value.excludes_all and _live(value.times[place], now):
                break
            place = popcount(value.lists)
            live = value.excludes
            while live:
                bit = live & (0 - live)
                if _live(value.times[place], now):
                    decided |= bit & ~listed
                live ^= bit
                place += 1
            mask = 0
            place = 0
            live = value.lists
            while live:
                bit = live & (0 - live)
                expires = value.times[place]
                if not decided & bit and _live(expires, now):
                    mask |= bit
                    _shorten(ttl, expires, now)
                live ^= bit
                place += 1
        listed |= mask
        decided |= mask
    return listed


cdef inline bint _live(int64_t expires, double now) noexcept nogil:
    return expires == INT64_MAX or expires > now


cdef inline void _shorten(uint32_t* ttl, int64_t expires, double now) noexcept nogil:
    cdef double left
    if expires == INT64_MAX:
        return
    left = <double>expires - now
    if left < <double>ttl[0]:
        ttl[0] = <uint32_t>left
