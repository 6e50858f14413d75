# cython: boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""A radix as octets, in pieces, and back: the body of `dnsbl.zone.image`.

A piece stands for itself: it begins with the values that it uses, so that
pieces taken at different moments, with changes in between, belong together all
the same. Numbers are in the machine's own byte order. A piece is a length of
four octets and that many more; a length of 0 ends the radix.

.. code-block:: text

    piece     u8 kind, u32 count of values, values, then what the kind says
    value     u64 listed, u64 excluded, u8 excluded from all, u8 count of times, i64 times
    runs      u32 first /16, u32 count of them; for each: u32 addresses, u32 ranges,
              u32 the value of all addresses or 0xFFFFFFFF; u16 suffixes; u32 values, if they
              differ; ranges: u16 suffix, u8 length, u32 value
    wide      u32 count; u32 number in the heap, u32 value
    ipv6      u8 length, u32 count; u64 high (and u64 low beyond /64); u32 values
"""

from libc.stdint cimport INT64_MAX, int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free, malloc, realloc
from libc.string cimport memcpy, memset

from dnsbl.native.ipv4 cimport RUNS, Run, Tree4, address_value, fill4, get4, put4, range_length
from dnsbl.native.ipv6 cimport Bits, Block, Set, get6, masked6, put6
from dnsbl.native.radix cimport Radix
from dnsbl.native.values cimport (
    CATEGORIES_MAX, NO_MEMORY, NO_VALUE, TIMES, Entries, Value, Values, intern, release, retain,
)

cdef extern from *:
    int popcount "__builtin_popcountll"(unsigned long long) noexcept nogil
    int lowest_bit "__builtin_ctzll"(unsigned long long) noexcept nogil
    int leading_zeros "__builtin_clz"(unsigned int) noexcept nogil

cdef enum:
    KIND_RUNS = 1
    KIND_WIDE = 2
    KIND_IPV6 = 3
    RUNS_IN_PIECE = 256
    MIXED = 0xFFFFFFFF
    VALUE_OCTETS_LEAST = 26


class DamagedError(ValueError):
    """The octets are no radix of these categories."""


# Writing.

cdef class _Writer:
    """A piece that grows, and the values that it uses."""

    cdef Values* values
    cdef uint8_t* head          # kind and values
    cdef size_t head_size, head_room
    cdef uint8_t* body
    cdef size_t body_size, body_room
    cdef uint32_t* places       # by a value's number: its place in the piece, and 1
    cdef uint32_t places_room
    cdef uint32_t* used         # the numbers in the order of their places
    cdef uint32_t used_count, used_room

    def __dealloc__(self):
        free(self.head)
        free(self.body)
        free(self.places)
        free(self.used)

    cdef int begin(self, Radix radix, uint8_t kind) except -1:
        cdef uint32_t room = radix.values.size
        self.values = radix.values
        self.head_size = self.body_size = self.used_count = 0
        if self.places_room < room:
            free(self.places)
            self.places_room = 0
            self.places = <uint32_t*>calloc(room, sizeof(uint32_t))
            if self.places == NULL:
                raise MemoryError
            self.places_room = room
        self.put_head(&kind, 1)
        self.put_head(&self.used_count, 4)  # and again at the end
        return 0

    cdef int put_head(self, const void* octets, size_t size) except -1:
        cdef size_t room
        cdef uint8_t* grown
        if self.head_size + size > self.head_room:
            room = 2 * (self.head_size + size) + 1024
            grown = <uint8_t*>realloc(self.head, room)
            if grown == NULL:
                raise MemoryError
            self.head = grown
            self.head_room = room
        memcpy(self.head + self.head_size, octets, size)
        self.head_size += size
        return 0

    cdef int put(self, const void* octets, size_t size) except -1:
        cdef size_t room
        cdef uint8_t* grown
        if self.body_size + size > self.body_room:
            room = 2 * (self.body_size + size) + 65536
            grown = <uint8_t*>realloc(self.body, room)
            if grown == NULL:
                raise MemoryError
            self.body = grown
            self.body_room = room
        if size:
            memcpy(self.body + self.body_size, octets, size)
        self.body_size += size
        return 0

    cdef int put32(self, uint32_t number) except -1:
        return self.put(&number, 4)

    cdef uint32_t place(self, uint32_t value) except? 0xFFFFFFFE:
        """The place of a value in the piece; writes it where it is new."""
        cdef const Value* held = &self.values.held[value]
        cdef uint8_t times
        cdef uint32_t room
        cdef uint32_t* grown
        if self.places[value]:
            return self.places[value] - 1
        if self.used_count == self.used_room:
            room = 2 * self.used_room + 64
            grown = <uint32_t*>realloc(self.used, room * sizeof(uint32_t))
            if grown == NULL:
                raise MemoryError
            self.used = grown
            self.used_room = room
        times = 1
        if held.times != NULL:
            times = <uint8_t>(popcount(held.lists) + popcount(held.excludes) + held.excludes_all)
        self.put_head(&held.lists, 8)
        self.put_head(&held.excludes, 8)
        self.put_head(&held.excludes_all, 1)
        self.put_head(&times, 1)
        self.put_head(&held.expires if held.times == NULL else held.times, times * 8)
        self.used[self.used_count] = value
        self.used_count += 1
        self.places[value] = self.used_count
        return self.used_count - 1

    cdef bytes end(self):
        """The piece, with its length before it."""
        cdef uint32_t index, size = <uint32_t>(self.head_size + self.body_size)
        for index in range(self.used_count):
            self.places[self.used[index]] = 0
        memcpy(self.head + 1, &self.used_count, 4)
        return (
            (<uint8_t*>&size)[:4] + self.head[: self.head_size] + self.body[: self.body_size]
        )


def pieces(Radix radix not None):
    """The pieces of a radix, each of its own moment; the radix may change in between."""
    cdef _Writer writer = _Writer()
    cdef uint32_t high, index, place
    cdef unsigned int length
    for high in range(0, RUNS, RUNS_IN_PIECE):
        writer.begin(radix, KIND_RUNS)
        writer.put32(high)
        writer.put32(RUNS_IN_PIECE)
        for index in range(RUNS_IN_PIECE):
            _write_run(writer, &radix.ipv4.runs[high + index])
        yield writer.end()
    yield _wide_piece(writer, radix)
    for length in range(129):
        index = 0
        after = None
        # Blocks may come and go between pieces: each begins behind the last network of the one
        # before, wherever that is by now.
        while True:
            piece, after = _block_piece(writer, radix, length, after)
            if piece is None:
                break
            yield piece
    yield bytes(4)


cdef int _write_run(_Writer writer, const Run* run) except -1:
    cdef uint32_t index
    cdef uint8_t length
    writer.put32(run.count)
    writer.put32(run.ranged)
    if run.width or not run.count:
        writer.put32(MIXED)
    else:
        writer.put32(writer.place(run.uniform))
    writer.put(run.addresses, 2 * <size_t>run.count)
    if run.width:
        for index in range(run.count):
            writer.put32(writer.place(address_value(run, index)))
    for index in range(run.ranged):
        length = <uint8_t>range_length(&run.ranges[index])
        writer.put(&run.ranges[index].suffix, 2)
        writer.put(&length, 1)
        writer.put32(writer.place(run.ranges[index].value))
    return 0


cdef bytes _wide_piece(_Writer writer, Radix radix):
    cdef uint32_t number, count = 0
    writer.begin(radix, KIND_WIDE)
    writer.put32(0)
    for number in range(1, 2 * RUNS):
        if radix.ipv4.wide[number] != NO_VALUE:
            writer.put32(number)
            writer.put32(writer.place(radix.ipv4.wide[number]))
            count += 1
    memcpy(writer.body, &count, 4)
    return writer.end()


cdef tuple _block_piece(_Writer writer, Radix radix, uint8_t length, object after):
    """The next block of a set, behind that network; and its last network. None: there is none."""
    cdef const Set* set_ = &radix.ipv6.sets[length]
    cdef const Block* block
    cdef uint32_t index = 0, place
    cdef uint64_t high, low
    if after is not None:
        high, low = after
        while index < set_.count and (
            set_.first[index].high < high
            or (set_.first[index].high == high and set_.first[index].low <= low)
        ):
            index += 1
        # The one before may have grown beyond what was written of it.
        if index and _goes_beyond(set_.blocks[index - 1], high, low):
            index -= 1
    if index >= set_.count:
        return None, None
    block = set_.blocks[index]
    writer.begin(radix, KIND_IPV6)
    writer.put(&length, 1)
    writer.put32(block.count)
    writer.put(block.high, block.count * sizeof(uint64_t))
    if block.low != NULL:
        writer.put(block.low, block.count * sizeof(uint64_t))
    for place in range(block.count):
        writer.put32(writer.place(block.values[place]))
    place = block.count - 1
    last = (block.high[place], 0 if block.low == NULL else block.low[place])
    return writer.end(), last


cdef bint _goes_beyond(const Block* block, uint64_t high, uint64_t low) noexcept:
    cdef uint32_t last = block.count - 1
    if block.high[last] != high:
        return block.high[last] > high
    return block.low != NULL and block.low[last] > low


# Reading.

cdef struct _Reader:
    const uint8_t* at
    const uint8_t* end
    uint32_t* values            # of the piece, each with a reference
    uint32_t count


cdef bint _get(_Reader* reader, void* to, size_t size) noexcept nogil:
    """Reads so many octets, if there are so many."""
    if <size_t>(reader.end - reader.at) < size:
        return False
    memcpy(to, reader.at, size)
    reader.at += size
    return True


def restore(Radix radix not None, const uint8_t[::1] octets not None) -> int:
    """Fills an empty radix with the pieces at the beginning; how many octets they are.

    Raises DamagedError where they are none; the radix is then of no use.
    """
    cdef const uint8_t* start = &octets[0] if octets.shape[0] else NULL
    cdef _Reader reader
    cdef uint32_t size = 0
    cdef size_t at = 0, all_ = octets.shape[0]
    cdef int done = 1
    with nogil:
        while True:
            if all_ - at < 4:
                done = 0
                break
            memcpy(&size, start + at, 4)
            at += 4
            if size == 0:
                break
            if all_ - at < size:
                done = 0
                break
            memset(&reader, 0, sizeof(reader))
            reader.at = start + at
            reader.end = reader.at + size
            done = _restore_piece(radix, &reader)
            if done != 1:
                break
            at += size
    if done < 0:
        raise MemoryError
    if not done:
        raise DamagedError("the image is damaged")
    return at


cdef int _restore_piece(Radix radix, _Reader* reader) noexcept nogil:
    """1: done; 0: damaged; -1: no memory."""
    cdef uint8_t kind
    cdef uint32_t index
    cdef int done = 0
    if _get(reader, &kind, 1) and _get(reader, &reader.count, 4):
        # What a value takes at least is a bound to what is asked for.
        if reader.count <= <size_t>(reader.end - reader.at) / VALUE_OCTETS_LEAST:
            reader.values = <uint32_t*>calloc(<size_t>reader.count + 1, sizeof(uint32_t))
            if reader.values == NULL:
                return -1
            done = _restore_values(radix, reader)
            if done == 1:
                if kind == KIND_RUNS:
                    done = _restore_runs(radix, reader)
                elif kind == KIND_WIDE:
                    done = _restore_wide(radix, reader)
                elif kind == KIND_IPV6:
                    done = _restore_block(radix, reader)
                else:
                    done = 0
            if done == 1 and reader.at != reader.end:
                done = 0
            for index in range(reader.count):
                release(radix.values, reader.values[index], 1)
            free(reader.values)
    return done


cdef int _restore_values(Radix radix, _Reader* reader) noexcept nogil:
    cdef uint32_t index
    cdef uint8_t all_, times, time
    cdef uint64_t mask, known
    cdef Entries entries
    cdef int64_t read[TIMES]
    cdef unsigned int categories = radix.categories_count
    known = ~<uint64_t>0 if categories >= 64 else (<uint64_t>1 << categories) - 1
    for index in range(reader.count):
        if not (_get(reader, &entries.lists, 8) and _get(reader, &entries.excludes, 8)
                and _get(reader, &all_, 1) and _get(reader, &times, 1)):
            return 0
        if (entries.lists | entries.excludes) & ~known or all_ > 1:
            return 0
        time = <uint8_t>(popcount(entries.lists) + popcount(entries.excludes) + all_)
        if time == 0 or (times != 1 and times != time) or not _get(reader, read, times * 8):
            return 0
        entries.excludes_all = all_
        time = 0
        mask = entries.lists
        while mask:
            entries.times[lowest_bit(mask)] = read[time if times > 1 else 0]
            time += 1
            mask &= mask - 1
        mask = entries.excludes
        while mask:
            entries.times[CATEGORIES_MAX + lowest_bit(mask)] = read[time if times > 1 else 0]
            time += 1
            mask &= mask - 1
        if all_:
            entries.times[TIMES - 1] = read[time if times > 1 else 0]
        reader.values[index] = intern(radix.values, &entries)
        if reader.values[index] == NO_MEMORY:
            reader.values[index] = NO_VALUE
            return -1
    return 1


cdef int _restore_runs(Radix radix, _Reader* reader) noexcept nogil:
    cdef uint32_t first, count, high
    cdef int done = 1
    cdef uint16_t* suffixes
    cdef uint32_t* values
    if not (_get(reader, &first, 4) and _get(reader, &count, 4)):
        return 0
    if first >= RUNS or count > RUNS - first:
        return 0
    suffixes = <uint16_t*>malloc(65536 * sizeof(uint16_t))
    values = <uint32_t*>malloc(65536 * sizeof(uint32_t))
    if suffixes == NULL or values == NULL:
        done = -1
    high = first
    while done == 1 and high < first + count:
        done = _restore_run(radix, reader, high, suffixes, values)
        high += 1
    free(suffixes)
    free(values)
    return done


cdef int _restore_run(Radix radix, _Reader* reader, uint32_t high, uint16_t* suffixes,
                      uint32_t* values) noexcept nogil:
    cdef uint32_t count, ranged, uniform, index, place
    cdef uint16_t suffix
    cdef uint8_t length
    cdef Tree4* tree = radix.ipv4
    if not (_get(reader, &count, 4) and _get(reader, &ranged, 4) and _get(reader, &uniform, 4)):
        return 0
    if count > 65536 or ranged > 65534 or tree.runs[high].count:
        return 0
    if not _get(reader, suffixes, 2 * <size_t>count):
        return 0
    for index in range(1, count):
        if suffixes[index - 1] >= suffixes[index]:
            return 0
    if uniform != MIXED and uniform >= reader.count:
        return 0
    if count:
        for index in range(count):
            place = uniform
            if uniform == MIXED and not _get(reader, &place, 4):
                return 0
            if place >= reader.count:
                return 0
            values[index] = reader.values[place]
        for index in range(count):
            retain(radix.values, values[index], 1)
        if not fill4(tree, high, count, suffixes, values):
            for index in range(count):
                release(radix.values, values[index], 1)
            return -1
    for index in range(ranged):
        if not (_get(reader, &suffix, 2) and _get(reader, &length, 1)
                and _get(reader, &place, 4)):
            return 0
        if place >= reader.count or length < 17 or length > 31:
            return 0
        if suffix & ((<uint32_t>1 << (32 - length)) - 1):  # host bits
            return 0
        if not _put4(radix, high << 16 | suffix, length, reader.values[place]):
            return -1
    return 1


cdef bint _put4(Radix radix, uint32_t bits, unsigned int length, uint32_t value) noexcept nogil:
    retain(radix.values, value, 1)
    if not put4(radix.ipv4, bits, length, value):
        release(radix.values, value, 1)
        return False
    return True


cdef int _restore_wide(Radix radix, _Reader* reader) noexcept nogil:
    cdef uint32_t count, index, number, place
    cdef unsigned int length
    if not _get(reader, &count, 4):
        return 0
    for index in range(count):
        if not (_get(reader, &number, 4) and _get(reader, &place, 4)):
            return 0
        if number == 0 or number >= 2 * RUNS or place >= reader.count:
            return 0
        length = 31 - leading_zeros(number)
        if not _put4(radix, number << (32 - length) if length else 0, length,
                     reader.values[place]):
            return -1
    return 1


cdef int _restore_block(Radix radix, _Reader* reader) noexcept nogil:
    cdef uint8_t length
    cdef uint32_t count, index, place
    cdef const uint8_t* high
    cdef const uint8_t* low
    cdef const uint8_t* values
    cdef Bits bits, masked
    cdef size_t keys
    if not (_get(reader, &length, 1) and _get(reader, &count, 4)) or length > 128:
        return 0
    keys = <size_t>count * 8
    if <size_t>(reader.end - reader.at) != keys * (2 if length > 64 else 1) + <size_t>count * 4:
        return 0
    high = reader.at
    low = high + keys
    values = low + keys if length > 64 else low
    for index in range(count):
        memcpy(&bits.high, high + 8 * <size_t>index, 8)
        bits.low = 0
        if length > 64:
            memcpy(&bits.low, low + 8 * <size_t>index, 8)
        memcpy(&place, values + 4 * <size_t>index, 4)
        masked = masked6(bits, length)
        if place >= reader.count or masked.high != bits.high or masked.low != bits.low:
            return 0
        retain(radix.values, reader.values[place], 1)
        if not put6(radix.ipv6, bits, length, reader.values[place]):
            release(radix.values, reader.values[place], 1)
            return -1
    reader.at = reader.end
    return 1
