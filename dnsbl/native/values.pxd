# cython: boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Interned values: what is listed or excluded at one network, by category and time."""

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t

cdef enum:
    CATEGORIES_MAX = 64                     # a bit each
    TIMES = 2 * CATEGORIES_MAX + 1          # listings, exclusions, the exclusion of all
    NO_VALUE = 0                            # the id of nothing at all
    NO_MEMORY = 0xFFFFFFFF                  # no id: an allocation failed

cdef struct Value:
    uint64_t lists        # bit i: listed in category i
    uint64_t excludes     # bit i: excluded from category i
    uint64_t texts        # bit i: the listing in category i has a text of its own
    int64_t expires       # the Unix time that all entries share, or the earliest where they differ
    int64_t* times        # a time for each entry where they differ, else NULL
    uint64_t references
    uint32_t next         # in its chain of the hash, or of free places
    uint8_t excludes_all

cdef struct Values:
    Value* held           # [size]; place 0 is never used
    uint32_t* chains      # [chains_mask + 1]; the first value of each, 0 for none
    uint32_t size
    uint32_t used         # places below this were used once
    uint32_t free         # the first free place, 0 for none
    uint32_t count        # values alive
    uint32_t chains_mask

cdef struct Entries:
    # A value unfolded, so that it can be changed. times: listings by category, then exclusions
    # by category, then the exclusion of all; INT64_MAX for never.
    uint64_t lists
    uint64_t excludes
    uint64_t texts
    uint8_t excludes_all
    int64_t times[TIMES]

cdef Values* values_new() noexcept nogil
cdef void values_free(Values* values) noexcept nogil
cdef uint32_t intern(Values* values, const Entries* entries) noexcept nogil
cdef uint32_t intern_one(Values* values, unsigned int category, bint excludes, bint every,
                         int64_t expires) noexcept nogil
cdef uint32_t union_of(Values* values, uint32_t under, uint32_t over) noexcept nogil
cdef uint32_t without_expired(Values* values, uint32_t value, double now) noexcept nogil
cdef void unpack(const Values* values, uint32_t value, Entries* entries) noexcept nogil
cdef unsigned int entry_count(const Values* values, uint32_t value) noexcept nogil
cdef void retain(Values* values, uint32_t value, uint64_t times) noexcept nogil
cdef void release(Values* values, uint32_t value, uint64_t times) noexcept nogil


cdef inline bint has_listing(const Values* values, uint32_t value) noexcept nogil:
    """Whether anything is listed by the value; not by NO_VALUE."""
    return value != NO_VALUE and values.held[value].lists != 0
