# cython: boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""The IPv4 networks of a zone: a run for each /16, and what is wider above them.

A question finds its run by its high bits. Single addresses (`addresses`) and the
ranges between /16 and /32 (`ranges`) lie in the same run.

What is wider, /0 to /16, stands in an array by its number in the heap of all
prefixes (1 is /0, 2 and 3 are /1 …), as do the counts of listed networks below.
"""

from libc.stdint cimport INT64_MAX, int64_t, uint8_t, uint16_t, uint32_t
from libc.stdlib cimport calloc, free

from dnsbl.native.addresses cimport (
    address_place, address_value, fill_addresses, insert_address, remove_address, set_address,
)
from dnsbl.native.bits cimport leading_zeros
from dnsbl.native.ranges cimport (
    covering_lengths, insert_range, is_range, range_place, remove_range,
)
from dnsbl.native.run cimport RUN_LENGTH, Run
from dnsbl.native.values cimport NO_VALUE, Values, entry_count, has_listing, release

cdef extern from "<sys/mman.h>" nogil:
    void* mmap(void* start, size_t length, int protection, int flags, int file, long offset)
    int munmap(void* start, size_t length)
    int PROT_READ, PROT_WRITE, MAP_PRIVATE, MAP_ANONYMOUS, MAP_NORESERVE
    void* MAP_FAILED

# LeakSanitizer looks for pointers in memory of malloc only: told of a mapping, it finds the runs'
# buffers by what points to them. The tree itself comes from malloc, so its loss is still told.
cdef extern from *:
    """
    #if defined(__SANITIZE_ADDRESS__)
    #include <sanitizer/lsan_interface.h>
    #else
    #define __lsan_register_root_region(start, octets) ((void)0)
    #define __lsan_unregister_root_region(start, octets) ((void)0)
    #endif
    """
    void __lsan_register_root_region(const void* start, size_t octets) nogil
    void __lsan_unregister_root_region(const void* start, size_t octets) nogil


cdef void* _zeroed(size_t octets) noexcept nogil:
    """Memory that costs only the pages that are touched."""
    cdef void* start = mmap(NULL, octets, PROT_READ | PROT_WRITE,
                            MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)
    if start == MAP_FAILED:
        return NULL
    __lsan_register_root_region(start, octets)
    return start


cdef void _unmap(void* start, size_t octets) noexcept nogil:
    if start != NULL:
        __lsan_unregister_root_region(start, octets)
        munmap(start, octets)


cdef Tree4* tree4_new(Values* values) noexcept nogil:
    """An empty tree whose values are interned there; NULL without memory."""
    cdef Tree4* tree = <Tree4*>calloc(1, sizeof(Tree4))
    if tree == NULL:
        return NULL
    tree.values = values
    tree.runs = <Run*>_zeroed(RUNS * sizeof(Run))
    tree.wide = <uint32_t*>_zeroed(2 * RUNS * sizeof(uint32_t))
    tree.covers = <uint32_t*>_zeroed(RUNS * sizeof(uint32_t))
    tree.below = <uint32_t*>_zeroed(2 * RUNS * sizeof(uint32_t))
    tree.due = <int64_t*>_zeroed(RUNS * sizeof(int64_t))
    tree.wide_due = tree.least_due = INT64_MAX
    if (tree.runs == NULL or tree.wide == NULL or tree.covers == NULL or tree.below == NULL
            or tree.due == NULL):
        tree4_free(tree)
        return NULL
    return tree


cdef void tree4_free(Tree4* tree) noexcept nogil:
    """Gives everything back but the values, which go as a whole."""
    cdef uint32_t high
    if tree == NULL:
        return
    if tree.runs != NULL:
        for high in range(RUNS):
            free(tree.runs[high].addresses)
            free(tree.runs[high].ranges)
    _unmap(tree.runs, RUNS * sizeof(Run))
    _unmap(tree.wide, 2 * RUNS * sizeof(uint32_t))
    _unmap(tree.covers, RUNS * sizeof(uint32_t))
    _unmap(tree.below, 2 * RUNS * sizeof(uint32_t))
    _unmap(tree.due, RUNS * sizeof(int64_t))
    free(tree)


cdef inline uint32_t _number(uint32_t bits, unsigned int length) noexcept nogil:
    """The number in the heap of a prefix up to /16."""
    return (<uint32_t>1 << length) | (bits >> (32 - length) if length else 0)


cdef uint32_t get4(const Tree4* tree, uint32_t bits, unsigned int length) noexcept nogil:
    """The value at exactly that network, NO_VALUE where there is none."""
    cdef const Run* run
    cdef uint32_t place
    if length <= RUN_LENGTH:
        return tree.wide[_number(bits, length)]
    run = &tree.runs[bits >> 16]
    if length < 32:
        place = range_place(run, bits & 0xFFFF, length)
        return run.ranges[place].value if is_range(run, place, bits & 0xFFFF, length) else NO_VALUE
    place = address_place(run, bits & 0xFFFF)
    if place < run.count and (<const uint16_t*>run.addresses)[place] == (bits & 0xFFFF):
        return address_value(run, place)
    return NO_VALUE


cdef bint put4(Tree4* tree, uint32_t bits, unsigned int length, uint32_t value) noexcept nogil:
    """Makes the value that of the network, in the place of any other; NO_VALUE takes it out.

    Takes over a reference to the value. False without memory: nothing was changed.
    """
    cdef uint32_t old = get4(tree, bits, length)
    cdef uint32_t suffix = bits & 0xFFFF
    cdef Run* run
    cdef uint32_t place
    cdef bint done = True
    if length <= RUN_LENGTH:
        tree.wide[_number(bits, length)] = value
        if (old == NO_VALUE) != (value == NO_VALUE):
            _cover(tree, bits, length, value != NO_VALUE)
    elif length < 32:
        run = &tree.runs[bits >> 16]
        place = range_place(run, suffix, length)
        if old == NO_VALUE and value != NO_VALUE:
            done = insert_range(run, place, suffix, length, value)
        elif old != NO_VALUE and value == NO_VALUE:
            remove_range(run, place)
        elif old != NO_VALUE:
            run.ranges[place].value = value
    else:
        run = &tree.runs[bits >> 16]
        place = address_place(run, suffix)
        if old == NO_VALUE and value != NO_VALUE:
            done = insert_address(run, place, <uint16_t>suffix, value)
        elif old != NO_VALUE and value == NO_VALUE:
            done = remove_address(run, place)
        elif old != NO_VALUE:
            done = set_address(run, place, value)
    if done:
        _account(tree, bits, length, old, value)
    return done


cdef bint fill4(Tree4* tree, uint32_t high, uint32_t count, const uint16_t* suffixes,
                const uint32_t* values) noexcept nogil:
    """Fills a run that has no addresses yet with `count` (1 or more) of them, sorted, each once.

    Takes over a reference to each of the values. False without memory: nothing was changed.
    """
    cdef uint32_t index
    if not fill_addresses(&tree.runs[high], count, suffixes, values):
        return False
    for index in range(count):
        _account(tree, (high << 16) | suffixes[index], 32, NO_VALUE, values[index])
    return True


cdef void _cover(Tree4* tree, uint32_t bits, unsigned int length, bint covered) noexcept nogil:
    """Tells each /16 in the prefix that it is covered by one of that length, or is not."""
    cdef uint32_t first = bits >> 16, high
    cdef uint32_t bit = <uint32_t>1 << length
    for high in range(first, first + (<uint32_t>1 << (RUN_LENGTH - length))):
        if covered:
            tree.covers[high] |= bit
        else:
            tree.covers[high] &= ~bit


cdef void _account(Tree4* tree, uint32_t bits, unsigned int length, uint32_t old,
                   uint32_t value) noexcept nogil:
    """Keeps the counts and the times in step with a network's new value; lets go of the old."""
    cdef bint was = has_listing(tree.values, old), is_ = has_listing(tree.values, value)
    cdef uint32_t number
    cdef int64_t due
    cdef int64_t* held
    if was != is_:
        number = _number(bits, length if length < RUN_LENGTH else RUN_LENGTH)
        while number:
            if is_:
                tree.below[number] += 1
            else:
                tree.below[number] -= 1
            number >>= 1
    if value != NO_VALUE:
        tree.entries += entry_count(tree.values, value)
        due = tree.values.held[value].expires
        if due != INT64_MAX:
            if due < 1:
                due = 1  # 0 stands for never
            tree.least_due = min(tree.least_due, due)
            if length <= RUN_LENGTH:
                tree.wide_due = min(tree.wide_due, due)
            else:
                held = &tree.due[bits >> 16]
                if held[0] == 0 or due < held[0]:
                    held[0] = due
    tree.entries -= entry_count(tree.values, old)
    release(tree.values, old, 1)


cdef unsigned int covering4(const Tree4* tree, uint32_t bits, unsigned int length,
                            uint32_t* found, uint8_t* lengths) noexcept nogil:
    """The values and lengths of the networks that cover the prefix, the most specific first.

    How many; `found` and `lengths` have room for COVERING4_MAX.
    """
    cdef const Run* run = &tree.runs[bits >> 16]
    cdef unsigned int count = 0, covering, longest
    cdef uint32_t suffix = bits & 0xFFFF, place, masked
    if length > RUN_LENGTH:
        if length == 32 and run.count:
            place = address_place(run, suffix)
            if place < run.count and (<const uint16_t*>run.addresses)[place] == suffix:
                found[count] = address_value(run, place)
                lengths[count] = 32
                count += 1
        if run.ranged:
            place = range_place(run, suffix, length + 1)
            covering = covering_lengths(run, place, suffix, length)
            while covering:
                longest = 31 - leading_zeros(covering)
                covering ^= <unsigned int>1 << longest
                longest += 17
                masked = suffix & ~((<uint32_t>1 << (32 - longest)) - 1)
                place = range_place(run, masked, longest)
                if is_range(run, place, masked, longest):
                    found[count] = run.ranges[place].value
                    lengths[count] = <uint8_t>longest
                    count += 1
        length = RUN_LENGTH
    covering = tree.covers[bits >> 16] & ((<unsigned int>2 << length) - 1)
    while covering:
        longest = 31 - leading_zeros(covering)
        covering ^= <unsigned int>1 << longest
        found[count] = tree.wide[_number(bits, longest)]
        lengths[count] = <uint8_t>longest
        count += 1
    return count


cdef bint listed_below4(const Tree4* tree, uint32_t bits, unsigned int length) noexcept nogil:
    """Whether there is any listing of this network or of one inside it."""
    cdef const Run* run
    cdef uint32_t suffix = bits & 0xFFFF, last, place
    if length <= RUN_LENGTH:
        return tree.below[_number(bits, length)] != 0
    run = &tree.runs[bits >> 16]
    last = suffix | ((<uint32_t>1 << (32 - length)) - 1) if length < 32 else suffix
    place = address_place(run, suffix)
    while place < run.count and (<const uint16_t*>run.addresses)[place] <= last:
        if has_listing(tree.values, address_value(run, place)):
            return True
        place += 1
    if length == 32:
        return False
    place = range_place(run, suffix, length)
    while place < run.ranged and run.ranges[place].suffix <= last:
        if has_listing(tree.values, run.ranges[place].value):
            return True
        place += 1
    return False
