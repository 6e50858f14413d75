# cython: boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""The IPv6 networks of a zone: an ordered set for each length that occurs.

Lists have few lengths (/128, /64, /48, /32 …), so what covers an address is
found by one search in each of their sets (`blocks`).
"""

from libc.stdint cimport INT64_MAX, uint8_t, uint32_t
from libc.stdlib cimport calloc, free
from libc.string cimport memmove

from dnsbl.native.bits cimport WORD, Bits, is_less6, last6, masked6
from dnsbl.native.blocks cimport (
    Block, Set, block_key, find_block, find_key, free_blocks, insert_key, is_key, remove_key,
)
from dnsbl.native.values cimport NO_VALUE, Values, entry_count, has_listing, release


cdef Tree6* tree6_new(Values* values) noexcept nogil:
    """An empty tree whose values are interned there; NULL without memory."""
    cdef Tree6* tree = <Tree6*>calloc(1, sizeof(Tree6))
    if tree != NULL:
        tree.values = values
        tree.least_due = INT64_MAX
    return tree


cdef void tree6_free(Tree6* tree) noexcept nogil:
    """Gives everything back but the values, which go as a whole."""
    cdef unsigned int length
    if tree == NULL:
        return
    for length in range(LENGTHS):
        free_blocks(&tree.sets[length])
    free(tree)


cdef uint32_t get6(const Tree6* tree, Bits bits, unsigned int length) noexcept nogil:
    """The value at exactly that network, NO_VALUE where there is none."""
    cdef const Set* set_ = &tree.sets[length]
    cdef const Block* block
    cdef uint32_t place
    if set_.count == 0:
        return NO_VALUE
    block = set_.blocks[find_block(set_, bits)]
    place = find_key(block, bits)
    return block.values[place] if is_key(block, place, bits) else NO_VALUE


cdef bint put6(Tree6* tree, Bits bits, unsigned int length, uint32_t value) noexcept nogil:
    """Makes the value that of the network, in the place of any other; NO_VALUE takes it out.

    Takes over a reference to the value. False without memory: nothing was changed.
    """
    cdef Set* set_ = &tree.sets[length]
    cdef uint32_t old = get6(tree, bits, length), index, place
    cdef Block* block
    cdef bint is_first
    if old == NO_VALUE:
        if value == NO_VALUE:
            return True
        is_first = set_.count == 0
        if not insert_key(tree.values, set_, length > WORD, bits, value):
            return False
        if is_first:
            _note_length(tree, length)
    index = find_block(set_, bits)
    block = set_.blocks[index]
    place = find_key(block, bits)
    block.values[place] = value
    block.listed += has_listing(tree.values, value)
    block.listed -= has_listing(tree.values, old)
    if value != NO_VALUE:
        tree.entries += entry_count(tree.values, value)
        block.due = min(block.due, tree.values.held[value].expires)
        tree.least_due = min(tree.least_due, block.due)
    else:
        remove_key(set_, index, place)
        if set_.count == 0:
            _forget_length(tree, length)
    tree.entries -= entry_count(tree.values, old)
    release(tree.values, old, 1)
    return True


cdef void _note_length(Tree6* tree, unsigned int length) noexcept nogil:
    cdef uint32_t place = tree.lengths_count
    while place and tree.lengths[place - 1] < length:
        tree.lengths[place] = tree.lengths[place - 1]
        place -= 1
    tree.lengths[place] = <uint8_t>length
    tree.lengths_count += 1


cdef void _forget_length(Tree6* tree, unsigned int length) noexcept nogil:
    cdef uint32_t place = 0
    while tree.lengths[place] != length:
        place += 1
    tree.lengths_count -= 1
    memmove(tree.lengths + place, tree.lengths + place + 1, tree.lengths_count - place)


cdef unsigned int covering6(const Tree6* tree, Bits bits, unsigned int length,
                            uint32_t* found, uint8_t* lengths) noexcept nogil:
    """The values and lengths of the networks that cover the prefix, the most specific first.

    How many; `found` and `lengths` have room for COVERING6_MAX.
    """
    cdef unsigned int count = 0, index, each
    cdef uint32_t value
    for index in range(tree.lengths_count):
        each = tree.lengths[index]
        if each > length:
            continue
        value = get6(tree, masked6(bits, each), each)
        if value != NO_VALUE:
            found[count] = value
            lengths[count] = <uint8_t>each
            count += 1
    return count


cdef bint listed_below6(const Tree6* tree, Bits bits, unsigned int length) noexcept nogil:
    """Whether there is any listing of this network or of one inside it."""
    cdef Bits last = last6(bits, length)
    cdef unsigned int index
    for index in range(tree.lengths_count):
        if tree.lengths[index] < length:
            return False
        if _any_listed(tree, &tree.sets[tree.lengths[index]], bits, last):
            return True
    return False


cdef bint _any_listed(const Tree6* tree, const Set* set_, Bits bits, Bits last) noexcept nogil:
    cdef uint32_t index = find_block(set_, bits), place
    cdef const Block* block = set_.blocks[index]
    place = find_key(block, bits)
    while True:
        while block.listed and place < block.count:
            if is_less6(last, block_key(block, place)):
                return False
            if has_listing(tree.values, block.values[place]):
                return True
            place += 1
        index += 1
        if index == set_.count or is_less6(last, set_.first[index]):
            return False
        block = set_.blocks[index]
        place = 0
