# cython: boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Reads rows of the database, as text, straight into a tree or a table of names.

A row is ``network TAB category TAB expires_at TAB text``, a chunk is rows with a
line feed between (`dnsbl.store.journal.chunks`). Rows come by network, so the
addresses of a /16 come together: they are held until it ends, and become its
run at once. A row that has a text of its own, is not canonical, or of no
category that the zone has, is left to Python, which puts it in or says what is
wrong with it.
"""

from libc.stdint cimport INT64_MAX, int64_t, uint8_t, uint16_t, uint32_t
from libc.stdlib cimport calloc, free, malloc, realloc
from libc.string cimport memchr, memcmp, memset

from dnsbl.native.bits cimport Bits
from dnsbl.native.ipv4 cimport Tree4, fill4, get4, put4
from dnsbl.native.ipv6 cimport Tree6, get6, put6
from dnsbl.native.nametable cimport NameTable, get_name, hash_suffixes, put_name
from dnsbl.native.page cimport ALL, BELOW, EXACT, Part
from dnsbl.native.suffixes cimport LABELS_MOST, Suffix
from dnsbl.native.text cimport DOMAIN_MAX, parse4, parse6, parse_name
from dnsbl.native.values cimport (
    NO_MEMORY, NO_VALUE, Values, intern_one, release, retain, union_of,
)

cdef enum:
    TAB = 9
    LINE_FEED = 10
    COLON = 58
    DIGITS_MAX = 12     # of a time: the database holds none over 100,000,000,000


cdef Loader* loader_new(Values* values, Tree4* ipv4, Tree6* ipv6,
                        NameTable* names_table) noexcept nogil:
    """A loader into those trees, or into the table; NULL without memory.

    The caller fills in the rest.
    """
    cdef Loader* loader = <Loader*>calloc(1, sizeof(Loader))
    if loader == NULL:
        return NULL
    loader.values = values
    loader.ipv4 = ipv4
    loader.ipv6 = ipv6
    loader.names_table = names_table
    if names_table != NULL:
        return loader
    loader.suffixes = <uint16_t*>malloc(2 * PENDING_MAX * sizeof(uint16_t))
    loader.held = <uint32_t*>malloc(2 * PENDING_MAX * sizeof(uint32_t))
    if loader.suffixes == NULL or loader.held == NULL:
        loader_free(loader)
        return NULL
    return loader


cdef void loader_free(Loader* loader) noexcept nogil:
    """Lets go of what is pending, and of everything else but the trees."""
    cdef uint32_t index
    if loader == NULL:
        return
    for index in range(loader.pending):
        release(loader.values, loader.held[index], 1)
    release(loader.values, loader.value, 1)
    free(loader.suffixes)
    free(loader.held)
    free(loader.odd)
    free(loader)


cdef bint load_chunk(Loader* loader, const uint8_t* text, size_t size) noexcept nogil:
    """Reads the rows of a chunk; notes the odd ones. False without memory."""
    cdef const uint8_t* end = text + size
    cdef const uint8_t* row = text
    cdef const uint8_t* stop
    loader.odd_count = 0
    while row < end:
        stop = <const uint8_t*>memchr(row, LINE_FEED, end - row)
        if stop == NULL:
            stop = end
        if stop > row and not _load_row(loader, text, row, stop):
            return False
        row = stop + 1
    return True


cdef bint _load_row(Loader* loader, const uint8_t* text, const uint8_t* row,
                    const uint8_t* stop) noexcept nogil:
    cdef const uint8_t* category = <const uint8_t*>memchr(row, TAB, stop - row)
    cdef const uint8_t* time
    cdef const uint8_t* own
    cdef uint32_t bits = 0
    cdef unsigned int length = 0
    cdef Bits wide
    if category == NULL:
        return _odd(loader, text, row, stop)
    time = <const uint8_t*>memchr(category + 1, TAB, stop - category - 1)
    if time == NULL:
        return _odd(loader, text, row, stop)
    own = <const uint8_t*>memchr(time + 1, TAB, stop - time - 1)
    if (own == NULL or own + 1 != stop
            or not _read_value(loader, category + 1, time, own)):
        return _odd(loader, text, row, stop)
    if loader.value == NO_MEMORY:
        loader.value = NO_VALUE
        return False
    if loader.names_table != NULL:
        return _load_name(loader, text, row, category - row, stop)
    if parse4(row, category - row, &bits, &length):
        if loader.value == NO_VALUE:
            return True  # it has expired
        retain(loader.values, loader.value, 1)
        if length == 32:
            return _load_address(loader, bits)
        return _merge4(loader, bits, length, loader.value)
    if memchr(row, COLON, category - row) != NULL and parse6(row, category - row, &wide, &length):
        if loader.value == NO_VALUE:
            return True
        retain(loader.values, loader.value, 1)
        return _merge6(loader, wide, length)
    return _odd(loader, text, row, stop)


cdef bint _load_name(Loader* loader, const uint8_t* text, const uint8_t* row, size_t size,
                     const uint8_t* stop) noexcept nogil:
    cdef uint8_t wire[DOMAIN_MAX + 1]
    cdef Suffix keys[LABELS_MOST]
    cdef unsigned int prefix, labels = parse_name(row, size, &prefix, wire)
    cdef Part part = EXACT if prefix == 0 else ALL if prefix == 1 else BELOW
    cdef uint32_t old, both
    if labels == 0:
        return _odd(loader, text, row, stop)
    if loader.value == NO_VALUE:
        return True  # it has expired
    hash_suffixes(loader.names_table, wire, labels, labels, keys)
    old = get_name(loader.names_table, keys, labels, part)
    if old == NO_VALUE:
        both = loader.value
        retain(loader.values, both, 1)
    else:
        both = union_of(loader.values, old, loader.value)
        if both == NO_MEMORY:
            return False
    if not put_name(loader.names_table, keys, labels, part, both):
        release(loader.values, both, 1)
        return False
    return True


cdef bint _odd(Loader* loader, const uint8_t* text, const uint8_t* row,
               const uint8_t* stop) noexcept nogil:
    cdef Odd* odd
    cdef size_t room
    if loader.odd_count == loader.odd_room:
        room = loader.odd_room * 2 if loader.odd_room else 64
        odd = <Odd*>realloc(loader.odd, room * sizeof(Odd))
        if odd == NULL:
            return False
        loader.odd = odd
        loader.odd_room = room
    loader.odd[loader.odd_count].start = row - text
    loader.odd[loader.odd_count].end = stop - text
    loader.odd_count += 1
    return True


cdef bint _read_value(Loader* loader, const uint8_t* category, const uint8_t* time,
                      const uint8_t* stop) noexcept nogil:
    """Whether category and time can be read; makes their value the loader's.

    NO_VALUE where it has expired, NO_MEMORY without memory.
    """
    cdef size_t size = time - category
    cdef unsigned int number = loader.category
    cdef bint every = loader.excludes and size == 0
    cdef int64_t expires = INT64_MAX
    time += 1
    if time != stop:
        if stop - time > DIGITS_MAX:
            return False
        expires = 0
        while time < stop:
            if time[0] < 48 or time[0] > 57:
                return False
            expires = expires * 10 + time[0] - 48
            time += 1
    if not every and not (
        number < loader.names_count and _is_name(loader, number, category, size)
    ):
        number = 0
        while number < loader.names_count and not _is_name(loader, number, category, size):
            number += 1
        if number == loader.names_count:
            return False
    if (loader.value != NO_VALUE and every == loader.every and expires == loader.expires
            and (every or number == loader.category)):
        return True
    release(loader.values, loader.value, 1)
    loader.value = NO_VALUE
    loader.category = number
    loader.every = every
    loader.expires = expires
    if expires > loader.now:
        loader.value = intern_one(loader.values, number, loader.excludes, every, expires)
    return True


cdef inline bint _is_name(const Loader* loader, unsigned int number, const uint8_t* text,
                          size_t size) noexcept nogil:
    return (loader.names_size[number] == size
            and memcmp(loader.names[number], text, size) == 0)


cdef bint _load_address(Loader* loader, uint32_t bits) noexcept nogil:
    if (loader.pending and loader.high != bits >> 16) or loader.pending == PENDING_MAX:
        if not load_pending(loader):
            release(loader.values, loader.value, 1)
            return False
    loader.high = bits >> 16
    loader.suffixes[loader.pending] = <uint16_t>(bits & 0xFFFF)
    loader.held[loader.pending] = loader.value
    loader.pending += 1
    return True


cdef bint load_pending(Loader* loader) noexcept nogil:
    """Puts what is pending into the tree. False without memory; what is left stays pending."""
    cdef uint32_t index, kept = 0, both
    cdef uint16_t* suffixes = loader.suffixes
    cdef uint32_t* held = loader.held
    if loader.pending == 0:
        return True
    _sort(loader)
    for index in range(loader.pending):  # several categories of one address
        if kept and suffixes[kept - 1] == suffixes[index]:
            both = union_of(loader.values, held[kept - 1], held[index])
            if both == NO_MEMORY:
                _close_gap(loader, kept, index)
                return False
            release(loader.values, held[kept - 1], 1)
            release(loader.values, held[index], 1)
            held[kept - 1] = both
        else:
            suffixes[kept] = suffixes[index]
            held[kept] = held[index]
            kept += 1
    loader.pending = kept
    if loader.ipv4.runs[loader.high].count == 0:
        if not fill4(loader.ipv4, loader.high, kept, suffixes, held):
            return False
        loader.pending = 0
    while loader.pending:
        index = loader.pending - 1
        loader.pending = index
        if not _merge4(loader, (loader.high << 16) | suffixes[index], 32, held[index]):
            return False
    return True


cdef void _close_gap(Loader* loader, uint32_t kept, uint32_t index) noexcept nogil:
    while index < loader.pending:
        loader.suffixes[kept] = loader.suffixes[index]
        loader.held[kept] = loader.held[index]
        kept += 1
        index += 1
    loader.pending = kept


cdef void _sort(Loader* loader) noexcept nogil:
    """By suffix, those that are equal in the order in which they came."""
    cdef uint16_t* suffixes = loader.suffixes
    cdef uint32_t* held = loader.held
    cdef uint16_t* to_suffixes = loader.suffixes + PENDING_MAX
    cdef uint32_t* to_held = loader.held + PENDING_MAX
    cdef uint32_t starts[257]
    cdef uint32_t index, place
    cdef unsigned int shift, digit
    for shift in range(0, 16, 8):
        memset(starts, 0, sizeof(starts))
        for index in range(loader.pending):
            starts[(suffixes[index] >> shift & 0xFF) + 1] += 1
        for digit in range(256):
            starts[digit + 1] += starts[digit]
        for index in range(loader.pending):
            digit = suffixes[index] >> shift & 0xFF
            place = starts[digit]
            starts[digit] += 1
            to_suffixes[place] = suffixes[index]
            to_held[place] = held[index]
        suffixes, to_suffixes = to_suffixes, suffixes
        held, to_held = to_held, held


cdef bint _merge4(Loader* loader, uint32_t bits, unsigned int length,
                  uint32_t value) noexcept nogil:
    """Adds a value, a reference to which it takes over, to what the network has."""
    cdef uint32_t both = union_of(loader.values, get4(loader.ipv4, bits, length), value)
    release(loader.values, value, 1)
    if both == NO_MEMORY:
        return False
    if not put4(loader.ipv4, bits, length, both):
        release(loader.values, both, 1)
        return False
    return True


cdef bint _merge6(Loader* loader, Bits bits, unsigned int length) noexcept nogil:
    cdef uint32_t both = union_of(loader.values, get6(loader.ipv6, bits, length), loader.value)
    release(loader.values, loader.value, 1)
    if both == NO_MEMORY:
        return False
    if not put6(loader.ipv6, bits, length, both):
        release(loader.values, both, 1)
        return False
    return True
