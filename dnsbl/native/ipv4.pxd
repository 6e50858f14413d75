"""The IPv4 networks of a zone: a run for each /16, and what is wider above them."""

from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t

from dnsbl.native.values cimport Values

cdef enum:
    RUNS = 65536
    COVERING4_MAX = 33

cdef struct Range:        # a network longer than /16 and shorter than /32
    uint16_t suffix       # its low 16 bits, without host bits
    uint16_t lengths      # bit i: it is, or lies in, one of length 17 + i
    uint32_t value

cdef struct Run:          # one /16: half a cache line
    uint8_t* addresses    # [room] sorted suffixes of 2 bytes, then [room] values of `width` bytes
    Range* ranges         # [ranged], sorted by suffix, then by length
    uint32_t count        # addresses
    uint32_t uniform      # the value of every address where `width` is 0
    uint16_t ranged
    uint8_t width         # bytes of each address's value: 0, 1, 2 or 4

cdef struct Tree4:
    Values* values
    Run* runs             # [RUNS]
    uint32_t* wide        # [2 * RUNS]: the value of a prefix up to /16, by its number in the heap
    uint32_t* covers      # [RUNS]: bit L: a /L of `wide` covers this /16
    uint32_t* below       # [2 * RUNS]: networks with a listing at or below, by number in the heap
    int64_t* due          # [RUNS]: what is in the run expires at this time at the earliest; 0: never
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
cdef long drop_due4(Tree4* tree, double now, long limit) noexcept nogil
cdef uint32_t address_value(const Run* run, uint32_t index) noexcept nogil
cdef unsigned int range_length(const Range* range_) noexcept nogil
cdef void prefetch_run(const Tree4* tree, uint32_t bits) noexcept nogil
cdef void prefetch_place(const Tree4* tree, uint32_t bits) noexcept nogil
