# cython: boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""The IPv6 networks of a zone: an ordered set for each length that occurs.

Lists have few lengths (/128, /64, /48, /32 …), so what covers an address is
found by one search in each of their sets. A set is a row of sorted blocks, and
a network of at most /64 takes 12 bytes of one. Blocks that are appended to are
filled; one that is full in the middle is split.
"""

from libc.stdint cimport INT64_MAX, int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free, malloc, realloc
from libc.string cimport memcpy, memmove

from dnsbl.native.values cimport (
    NO_MEMORY, NO_VALUE, Values, entry_count, release, without_expired,
)

cdef enum:
    WORD = 64


cdef Tree6* tree6_new(Values* values) noexcept nogil:
    """An empty tree whose values are interned there; NULL without memory."""
    cdef Tree6* tree = <Tree6*>calloc(1, sizeof(Tree6))
    if tree != NULL:
        tree.values = values
        tree.least_due = INT64_MAX
    return tree


cdef void tree6_free(Tree6* tree) noexcept nogil:
    """Gives everything back but the values, which go as a whole."""
    cdef uint32_t length, index
    if tree == NULL:
        return
    for length in range(LENGTHS):
        for index in range(tree.sets[length].count):
            free(tree.sets[length].blocks[index])
        free(tree.sets[length].blocks)
        free(tree.sets[length].first)
    free(tree)


cdef Bits masked6(Bits bits, unsigned int length) noexcept nogil:
    """The prefix of that length."""
    if length == 0:
        bits.high = bits.low = 0
    elif length <= WORD:
        bits.high &= ~<uint64_t>0 << (WORD - length)
        bits.low = 0
    elif length < 2 * WORD:
        bits.low &= ~<uint64_t>0 << (2 * WORD - length)
    return bits


cdef inline Bits _last(Bits bits, unsigned int length) noexcept nogil:
    """The last address of the prefix."""
    if length == 0:
        bits.high = bits.low = ~<uint64_t>0
    elif length <= WORD:
        if length < WORD:
            bits.high |= ~<uint64_t>0 >> length
        bits.low = ~<uint64_t>0
    elif length < 2 * WORD:
        bits.low |= ~<uint64_t>0 >> (length - WORD)
    return bits


cdef inline bint _less(Bits one, Bits other) noexcept nogil:
    return one.high < other.high or (one.high == other.high and one.low < other.low)


cdef inline Bits _key(const Block* block, uint32_t index) noexcept nogil:
    cdef Bits bits
    bits.high = block.high[index]
    bits.low = 0 if block.low == NULL else block.low[index]
    return bits


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


cdef inline uint32_t _find_block(const Set* set_, Bits bits) noexcept nogil:
    """The last block whose first network is not greater; 0 where there is none."""
    cdef uint32_t low = 0, high = set_.count, middle
    while low < high:
        middle = low + (high - low) / 2
        if _less(bits, set_.first[middle]):
            high = middle
        else:
            low = middle + 1
    return low - 1 if low else 0


cdef inline uint32_t _find_key(const Block* block, Bits bits) noexcept nogil:
    """The first place whose network is not less; the count where there is none."""
    cdef uint32_t low = 0, high = block.count, middle
    while low < high:
        middle = (low + high) / 2
        if _less(_key(block, middle), bits):
            low = middle + 1
        else:
            high = middle
    return low


cdef inline bint _is_key(const Block* block, uint32_t place, Bits bits) noexcept nogil:
    return (place < block.count and block.high[place] == bits.high
            and (block.low == NULL or block.low[place] == bits.low))


cdef uint32_t get6(const Tree6* tree, Bits bits, unsigned int length) noexcept nogil:
    """The value at exactly that network, NO_VALUE where there is none."""
    cdef const Set* set_ = &tree.sets[length]
    cdef const Block* block
    cdef uint32_t place
    if set_.count == 0:
        return NO_VALUE
    block = set_.blocks[_find_block(set_, bits)]
    place = _find_key(block, bits)
    return block.values[place] if _is_key(block, place, bits) else NO_VALUE


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
        added.listed += values.held[added.values[each]].lists != 0
    block.listed -= added.listed
    block.count = place
    if moved:
        set_.first[index + 1] = _key(added, 0)
    return True


cdef bint _insert(Tree6* tree, unsigned int length, Bits bits, uint32_t value) noexcept nogil:
    cdef Set* set_ = &tree.sets[length]
    cdef Block* block
    cdef uint32_t index, place, behind
    if set_.count == 0:
        block = _block(length > WORD)
        if block == NULL:
            return False
        if not _add_block(set_, 0, block):
            free(block)
            return False
        set_.first[0] = bits
        _note_length(tree, length)
    index = _find_block(set_, bits)
    block = set_.blocks[index]
    place = _find_key(block, bits)
    if block.count == BLOCK_KEYS:
        # What comes in order finds its blocks full, and stays out of them.
        behind = BLOCK_KEYS if place == BLOCK_KEYS else BLOCK_KEYS / 2
        if not _split(tree.values, set_, index, behind):
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


cdef void _take_out(Tree6* tree, unsigned int length, uint32_t index,
                    uint32_t place) noexcept nogil:
    cdef Set* set_ = &tree.sets[length]
    cdef Block* block = set_.blocks[index]
    cdef uint32_t behind = block.count - place - 1
    memmove(block.high + place, block.high + place + 1, behind * sizeof(uint64_t))
    if block.low != NULL:
        memmove(block.low + place, block.low + place + 1, behind * sizeof(uint64_t))
    memmove(block.values + place, block.values + place + 1, behind * sizeof(uint32_t))
    block.count -= 1
    if block.count:
        set_.first[index] = _key(block, 0)
        _merge(set_, index)
        return
    _remove_block(set_, index)
    if set_.count == 0:
        free(set_.blocks)
        free(set_.first)
        set_.blocks = NULL
        set_.first = NULL
        set_.room = 0
        _forget_length(tree, length)


cdef void _remove_block(Set* set_, uint32_t index) noexcept nogil:
    free(set_.blocks[index])
    set_.count -= 1
    memmove(set_.blocks + index, set_.blocks + index + 1,
            (set_.count - index) * sizeof(Block*))
    memmove(set_.first + index, set_.first + index + 1, (set_.count - index) * sizeof(Bits))


cdef void _merge(Set* set_, uint32_t index) noexcept nogil:
    """Takes the next block into this one where both are small, so that memory follows what is held."""
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


cdef bint put6(Tree6* tree, Bits bits, unsigned int length, uint32_t value) noexcept nogil:
    """Makes the value that of the network, in the place of any other; NO_VALUE takes it out.

    Takes over a reference to the value. False without memory: nothing was changed.
    """
    cdef Set* set_ = &tree.sets[length]
    cdef uint32_t old = get6(tree, bits, length), index, place
    cdef Block* block
    if old == NO_VALUE:
        if value == NO_VALUE:
            return True
        if not _insert(tree, length, bits, value):
            return False
    index = _find_block(set_, bits)
    block = set_.blocks[index]
    place = _find_key(block, bits)
    block.values[place] = value
    block.listed += _lists(tree.values, value)
    block.listed -= _lists(tree.values, old)
    if value != NO_VALUE:
        tree.entries += entry_count(tree.values, value)
        block.due = min(block.due, tree.values.held[value].expires)
        tree.least_due = min(tree.least_due, block.due)
    else:
        _take_out(tree, length, index, place)
    tree.entries -= entry_count(tree.values, old)
    release(tree.values, old, 1)
    return True


cdef inline bint _lists(const Values* values, uint32_t value) noexcept nogil:
    return value != NO_VALUE and values.held[value].lists != 0


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
    cdef Bits last = _last(bits, length)
    cdef unsigned int index
    for index in range(tree.lengths_count):
        if tree.lengths[index] < length:
            return False
        if _any_listed(tree, &tree.sets[tree.lengths[index]], bits, last):
            return True
    return False


cdef bint _any_listed(const Tree6* tree, const Set* set_, Bits bits, Bits last) noexcept nogil:
    cdef uint32_t index = _find_block(set_, bits), place
    cdef const Block* block = set_.blocks[index]
    place = _find_key(block, bits)
    while True:
        while block.listed and place < block.count:
            if _less(last, _key(block, place)):
                return False
            if _lists(tree.values, block.values[place]):
                return True
            place += 1
        index += 1
        if index == set_.count or _less(last, set_.first[index]):
            return False
        block = set_.blocks[index]
        place = 0


cdef long drop_due6(Tree6* tree, double now, long limit) noexcept nogil:
    """Takes out entries that have expired, `limit` or somewhat more of them if there are so many.

    How many it took out; -1 without memory.
    """
    cdef long dropped = 0
    cdef int64_t least = INT64_MAX
    cdef uint32_t at = 0, index
    cdef unsigned int length
    cdef Set* set_
    if not tree.least_due <= now:
        return 0
    # From the end, in both: what is taken out moves only what was looked at already.
    at = tree.lengths_count
    while at:
        at -= 1
        length = tree.lengths[at]
        set_ = &tree.sets[length]
        index = set_.count
        while index:
            index -= 1
            if set_.blocks[index].due <= now:
                if dropped >= limit:
                    return dropped  # least_due stays: there is more
                if not _drop_in_block(tree, length, index, now, &dropped, &least):
                    return -1
            else:
                least = min(least, set_.blocks[index].due)
    tree.least_due = least
    return dropped


cdef bint _drop_in_block(Tree6* tree, unsigned int length, uint32_t index, double now,
                         long* dropped, int64_t* least) noexcept nogil:
    cdef Block* block = tree.sets[length].blocks[index]
    cdef uint32_t place = block.count, value, kept
    block.due = INT64_MAX  # and then the least of what stays, and of what is merged into it
    while place:
        place -= 1
        value = block.values[place]
        if not tree.values.held[value].expires > now:
            kept = without_expired(tree.values, value, now)
            if kept == NO_MEMORY:
                return False
            dropped[0] += entry_count(tree.values, value) - entry_count(tree.values, kept)
            if kept == NO_VALUE and block.count == 1:
                return put6(tree, _key(block, place), length, kept)  # and the block is gone
            put6(tree, _key(block, place), length, kept)  # cannot fail: nothing is added
            value = kept
        if value != NO_VALUE:
            block.due = min(block.due, tree.values.held[value].expires)
    least[0] = min(least[0], block.due)
    return True
