# cython: boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""The IPv4 networks of a zone: a run for each /16, and what is wider above them.

Most lists are millions of single addresses. A run holds the two low bytes of
those in its /16, sorted: two bytes each, and no more where they share a value.
A question finds its run by its high bits, and its place in the run by
interpolation: one or two cache lines.

Ranges between /16 and /32 lie in the same run, sorted so that a network comes
after those that cover it. Each says which lengths cover it, so the one before
the place of an address knows all lengths that may cover that address, and each
is then found by a search (the neighbour before an address either covers it or
shares all its covering networks with it).

What is wider, /0 to /16, stands in an array by its number in the heap of all
prefixes (1 is /0, 2 and 3 are /1 …), as do the counts of listed networks below.
"""

from libc.stdint cimport INT64_MAX, int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free, malloc, realloc
from libc.string cimport memcpy, memmove

from dnsbl.native.values cimport (
    NO_MEMORY, NO_VALUE, Values, entry_count, release, retain, without_expired,
)

cdef extern from "<sys/mman.h>" nogil:
    void* mmap(void* start, size_t length, int protection, int flags, int file, long offset)
    int munmap(void* start, size_t length)
    int PROT_READ, PROT_WRITE, MAP_PRIVATE, MAP_ANONYMOUS, MAP_NORESERVE
    void* MAP_FAILED

cdef extern from *:
    int leading_zeros "__builtin_clz"(unsigned int) noexcept nogil
    int popcount "__builtin_popcount"(unsigned int) noexcept nogil
    void prefetch "__builtin_prefetch"(const void*) noexcept nogil

cdef enum:
    RUN_LENGTH = 16           # of the prefix that a run is
    NEAR = 16                 # places walked one by one from the interpolated one


cdef void* _zeroed(size_t octets) noexcept nogil:
    """Memory that costs only the pages that are touched."""
    cdef void* start = mmap(NULL, octets, PROT_READ | PROT_WRITE,
                            MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)
    return NULL if start == MAP_FAILED else start


cdef void _unmap(void* start, size_t octets) noexcept nogil:
    if start != NULL:
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


# Single addresses of a run.

cdef inline uint32_t _room(uint32_t count) noexcept nogil:
    """For how many addresses a run of so many has room; a function of the count alone."""
    if count <= 256:
        return (count + 7) & ~<uint32_t>7
    if count <= 4096:
        return (count + 63) & ~<uint32_t>63
    return (count + 1023) & ~<uint32_t>1023


cdef inline uint8_t _width(uint32_t value) noexcept nogil:
    return 1 if value <= 0xFF else 2 if value <= 0xFFFF else 4


cdef inline uint32_t _read(const uint8_t* values, uint8_t width, uint32_t index) noexcept nogil:
    if width == 1:
        return values[index]
    if width == 2:
        return (<const uint16_t*>values)[index]
    return (<const uint32_t*>values)[index]


cdef inline void _write(uint8_t* values, uint8_t width, uint32_t index,
                        uint32_t value) noexcept nogil:
    if width == 1:
        values[index] = <uint8_t>value
    elif width == 2:
        (<uint16_t*>values)[index] = <uint16_t>value
    else:
        (<uint32_t*>values)[index] = value


cdef uint32_t address_value(const Run* run, uint32_t index) noexcept nogil:
    """The value of the address at that place, which is under the run's count."""
    if run.width == 0:
        return run.uniform
    return _read(run.addresses + 2 * <size_t>_room(run.count), run.width, index)


cdef inline uint32_t _place(const Run* run, uint32_t suffix) noexcept nogil:
    """The first place whose suffix is not less; the count where there is none.

    Suffixes of a list are spread evenly or in clumps. Interpolation finds the
    first at once; for the second, steps that double and then halve bound the
    search by the logarithm of the count.
    """
    cdef const uint16_t* suffixes = <const uint16_t*>run.addresses
    cdef uint32_t count = run.count
    cdef uint32_t low, high, middle, step
    if count == 0:
        return 0
    low = <uint32_t>((<uint64_t>suffix * count) >> 16)  # under count, since suffix < 2^16
    if suffixes[low] < suffix:
        for step in range(NEAR):
            low += 1
            if low == count or suffixes[low] >= suffix:
                return low
        high = low  # of which suffixes[low] < suffix is known
        step = NEAR
        while high < count and suffixes[high] < suffix:
            low = high
            high = high + step if step < count - high else count
            step *= 2
        low += 1
    else:
        for step in range(NEAR):
            if low == 0 or suffixes[low - 1] < suffix:
                return low
            low -= 1
        high = low  # suffixes[high] >= suffix
        step = NEAR
        while low > 0 and suffixes[low] >= suffix:
            high = low
            low = low - step if step < low else 0
            step *= 2
        if suffixes[low] < suffix:
            low += 1
    while low < high:
        middle = low + (high - low) / 2
        if suffixes[middle] < suffix:
            low = middle + 1
        else:
            high = middle
    return low


cdef bint _reshape(Run* run, uint32_t count, uint8_t width) noexcept nogil:
    """Makes room for so many addresses with values of that width; keeps what fits in both."""
    cdef size_t room = _room(count)
    cdef size_t held = run.count if run.count < count else count
    cdef size_t index
    cdef uint8_t* addresses
    if width == run.width and room == _room(run.count) and run.addresses != NULL:
        return True
    addresses = <uint8_t*>malloc(room * (2 + width))
    if addresses == NULL:
        return False
    if held:
        memcpy(addresses, run.addresses, held * 2)
        for index in range(held if width else 0):
            _write(addresses + 2 * room, width, <uint32_t>index,
                   address_value(run, <uint32_t>index))
    free(run.addresses)
    run.addresses = addresses
    run.width = width
    return True


cdef bint _insert_address(Run* run, uint32_t place, uint16_t suffix,
                          uint32_t value) noexcept nogil:
    cdef uint8_t width = run.width
    cdef uint16_t* suffixes
    cdef uint8_t* values
    cdef size_t moved = run.count - place
    if run.count == 0:
        width = 0
    elif width == 0 and value != run.uniform:
        width = max(_width(value), _width(run.uniform))
    elif width:
        width = max(width, _width(value))
    if not _reshape(run, run.count + 1, width):
        return False
    suffixes = <uint16_t*>run.addresses
    memmove(suffixes + place + 1, suffixes + place, moved * 2)
    suffixes[place] = suffix
    if width:
        values = run.addresses + 2 * <size_t>_room(run.count + 1)
        memmove(values + (place + 1) * <size_t>width, values + place * <size_t>width,
                moved * width)
        _write(values, width, place, value)
    else:
        run.uniform = value
    run.count += 1
    return True


cdef bint _remove_address(Run* run, uint32_t place) noexcept nogil:
    cdef size_t width = run.width, behind = run.count - place - 1
    cdef size_t room = _room(run.count), smaller = _room(run.count - 1)
    cdef uint8_t* old = run.addresses
    cdef uint8_t* new = old
    if run.count == 1:
        free(old)
        run.addresses = NULL
        run.count = 0
        run.width = 0
        run.uniform = NO_VALUE
        return True
    if smaller != room:
        new = <uint8_t*>malloc(smaller * (2 + width))
        if new == NULL:
            return False
        memcpy(new, old, place * <size_t>2)
        memcpy(new + 2 * smaller, old + 2 * room, place * width)
    memmove(new + place * <size_t>2, old + (place + 1) * <size_t>2, behind * 2)
    memmove(new + 2 * smaller + place * width, old + 2 * room + (place + 1) * width,
            behind * width)
    if new != old:
        free(old)
        run.addresses = new
    run.count -= 1
    return True


cdef bint _set_address(Run* run, uint32_t place, uint32_t value) noexcept nogil:
    cdef uint8_t width
    if run.width == 0:
        if run.count == 1 or run.uniform == value:
            run.uniform = value
            return True
        width = max(_width(value), _width(run.uniform))
    else:
        width = max(run.width, _width(value))
    if not _reshape(run, run.count, width):
        return False
    _write(run.addresses + 2 * <size_t>_room(run.count), width, place, value)
    return True


cdef bint fill4(Tree4* tree, uint32_t high, uint32_t count, const uint16_t* suffixes,
                const uint32_t* values) noexcept nogil:
    """Fills a run that has no addresses yet with `count` (1 or more) of them, sorted, each once.

    Takes over a reference to each of the values. False without memory: nothing was changed.
    """
    cdef Run* run = &tree.runs[high]
    cdef uint32_t index, largest = 0
    cdef bint differ = False
    cdef uint8_t* addresses
    cdef uint8_t width
    for index in range(count):
        differ = differ or values[index] != values[0]
        largest = max(largest, values[index])
    width = _width(largest) if differ else 0
    addresses = <uint8_t*>malloc(<size_t>_room(count) * (2 + width))
    if addresses == NULL:
        return False
    memcpy(addresses, suffixes, <size_t>count * 2)
    for index in range(count if width else 0):
        _write(addresses + 2 * <size_t>_room(count), width, index, values[index])
    run.addresses = addresses
    run.count = count
    run.width = width
    run.uniform = values[0] if width == 0 else NO_VALUE
    for index in range(count):
        _account(tree, (high << 16) | suffixes[index], 32, NO_VALUE, values[index])
    return True


# Ranges of a run. A length is told by the highest of the bits in `lengths`, its own.

cdef unsigned int range_length(const Range* range_) noexcept nogil:
    """The length of the prefix, 17 to 31."""
    return 17 + 31 - leading_zeros(range_.lengths)


cdef inline uint32_t _range_place(const Run* run, uint32_t suffix,
                                  unsigned int length) noexcept nogil:
    """The first place not before that range; `ranged` where there is none."""
    cdef uint32_t low = 0, high = run.ranged, middle
    cdef const Range* range_
    while low < high:
        middle = (low + high) / 2
        range_ = &run.ranges[middle]
        if range_.suffix < suffix or (range_.suffix == suffix and range_length(range_) < length):
            low = middle + 1
        else:
            high = middle
    return low


cdef inline bint _is_range(const Run* run, uint32_t place, uint32_t suffix,
                           unsigned int length) noexcept nogil:
    return (place < run.ranged and run.ranges[place].suffix == suffix
            and range_length(&run.ranges[place]) == length)


cdef inline unsigned int _covering_lengths(const Run* run, uint32_t place, uint32_t suffix,
                                           unsigned int length) noexcept nogil:
    """The lengths of the ranges that cover the prefix or are it, a bit each from 17.

    ``place`` is the first place beyond it in the order of ranges.
    """
    cdef const Range* before
    cdef unsigned int shared
    if place == 0:
        return 0
    before = &run.ranges[place - 1]
    # How many of the 16 low bits the two have in common; a /17 has one.
    shared = leading_zeros(((before.suffix ^ suffix) << 16) | 0x8000)
    if shared > length - RUN_LENGTH:
        shared = length - RUN_LENGTH
    return before.lengths & ((<unsigned int>1 << shared) - 1)


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


cdef bint _insert_range(Run* run, uint32_t place, uint32_t suffix, unsigned int length,
                        uint32_t value) noexcept nogil:
    cdef Range* ranges = run.ranges
    cdef unsigned int lengths = _covering_lengths(run, place, suffix, length)
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


cdef void _remove_range(Run* run, uint32_t place) noexcept nogil:
    cdef uint32_t suffix = run.ranges[place].suffix
    cdef unsigned int length = range_length(&run.ranges[place])
    memmove(run.ranges + place, run.ranges + place + 1,
            (run.ranged - place - 1) * sizeof(Range))
    run.ranged -= 1
    _mark_within(run, place, suffix, length, False)
    if run.ranged == 0:
        free(run.ranges)
        run.ranges = NULL


# Any network.

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
        place = _range_place(run, bits & 0xFFFF, length)
        return run.ranges[place].value if _is_range(run, place, bits & 0xFFFF, length) else NO_VALUE
    place = _place(run, bits & 0xFFFF)
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
        place = _range_place(run, suffix, length)
        if old == NO_VALUE and value != NO_VALUE:
            done = _insert_range(run, place, suffix, length, value)
        elif old != NO_VALUE and value == NO_VALUE:
            _remove_range(run, place)
        elif old != NO_VALUE:
            run.ranges[place].value = value
    else:
        run = &tree.runs[bits >> 16]
        place = _place(run, suffix)
        if old == NO_VALUE and value != NO_VALUE:
            done = _insert_address(run, place, <uint16_t>suffix, value)
        elif old != NO_VALUE and value == NO_VALUE:
            done = _remove_address(run, place)
        elif old != NO_VALUE:
            done = _set_address(run, place, value)
    if done:
        _account(tree, bits, length, old, value)
    return done


cdef void _cover(Tree4* tree, uint32_t bits, unsigned int length, bint covered) noexcept nogil:
    """Tells each /16 in the prefix that it is covered by one of that length, or is not."""
    cdef uint32_t first = bits >> 16, high
    cdef uint32_t bit = <uint32_t>1 << length
    for high in range(first, first + (<uint32_t>1 << (RUN_LENGTH - length))):
        if covered:
            tree.covers[high] |= bit
        else:
            tree.covers[high] &= ~bit


cdef inline bint _lists(const Values* values, uint32_t value) noexcept nogil:
    return value != NO_VALUE and values.held[value].lists != 0


cdef void _account(Tree4* tree, uint32_t bits, unsigned int length, uint32_t old,
                   uint32_t value) noexcept nogil:
    """Keeps the counts and the times in step with a network's new value; lets go of the old."""
    cdef bint was = _lists(tree.values, old), is_ = _lists(tree.values, value)
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
            place = _place(run, suffix)
            if place < run.count and (<const uint16_t*>run.addresses)[place] == suffix:
                found[count] = address_value(run, place)
                lengths[count] = 32
                count += 1
        if run.ranged:
            place = _range_place(run, suffix, length + 1)
            covering = _covering_lengths(run, place, suffix, length)
            while covering:
                longest = 31 - leading_zeros(covering)
                covering ^= <unsigned int>1 << longest
                longest += 17
                masked = suffix & ~((<uint32_t>1 << (32 - longest)) - 1)
                place = _range_place(run, masked, longest)
                if _is_range(run, place, masked, longest):
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
    place = _place(run, suffix)
    while place < run.count and (<const uint16_t*>run.addresses)[place] <= last:
        if _lists(tree.values, address_value(run, place)):
            return True
        place += 1
    if length == 32:
        return False
    place = _range_place(run, suffix, length)
    while place < run.ranged and run.ranges[place].suffix <= last:
        if _lists(tree.values, run.ranges[place].value):
            return True
        place += 1
    return False


cdef void prefetch_run(const Tree4* tree, uint32_t bits) noexcept nogil:
    """Asks for the run of an address, which is wanted soon."""
    prefetch(&tree.runs[bits >> 16])
    prefetch(&tree.covers[bits >> 16])


cdef void prefetch_place(const Tree4* tree, uint32_t bits) noexcept nogil:
    """Asks for the place in the run where the address probably is; the run is at hand by now."""
    cdef const Run* run = &tree.runs[bits >> 16]
    cdef size_t place = ((bits & 0xFFFF) * <size_t>run.count) >> 16
    if run.count:
        prefetch(run.addresses + 2 * place)
    if run.ranged:
        prefetch(run.ranges + run.ranged / 2)


# Expiry.

cdef long drop_due4(Tree4* tree, double now, long limit) noexcept nogil:
    """Takes out entries that have expired, at least `limit` of them if there are so many.

    How many it took out; -1 without memory. A whole run that expires at once
    is taken at once, so it may be some thousands more.
    """
    cdef long dropped = 0
    cdef int64_t least = INT64_MAX
    cdef uint32_t high
    if not tree.least_due <= now:
        return 0
    if tree.wide_due <= now:
        if not _drop_wide(tree, now, &dropped):
            return -1
    for high in range(RUNS):
        if tree.due[high] and tree.due[high] <= now:
            if dropped >= limit:
                return dropped  # least_due stays: there is more
            if not _drop_in_run(tree, high, now, &dropped):
                return -1
        if tree.due[high]:
            least = min(least, tree.due[high])
    tree.least_due = min(least, tree.wide_due)
    return dropped


cdef bint _replace(Tree4* tree, uint32_t bits, unsigned int length, double now, long* dropped,
                   int64_t* due) noexcept nogil:
    """Leaves of one network's entries those that are live; notes when the next of them expires."""
    cdef uint32_t value = get4(tree, bits, length)
    cdef uint32_t kept
    if value == NO_VALUE:
        return True
    if not tree.values.held[value].expires > now:
        kept = without_expired(tree.values, value, now)
        if kept == NO_MEMORY:
            return False
        dropped[0] += entry_count(tree.values, value) - entry_count(tree.values, kept)
        if not put4(tree, bits, length, kept):
            release(tree.values, kept, 1)
            return False
        value = kept
    if value != NO_VALUE:
        due[0] = min(due[0], tree.values.held[value].expires)
    return True


cdef bint _drop_wide(Tree4* tree, double now, long* dropped) noexcept nogil:
    cdef uint32_t number
    cdef unsigned int length
    cdef int64_t due = INT64_MAX
    for number in range(1, 2 * RUNS):
        if tree.wide[number] == NO_VALUE:
            continue
        length = 31 - leading_zeros(number)
        if not _replace(tree, number << (32 - length) if length else 0, length, now, dropped,
                        &due):
            return False
    tree.wide_due = due
    return True


cdef bint _drop_in_run(Tree4* tree, uint32_t high, double now, long* dropped) noexcept nogil:
    cdef Run* run = &tree.runs[high]
    cdef int64_t due = INT64_MAX
    cdef uint32_t place
    # From the end: what moves when one is taken out is what was looked at already.
    place = run.ranged
    while place:
        place -= 1
        if not _replace(tree, (high << 16) | run.ranges[place].suffix,
                        range_length(&run.ranges[place]), now, dropped, &due):
            return False
    place = run.count
    while place:
        place -= 1
        if not _replace(tree, (high << 16) | (<uint16_t*>run.addresses)[place], 32, now, dropped,
                        &due):
            return False
    tree.due[high] = 0 if due == INT64_MAX else due
    return True
