# cython: boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""An ordered set of networks of one length, in blocks."""

from libc.stdint cimport int64_t, uint32_t, uint64_t

from dnsbl.native.bits cimport Bits, is_less6
from dnsbl.native.values cimport Values

cdef enum:
    BLOCK_KEYS = 256

cdef struct Block:            # up to BLOCK_KEYS networks of one length, sorted
    uint32_t count
    uint32_t listed           # of them, how many have a listing
    int64_t due               # when something in it expires, or earlier; INT64_MAX: never
    uint64_t* high            # [BLOCK_KEYS]
    uint64_t* low             # [BLOCK_KEYS]; NULL where no network is longer than /64
    uint32_t* values          # [BLOCK_KEYS]

cdef struct Set:              # of the networks of one length
    Block** blocks            # [room]; none is empty
    Bits* first               # [room]: the first network of each
    uint32_t count            # blocks
    uint32_t room


cdef inline Bits block_key(const Block* block, uint32_t index) noexcept nogil:
    """The network at that place."""
    cdef Bits bits
    bits.high = block.high[index]
    bits.low = 0 if block.low == NULL else block.low[index]
    return bits


cdef inline uint32_t find_block(const Set* set_, Bits bits) noexcept nogil:
    """The last block whose first network is not greater; 0 where there is none."""
    cdef uint32_t low = 0, high = set_.count, middle
    while low < high:
        middle = low + (high - low) / 2
        if is_less6(bits, set_.first[middle]):
            high = middle
        else:
            low = middle + 1
    return low - 1 if low else 0


cdef inline uint32_t find_key(const Block* block, Bits bits) noexcept nogil:
    """The first place whose network is not less; the count where there is none."""
    cdef uint32_t low = 0, high = block.count, middle
    while low < high:
        middle = (low + high) / 2
        if is_less6(block_key(block, middle), bits):
            low = middle + 1
        else:
            high = middle
    return low


cdef inline bint is_key(const Block* block, uint32_t place, Bits bits) noexcept nogil:
    """Whether that network stands at the place."""
    return (place < block.count and block.high[place] == bits.high
            and (block.low == NULL or block.low[place] == bits.low))


cdef bint insert_key(const Values* values, Set* set_, bint wide, Bits bits,
                     uint32_t value) noexcept nogil
cdef void remove_key(Set* set_, uint32_t index, uint32_t place) noexcept nogil
cdef void free_blocks(Set* set_) noexcept nogil
