# cython: boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""The ranges of a run: its networks from /17 to /31."""

from libc.stdint cimport uint32_t

from dnsbl.native.bits cimport leading_zeros
from dnsbl.native.run cimport RUN_LENGTH, Range, Run


cdef inline unsigned int range_length(const Range* range_) noexcept nogil:
    """The length of the prefix, 17 to 31."""
    return 17 + 31 - leading_zeros(range_.lengths)


cdef inline uint32_t range_place(const Run* run, uint32_t suffix,
                                 unsigned int length) noexcept nogil:
    """The first place not before that range; `ranged` where there is none."""
    cdef uint32_t low = 0, high = run.ranged, middle
    cdef const Range* range_
    while low < high:
        middle = (low + high) / 2
        range_ = &run.ranges[middle]
        if range_.suffix < suffix or (range_.suffix == suffix and range_length(range_) < length):
            low = middle + 1
        else:
            high = middle
    return low


cdef inline bint is_range(const Run* run, uint32_t place, uint32_t suffix,
                          unsigned int length) noexcept nogil:
    """Whether that range stands at the place."""
    return (place < run.ranged and run.ranges[place].suffix == suffix
            and range_length(&run.ranges[place]) == length)


cdef inline unsigned int covering_lengths(const Run* run, uint32_t place, uint32_t suffix,
                                          unsigned int length) noexcept nogil:
    """The lengths of the ranges that cover the prefix or are it, a bit each from 17.

    ``place`` is the first place beyond it in the order of ranges.
    """
    cdef const Range* before
    cdef unsigned int shared
    if place == 0:
        return 0
    before = &run.ranges[place - 1]
    # How many of the 16 low bits the two have in common; a /17 has one.
    shared = leading_zeros(((before.suffix ^ suffix) << 16) | 0x8000)
    if shared > length - RUN_LENGTH:
        shared = length - RUN_LENGTH
    return before.lengths & ((<unsigned int>1 << shared) - 1)


cdef bint insert_range(Run* run, uint32_t place, uint32_t suffix, unsigned int length,
                       uint32_t value) noexcept nogil
cdef void remove_range(Run* run, uint32_t place) noexcept nogil
