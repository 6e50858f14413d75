# cython: boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""The compiled twin of `dnsbl.zone.answer`, for the queries that mail servers ask.

One question for a name below an origin, of any type but ANY and transfers, with
or without EDNS, is answered here to the octet as `wire` and `zone` would
answer it. Whatever else comes is declined, and Python's: so this never has to
know more than it does.

A query is read first (`read`), so that a batch can ask for the memory of all of
its radix places before the first is looked at, and answered then (`answer`).
"""

from libc.stdint cimport INT64_MAX, int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free, malloc
from libc.string cimport memchr, memcmp, memcpy

from dnsbl.native.gate cimport Gate
from dnsbl.native.ipv4 cimport (
    COVERING4_MAX, covering4, listed_below4, prefetch_place, prefetch_run,
)
from dnsbl.native.ipv6 cimport COVERING6_MAX, Bits, covering6, listed_below6, masked6
from dnsbl.native.radix cimport Radix
from dnsbl.native.text cimport TEXT6_MAX, format4, format6
from dnsbl.native.values cimport CATEGORIES_MAX, Value, Values

cdef extern from *:
    int lowest_bit "__builtin_ctzll"(unsigned long long) noexcept nogil
    int popcount "__builtin_popcountll"(unsigned long long) noexcept nogil

cdef enum:
    HEADER = 12                   # RFC 1035 §4.1.1
    NAME_MAX = 255                # RFC 1035 §2.3.4
    LABELS_MAX = 127
    LABEL_KIND = 0xC0
    PLAIN_MAX = 512               # RFC 1035 §2.3.4
    OPT_SIZE = 11                 # RFC 6891 §6.1.2: root, type, size, TTL, no data
    RECORD_HEAD = 12              # pointer, type, class, TTL, length
    STRING_MAX = 255              # RFC 1035 §3.3
    TEXT_MAX = 1000               # of a TXT record, by the configuration
    NOERROR = 0
    NXDOMAIN = 3
    NEVER_LISTED = 0x7F000001     # RFC 5782 §5
    LOOPBACK = 127
    T_A = 1
    T_NS = 2
    T_SOA = 6
    T_TXT = 16
    T_AAAA = 28
    T_OPT = 41
    T_IXFR = 251
    T_AXFR = 252
    T_ANY = 255


cdef unsigned int type_slot(unsigned int qtype) noexcept nogil:
    """Where replies to that type are counted; the order of TYPES."""
    if qtype == T_A:
        return 0
    if qtype == T_TXT:
        return 1
    if qtype == T_AAAA:
        return 2
    if qtype == T_NS:
        return 3
    if qtype == T_SOA:
        return 4
    if qtype == T_OPT:
        return 5
    return TYPE_SLOTS - 1


TYPES = ("A", "TXT", "AAAA", "NS", "SOA", "OPT", "other")


cdef class Answerer:
    """Answers for the zones whose plans it is given; `gate` guards their radixes.

    A plan is a `dnsbl.zone.plan.Plan`; each radix has the categories of its plan.
    """

    def __cinit__(self, plans, Gate gate):
        cdef unsigned int place
        ordered = sorted(plans, key=lambda plan: -plan.labels)
        self.gate = gate
        self._places = {plan.name: place for place, plan in enumerate(ordered)}
        self._radixes = [None] * len(ordered)
        self.plans = <Plan*>calloc(len(ordered) + 1, sizeof(Plan))
        if self.plans == NULL:
            raise MemoryError
        self.count = len(ordered)
        for place in range(self.count):
            self.set_up(place, ordered[place])

    def __dealloc__(self):
        cdef unsigned int place, index
        cdef Plan* plan
        if self.plans == NULL:
            return
        for place in range(self.count):
            plan = &self.plans[place]
            if plan.categories != NULL:
                for index in range(plan.categories_count):
                    free(plan.categories[index].text)
            free(plan.categories)
            free(plan.tests)
            free(plan.origin)
            free(plan.authority)
            free(plan.left)
        free(self.plans)

    cdef int set_up(self, unsigned int place, object given) except -1:
        cdef Plan* plan = &self.plans[place]
        cdef unsigned int index
        if len(given.categories) > CATEGORIES_MAX or len(given.pointers) > POINTERS_MAX:
            raise ValueError("a plan with more categories or pointers than can be")
        plan.origin = _copied(given.origin)
        plan.origin_size = len(given.origin)
        plan.labels = given.labels
        plan.ttl_s = given.ttl_s
        plan.authority = _copied(given.authority)
        plan.authority_size = len(given.authority)
        plan.pointers_count = len(given.pointers)
        for index in range(plan.pointers_count):
            if not 0 <= given.pointers[index] <= len(given.authority) - 2:
                raise ValueError("a pointer beyond its record")
            plan.pointers[index] = given.pointers[index]
        if not 0 <= given.serial_at <= len(given.authority) - 4:
            raise ValueError("a serial beyond its record")
        plan.serial_at = given.serial_at
        left = b"".join(bytes([len(label)]) + label for label in given.left)
        plan.left = _copied(left)
        plan.left_size = len(left)
        plan.categories = <Category*>calloc(len(given.categories) + 1, sizeof(Category))
        plan.tests = <Test*>calloc(len(given.tests) + 1, sizeof(Test))
        if plan.categories == NULL or plan.tests == NULL:
            raise MemoryError
        plan.categories_count = len(given.categories)
        for index in range(plan.categories_count):
            packed, text = given.categories[index]
            if len(packed) != 4 or len(text) > TEXT_MAX:
                raise ValueError("a category with no such answer or text")
            memcpy(plan.categories[index].answer, <const uint8_t*><bytes>packed, 4)
            plan.categories[index].text = _copied(text)
            plan.categories[index].size = len(text)
        plan.tests_count = len(given.tests)
        for index in range(plan.tests_count):
            plan.tests[index].bits = given.tests[index][0]
            plan.tests[index].listed = given.tests[index][1]
        return 0

    def attach(self, name, Radix radix not None, serial) -> None:
        """From now on the zone of that name answers from that radix, and says that serial."""
        cdef Plan* plan = &self.plans[self._places[name]]
        if len(radix.categories) != plan.categories_count:
            raise ValueError("a radix of another zone")
        self.gate.close()
        old = self._radixes[self._places[name]]
        self._radixes[self._places[name]] = radix
        plan.values = radix.values
        plan.ipv4 = radix.ipv4
        plan.ipv6 = radix.ipv6
        plan.serial = serial & 0xFFFFFFFF
        self.gate.open()
        radix.guard(self.gate)
        if old is not None and old is not radix:
            old.guard(None)

    def set_serial(self, name, serial) -> None:
        """The serial that the zone's SOA record says from now on, modulo 2^32."""
        self.plans[self._places[name]].serial = serial & 0xFFFFFFFF

    def respond(self, data, now):
        """For tests: what becomes of a message. A reply; None: declined; b"": dropped."""
        cdef const uint8_t[::1] view = data
        cdef uint8_t reply[REPLY_OCTETS_MAX]
        cdef size_t size = 0
        cdef unsigned int rcode = 0
        cdef Query query
        cdef Fate fate = self.read(&view[0] if view.shape[0] else NULL, view.shape[0], &query)
        if fate == ANSWERED:
            fate = self.answer(&query, now, reply, &size, &rcode)
        if fate == DECLINED:
            return None
        return reply[:size] if fate == ANSWERED or fate == TRUNCATED else b""

    cdef Fate read(self, const uint8_t* data, size_t size, Query* query) noexcept nogil:
        """Reads a message; ANSWERED where `answer` has to go on with it."""
        cdef uint16_t starts[LABELS_MAX + 1]
        cdef unsigned int labels = 0, length, below, place
        cdef size_t at = HEADER
        if size < HEADER:
            return DROPPED_SHORT
        if data[2] & 0x80:
            return DROPPED_RESPONSE
        # An opcode, or counts, other than those of a plain query.
        if data[2] & 0x78 or data[4] or data[5] != 1 or data[6] or data[7] or data[8] or data[9]:
            return DECLINED
        if data[10] or data[11] > 1:
            return DECLINED
        while True:
            if at >= size:
                return DECLINED
            length = data[at]
            if length == 0:
                break
            if length & LABEL_KIND or labels == LABELS_MAX:
                return DECLINED
            starts[labels] = <uint16_t>at
            labels += 1
            at += 1 + length
            if at + 1 - HEADER > NAME_MAX:
                return DECLINED
        at += 1
        starts[labels] = <uint16_t>(at - 1)
        if at + 4 > size:
            return DECLINED
        query.data = data
        query.qtype = data[at] << 8 | data[at + 1]
        if data[at + 2] != 0 or data[at + 3] != 1:  # another class than IN
            return DECLINED
        if query.qtype in (T_IXFR, T_AXFR, T_ANY):
            return DECLINED
        query.end = <uint16_t>(at + 4)
        if not _read_opt(data, size, query):
            return DECLINED
        for place in range(self.count):
            if _is_below(&self.plans[place], data, starts, labels):
                query.plan = &self.plans[place]
                below = labels - query.plan.labels
                if below == 0 or query.plan.ipv4 == NULL:
                    return DECLINED
                query.below = starts[below] - HEADER
                query.last = starts[below - 1]
                _read_address(data, starts, below, query)
                return ANSWERED
        return DECLINED

    cdef Fate answer(self, const Query* query, double now, uint8_t* reply, size_t* size,
                     unsigned int* rcode) noexcept nogil:
        """Decides, and writes a reply of at most REPLY_OCTETS_MAX octets."""
        cdef const Plan* plan = query.plan
        cdef uint32_t ttl = plan.ttl_s
        cdef uint64_t listed
        if query.is4:
            if query.length4 == 32:
                listed = _listed4(plan, query.bits4, now, &ttl)
                if listed:
                    return _positive(query, listed, ttl, reply, size, rcode)
            elif _exists4(plan, query.bits4, query.length4, now):
                return _negative(query, NOERROR, reply, size, rcode)
        if query.is6:
            if query.length6 == 128:
                listed = _decided(plan, query.bits6, 128, now, &ttl)
                if listed:
                    return _positive(query, listed, ttl, reply, size, rcode)
            elif _exists6(plan, query.bits6, query.length6, now):
                return _negative(query, NOERROR, reply, size, rcode)
        return _negative(query, NXDOMAIN, reply, size, rcode)


cdef uint8_t* _copied(bytes octets) except NULL:
    cdef uint8_t* copied = <uint8_t*>malloc(len(octets) + 1)
    if copied == NULL:
        raise MemoryError
    memcpy(copied, <const uint8_t*>octets, len(octets))
    return copied


# Reading.

cdef inline uint8_t _lower(uint8_t octet) noexcept nogil:
    """RFC 4343 §3: letters match without regard to case. Lengths of labels are no letters."""
    return octet + 32 if 65 <= octet <= 90 else octet


cdef bint _is_below(const Plan* plan, const uint8_t* data, const uint16_t* starts,
                    unsigned int labels) noexcept nogil:
    """Whether the name is the zone's origin, or below it."""
    cdef const uint8_t* end
    cdef uint32_t index
    if labels < plan.labels:
        return False
    end = data + starts[labels - plan.labels]
    if <uint32_t>(starts[labels] + 1 - starts[labels - plan.labels]) != plan.origin_size:
        return False
    for index in range(plan.origin_size):
        if _lower(end[index]) != plan.origin[index]:
            return False
    return True


cdef bint _read_opt(const uint8_t* data, size_t size, Query* query) noexcept nogil:
    """Reads what follows the question: nothing, or one plain OPT. Whether it is that."""
    cdef size_t at = query.end
    cdef unsigned int payload
    query.edns = data[11] == 1
    query.do_ = False
    query.limit = PLAIN_MAX
    if not query.edns:
        return at == size
    # RFC 6891 §6.1.2: owned by the root, of version 0
    if at + OPT_SIZE > size or data[at] or data[at + 1] or data[at + 2] != T_OPT or data[at + 6]:
        return False
    payload = data[at + 3] << 8 | data[at + 4]
    if payload > PLAIN_MAX:  # §6.2.3: less is to be read as 512
        query.limit = <uint16_t>(payload if payload < REPLY_OCTETS_MAX else REPLY_OCTETS_MAX)
    query.do_ = data[at + 7] & 0x80 != 0
    if at + OPT_SIZE + (data[at + 9] << 8 | data[at + 10]) != size:
        return False
    at += OPT_SIZE
    while at < size:  # options are ignored, as long as they are whole
        if at + 4 > size:
            return False
        at += 4 + (data[at + 2] << 8 | data[at + 3])
    return at == size


cdef void _read_address(const uint8_t* data, const uint16_t* starts, unsigned int below,
                        Query* query) noexcept nogil:
    """What the labels below the origin ask about; `dnsbl.wire.names.readings` says why both."""
    cdef unsigned int index = below, value = 0
    query.is4 = below <= 4
    query.bits4 = 0
    while query.is4 and index:
        index -= 1
        query.is4 = _octet(data + starts[index], &value)
        query.bits4 = query.bits4 << 8 | value
    if query.is4:
        query.length4 = 8 * below
        query.bits4 = query.bits4 << (32 - query.length4)
    query.is6 = below <= 32
    query.bits6.high = query.bits6.low = 0
    index = below
    while query.is6 and index:
        index -= 1
        query.is6 = _nibble(data + starts[index], &value)
        query.bits6.high = query.bits6.high << 4 | query.bits6.low >> 60
        query.bits6.low = query.bits6.low << 4 | value
    if not query.is6:
        return
    for index in range(below, 32):
        query.bits6.high = query.bits6.high << 4 | query.bits6.low >> 60
        query.bits6.low = query.bits6.low << 4
    query.length6 = 4 * below
    # RFC 5782 §5: ::ffff:0:0/96 is answered from IPv4 data
    if query.length6 >= 96 and query.bits6.high == 0 and query.bits6.low >> 32 == 0xFFFF:
        query.is6 = False
        query.is4 = True
        query.bits4 = <uint32_t>query.bits6.low
        query.length4 = query.length6 - 96


cdef inline bint _octet(const uint8_t* label, unsigned int* value) noexcept nogil:
    """Whether a label is a number up to 255 without zeros before it; and which."""
    cdef unsigned int size = label[0], index
    value[0] = 0
    if size > 3 or (label[1] == 48 and size > 1):
        return False
    for index in range(1, size + 1):
        if label[index] < 48 or label[index] > 57:
            return False
        value[0] = value[0] * 10 + label[index] - 48
    return value[0] <= 255


cdef inline bint _nibble(const uint8_t* label, unsigned int* value) noexcept nogil:
    cdef uint8_t digit = _lower(label[1])
    if label[0] != 1:
        return False
    if 48 <= digit <= 57:
        value[0] = digit - 48
        return True
    value[0] = digit - 87
    return 97 <= digit <= 102


cdef void prefetch_first(const Query* query) noexcept nogil:
    """Asks for what the answer begins with."""
    if query.is4:
        prefetch_run(query.plan.ipv4, query.bits4)


cdef void prefetch_second(const Query* query) noexcept nogil:
    """Asks for what it goes on with; the first has arrived by now."""
    if query.is4:
        prefetch_place(query.plan.ipv4, query.bits4)


cdef bint _is_left(const Plan* plan, const uint8_t* label) noexcept nogil:
    """Whether names that end in that label below the origin are left to Python."""
    cdef uint32_t at = 0, index
    cdef const uint8_t* left
    while at < plan.left_size:
        left = plan.left + at
        index = 0
        while index <= left[0] and left[index] == _lower(label[index]):
            index += 1
        if index > left[0]:
            return True
        at += 1 + left[0]
    return False


# Deciding: `dnsbl.verdict`, with a bit for each category.

cdef inline bint _live(int64_t expires, double now) noexcept nogil:
    return expires == INT64_MAX or expires > now


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


cdef inline void _shorten(uint32_t* ttl, int64_t expires, double now) noexcept nogil:
    cdef double left
    if expires == INT64_MAX:
        return
    left = <double>expires - now
    if left < <double>ttl[0]:
        ttl[0] = <uint32_t>left


cdef uint64_t _listed4(const Plan* plan, uint32_t bits, double now, uint32_t* ttl) noexcept nogil:
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


cdef bint _exists4(const Plan* plan, uint32_t bits, unsigned int length,
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


cdef uint64_t _decided(const Plan* plan, Bits bits, unsigned int length, double now,
                       uint32_t* ttl) noexcept nogil:
    """The categories in which an IPv6 network is listed as a whole."""
    cdef uint32_t found[COVERING6_MAX]
    cdef uint8_t lengths[COVERING6_MAX]
    cdef unsigned int count = covering6(plan.ipv6, bits, length, found, lengths)
    return _decide(plan.values, found, count, now, ttl) if count else 0


cdef bint _exists6(const Plan* plan, Bits bits, unsigned int length, double now) noexcept nogil:
    cdef Bits mapped
    cdef uint32_t ttl = 0
    mapped.high = 0
    mapped.low = <uint64_t>0xFFFF << 32
    mapped = masked6(mapped, length)
    if length < 96 and mapped.high == bits.high and mapped.low == bits.low:
        return True  # the test entries are in ::ffff:0:0/96
    return listed_below6(plan.ipv6, bits, length) or _decided(plan, bits, length, now, &ttl) != 0


# Writing.

cdef inline void _put16(uint8_t* to, unsigned int value) noexcept nogil:
    to[0] = <uint8_t>(value >> 8)
    to[1] = <uint8_t>value


cdef inline void _put32(uint8_t* to, uint32_t value) noexcept nogil:
    _put16(to, value >> 16)
    _put16(to + 2, value & 0xFFFF)


cdef size_t _begin(const Query* query, unsigned int rcode, unsigned int answers,
                   unsigned int authorities, bint truncated, uint8_t* reply) noexcept nogil:
    """Header and question; the octets written."""
    memcpy(reply, query.data, query.end)
    # QR, AA, and RD as it was (RFC 1035 §4.1.1); RA, AD and CD are clear (RFC 4035 §3.1.6)
    reply[2] = 0x84 | query.data[2] & 0x01 | (0x02 if truncated else 0)
    reply[3] = <uint8_t>rcode
    _put16(reply + 6, answers)
    _put16(reply + 8, authorities)
    _put16(reply + 10, query.edns)
    return query.end


cdef size_t _end(const Query* query, uint8_t* reply, size_t size) noexcept nogil:
    """OPT where the query had one (RFC 6891 §6.1.1); the octets of all."""
    if not query.edns:
        return size
    reply += size
    reply[0] = 0
    _put16(reply + 1, T_OPT)
    _put16(reply + 3, REPLY_OCTETS_MAX)
    _put32(reply + 5, 0x8000 if query.do_ else 0)  # RFC 3225 §3: DO is copied
    _put16(reply + 9, 0)
    return size + OPT_SIZE


cdef Fate _truncated(const Query* query, unsigned int rcode, uint8_t* reply,
                     size_t* size) noexcept nogil:
    size[0] = _end(query, reply, _begin(query, rcode, 0, 0, True, reply))
    return TRUNCATED


cdef Fate _negative(const Query* query, unsigned int rcode_, uint8_t* reply, size_t* size,
                    unsigned int* rcode) noexcept nogil:
    """No such name, or no such record: with SOA (RFC 2308 §3).

    Declines where the name may exist all the same, or its SOA compress in another way.
    """
    cdef const Plan* plan = query.plan
    cdef size_t at = query.end
    cdef uint32_t index
    cdef uint8_t* pointer
    if _is_left(plan, query.data + query.last):
        return DECLINED
    rcode[0] = rcode_
    if at + plan.authority_size + (OPT_SIZE if query.edns else 0) > query.limit:
        return _truncated(query, rcode_, reply, size)
    _begin(query, rcode_, 0, 1, False, reply)
    memcpy(reply + at, plan.authority, plan.authority_size)
    for index in range(plan.pointers_count):
        pointer = reply + at + plan.pointers[index]
        _put16(pointer, (pointer[0] << 8 | pointer[1]) + query.below)
    _put32(reply + at + plan.serial_at, plan.serial)
    size[0] = _end(query, reply, at + plan.authority_size)
    return ANSWERED


cdef Fate _positive(const Query* query, uint64_t listed, uint32_t ttl, uint8_t* reply,
                    size_t* size, unsigned int* rcode) noexcept nogil:
    """A record for each category, none twice; or no data, where the type is another."""
    cdef const Plan* plan = query.plan
    cdef size_t limit = query.limit - (OPT_SIZE if query.edns else 0)
    cdef size_t at = query.end, length, before, other
    cdef unsigned int answers = 0, category
    cdef uint8_t address[TEXT6_MAX]
    cdef size_t address_size = 0
    cdef uint8_t data[TEXT_MAX + TEXT_MAX / 128 + 8]
    cdef bint twice
    if query.qtype != T_A and query.qtype != T_TXT:
        return _negative(query, NOERROR, reply, size, rcode)
    rcode[0] = NOERROR
    if query.qtype == T_TXT:
        if query.is4:
            address_size = format4(query.bits4, address)
        else:
            address_size = format6(query.bits6, address)
    while listed:
        category = lowest_bit(listed)
        listed &= listed - 1
        if category >= plan.categories_count:
            break
        if query.qtype == T_A:
            length = 4
            memcpy(data, plan.categories[category].answer, 4)
        else:
            length = _strings(&plan.categories[category], address, address_size, data)
        twice = False  # RFC 2181 §5
        before = query.end
        while before < at and not twice:
            other = reply[before + 10] << 8 | reply[before + 11]
            twice = other == length and memcmp(reply + before + RECORD_HEAD, data, length) == 0
            before += RECORD_HEAD + other
        if twice:
            continue
        if at + RECORD_HEAD + length > limit:
            return _truncated(query, NOERROR, reply, size)
        _put16(reply + at, 0xC000 | HEADER)  # RFC 1035 §4.1.4: the question's name
        _put16(reply + at + 2, query.qtype)
        _put16(reply + at + 4, 1)
        _put32(reply + at + 6, ttl)
        _put16(reply + at + 10, <unsigned int>length)
        memcpy(reply + at + RECORD_HEAD, data, length)
        at += RECORD_HEAD + length
        answers += 1
    _begin(query, NOERROR, answers, 0, False, reply)
    size[0] = _end(query, reply, at)
    return ANSWERED


cdef size_t _strings(const Category* category, const uint8_t* address, size_t address_size,
                     uint8_t* data) noexcept nogil:
    """The text for an address, as TXT holds it; the octets written."""
    cdef uint8_t text[TEXT_MAX]
    cdef size_t size = 0, at = 0, piece, cut, written = 0
    cdef const uint8_t* mark
    while at < category.size:
        mark = <const uint8_t*>memchr(category.text + at, 36, category.size - at)
        piece = (category.size if mark == NULL else mark - category.text) - at
        # The configuration has seen to it that it fits; were it not so, it would be cut.
        piece = min(piece, TEXT_MAX - size)
        memcpy(text + size, category.text + at, piece)
        size += piece
        at += piece
        if mark == NULL or size + address_size > TEXT_MAX:
            break
        memcpy(text + size, address, address_size)
        size += address_size
        at += 1
    at = 0
    while size - at > STRING_MAX:
        cut = STRING_MAX  # and no character of UTF-8 torn in two
        while cut > STRING_MAX - 4 and text[at + cut] & 0xC0 == 0x80:
            cut -= 1
        data[written] = <uint8_t>cut
        memcpy(data + written + 1, text + at, cut)
        written += 1 + cut
        at += cut
    data[written] = <uint8_t>(size - at)
    memcpy(data + written + 1, text + at, size - at)
    return written + 1 + size - at
