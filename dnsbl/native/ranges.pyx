# cython: boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""The ranges of a run: its networks from /17 to /31.

They are sorted so that a network comes after those that cover it. Each says
which lengths cover it, so the one before the place of an address knows all
lengths that may cover that address, and each is then found by a search (the
neighbour before an address either covers it or shares all its covering networks
with it). A range's own length is the highest of the bits in `lengths`. The
search stands in ranges.pxd, to become part of its callers.
"""

from libc.stdint cimport uint16_t, uint32_t
from libc.stdlib cimport free, realloc
from libc.string cimport memmove

from dnsbl.native.run cimport Range, Run


cdef void _mark_within(Run* run, uint32_t place, uint32_t suffix, unsigned int length,
                       bint covered) noexcept nogil:
    """Tells the ranges from that place on which lie in the prefix that it covers them, or not."""
    cdef uint32_t last = suffix | ((<uint32_t>1 << (32 - length)) - 1)
    cdef uint16_t bit = <uint16_t>(1 << (length - 17))
    while place < run.ranged and run.ranges[place].suffix <= last:
        if covered:
            run.ranges[place].lengths |= bit
        else:
            run.ranges[place].lengths &= <uint16_t>~bit
        place += 1


cdef bint insert_range(Run* run, uint32_t place, uint32_t suffix, unsigned int length,
                       uint32_t value) noexcept nogil:
    cdef Range* ranges = run.ranges
    cdef unsigned int lengths = covering_lengths(run, place, suffix, length)
    if run.ranged % 8 == 0:  # rooms are multiples of 8; at most 65,534 ranges lie in a /16
        ranges = <Range*>realloc(run.ranges, (<size_t>run.ranged + 8) * sizeof(Range))
        if ranges == NULL:
            return False
        run.ranges = ranges
    memmove(ranges + place + 1, ranges + place, (run.ranged - place) * sizeof(Range))
    ranges[place].suffix = <uint16_t>suffix
    ranges[place].lengths = <uint16_t>(lengths | <unsigned int>1 << (length - 17))
    ranges[place].value = value
    run.ranged += 1
    _mark_within(run, place + 1, suffix, length, True)
    return True


cdef void remove_range(Run* run, uint32_t place) noexcept nogil:
    cdef uint32_t suffix = run.ranges[place].suffix
    cdef unsigned int length = range_length(&run.ranges[place])
    memmove(run.ranges + place, run.ranges + place + 1,
            (run.ranged - place - 1) * sizeof(Range))
    run.ranged -= 1
    _mark_within(run, place, suffix, length, False)
    if run.ranged == 0:
        free(run.ranges)
        run.ranges = NULL
