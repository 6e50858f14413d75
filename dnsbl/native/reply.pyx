# cython: boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Writes replies, to the octet as `dnsbl.wire.message` does, from what the plan has of them."""

from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.string cimport memchr, memcmp, memcpy

from dnsbl.native.bits cimport lowest_bit
from dnsbl.native.cookie cimport COOKIE
from dnsbl.native.plan cimport TEXT_MAX, Category, Plan
from dnsbl.native.query cimport ANSWERED, DECLINED, TRUNCATED, Fate, Query, is_left
from dnsbl.native.text cimport format4, format6
from dnsbl.native.wire cimport (
    HEADER, NAME_MAX, NOERROR, OPTION_HEAD, OPT_SIZE, O_COOKIE, RECORD_HEAD, REPLY_OCTETS_MAX, STRING_MAX, T_A, T_OPT, T_TXT,
    lower,
)


cdef Fate negative(const Query* query, unsigned int rcode,
                   Reply* reply) noexcept nogil:
    """No such name, or no such record: with SOA (RFC 2308 §3).

    Declines where the name may exist all the same, or its SOA compress in another way.
    """
    cdef const Plan* plan = query.plan
    cdef size_t at = query.end
    cdef uint32_t index
    cdef uint8_t* pointer
    if is_left(plan, query.data + query.last):
        return DECLINED
    reply.rcode = rcode
    reply.listed = 0
    if at + plan.authority_size + _opt_size(query, reply) > query.limit:
        return _truncated(query, reply)
    _begin(query, 0, 1, False, reply)
    memcpy(reply.data + at, plan.authority, plan.authority_size)
    for index in range(plan.pointers_count):
        pointer = reply.data + at + plan.pointers[index]
        _put16(pointer, (pointer[0] << 8 | pointer[1]) + query.below)
    _put32(reply.data + at + plan.serial_at, plan.serial)
    _end(query, reply, at + plan.authority_size)
    return ANSWERED


cdef Fate positive(const Query* query, const Decision* decision,
                   Reply* reply) noexcept nogil:
    """A record for each category, none twice; or no data, where the type is another.

    Declines texts that stand elsewhere.
    """
    cdef const Plan* plan = query.plan
    cdef size_t limit = query.limit - _opt_size(query, reply)
    cdef size_t at = query.end, length, before, other
    cdef uint64_t listed = decision.listed
    cdef unsigned int answers = 0, category
    cdef uint8_t said[NAME_MAX]
    cdef size_t said_size = 0
    cdef uint8_t data[TEXT_MAX + TEXT_MAX / 128 + 8]
    cdef uint8_t* record
    cdef bint twice
    if query.qtype != T_A and query.qtype != T_TXT:
        return negative(query, NOERROR, reply)
    reply.rcode = NOERROR
    reply.listed = listed
    if query.qtype == T_TXT:
        if decision.texted & listed:
            return DECLINED
        if plan.is_names:
            said_size = _name_text(query, said)
            if said_size == 0:
                return DECLINED
        elif query.is4:
            said_size = format4(query.bits4, said)
        else:
            said_size = format6(query.bits6, said)
    while listed:
        category = lowest_bit(listed)
        listed &= listed - 1
        if category >= plan.categories_count:
            break
        if query.qtype == T_A:
            length = 4
            memcpy(data, plan.categories[category].answer, 4)
        else:
            length = _strings(&plan.categories[category], said, said_size, data)
        twice = False  # RFC 2181 §5
        before = query.end
        while before < at and not twice:
            record = reply.data + before
            other = record[10] << 8 | record[11]
            twice = other == length and memcmp(record + RECORD_HEAD, data, length) == 0
            before += RECORD_HEAD + other
        if twice:
            continue
        if at + RECORD_HEAD + length > limit:
            return _truncated(query, reply)
        record = reply.data + at
        _put16(record, 0xC000 | HEADER)  # RFC 1035 §4.1.4: the question's name
        _put16(record + 2, query.qtype)
        _put16(record + 4, 1)
        _put32(record + 6, decision.ttl)
        _put16(record + 10, <unsigned int>length)
        memcpy(record + RECORD_HEAD, data, length)
        at += RECORD_HEAD + length
        answers += 1
    _begin(query, answers, 0, False, reply)
    _end(query, reply, at)
    return ANSWERED


cdef void slip(const Query* query, Reply* reply) noexcept nogil:
    """Makes a reply one without records that asks for TCP."""
    _truncated(query, reply)


cdef size_t _name_text(const Query* query, uint8_t* text) noexcept nogil:
    """What is asked about as a text; 0: it has octets that are to be written in another way."""
    cdef const uint8_t* labels = query.data + HEADER
    cdef size_t at = 0, written = 0
    cdef unsigned int left
    cdef uint8_t octet
    while at < query.below:
        if at:
            text[written] = 46
            written += 1
        left = labels[at]
        at += 1
        while left:
            octet = lower(labels[at])
            if not (97 <= octet <= 122 or 48 <= octet <= 57 or octet == 45 or octet == 95):
                return 0
            text[written] = octet
            written += 1
            at += 1
            left -= 1
    return written


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


cdef Fate _truncated(const Query* query, Reply* reply) noexcept nogil:
    _begin(query, 0, 0, True, reply)
    _end(query, reply, query.end)
    return TRUNCATED


cdef void _begin(const Query* query, unsigned int answers, unsigned int authorities,
                 bint truncated, Reply* reply) noexcept nogil:
    """Header and question."""
    memcpy(reply.data, query.data, query.end)
    # QR, AA, and RD as it was (RFC 1035 §4.1.1); RA, AD and CD are clear (RFC 4035 §3.1.6)
    reply.data[2] = 0x84 | query.data[2] & 0x01 | (0x02 if truncated else 0)
    reply.data[3] = <uint8_t>reply.rcode
    _put16(reply.data + 6, answers)
    _put16(reply.data + 8, authorities)
    _put16(reply.data + 10, query.edns)


cdef inline size_t _opt_size(const Query* query, const Reply* reply) noexcept nogil:
    """The octets of the reply's OPT record."""
    if not query.edns:
        return 0
    return OPT_SIZE + (OPTION_HEAD + COOKIE if reply.has_cookie else 0)


cdef void _end(const Query* query, Reply* reply, size_t at) noexcept nogil:
    """OPT where the query had one (RFC 6891 §6.1.1), after so many octets."""
    cdef uint8_t* opt = reply.data + at
    reply.size = at + _opt_size(query, reply)
    if not query.edns:
        return
    opt[0] = 0
    _put16(opt + 1, T_OPT)
    _put16(opt + 3, REPLY_OCTETS_MAX)
    _put32(opt + 5, 0x8000 if query.do_ else 0)  # RFC 3225 §3: DO is copied
    _put16(opt + 9, <unsigned int>(reply.size - at - OPT_SIZE))
    if reply.has_cookie:
        _put16(opt + OPT_SIZE, O_COOKIE)
        _put16(opt + OPT_SIZE + 2, COOKIE)
        memcpy(opt + OPT_SIZE + OPTION_HEAD, reply.cookie, COOKIE)


cdef inline void _put16(uint8_t* to, unsigned int value) noexcept nogil:
    to[0] = <uint8_t>(value >> 8)
    to[1] = <uint8_t>value


cdef inline void _put32(uint8_t* to, uint32_t value) noexcept nogil:
    _put16(to, value >> 16)
    _put16(to + 2, value & 0xFFFF)
