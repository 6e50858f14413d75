# cython: boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""The single addresses of a run, found by interpolation."""

from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t

from dnsbl.native.run cimport Run

cdef enum:
    NEAR = 16                 # places walked one by one from the interpolated one


cdef inline uint32_t _room(uint32_t count) noexcept nogil:
    """For how many addresses a run of so many has room; a function of the count alone."""
    if count <= 256:
        return (count + 7) & ~<uint32_t>7
    if count <= 4096:
        return (count + 63) & ~<uint32_t>63
    return (count + 1023) & ~<uint32_t>1023


cdef inline uint32_t _read(const uint8_t* values, uint8_t width, uint32_t index) noexcept nogil:
    if width == 1:
        return values[index]
    if width == 2:
        return (<const uint16_t*>values)[index]
    return (<const uint32_t*>values)[index]


cdef inline uint32_t address_value(const Run* run, uint32_t index) noexcept nogil:
    """The value of the address at that place, which is under the run's count."""
    if run.width == 0:
        return run.uniform
    return _read(run.addresses + 2 * <size_t>_room(run.count), run.width, index)


cdef inline uint32_t address_place(const Run* run, uint32_t suffix) noexcept nogil:
    """The first place whose suffix is not less; the count where there is none.

    Suffixes of a list are spread evenly or in clumps. Interpolation finds the
    first at once; for the second, steps that double and then halve bound the
    search by the logarithm of the count.
    """
    cdef const uint16_t* suffixes = <const uint16_t*>run.addresses
    cdef uint32_t count = run.count
    cdef uint32_t low, high, middle, step
    if count == 0:
        return 0
    low = <uint32_t>((<uint64_t>suffix * count) >> 16)  # under count, since suffix < 2^16
    if suffixes[low] < suffix:
        for step in range(NEAR):
            low += 1
            if low == count or suffixes[low] >= suffix:
                return low
        high = low  # of which suffixes[low] < suffix is known
        step = NEAR
        while high < count and suffixes[high] < suffix:
            low = high
            high = high + step if step < count - high else count
            step *= 2
        low += 1
    else:
        for step in range(NEAR):
            if low == 0 or suffixes[low - 1] < suffix:
                return low
            low -= 1
        high = low  # suffixes[high] >= suffix
        step = NEAR
        while low > 0 and suffixes[low] >= suffix:
            high = low
            low = low - step if step < low else 0
            step *= 2
        if suffixes[low] < suffix:
            low += 1
    while low < high:
        middle = low + (high - low) / 2
        if suffixes[middle] < suffix:
            low = middle + 1
        else:
            high = middle
    return low


cdef bint insert_address(Run* run, uint32_t place, uint16_t suffix, uint32_t value) noexcept nogil
cdef bint remove_address(Run* run, uint32_t place) noexcept nogil
cdef bint set_address(Run* run, uint32_t place, uint32_t value) noexcept nogil
cdef bint fill_addresses(Run* run, uint32_t count, const uint16_t* suffixes,
                         const uint32_t* values) noexcept nogil
