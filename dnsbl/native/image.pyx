# cython: boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""A radix as octets, in pieces: the body of `dnsbl.zone.image`. `restoration` reads them back.

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

from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free, realloc
from libc.string cimport memcpy

from dnsbl.native.addresses cimport address_value
from dnsbl.native.bits cimport Bits, is_less6, popcount
from dnsbl.native.blocks cimport Block, Set, block_key, find_block
from dnsbl.native.ipv4 cimport RUNS
from dnsbl.native.ipv6 cimport LENGTHS
from dnsbl.native.radix cimport Radix
from dnsbl.native.ranges cimport range_length
from dnsbl.native.run cimport Run
from dnsbl.native.values cimport NO_VALUE, Value, Values

from dnsbl.native.restoration import DamagedError, restore  # and back

cdef enum:
    RUNS_IN_PIECE = 256


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
    cdef uint32_t high, index
    cdef unsigned int length
    for high in range(0, RUNS, RUNS_IN_PIECE):
        writer.begin(radix, KIND_RUNS)
        writer.put32(high)
        writer.put32(RUNS_IN_PIECE)
        for index in range(RUNS_IN_PIECE):
            _write_run(writer, &radix.ipv4.runs[high + index])
        yield writer.end()
    yield _wide_piece(writer, radix)
    for length in range(LENGTHS):
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
    cdef Bits last
    if after is not None and set_.count:
        last.high, last.low = after
        index = find_block(set_, last)
        # Which may have grown beyond what was written of it, or lie wholly behind.
        block = set_.blocks[index]
        if not is_less6(last, block_key(block, block.count - 1)):
            index += 1
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
    last = block_key(block, block.count - 1)
    return writer.end(), (last.high, last.low)
