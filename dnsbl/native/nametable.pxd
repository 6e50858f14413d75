"""The names of a zone, as hashes; see nametable.pyx."""

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t

from dnsbl.native.page cimport PAGE_BITS, Page, Part, likely_place, slot_size
from dnsbl.native.suffixes cimport LABELS_MOST, Secret, Suffix
from dnsbl.native.values cimport Values

cdef extern from *:
    void prefetch "__builtin_prefetch"(const void*) noexcept nogil

cdef enum:
    PAGES = 1 << PAGE_BITS
    KEYS_HELD_MAX = 8
    NAME_FOUND_MAX = 2 * LABELS_MOST

cdef struct NameTable:
    Values* values
    Secret secret
    Page pages[PAGES]
    uint8_t levels[LABELS_MOST + 1]  # bit i: a name of so many labels was put once, part i of it
    unsigned int deepest          # the most labels of any
    int64_t least_due             # the least of the pages' times, or earlier
    uint64_t entries
    uint64_t slots

cdef struct NameKeys:             # a name that is asked about
    const uint8_t* name           # as on the wire; lives as long as this is used
    unsigned int labels
    unsigned int count            # of the hashes below: of the suffixes of 1, 2, … labels
    Suffix keys[KEYS_HELD_MAX]

cdef NameTable* name_table_new(Values* values, Secret secret) noexcept nogil
cdef void name_table_free(NameTable* table) noexcept nogil
cdef unsigned int hash_suffixes(const NameTable* table, const uint8_t* name, unsigned int labels,
                                unsigned int most, Suffix* keys) noexcept nogil
cdef uint32_t get_name(const NameTable* table, const Suffix* keys, unsigned int labels,
                       Part part) noexcept nogil
cdef bint put_name(NameTable* table, const Suffix* keys, unsigned int labels, Part part,
                   uint32_t value) noexcept nogil
cdef void pack_names(NameTable* table) noexcept nogil
cdef long drop_due_names(NameTable* table, double now, long limit) noexcept nogil

# From a call of hash_name to the last that takes its keys the table must not change.
cdef void hash_name(const NameTable* table, const uint8_t* name, unsigned int labels,
                    NameKeys* keys) noexcept nogil
cdef unsigned int covering_name(const NameTable* table, const NameKeys* keys, bint below,
                                uint32_t* found) noexcept nogil
cdef bint listed_below_name(const NameTable* table, const NameKeys* keys) noexcept nogil


cdef inline const Page* page_of(const NameTable* table, Suffix key) noexcept nogil:
    """The page where the suffix would be."""
    return &table.pages[key.high >> (64 - PAGE_BITS)]


cdef inline void prefetch_pages(const NameTable* table, const NameKeys* keys) noexcept nogil:
    """Asks for what a look-up begins with."""
    cdef unsigned int level
    for level in range(keys.count):
        if level + 1 == keys.labels or table.levels[level + 1]:
            prefetch(page_of(table, keys.keys[level]))


cdef inline void prefetch_slots(const NameTable* table, const NameKeys* keys) noexcept nogil:
    """Asks for what it goes on with; the pages have arrived by now."""
    cdef unsigned int level
    cdef const Page* page
    for level in range(keys.count):
        if level + 1 == keys.labels or table.levels[level + 1]:
            page = page_of(table, keys.keys[level])
            prefetch(page.slots + slot_size(page) * likely_place(page, keys.keys[level]))
