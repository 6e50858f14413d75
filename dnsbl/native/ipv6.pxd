"""The IPv6 networks of a zone: an ordered set for each length that occurs."""

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t

from dnsbl.native.values cimport Values

cdef enum:
    LENGTHS = 129
    COVERING6_MAX = 129
    BLOCK_KEYS = 256

cdef struct Bits:             # of an address or a prefix, without host bits
    uint64_t high
    uint64_t low

cdef struct Block:            # up to BLOCK_KEYS networks of one length, sorted
    uint32_t count
    uint32_t listed           # of them, how many have a listing
    int64_t due               # the time at which something in it expires, or earlier; INT64_MAX: never
    uint64_t* high            # [BLOCK_KEYS]
    uint64_t* low             # [BLOCK_KEYS]; NULL where no network is longer than /64
    uint32_t* values          # [BLOCK_KEYS]

cdef struct Set:              # of the networks of one length
    Block** blocks            # [room]; none is empty
    Bits* first               # [room]: the first network of each
    uint32_t count            # blocks
    uint32_t room

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
cdef long drop_due6(Tree6* tree, double now, long limit) noexcept nogil
cdef Bits masked6(Bits bits, unsigned int length) noexcept nogil
