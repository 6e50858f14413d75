# cython: boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""The single addresses of a run.

Most lists are millions of them. A run holds their two low bytes, sorted: two
bytes each, and no more where they share a value; else the values follow, each
of the same width. A question finds its place by interpolation (`address_place`,
which stands with `address_value` in addresses.pxd so that it becomes part of
its callers): one or two cache lines.
"""

from libc.stdint cimport uint8_t, uint16_t, uint32_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy, memmove

from dnsbl.native.run cimport Run
from dnsbl.native.values cimport NO_VALUE


cdef inline uint8_t _width(uint32_t value) noexcept nogil:
    return 1 if value <= 0xFF else 2 if value <= 0xFFFF else 4


cdef inline void _write(uint8_t* values, uint8_t width, uint32_t index,
                        uint32_t value) noexcept nogil:
    if width == 1:
        values[index] = <uint8_t>value
    elif width == 2:
        (<uint16_t*>values)[index] = <uint16_t>value
    else:
        (<uint32_t*>values)[index] = value


cdef bint _reshape(Run* run, uint32_t count, uint8_t width) noexcept nogil:
    """Makes room for so many addresses with values of that width; keeps what fits in both."""
    cdef size_t room = _room(count)
    cdef size_t held = run.count if run.count < count else count
    cdef size_t index
    cdef uint8_t* addresses
    if width == run.width and room == _room(run.count) and run.addresses != NULL:
        return True
    addresses = <uint8_t*>malloc(room * (2 + width))
    if addresses == NULL:
        return False
    if held:
        memcpy(addresses, run.addresses, held * 2)
        for index in range(held if width else 0):
            _write(addresses + 2 * room, width, <uint32_t>index,
                   address_value(run, <uint32_t>index))
    free(run.addresses)
    run.addresses = addresses
    run.width = width
    return True


cdef bint insert_address(Run* run, uint32_t place, uint16_t suffix,
                         uint32_t value) noexcept nogil:
    cdef uint8_t width = run.width
    cdef uint16_t* suffixes
    cdef uint8_t* values
    cdef size_t moved = run.count - place
    if run.count == 0:
        width = 0
    elif width == 0 and value != run.uniform:
        width = max(_width(value), _width(run.uniform))
    elif width:
        width = max(width, _width(value))
    if not _reshape(run, run.count + 1, width):
        return False
    suffixes = <uint16_t*>run.addresses
    memmove(suffixes + place + 1, suffixes + place, moved * 2)
    suffixes[place] = suffix
    if width:
        values = run.addresses + 2 * <size_t>_room(run.count + 1)
        memmove(values + (place + 1) * <size_t>width, values + place * <size_t>width,
                moved * width)
        _write(values, width, place, value)
    else:
        run.uniform = value
    run.count += 1
    return True


cdef bint remove_address(Run* run, uint32_t place) noexcept nogil:
    cdef size_t width = run.width, behind = run.count - place - 1
    cdef size_t room = _room(run.count), smaller = _room(run.count - 1)
    cdef uint8_t* old = run.addresses
    cdef uint8_t* new = old
    if run.count == 1:
        free(old)
        run.addresses = NULL
        run.count = 0
        run.width = 0
        run.uniform = NO_VALUE
        return True
    if smaller != room:
        new = <uint8_t*>malloc(smaller * (2 + width))
        if new == NULL:
            return False
        memcpy(new, old, place * <size_t>2)
        memcpy(new + 2 * smaller, old + 2 * room, place * width)
    memmove(new + place * <size_t>2, old + (place + 1) * <size_t>2, behind * 2)
    memmove(new + 2 * smaller + place * width, old + 2 * room + (place + 1) * width,
            behind * width)
    if new != old:
        free(old)
        run.addresses = new
    run.count -= 1
    return True


cdef bint set_address(Run* run, uint32_t place, uint32_t value) noexcept nogil:
    cdef uint8_t width
    if run.width == 0:
        if run.count == 1 or run.uniform == value:
            run.uniform = value
            return True
        width = max(_width(value), _width(run.uniform))
    else:
        width = max(run.width, _width(value))
    if not _reshape(run, run.count, width):
        return False
    _write(run.addresses + 2 * <size_t>_room(run.count), width, place, value)
    return True


cdef bint fill_addresses(Run* run, uint32_t count, const uint16_t* suffixes,
                         const uint32_t* values) noexcept nogil:
    """Fills a run that has no addresses yet with `count` (1 or more) of them, sorted, each once.

    False without memory: nothing was changed.
    """
    cdef uint32_t index, largest = 0
    cdef bint differ = False
    cdef uint8_t* addresses
    cdef uint8_t width
    for index in range(count):
        differ = differ or values[index] != values[0]
        largest = max(largest, values[index])
    width = _width(largest) if differ else 0
    addresses = <uint8_t*>malloc(<size_t>_room(count) * (2 + width))
    if addresses == NULL:
        return False
    memcpy(addresses, suffixes, <size_t>count * 2)
    for index in range(count if width else 0):
        _write(addresses + 2 * <size_t>_room(count), width, index, values[index])
    run.addresses = addresses
    run.count = count
    run.width = width
    run.uniform = values[0] if width == 0 else NO_VALUE
    return True
