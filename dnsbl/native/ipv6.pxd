"""The IPv6 networks of a zone: an ordered set for each length that occurs."""

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t

from dnsbl.native.bits cimport Bits
from dnsbl.native.blocks cimport Set
from dnsbl.native.values cimport Values

cdef enum:
    LENGTHS = 129
    COVERING6_MAX = 129

cdef struct Tree6:
    Values* values
    Set sets[LENGTHS]
    uint8_t lengths[LENGTHS]  # those that occur, the longest first
    uint32_t lengths_count
    int64_t least_due         # the least of the blocks' times, or earlier
    uint64_t entries

cdef Tree6* tree6_new(Values* values) noexcept nogil
cdef void tree6_free(Tree6* tree) noexcept nogil
cdef uint32_t get6(const Tree6* tree, Bits bits, unsigned int length) noexcept nogil
cdef bint put6(Tree6* tree, Bits bits, unsigned int length, uint32_t value) noexcept nogil
cdef unsigned int covering6(const Tree6* tree, Bits bits, unsigned int length,
                            uint32_t* found, uint8_t* lengths) noexcept nogil
cdef bint listed_below6(const Tree6* tree, Bits bits, unsigned int length) noexcept nogil
