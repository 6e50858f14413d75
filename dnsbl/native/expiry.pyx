# cython: boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Expiry: takes out of a tree what has expired.

Every run and every block notes when something in it expires at the earliest, so
that only those are looked into.
"""

from libc.stdint cimport INT64_MAX, int64_t, uint16_t, uint32_t

from dnsbl.native.bits cimport leading_zeros
from dnsbl.native.blocks cimport Block, Set, block_key
from dnsbl.native.ipv4 cimport RUNS, Tree4, get4, put4
from dnsbl.native.ipv6 cimport Tree6, put6
from dnsbl.native.ranges cimport range_length
from dnsbl.native.run cimport Run
from dnsbl.native.values cimport NO_MEMORY, NO_VALUE, entry_count, release, without_expired


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
                return put6(tree, block_key(block, place), length, kept)  # and the block is gone
            put6(tree, block_key(block, place), length, kept)  # cannot fail: nothing is added
            value = kept
        if value != NO_VALUE:
            block.due = min(block.due, tree.values.held[value].expires)
    least[0] = min(least[0], block.due)
    return True
