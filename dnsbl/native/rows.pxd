"""Reads rows of the database, as text, straight into a tree or a table of names."""

from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t

from dnsbl.native.ipv4 cimport Tree4
from dnsbl.native.ipv6 cimport Tree6
from dnsbl.native.nametable cimport NameTable
from dnsbl.native.values cimport CATEGORIES_MAX, Values

cdef enum:
    PENDING_MAX = 65536

cdef struct Odd:                # a row that was not read: where it stands in the chunk
    size_t start
    size_t end

cdef struct Loader:
    Values* values
    Tree4* ipv4
    Tree6* ipv6
    NameTable* names_table      # NULL where networks are read, and these two where names are
    bint excludes
    double now
    const uint8_t* names[CATEGORIES_MAX]
    size_t names_size[CATEGORIES_MAX]
    unsigned int names_count
    # The value of the row before, which most often is that of the next.
    uint32_t value
    unsigned int category
    bint every
    int64_t expires
    # Single addresses of the /16 that is being read.
    uint32_t high
    uint32_t pending
    uint16_t* suffixes          # [2 * PENDING_MAX], the second half to sort in
    uint32_t* held              # [2 * PENDING_MAX]
    Odd* odd
    size_t odd_count
    size_t odd_room

cdef Loader* loader_new(Values* values, Tree4* ipv4, Tree6* ipv6,
                        NameTable* names_table) noexcept nogil
cdef void loader_free(Loader* loader) noexcept nogil
cdef bint load_chunk(Loader* loader, const uint8_t* text, size_t size) noexcept nogil
cdef bint load_pending(Loader* loader) noexcept nogil
