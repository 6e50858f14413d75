# cython: boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""An ordered set of networks of one length: a row of sorted blocks.

A network of at most /64 takes 12 bytes of one. Blocks that are appended to are
filled; one that is full in the middle is split. The search stands in blocks.pxd,
to become part of its callers.
"""

from libc.stdint cimport INT64_MAX, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport free, malloc, realloc
from libc.string cimport memcpy, memmove

from dnsbl.native.bits cimport Bits
from dnsbl.native.values cimport Values, has_listing


cdef void free_blocks(Set* set_) noexcept nogil:
    """Gives back all that the set holds."""
    cdef uint32_t index
    for index in range(set_.count):
        free(set_.blocks[index])
    free(set_.blocks)
    free(set_.first)


cdef Block* _block(bint wide) noexcept nogil:
    """An empty block, in one piece of memory."""
    cdef size_t keys = BLOCK_KEYS * (2 if wide else 1) * sizeof(uint64_t)
    cdef uint8_t* start = <uint8_t*>malloc(
        sizeof(Block) + keys + BLOCK_KEYS * sizeof(uint32_t)
    )
    cdef Block* block = <Block*>start
    if start == NULL:
        return NULL
    block.count = block.listed = 0
    block.due = INT64_MAX
    block.high = <uint64_t*>(start + sizeof(Block))
    block.low = block.high + BLOCK_KEYS if wide else NULL
    block.values = <uint32_t*>(start + sizeof(Block) + keys)
    return block


cdef bint _add_block(Set* set_, uint32_t index, Block* block) noexcept nogil:
    """Puts a block, whose first network is to be noted by the caller, at that index."""
    cdef Block** blocks
    cdef Bits* first
    cdef uint32_t room
    if set_.count == set_.room:
        room = set_.room * 2 if set_.room else 4
        blocks = <Block**>realloc(set_.blocks, room * sizeof(Block*))
        if blocks == NULL:
            return False
        set_.blocks = blocks
        first = <Bits*>realloc(set_.first, room * sizeof(Bits))
        if first == NULL:
            return False
        set_.first = first
        set_.room = room
    memmove(set_.blocks + index + 1, set_.blocks + index,
            (set_.count - index) * sizeof(Block*))
    memmove(set_.first + index + 1, set_.first + index, (set_.count - index) * sizeof(Bits))
    set_.blocks[index] = block
    set_.count += 1
    return True


cdef bint _split(const Values* values, Set* set_, uint32_t index, uint32_t place) noexcept nogil:
    """Moves the networks of a block from that place on to a new one behind it."""
    cdef Block* block = set_.blocks[index]
    cdef Block* added = _block(block.low != NULL)
    cdef uint32_t moved = block.count - place, each
    if added == NULL:
        return False
    if not _add_block(set_, index + 1, added):
        free(added)
        return False
    memcpy(added.high, block.high + place, moved * sizeof(uint64_t))
    if block.low != NULL:
        memcpy(added.low, block.low + place, moved * sizeof(uint64_t))
    memcpy(added.values, block.values + place, moved * sizeof(uint32_t))
    added.count = moved
    added.due = block.due
    for each in range(moved):
        added.listed += has_listing(values, added.values[each])
    block.listed -= added.listed
    block.count = place
    if moved:
        set_.first[index + 1] = block_key(added, 0)
    return True


cdef bint insert_key(const Values* values, Set* set_, bint wide, Bits bits,
                     uint32_t value) noexcept nogil:
    """Puts a network into a set that has it not; `wide`: the set is of those beyond /64."""
    cdef Block* block
    cdef uint32_t index, place, behind
    if set_.count == 0:
        block = _block(wide)
        if block == NULL:
            return False
        if not _add_block(set_, 0, block):
            free(block)
            return False
        set_.first[0] = bits
    index = find_block(set_, bits)
    block = set_.blocks[index]
    place = find_key(block, bits)
    if block.count == BLOCK_KEYS:
        # What comes in order finds its blocks full, and stays out of them.
        behind = BLOCK_KEYS if place == BLOCK_KEYS else BLOCK_KEYS / 2
        if not _split(values, set_, index, behind):
            return False
        if place >= behind:
            place -= behind
            index += 1
            block = set_.blocks[index]
    memmove(block.high + place + 1, block.high + place, (block.count - place) * sizeof(uint64_t))
    block.high[place] = bits.high
    if block.low != NULL:
        memmove(block.low + place + 1, block.low + place,
                (block.count - place) * sizeof(uint64_t))
        block.low[place] = bits.low
    memmove(block.values + place + 1, block.values + place,
            (block.count - place) * sizeof(uint32_t))
    block.values[place] = value
    block.count += 1
    if place == 0:
        set_.first[index] = bits
    return True


cdef void remove_key(Set* set_, uint32_t index, uint32_t place) noexcept nogil:
    """Takes out the network at that place of that block."""
    cdef Block* block = set_.blocks[index]
    cdef uint32_t behind = block.count - place - 1
    memmove(block.high + place, block.high + place + 1, behind * sizeof(uint64_t))
    if block.low != NULL:
        memmove(block.low + place, block.low + place + 1, behind * sizeof(uint64_t))
    memmove(block.values + place, block.values + place + 1, behind * sizeof(uint32_t))
    block.count -= 1
    if block.count:
        set_.first[index] = block_key(block, 0)
        _merge(set_, index)
        return
    _remove_block(set_, index)
    if set_.count == 0:
        free(set_.blocks)
        free(set_.first)
        set_.blocks = NULL
        set_.first = NULL
        set_.room = 0


cdef void _remove_block(Set* set_, uint32_t index) noexcept nogil:
    free(set_.blocks[index])
    set_.count -= 1
    memmove(set_.blocks + index, set_.blocks + index + 1,
            (set_.count - index) * sizeof(Block*))
    memmove(set_.first + index, set_.first + index + 1, (set_.count - index) * sizeof(Bits))


cdef void _merge(Set* set_, uint32_t index) noexcept nogil:
    """Takes the next block into this one where both are small: memory follows what is held."""
    cdef Block* block = set_.blocks[index]
    cdef Block* behind
    if index + 1 == set_.count:
        return
    behind = set_.blocks[index + 1]
    if block.count + behind.count > BLOCK_KEYS / 2:
        return
    memcpy(block.high + block.count, behind.high, behind.count * sizeof(uint64_t))
    if block.low != NULL:
        memcpy(block.low + block.count, behind.low, behind.count * sizeof(uint64_t))
    memcpy(block.values + block.count, behind.values, behind.count * sizeof(uint32_t))
    block.count += behind.count
    block.listed += behind.listed
    block.due = min(block.due, behind.due)
    _remove_block(set_, index + 1)
