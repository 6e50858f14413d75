# cython: boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Interned values: what is listed or excluded at one network, by category and time.

Millions of networks share a few values, so each holds the number of one. A
value with times that only one network has costs that network alone. Numbers
are given out from 1, those that are free again first, so that they stay small;
references are counted, and a value that nobody holds is gone.

Every function takes a valid number (or NO_VALUE where it says so); where
memory runs out the result is NO_MEMORY, and nothing was changed.
"""

from libc.stdint cimport INT64_MAX, int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free, malloc, realloc
from libc.string cimport memcmp, memcpy, memset

from dnsbl.native.bits cimport lowest_bit, popcount

cdef enum:
    PLACES_FIRST = 64
    PLACES_MAX = 0xFFFFFFF0


cdef Values* values_new() noexcept nogil:
    cdef Values* values = <Values*>calloc(1, sizeof(Values))
    if values == NULL:
        return NULL
    values.held = <Value*>calloc(PLACES_FIRST, sizeof(Value))
    values.chains = <uint32_t*>calloc(PLACES_FIRST, sizeof(uint32_t))
    if values.held == NULL or values.chains == NULL:
        values_free(values)
        return NULL
    values.size = PLACES_FIRST
    values.used = 1
    values.chains_mask = PLACES_FIRST - 1
    return values


cdef void values_free(Values* values) noexcept nogil:
    cdef uint32_t place
    if values == NULL:
        return
    if values.held != NULL:
        for place in range(values.used):
            free(values.held[place].times)
    free(values.held)
    free(values.chains)
    free(values)


cdef inline unsigned int _count(uint64_t lists, uint64_t excludes, uint8_t all_) noexcept nogil:
    return popcount(lists) + popcount(excludes) + all_


cdef unsigned int _times(const Entries* entries, int64_t* times) noexcept nogil:
    """The times of the entries that are there, in order; how many."""
    cdef unsigned int count = 0
    cdef uint64_t mask = entries.lists
    while mask:
        times[count] = entries.times[lowest_bit(mask)]
        count += 1
        mask &= mask - 1
    mask = entries.excludes
    while mask:
        times[count] = entries.times[CATEGORIES_MAX + lowest_bit(mask)]
        count += 1
        mask &= mask - 1
    if entries.excludes_all:
        times[count] = entries.times[TIMES - 1]
        count += 1
    return count


cdef inline uint64_t _mixed(uint64_t state, uint64_t word) noexcept nogil:
    state = (state ^ word) * <uint64_t>0x9E3779B97F4A7C15
    return state ^ (state >> 29)


cdef uint32_t _hash(uint64_t lists, uint64_t excludes, uint64_t texts, uint8_t all_,
                    int64_t expires, const int64_t* times, unsigned int count) noexcept nogil:
    cdef uint64_t state = _mixed(_mixed(_mixed(all_, lists), excludes), <uint64_t>expires)
    cdef unsigned int index
    state = _mixed(state, texts)
    if times != NULL:
        for index in range(count):
            state = _mixed(state, <uint64_t>times[index])
    return <uint32_t>(state >> 32)


cdef uint32_t _hash_of(const Value* value) noexcept nogil:
    return _hash(value.lists, value.excludes, value.texts, value.excludes_all, value.expires,
                 value.times, _count(value.lists, value.excludes, value.excludes_all))


cdef bint _grow(Values* values) noexcept nogil:
    """Room for one more value, and chains that stay short; whether there is."""
    cdef Value* held
    cdef uint32_t* chains
    cdef uint32_t size, place, chain
    if values.free == 0 and values.used == values.size:
        if values.size > PLACES_MAX / 2:
            return False
        size = values.size * 2
        held = <Value*>realloc(values.held, size * sizeof(Value))
        if held == NULL:
            return False
        memset(held + values.size, 0, (size - values.size) * sizeof(Value))
        values.held = held
        values.size = size
    if values.count > values.chains_mask:
        size = (values.chains_mask + 1) * 2
        chains = <uint32_t*>calloc(size, sizeof(uint32_t))
        if chains == NULL:
            return False
        for place in range(1, values.used):
            if values.held[place].references:
                chain = _hash_of(&values.held[place]) & (size - 1)
                values.held[place].next = chains[chain]
                chains[chain] = place
        free(values.chains)
        values.chains = chains
        values.chains_mask = size - 1
    return True


cdef uint32_t intern(Values* values, const Entries* entries) noexcept nogil:
    """The number of the value, with one more reference; NO_VALUE where there is no entry."""
    cdef int64_t times[TIMES]
    cdef unsigned int index, count = _times(entries, times)
    cdef int64_t expires = INT64_MAX
    cdef bint differ = False
    cdef uint32_t place, hash_
    cdef Value* value
    cdef int64_t* own = NULL
    if count == 0:
        return NO_VALUE
    for index in range(count):
        differ = differ or times[index] != times[0]
        if times[index] < expires:
            expires = times[index]
    hash_ = _hash(entries.lists, entries.excludes, entries.texts, entries.excludes_all, expires,
                  times if differ else NULL, count)
    place = values.chains[hash_ & values.chains_mask]
    while place:
        value = &values.held[place]
        if (
            value.lists == entries.lists
            and value.excludes == entries.excludes
            and value.texts == entries.texts
            and value.excludes_all == entries.excludes_all
            and value.expires == expires
            and (value.times != NULL) == differ
            and (not differ or memcmp(value.times, times, count * sizeof(int64_t)) == 0)
        ):
            value.references += 1
            return place
        place = value.next
    if not _grow(values):
        return NO_MEMORY
    if differ:
        own = <int64_t*>malloc(count * sizeof(int64_t))
        if own == NULL:
            return NO_MEMORY
        memcpy(own, times, count * sizeof(int64_t))
    if values.free:
        place = values.free
        values.free = values.held[place].next
    else:
        place = values.used
        values.used += 1
    value = &values.held[place]
    value.lists = entries.lists
    value.excludes = entries.excludes
    value.texts = entries.texts
    value.excludes_all = entries.excludes_all
    value.expires = expires
    value.times = own
    value.references = 1
    value.next = values.chains[hash_ & values.chains_mask]
    values.chains[hash_ & values.chains_mask] = place
    values.count += 1
    return place


cdef void _empty(Entries* entries) noexcept nogil:
    cdef unsigned int index
    entries.lists = entries.excludes = entries.texts = 0
    entries.excludes_all = 0
    for index in range(TIMES):
        entries.times[index] = INT64_MAX


cdef void unpack(const Values* values, uint32_t value, Entries* entries) noexcept nogil:
    """The entries of a value, none for NO_VALUE."""
    cdef const Value* held = &values.held[value]
    cdef unsigned int count = 0
    cdef uint64_t mask
    _empty(entries)
    if value == NO_VALUE:
        return
    entries.texts = held.texts
    entries.lists = mask = held.lists
    while mask:
        entries.times[lowest_bit(mask)] = held.expires if held.times == NULL else held.times[count]
        count += 1
        mask &= mask - 1
    entries.excludes = mask = held.excludes
    while mask:
        entries.times[CATEGORIES_MAX + lowest_bit(mask)] = (
            held.expires if held.times == NULL else held.times[count]
        )
        count += 1
        mask &= mask - 1
    entries.excludes_all = held.excludes_all
    if held.excludes_all:
        entries.times[TIMES - 1] = held.expires if held.times == NULL else held.times[count]


cdef uint32_t intern_one(Values* values, unsigned int category, bint excludes, bint every,
                         int64_t expires) noexcept nogil:
    """The number of the value with one entry; `category` is under CATEGORIES_MAX."""
    cdef Entries entries
    _empty(&entries)
    if every:
        entries.excludes_all = 1
        entries.times[TIMES - 1] = expires
    elif excludes:
        entries.excludes = <uint64_t>1 << category
        entries.times[CATEGORIES_MAX + category] = expires
    else:
        entries.lists = <uint64_t>1 << category
        entries.times[category] = expires
    return intern(values, &entries)


cdef uint32_t union_of(Values* values, uint32_t under, uint32_t over) noexcept nogil:
    """The number of the value with the entries of both; `over` prevails where both have one."""
    cdef Entries entries, added
    cdef unsigned int index
    unpack(values, under, &entries)
    unpack(values, over, &added)
    for index in range(CATEGORIES_MAX):
        if added.lists >> index & 1:
            entries.times[index] = added.times[index]
        if added.excludes >> index & 1:
            entries.times[CATEGORIES_MAX + index] = added.times[CATEGORIES_MAX + index]
    if added.excludes_all:
        entries.excludes_all = 1
        entries.times[TIMES - 1] = added.times[TIMES - 1]
    entries.texts = entries.texts & ~added.lists | added.texts
    entries.lists |= added.lists
    entries.excludes |= added.excludes
    return intern(values, &entries)


cdef uint32_t without_expired(Values* values, uint32_t value, double now) noexcept nogil:
    """The number of the value with the entries that are live, NO_VALUE where none is."""
    cdef Entries entries
    cdef unsigned int index
    unpack(values, value, &entries)
    for index in range(CATEGORIES_MAX):
        if entries.lists >> index & 1 and not entries.times[index] > now:
            entries.lists &= ~(<uint64_t>1 << index)
        if entries.excludes >> index & 1 and not entries.times[CATEGORIES_MAX + index] > now:
            entries.excludes &= ~(<uint64_t>1 << index)
    if entries.excludes_all and not entries.times[TIMES - 1] > now:
        entries.excludes_all = 0
    entries.texts &= entries.lists
    return intern(values, &entries)


cdef unsigned int entry_count(const Values* values, uint32_t value) noexcept nogil:
    """How many entries the value has, 0 for NO_VALUE."""
    cdef const Value* held = &values.held[value]
    if value == NO_VALUE:
        return 0
    return _count(held.lists, held.excludes, held.excludes_all)


cdef void retain(Values* values, uint32_t value, uint64_t times) noexcept nogil:
    """So many more references."""
    if value != NO_VALUE:
        values.held[value].references += times


cdef void release(Values* values, uint32_t value, uint64_t times) noexcept nogil:
    """So many references fewer; the value is gone with the last. Nothing for NO_VALUE."""
    cdef Value* held = &values.held[value]
    cdef uint32_t* link
    if value == NO_VALUE:
        return
    held.references -= times
    if held.references:
        return
    link = &values.chains[_hash_of(held) & values.chains_mask]
    while link[0] != value:
        link = &values.held[link[0]].next
    link[0] = held.next
    free(held.times)
    memset(held, 0, sizeof(Value))
    held.next = values.free
    values.free = value
    values.count -= 1
