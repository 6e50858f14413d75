# cython: boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Decides: the twin of `dnsbl.verdict`, with a bit for each category."""

from libc.stdint cimport INT64_MAX, int64_t, uint8_t, uint32_t, uint64_t

from dnsbl.native.bits cimport Bits, masked6, popcount
from dnsbl.native.ipv4 cimport COVERING4_MAX, covering4, listed_below4
from dnsbl.native.ipv6 cimport COVERING6_MAX, covering6, listed_below6
from dnsbl.native.nametable cimport (
    NAME_FOUND_MAX, NameKeys, covering_name, hash_name, listed_below_name,
)
from dnsbl.native.plan cimport Access, Part, Plan
from dnsbl.native.query cimport Query
from dnsbl.native.values cimport Value, Values
from dnsbl.native.wire cimport HEADER, PASS

cdef enum:
    NEVER_LISTED = 0x7F000001     # RFC 5782 §5
    LOOPBACK = 127


cdef void decide4(const Plan* plan, uint32_t bits, double now, Decision* decision) noexcept nogil:
    """The categories in which an address is listed."""
    cdef unsigned int place
    _nothing(plan, decision)
    if bits == NEVER_LISTED:
        return
    for place in range(plan.parts_count):
        _decide4(&plan.parts[place], bits, now, decision)


cdef inline void _decide4(const Part* part, uint32_t bits, double now,
                          Decision* decision) noexcept nogil:
    cdef uint32_t found[COVERING4_MAX]
    cdef uint8_t lengths[COVERING4_MAX]
    cdef unsigned int count, index
    if bits >> 24 == LOOPBACK:
        for index in range(part.tests_count):
            if part.tests[index].bits == bits:
                decision.listed |= part.tests[index].listed << part.shift
                return
    count = covering4(part.ipv4, bits, 32, found, lengths)
    if count:
        _add(part, found, count, now, decision)


cdef bint exists4(const Plan* plan, uint32_t bits, unsigned int length,
                  double now) noexcept nogil:
    """Whether any address of a prefix may be listed."""
    cdef unsigned int place
    for place in range(plan.parts_count):
        if _exists4(&plan.parts[place], bits, length, now):
            return True
    return False


cdef bint _exists4(const Part* part, uint32_t bits, unsigned int length,
                   double now) noexcept nogil:
    cdef uint32_t found[COVERING4_MAX]
    cdef uint8_t lengths[COVERING4_MAX]
    cdef uint32_t ttl = 0
    cdef unsigned int index
    if listed_below4(part.ipv4, bits, length):
        return True
    for index in range(part.tests_count):
        if <uint64_t>(part.tests[index].bits ^ bits) >> (32 - length) == 0:
            return True
    index = covering4(part.ipv4, bits, length, found, lengths)
    return _decide(part.values, found, index, now, &ttl) != 0


cdef void decide6(const Plan* plan, Bits bits, double now, Decision* decision) noexcept nogil:
    """The categories in which an IPv6 address is listed."""
    cdef uint32_t found[COVERING6_MAX]
    cdef uint8_t lengths[COVERING6_MAX]
    cdef unsigned int place, count
    _nothing(plan, decision)
    for place in range(plan.parts_count):
        count = covering6(plan.parts[place].ipv6, bits, 128, found, lengths)
        if count:
            _add(&plan.parts[place], found, count, now, decision)


cdef bint exists6(const Plan* plan, Bits bits, unsigned int length, double now) noexcept nogil:
    """Whether any address of a prefix may be listed."""
    cdef uint32_t found[COVERING6_MAX]
    cdef uint8_t lengths[COVERING6_MAX]
    cdef unsigned int place, count
    cdef uint32_t ttl = 0
    cdef const Part* part
    cdef Bits mapped
    mapped.high = 0
    mapped.low = <uint64_t>0xFFFF << 32
    mapped = masked6(mapped, length)
    if length < 96 and mapped.high == bits.high and mapped.low == bits.low:
        return True  # the test entries are in ::ffff:0:0/96
    for place in range(plan.parts_count):
        part = &plan.parts[place]
        if listed_below6(part.ipv6, bits, length):
            return True
        count = covering6(part.ipv6, bits, length, found, lengths)
        if count and _decide(part.values, found, count, now, &ttl):
            return True
    return False


cdef void decide_name(const Query* query, double now, Decision* decision) noexcept nogil:
    """The categories in which a name is listed."""
    cdef uint32_t found[NAME_FOUND_MAX]
    cdef unsigned int place, count
    cdef NameKeys keys
    cdef const Part* part
    _nothing(query.plan, decision)
    for place in range(query.plan.parts_count):
        part = &query.plan.parts[place]
        _name_keys(query, place, &keys)
        count = covering_name(part.names, &keys, False, found)
        if count:
            _add(part, found, count, now, decision)


cdef bint exists_below_name(const Query* query, double now) noexcept nogil:
    """Whether any name below that of the query may be listed."""
    cdef uint32_t found[NAME_FOUND_MAX]
    cdef unsigned int place, count
    cdef uint32_t ttl = 0
    cdef NameKeys keys
    cdef const Part* part
    for place in range(query.plan.parts_count):
        part = &query.plan.parts[place]
        _name_keys(query, place, &keys)
        if listed_below_name(part.names, &keys):
            return True
        count = covering_name(part.names, &keys, True, found)
        if count and _decide(part.values, found, count, now, &ttl):
            return True
    return False


cdef inline void _name_keys(const Query* query, unsigned int place, NameKeys* keys) noexcept nogil:
    """The hashes of the name in a part, each of which has a secret of its own."""
    if place == 0:
        keys[0] = query.keys
    else:
        hash_name(query.plan.parts[place].names, query.data + HEADER, query.labels, keys)


cdef uint64_t permitted4(const Access* access, uint32_t bits) noexcept nogil:
    """What an access list says of a client: the bit of an action."""
    cdef uint32_t found[COVERING4_MAX]
    cdef uint8_t lengths[COVERING4_MAX]
    if covering4(access.ipv4, bits, 32, found, lengths):
        return access.values.held[found[0]].lists
    return PASS


cdef uint64_t permitted6(const Access* access, Bits bits) noexcept nogil:
    """The same for an IPv6 client."""
    cdef uint32_t found[COVERING6_MAX]
    cdef uint8_t lengths[COVERING6_MAX]
    if covering6(access.ipv6, bits, 128, found, lengths):
        return access.values.held[found[0]].lists
    return PASS


cdef inline void _nothing(const Plan* plan, Decision* decision) noexcept nogil:
    decision.listed = decision.texted = 0
    decision.ttl = plan.ttl_s


cdef inline void _add(const Part* part, const uint32_t* found, unsigned int count, double now,
                      Decision* decision) noexcept nogil:
    """Adds what values say to a decision."""
    cdef unsigned int index
    cdef uint64_t texted = 0
    decision.listed |= _decide(part.values, found, count, now, &decision.ttl) << part.shift
    for index in range(count):
        texted |= part.values.held[found[index]].texts
    decision.texted |= texted << part.shift


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
