# cython: boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Reads a query: one question for a name below an origin, with or without EDNS.

Whatever else comes is declined, or dropped.
"""

from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t

from dnsbl.native.bits cimport Bits
from dnsbl.native.cookie cimport is_cookie_size
from dnsbl.native.decision cimport permitted4, permitted6
from dnsbl.native.nametable cimport hash_name
from dnsbl.native.plan cimport KEYS_OPTIONAL, KEYS_REQUIRED, Access, Plan
from dnsbl.native.wire cimport (
    HEADER, IGNORE, LABEL_KIND, LABELS_MAX, NAME_MAX,
    O_COOKIE, O_NSID, OPT_SIZE, PASS, PLAIN_MAX, REPLY_OCTETS_MAX, T_ANY, T_AXFR, T_IXFR,
    T_META, T_OPT, lower,
)


cdef Fate read_query(const Plan* plans, unsigned int count, const Access* access,
                     const uint8_t* data, size_t size, Query* query) noexcept nogil:
    """Reads a message to those zones; ANSWERED where deciding has to go on with it.

    The client has been noted in the query. ``access`` is the server's. What is
    ignored has the plan of the zone whose list says so, or none.
    """
    cdef uint16_t starts[LABELS_MAX + 1]
    cdef unsigned int labels = 0, length, below, place
    cdef size_t at = HEADER
    cdef uint64_t permitted
    query.plan = NULL
    if size < HEADER:
        return DROPPED_SHORT
    if data[2] & 0x80:
        return DROPPED_RESPONSE
    permitted = _permitted(access, &query.client)
    if permitted == IGNORE:
        return DROPPED_IGNORED
    if permitted != PASS:
        return DECLINED
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
    # What is no type of data: transfers, ANY, OPT, and those set apart (RFC 6895 §3.1)
    if query.qtype == T_OPT or query.qtype == 0 or T_META <= query.qtype <= T_ANY:
        return DECLINED
    query.end = <uint16_t>(at + 4)
    if not _read_opt(data, size, query):
        return DECLINED
    for place in range(count):
        if _is_below(&plans[place], data, starts, labels):
            query.plan = &plans[place]
            below = labels - query.plan.labels
            if below == 0 or not query.plan.is_ready:
                return DECLINED
            query.labels = <uint16_t>below
            query.below = starts[below] - HEADER
            query.last = starts[below - 1]
            return _read_below(starts, query)
    return DECLINED


cdef Fate _read_below(const uint16_t* starts, Query* query) noexcept nogil:
    """Reads the labels below the origin, if the zone's own lists leave that to us."""
    cdef const Plan* plan = query.plan
    cdef uint64_t permitted = _permitted(&plan.access, &query.client)
    if permitted == IGNORE:
        return DROPPED_IGNORED
    if permitted != PASS or plan.keys == KEYS_REQUIRED:
        return DECLINED
    if plan.is_names:
        # Any name may be one that the zone itself mentions, or hold a key.
        if plan.keys == KEYS_OPTIONAL or is_left(plan, query.data + query.last):
            return DECLINED
        query.is4 = query.is6 = False
        hash_name(plan.parts[0].names, query.data + HEADER, query.labels, &query.keys)
        return ANSWERED
    _read_address(query.data, starts, query.labels, query)
    if plan.keys == KEYS_OPTIONAL and not query.is4 and not query.is6:
        return DECLINED
    return ANSWERED


cdef inline uint64_t _permitted(const Access* access, const Client* client) noexcept nogil:
    """What an access list says of the client."""
    cdef const uint8_t* octets = client.address
    cdef Bits bits
    cdef unsigned int place
    if access.values == NULL:
        return PASS
    if client.octets == 4:
        return permitted4(access, <uint32_t>octets[0] << 24 | <uint32_t>octets[1] << 16
                          | <uint32_t>octets[2] << 8 | octets[3])
    bits.high = bits.low = 0
    for place in range(8):
        bits.high = bits.high << 8 | octets[place]
        bits.low = bits.low << 8 | octets[place + 8]
    return permitted6(access, bits)


cdef bint is_left(const Plan* plan, const uint8_t* label) noexcept nogil:
    """Whether names that end in that label below the origin are left to Python."""
    cdef uint32_t at = 0, index
    cdef const uint8_t* left
    while at < plan.left_size:
        left = plan.left + at
        index = 0
        while index <= left[0] and left[index] == lower(label[index]):
            index += 1
        if index > left[0]:
            return True
        at += 1 + left[0]
    return False


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
        if lower(end[index]) != plan.origin[index]:
            return False
    return True


cdef bint _read_opt(const uint8_t* data, size_t size, Query* query) noexcept nogil:
    """Reads what follows the question: nothing, or one plain OPT. Whether it is that."""
    cdef size_t at = query.end
    cdef unsigned int payload, code, length
    query.cookie = query.cookie_size = 0
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
    while at < size:  # other options are ignored, as long as they are whole
        if at + 4 > size:
            return False
        code = data[at] << 8 | data[at + 1]
        length = data[at + 2] << 8 | data[at + 3]
        if code == O_NSID:
            return False
        if code == O_COOKIE and query.cookie == 0:  # RFC 7873 §5.2: the first counts
            if not is_cookie_size(length):
                return False
            query.cookie = <uint16_t>(at + 4)
            query.cookie_size = <uint16_t>length
        at += 4 + length
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
    cdef uint8_t digit = lower(label[1])
    if label[0] != 1:
        return False
    if 48 <= digit <= 57:
        value[0] = digit - 48
        return True
    value[0] = digit - 87
    return 97 <= digit <= 102
