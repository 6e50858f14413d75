# cython: boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""The IPv4 networks of a zone: a run for each /16, and what is wider above them."""

from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t

from dnsbl.native.run cimport Run
from dnsbl.native.values cimport Values

cdef extern from *:
    """
    /* The statement keeps GCC from taking a function that only prefetches for a pure one, and
       leaving out the calls of it. */
    static inline void dnsbl_prefetch(const void *at) {
        __asm__ volatile("" : : "r"(at));
        __builtin_prefetch(at);
    }
    """
    void prefetch "dnsbl_prefetch"(const void* at) noexcept nogil

cdef enum:
    RUNS = 65536
    COVERING4_MAX = 33

cdef struct Tree4:
    Values* values
    Run* runs             # [RUNS]
    uint32_t* wide        # [2 * RUNS]: the value of a prefix up to /16, by its number in the heap
    uint32_t* covers      # [RUNS]: bit L: a /L of `wide` covers this /16
    uint32_t* below       # [2 * RUNS]: networks with a listing at or below, by number in the heap
    int64_t* due          # [RUNS]: when the first in the run expires, or earlier; 0: never
    int64_t wide_due      # the same for `wide`
    int64_t least_due     # the least of them all, or earlier
    uint64_t entries

cdef Tree4* tree4_new(Values* values) noexcept nogil
cdef void tree4_free(Tree4* tree) noexcept nogil
cdef uint32_t get4(const Tree4* tree, uint32_t bits, unsigned int length) noexcept nogil
cdef bint put4(Tree4* tree, uint32_t bits, unsigned int length, uint32_t value) noexcept nogil
cdef bint fill4(Tree4* tree, uint32_t high, uint32_t count, const uint16_t* suffixes,
                const uint32_t* values) noexcept nogil
cdef unsigned int covering4(const Tree4* tree, uint32_t bits, unsigned int length,
                            uint32_t* found, uint8_t* lengths) noexcept nogil
cdef bint listed_below4(const Tree4* tree, uint32_t bits, unsigned int length) noexcept nogil


cdef inline void prefetch_run(const Tree4* tree, uint32_t bits) noexcept nogil:
    """Asks for the run of an address, which is wanted soon."""
    prefetch(&tree.runs[bits >> 16])
    prefetch(&tree.covers[bits >> 16])


cdef inline void prefetch_place(const Tree4* tree, uint32_t bits) noexcept nogil:
    """Asks for the place in the run where the address probably is; the run is at hand by now."""
    cdef const Run* run = &tree.runs[bits >> 16]
    cdef size_t place = ((bits & 0xFFFF) * <size_t>run.count) >> 16
    if run.count:
        prefetch(run.addresses + 2 * place)
    if run.ranged:
        prefetch(run.ranges + run.ranged / 2)
