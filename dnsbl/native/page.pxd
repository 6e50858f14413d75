# cython: boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""A page of a table of names: the slots of the hashes that begin alike, sorted.

`nametable` says what a slot is. The search stands here, to become part of its callers.
"""

from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcpy

from dnsbl.native.suffixes cimport Suffix

cdef enum Part:                   # which part of a domain a slot is about, in the order of deciding
    EXACT                         # the domain alone
    BELOW                         # any name below it
    ALL                           # both
    ABOVE                         # nothing is listed here, but so many names are below

cdef enum:
    PAGE_BITS = 12                # of the hash, that say the page
    MORE_BITS = 5                 # of it, that stand in the mark
    HASH_OCTETS = 8
    NUMBER_AT = HASH_OCTETS + 1
    PART_MASK = 3
    COUNTED = 4
    MORE_SHIFT = 3
    MORE_MASK = 0xF8

cdef struct Page:                 # the slots of the hashes that begin alike
    uint8_t* slots                # [room], sorted
    int64_t due                   # when something in it expires, or earlier; INT64_MAX: never
    uint32_t count
    uint32_t room
    uint8_t width                 # octets of each slot's number: 1, 2 or 4


cdef bint make_room(Page* page, uint32_t number) noexcept nogil
cdef bint insert_slot(Page* page, Suffix key, Part part, uint32_t place,
                      uint32_t number) noexcept nogil
cdef void remove_slot(Page* page, uint32_t place) noexcept nogil


cdef inline size_t slot_size(const Page* page) noexcept nogil:
    return NUMBER_AT + page.width


cdef inline uint32_t likely_place(const Page* page, Suffix key) noexcept nogil:
    """About where the suffix would be in its page: hashes are spread evenly."""
    return <uint32_t>((key.low >> 32) * page.count >> 32)


cdef inline uint8_t* slot_at(const Page* page, uint32_t place) noexcept nogil:
    return page.slots + slot_size(page) * place


cdef inline uint64_t hash_at(const Page* page, uint32_t place) noexcept nogil:
    cdef uint64_t low
    memcpy(&low, slot_at(page, place), HASH_OCTETS)
    return low


cdef inline uint8_t mark_at(const Page* page, uint32_t place) noexcept nogil:
    return slot_at(page, place)[HASH_OCTETS]


cdef inline uint32_t number_at(const Page* page, uint32_t place) noexcept nogil:
    cdef const uint8_t* at = slot_at(page, place) + NUMBER_AT
    cdef uint16_t two
    cdef uint32_t four
    if page.width == 1:
        return at[0]
    if page.width == 2:
        memcpy(&two, at, 2)
        return two
    memcpy(&four, at, 4)
    return four


cdef inline void set_number(const Page* page, uint32_t place, uint32_t number) noexcept nogil:
    """The page is wide enough for it."""
    cdef uint8_t* at = slot_at(page, place) + NUMBER_AT
    cdef uint16_t two = <uint16_t>number
    if page.width == 1:
        at[0] = <uint8_t>number
    elif page.width == 2:
        memcpy(at, &two, 2)
    else:
        memcpy(at, &number, 4)


cdef inline uint8_t mark_of(Suffix key, Part part) noexcept nogil:
    """The mark of a slot that is not counted: 5 bits that the page's number has not used."""
    return <uint8_t>((key.high >> (64 - PAGE_BITS - MORE_BITS) & 31) << MORE_SHIFT | <unsigned int>part)


cdef inline uint32_t first_place(const Page* page, Suffix key) noexcept nogil:
    """The first place whose hash is not less; the count where there is none."""
    cdef uint32_t place = likely_place(page, key)
    while place and hash_at(page, place - 1) >= key.low:
        place -= 1
    while place < page.count and hash_at(page, place) < key.low:
        place += 1
    return place


cdef inline bint find_slot(const Page* page, Suffix key, Part part, uint32_t* place) noexcept nogil:
    """Whether there is that slot; and its place, or the one where it belongs."""
    cdef uint8_t mark = mark_of(key, part), there
    cdef uint32_t at = first_place(page, key)
    while at < page.count and hash_at(page, at) == key.low:
        there = mark_at(page, at) & ~<uint8_t>COUNTED
        if there >= mark:
            place[0] = at
            return there == mark
        at += 1
    place[0] = at
    return False
