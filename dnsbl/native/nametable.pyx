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

from libc.stdint cimport INT64_MAX, UINT32_MAX, int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free, malloc, realloc
from libc.string cimport memcpy, memmove

from dnsbl.native.suffixes cimport LABELS_MOST, Secret, Sip, Suffix, begin_hash, hash_label, hashed
from dnsbl.native.values cimport (
    NO_MEMORY, NO_VALUE, Values, entry_count, has_listing, release, without_expired,
)

cdef enum:
    HASH_OCTETS = 8
    NUMBER_AT = HASH_OCTETS + 1
    PART_MASK = 3
    COUNTED = 4
    MORE_SHIFT = 3                # of the five bits of the hash in the mark
    MORE_MASK = 0xF8
    SPARE_LEAST = 4


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
        keys[index] = hashed(&sip)
    return most


cdef inline uint8_t* _slot(const Page* page, uint32_t place) noexcept nogil:
    return page.slots + slot_size(page) * place


cdef inline uint64_t _hash_at(const Page* page, uint32_t place) noexcept nogil:
    cdef uint64_t low
    memcpy(&low, _slot(page, place), HASH_OCTETS)
    return low


cdef inline uint8_t _mark_at(const Page* page, uint32_t place) noexcept nogil:
    return _slot(page, place)[HASH_OCTETS]


cdef inline uint32_t _number_at(const Page* page, uint32_t place) noexcept nogil:
    cdef const uint8_t* at = _slot(page, place) + NUMBER_AT
    cdef uint16_t two
    cdef uint32_t four
    if page.width == 1:
        return at[0]
    if page.width == 2:
        memcpy(&two, at, 2)
        return two
    memcpy(&four, at, 4)
    return four


cdef inline void _set_number(const Page* page, uint32_t place, uint32_t number) noexcept nogil:
    """The page is wide enough for it."""
    cdef uint8_t* at = _slot(page, place) + NUMBER_AT
    cdef uint16_t two = <uint16_t>number
    if page.width == 1:
        at[0] = <uint8_t>number
    elif page.width == 2:
        memcpy(at, &two, 2)
    else:
        memcpy(at, &number, 4)


cdef inline uint8_t _mark(Suffix key, Part part) noexcept nogil:
    """The mark of a slot that is not counted: 5 bits that the page's number has not used."""
    return <uint8_t>((key.high >> (64 - PAGE_BITS - 5) & 31) << MORE_SHIFT | <unsigned int>part)


cdef inline uint32_t _first(const Page* page, Suffix key) noexcept nogil:
    """The first place whose hash is not less; the count where there is none."""
    cdef uint32_t place = likely_place(page, key)
    while place and _hash_at(page, place - 1) >= key.low:
        place -= 1
    while place < page.count and _hash_at(page, place) < key.low:
        place += 1
    return place


cdef inline bint _find(const Page* page, Suffix key, Part part, uint32_t* place) noexcept nogil:
    """Whether there is that slot; and its place, or the one where it belongs."""
    cdef uint8_t mark = _mark(key, part), there
    cdef uint32_t at = _first(page, key)
    while at < page.count and _hash_at(page, at) == key.low:
        there = _mark_at(page, at) & ~<uint8_t>COUNTED
        if there >= mark:
            place[0] = at
            return there == mark
        at += 1
    place[0] = at
    return False


cdef bint _make_room(Page* page, uint32_t number) noexcept nogil:
    """Room for one more slot, and width for that number; False without memory."""
    cdef uint8_t width = 1 if number <= 0xFF else 2 if number <= 0xFFFF else 4
    cdef uint32_t room = page.room
    cdef uint8_t* slots
    cdef Page wide
    cdef uint32_t place
    if page.count == room:
        if room > UINT32_MAX / 2:
            return False
        room += SPARE_LEAST + room / 16
    if width <= page.width:
        if room != page.room:
            slots = <uint8_t*>realloc(page.slots, slot_size(page) * room)
            if slots == NULL:
                return False
            page.slots = slots
            page.room = room
        return True
    wide = page[0]
    wide.width = width
    wide.room = room
    wide.slots = <uint8_t*>malloc(slot_size(&wide) * room)
    if wide.slots == NULL:
        return False
    for place in range(page.count):
        memcpy(_slot(&wide, place), _slot(page, place), NUMBER_AT)
        _set_number(&wide, place, _number_at(page, place))
    free(page.slots)
    page[0] = wide
    return True


cdef bint _insert(NameTable* table, Suffix key, Part part, uint32_t place,
                  uint32_t number) noexcept nogil:
    """Puts a slot, not counted, at its place. False without memory: nothing was changed."""
    cdef Page* page = <Page*>page_of(table, key)
    if not _make_room(page, number):
        return False
    memmove(_slot(page, place + 1), _slot(page, place), slot_size(page) * (page.count - place))
    page.count += 1
    memcpy(_slot(page, place), &key.low, HASH_OCTETS)
    _slot(page, place)[HASH_OCTETS] = _mark(key, part)
    _set_number(page, place, number)
    table.slots += 1
    return True


cdef void _remove(NameTable* table, Page* page, uint32_t place) noexcept nogil:
    cdef uint32_t room
    cdef uint8_t* slots
    page.count -= 1
    table.slots -= 1
    memmove(_slot(page, place), _slot(page, place + 1), slot_size(page) * (page.count - place))
    if page.count == 0:
        free(page.slots)
        page.slots = NULL
        page.room = 0
        page.width = 1
        return
    room = page.count + SPARE_LEAST + page.count / 16
    if page.room > room + SPARE_LEAST + page.count / 8:  # memory follows what is held
        slots = <uint8_t*>realloc(page.slots, slot_size(page) * room)
        if slots != NULL:
            page.slots = slots
            page.room = room


cdef bint _count_above(NameTable* table, Suffix key, bint more) noexcept nogil:
    """One name more, or fewer, is listed below a domain. False without memory."""
    cdef Page* page = <Page*>page_of(table, key)
    cdef uint32_t place, number
    if not _find(page, key, ABOVE, &place):
        return _insert(table, key, ABOVE, place, 1) if more else True
    number = _number_at(page, place)
    if not more:
        if number == 1:
            _remove(table, page, place)
        else:
            _set_number(page, place, number - 1)
        return True
    if number == UINT32_MAX or not _make_room(page, number + 1):
        return False
    _set_number(page, place, number + 1)
    return True


cdef uint32_t get_name(const NameTable* table, const Suffix* keys, unsigned int labels,
                       Part part) noexcept nogil:
    """The value at exactly that name, NO_VALUE where there is none.

    `keys` are the hashes of all its suffixes.
    """
    cdef const Page* page = page_of(table, keys[labels - 1])
    cdef uint32_t place
    if _find(page, keys[labels - 1], part, &place):
        return _number_at(page, place)
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
    is_new = not _find(page, key, part, &place)
    if is_new:
        if value == NO_VALUE:
            return True
        if not _insert(table, key, part, place, value):
            return False
    else:
        old = _number_at(page, place)
        counted = _mark_at(page, place) & COUNTED != 0
        if not _make_room(page, value):
            return False
    if counts != counted and not _count_in_all(table, keys, labels - 1, counts):
        if is_new:
            _find(page, key, part, &place)  # which may have moved
            _remove(table, page, place)
        return False
    _find(page, key, part, &place)
    if value == NO_VALUE:
        _remove(table, page, place)
    else:
        _set_number(page, place, value)
        _slot(page, place)[HASH_OCTETS] = _mark(key, part) | (COUNTED if counts else 0)
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
    keys.count = hash_suffixes(table, name, labels, min(<unsigned int>KEYS_HELD_MAX, table.deepest),
                               keys.keys)


cdef unsigned int covering_name(const NameTable* table, const NameKeys* keys, bint below,
                                uint32_t* found) noexcept nogil:
    """The values of the names that cover this one, in the order in which they decide; how many.

    `below`: of those that cover all names below it. `found` has room for NAME_FOUND_MAX.
    """
    cdef Suffix more[LABELS_MOST]
    cdef const Suffix* held = keys.keys
    cdef unsigned int level = min(keys.labels, table.deepest), parts, count = 0
    if level > keys.count:  # deeper than most
        hash_suffixes(table, keys.name, keys.labels, level, more)
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
    cdef uint32_t place = _first(page, key), number
    cdef uint8_t mark
    while place < page.count and _hash_at(page, place) == key.low:
        mark = _mark_at(page, place)
        if (mark ^ _mark(key, EXACT)) & MORE_MASK == 0 and parts >> (mark & PART_MASK) & 1:
            number = _number_at(page, place)
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
    place = _first(page, key)
    while place < page.count and _hash_at(page, place) == key.low:
        mark = _mark_at(page, place)
        if (mark ^ _mark(key, EXACT)) & MORE_MASK == 0:
            if mark & PART_MASK == ABOVE:
                return True
            if mark & PART_MASK != EXACT and has_listing(table.values, _number_at(page, place)):
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
        mark = _mark_at(page, place)
        value = _number_at(page, place)
        if mark & PART_MASK == ABOVE or value == NO_VALUE:
            continue
        if not table.values.held[value].expires > now:
            kept = without_expired(table.values, value, now)
            if kept == NO_MEMORY:
                return False
            if not _make_room(page, kept):
                release(table.values, kept, 1)
                return False
            dropped[0] += entry_count(table.values, value) - entry_count(table.values, kept)
            table.entries -= entry_count(table.values, value) - entry_count(table.values, kept)
            if kept == NO_VALUE and not mark & COUNTED:
                _remove(table, page, place)
            else:
                _set_number(page, place, kept)
            release(table.values, value, 1)
            value = kept
        if value != NO_VALUE:
            due = min(due, table.values.held[value].expires)
    page.due = due
    return True
