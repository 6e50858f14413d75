# cython: boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Writes replies, to the octet as `dnsbl.wire.message` does, from what the plan has of them."""

from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.string cimport memchr, memcmp, memcpy

from dnsbl.native.bits cimport lowest_bit
from dnsbl.native.plan cimport TEXT_MAX, Category, Plan
from dnsbl.native.query cimport ANSWERED, DECLINED, TRUNCATED, Fate, Query
from dnsbl.native.text cimport TEXT6_MAX, format4, format6
from dnsbl.native.wire cimport (
    HEADER, NOERROR, OPT_SIZE, RECORD_HEAD, REPLY_OCTETS_MAX, STRING_MAX, T_A, T_OPT, T_TXT,
    lower,
)


cdef Fate negative(const Query* query, unsigned int rcode_, uint8_t* reply, size_t* size,
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


cdef Fate positive(const Query* query, uint64_t listed, uint32_t ttl, uint8_t* reply,
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
        return negative(query, NOERROR, reply, size, rcode)
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


cdef bint _is_left(const Plan* plan, const uint8_t* label) noexcept nogil:
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


cdef Fate _truncated(const Query* query, unsigned int rcode, uint8_t* reply,
                     size_t* size) noexcept nogil:
    size[0] = _end(query, reply, _begin(query, rcode, 0, 0, True, reply))
    return TRUNCATED


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


cdef inline void _put16(uint8_t* to, unsigned int value) noexcept nogil:
    to[0] = <uint8_t>(value >> 8)
    to[1] = <uint8_t>value


cdef inline void _put32(uint8_t* to, uint32_t value) noexcept nogil:
    _put16(to, value >> 16)
    _put16(to + 2, value & 0xFFFF)
