# cython: boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""A page of a table of names: how it grows and shrinks."""

from libc.stdint cimport UINT32_MAX, uint8_t, uint32_t
from libc.stdlib cimport free, malloc, realloc
from libc.string cimport memcpy, memmove

from dnsbl.native.suffixes cimport Suffix

cdef enum:
    SPARE_LEAST = 4               # slots


cdef bint make_room(Page* page, uint32_t number) noexcept nogil:
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
        memcpy(slot_at(&wide, place), slot_at(page, place), NUMBER_AT)
        set_number(&wide, place, number_at(page, place))
    free(page.slots)
    page[0] = wide
    return True


cdef bint insert_slot(Page* page, Suffix key, Part part, uint32_t place,
                      uint32_t number) noexcept nogil:
    """Puts a slot, not counted, at its place. False without memory: nothing was changed."""
    if not make_room(page, number):
        return False
    memmove(slot_at(page, place + 1), slot_at(page, place), slot_size(page) * (page.count - place))
    page.count += 1
    memcpy(slot_at(page, place), &key.low, HASH_OCTETS)
    slot_at(page, place)[HASH_OCTETS] = mark_of(key, part)
    set_number(page, place, number)
    return True


cdef void remove_slot(Page* page, uint32_t place) noexcept nogil:
    """Takes a slot out. Memory follows what is held."""
    cdef uint32_t room
    cdef uint8_t* slots
    page.count -= 1
    memmove(slot_at(page, place), slot_at(page, place + 1), slot_size(page) * (page.count - place))
    if page.count == 0:
        free(page.slots)
        page.slots = NULL
        page.room = 0
        page.width = 1
        return
    room = page.count + SPARE_LEAST + page.count / 16
    if page.room > room + SPARE_LEAST + page.count / 8:
        slots = <uint8_t*>realloc(page.slots, slot_size(page) * room)
        if slots != NULL:
            page.slots = slots
            page.room = room
