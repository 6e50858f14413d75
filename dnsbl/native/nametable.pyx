# cython: boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""The names of a zone, as hashes of 81 bits in sorted pages.

A name is not kept, only its keyed hash (`suffixes`): its first PAGE_BITS = 12
bits say the page, the 64 of its other half and 5 more stand in the slot, so
that 81 take part. A name that is not listed is taken for one that is where all
of them agree: with n names and q questions that is to be expected
n * q / 2^81 times. For a million names and 100,000 questions a second, each
looked for at three levels, that is once in 250,000 years.

A slot is, unaligned:

.. code-block:: text

    u64 of the hash | u8: 5 bits of the hash, 1 whether it is counted, 2 its Part | number

The number has the octets that the page's greatest needs. It is a value's, of
what is listed or excluded; in a slot of the Part ABOVE it counts the names
below that domain that are listed (with `*.` and so on, each by itself). A name
is counted in all domains above it. What expires is taken out without a name
being known, and so without those above it: the slot stays, with NO_VALUE and
counted, until the name is put or discarded.

Slots are sorted, hashes are even: the place of one is computed, and found
within a few slots of that. A slot costs 10 octets where there are few values.
"""

from libc.stdint cimport INT64_MAX, UINT32_MAX, int64_t, uint8_t, uint32_t
from libc.stdlib cimport calloc, free, malloc
from libc.string cimport memcpy

from dnsbl.native.page cimport (
    ABOVE, ALL, BELOW, COUNTED, EXACT, HASH_OCTETS, MORE_MASK, PART_MASK, Page, Part, find_slot,
    first_place, hash_at, insert_slot, make_room, mark_at, mark_of, number_at, remove_slot,
    set_number, slot_at, slot_size,
)
from dnsbl.native.suffixes cimport LABELS_MOST, Secret, Sip, Suffix, begin_hash, hash_label, hashed
from dnsbl.native.values cimport (
    NO_MEMORY, NO_VALUE, Values, entry_count, has_listing, release, without_expired,
)


cdef NameTable* name_table_new(Values* values, Secret secret) noexcept nogil:
    """An empty table whose values are interned there; NULL without memory."""
    cdef NameTable* table = <NameTable*>calloc(1, sizeof(NameTable))
    cdef unsigned int index
    if table == NULL:
        return NULL
    table.values = values
    table.secret = secret
    table.least_due = INT64_MAX
    for index in range(PAGES):
        table.pages[index].due = INT64_MAX
        table.pages[index].width = 1
    return table


cdef void name_table_free(NameTable* table) noexcept nogil:
    """Gives everything back but the values, which go as a whole."""
    cdef unsigned int index
    if table == NULL:
        return
    for index in range(PAGES):
        free(table.pages[index].slots)
    free(table)


cdef unsigned int hash_suffixes(const NameTable* table, const uint8_t* name, unsigned int labels,
                                unsigned int most, Suffix* keys) noexcept nogil:
    """The hashes of the suffixes of 1, 2, … labels, at most so many; how many.

    `name` is on the wire, without pointers, of `labels` labels up to LABELS_MOST.
    """
    return _hash(table, name, labels, most, keys, True)


cdef inline unsigned int _hash(const NameTable* table, const uint8_t* name, unsigned int labels,
                               unsigned int most, Suffix* keys, bint all_) noexcept nogil:
    """The same; those of domains of which nothing is listed with a wildcard only with `all_`."""
    cdef const uint8_t* starts[LABELS_MOST]
    cdef Sip sip
    cdef unsigned int index
    for index in range(labels):
        starts[index] = name
        name += 1 + name[0]
    most = min(labels, most)
    begin_hash(&sip, &table.secret)
    for index in range(most):
        hash_label(&sip, starts[labels - 1 - index])
        if all_ or index + 1 == labels or table.levels[index + 1]:
            keys[index] = hashed(&sip)
    return most


cdef inline bint _insert(NameTable* table, Suffix key, Part part, uint32_t place,
                         uint32_t number) noexcept nogil:
    if not insert_slot(<Page*>page_of(table, key), key, part, place, number):
        return False
    table.slots += 1
    return True


cdef inline void _remove(NameTable* table, Page* page, uint32_t place) noexcept nogil:
    remove_slot(page, place)
    table.slots -= 1


cdef bint _count_above(NameTable* table, Suffix key, bint more) noexcept nogil:
    """One name more, or fewer, is listed below a domain. False without memory."""
    cdef Page* page = <Page*>page_of(table, key)
    cdef uint32_t place, number
    if not find_slot(page, key, ABOVE, &place):
        return _insert(table, key, ABOVE, place, 1) if more else True
    number = number_at(page, place)
    if not more:
        if number == 1:
            _remove(table, page, place)
        else:
            set_number(page, place, number - 1)
        return True
    if number == UINT32_MAX or not make_room(page, number + 1):
        return False
    set_number(page, place, number + 1)
    return True


cdef uint32_t get_name(const NameTable* table, const Suffix* keys, unsigned int labels,
                       Part part) noexcept nogil:
    """The value at exactly that name, NO_VALUE where there is none.

    `keys` are the hashes of all its suffixes.
    """
    cdef const Page* page = page_of(table, keys[labels - 1])
    cdef uint32_t place
    if find_slot(page, keys[labels - 1], part, &place):
        return number_at(page, place)
    return NO_VALUE


cdef bint put_name(NameTable* table, const Suffix* keys, unsigned int labels, Part part,
                   uint32_t value) noexcept nogil:
    """Makes the value that of the name, in the place of any other; NO_VALUE takes it out.

    `keys` are the hashes of all its suffixes. Takes over a reference to the value. False without
    memory: nothing was changed.
    """
    cdef Suffix key = keys[labels - 1]
    cdef Page* page = <Page*>page_of(table, key)
    cdef uint32_t place, old = NO_VALUE
    cdef bint counted = False, counts = has_listing(table.values, value), is_new
    is_new = not find_slot(page, key, part, &place)
    if is_new:
        if value == NO_VALUE:
            return True
        if not _insert(table, key, part, place, value):
            return False
    else:
        old = number_at(page, place)
        counted = mark_at(page, place) & COUNTED != 0
        if not make_room(page, value):
            return False
    if counts != counted and not _count_in_all(table, keys, labels - 1, counts):
        if is_new:
            find_slot(page, key, part, &place)  # which may have moved
            _remove(table, page, place)
        return False
    find_slot(page, key, part, &place)
    if value == NO_VALUE:
        _remove(table, page, place)
    else:
        set_number(page, place, value)
        slot_at(page, place)[HASH_OCTETS] = mark_of(key, part) | (COUNTED if counts else 0)
        table.levels[labels] |= 1 << <unsigned int>part
        table.deepest = max(table.deepest, labels)
        page.due = min(page.due, table.values.held[value].expires)
        table.least_due = min(table.least_due, page.due)
    table.entries += entry_count(table.values, value)
    table.entries -= entry_count(table.values, old)
    release(table.values, old, 1)
    return True


cdef bint _count_in_all(NameTable* table, const Suffix* keys, unsigned int above,
                        bint more) noexcept nogil:
    """One name more, or fewer, is listed below so many domains. All of it, or False and nothing."""
    cdef unsigned int level
    for level in range(above):
        if not _count_above(table, keys[level], more):
            while level:
                level -= 1
                _count_above(table, keys[level], False)
            return False
    return True


cdef void hash_name(const NameTable* table, const uint8_t* name, unsigned int labels,
                    NameKeys* keys) noexcept nogil:
    """Makes ready to look a name up: `name` is on the wire, of 1 to LABELS_MOST labels."""
    keys.name = name
    keys.labels = labels
    keys.count = _hash(table, name, labels, min(<unsigned int>KEYS_HELD_MAX, table.deepest),
                       keys.keys, False)


cdef unsigned int covering_name(const NameTable* table, const NameKeys* keys, bint below,
                                uint32_t* found) noexcept nogil:
    """The values of the names that cover this one, in the order in which they decide; how many.

    `below`: of those that cover all names below it. `found` has room for NAME_FOUND_MAX.
    """
    cdef Suffix more[LABELS_MOST]
    cdef const Suffix* held = keys.keys
    cdef unsigned int level = min(keys.labels, table.deepest), parts, count = 0
    if level > keys.count:  # deeper than most
        _hash(table, keys.name, keys.labels, level, more, False)
        held = more
    while level:
        parts = 1 << ALL | 1 << (EXACT if level == keys.labels and not below else BELOW)
        if table.levels[level] & parts:
            count = _values_of(page_of(table, held[level - 1]), held[level - 1], parts, found,
                               count)
        level -= 1
    return count


cdef inline unsigned int _values_of(const Page* page, Suffix key, unsigned int parts,
                                    uint32_t* found, unsigned int count) noexcept nogil:
    """Adds the values of those parts of a domain; how many there are with those before."""
    cdef uint32_t place = first_place(page, key), number
    cdef uint8_t mark
    while place < page.count and hash_at(page, place) == key.low:
        mark = mark_at(page, place)
        if (mark ^ mark_of(key, EXACT)) & MORE_MASK == 0 and parts >> (mark & PART_MASK) & 1:
            number = number_at(page, place)
            if number != NO_VALUE:
                found[count] = number
                count += 1
        place += 1
    return count


cdef bint listed_below_name(const NameTable* table, const NameKeys* keys) noexcept nogil:
    """Whether any name below this one is listed, alone or with others; not it itself."""
    cdef Suffix more[LABELS_MOST]
    cdef Suffix key
    cdef const Page* page
    cdef uint32_t place
    cdef uint8_t mark
    if keys.labels > table.deepest:
        return False
    if keys.labels > keys.count:
        hash_suffixes(table, keys.name, keys.labels, keys.labels, more)
        key = more[keys.labels - 1]
    else:
        key = keys.keys[keys.labels - 1]
    page = page_of(table, key)
    place = first_place(page, key)
    while place < page.count and hash_at(page, place) == key.low:
        mark = mark_at(page, place)
        if (mark ^ mark_of(key, EXACT)) & MORE_MASK == 0:
            if mark & PART_MASK == ABOVE:
                return True
            if mark & PART_MASK != EXACT and has_listing(table.values, number_at(page, place)):
                return True
        place += 1
    return False


cdef void pack_names(NameTable* table) noexcept nogil:
    """Lays the pages close together, for after a load; they have grown among each other.

    Takes as much again for a moment; where it cannot have that, all stays as it is.
    """
    cdef uint8_t** packed = <uint8_t**>calloc(PAGES, sizeof(uint8_t*))
    cdef unsigned int index, done = 0
    cdef Page* page
    if packed == NULL:
        return
    while done < PAGES:
        page = &table.pages[done]
        if page.count:
            packed[done] = <uint8_t*>malloc(slot_size(page) * page.count)
            if packed[done] == NULL:
                break
        done += 1
    for index in range(PAGES):
        page = &table.pages[index]
        if done < PAGES:
            free(packed[index])
        elif page.count:
            memcpy(packed[index], page.slots, slot_size(page) * page.count)
            free(page.slots)
            page.slots = packed[index]
            page.room = page.count
    free(packed)


cdef long drop_due_names(NameTable* table, double now, long limit) noexcept nogil:
    """Takes out entries that have expired, `limit` or somewhat more of them if there are so many.

    How many it took out; -1 without memory.
    """
    cdef long dropped = 0
    cdef int64_t least = INT64_MAX
    cdef unsigned int index
    if not table.least_due <= now:
        return 0
    for index in range(PAGES):
        if table.pages[index].due <= now:
            if dropped >= limit:
                return dropped  # least_due stays: there is more
            if not _drop_in_page(table, &table.pages[index], now, &dropped):
                return -1
        least = min(least, table.pages[index].due)
    table.least_due = least
    return dropped


cdef bint _drop_in_page(NameTable* table, Page* page, double now, long* dropped) noexcept nogil:
    cdef int64_t due = INT64_MAX
    cdef uint32_t place = page.count, value, kept
    cdef uint8_t mark
    # From the end: what moves when one is taken out is what was looked at already.
    while place:
        place -= 1
        mark = mark_at(page, place)
        value = number_at(page, place)
        if mark & PART_MASK == ABOVE or value == NO_VALUE:
            continue
        if not table.values.held[value].expires > now:
            kept = without_expired(table.values, value, now)
            if kept == NO_MEMORY:
                return False
            if not make_room(page, kept):
                release(table.values, kept, 1)
                return False
            dropped[0] += entry_count(table.values, value) - entry_count(table.values, kept)
            table.entries -= entry_count(table.values, value) - entry_count(table.values, kept)
            if kept == NO_VALUE and not mark & COUNTED:
                _remove(table, page, place)
            else:
                set_number(page, place, kept)
            release(table.values, value, 1)
            value = kept
        if value != NO_VALUE:
            due = min(due, table.values.held[value].expires)
    page.due = due
    return True
