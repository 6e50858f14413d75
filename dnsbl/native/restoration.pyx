# cython: boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""A radix out of octets: reads what `dnsbl.native.image` writes, and trusts none of it."""

from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free, malloc
from libc.string cimport memcpy, memset

from dnsbl.native.bits cimport Bits, leading_zeros, lowest_bit, masked6, popcount
from dnsbl.native.image cimport KIND_IPV6, KIND_RUNS, KIND_WIDE, MIXED
from dnsbl.native.ipv4 cimport RUNS, Tree4, fill4, put4
from dnsbl.native.ipv6 cimport put6
from dnsbl.native.radix cimport Radix
from dnsbl.native.values cimport (
    CATEGORIES_MAX, NO_MEMORY, NO_VALUE, TIMES, Entries, intern, release, retain,
)

cdef enum:
    VALUE_OCTETS_LEAST = 26


class DamagedError(ValueError):
    """The octets are no radix of these categories."""



cdef struct _Reader:
    const uint8_t* at
    const uint8_t* end
    uint32_t* values            # of the piece, each with a reference
    uint32_t count


cdef bint _get(_Reader* reader, void* to, size_t size) noexcept nogil:
    """Reads so many octets, if there are so many."""
    if <size_t>(reader.end - reader.at) < size:
        return False
    memcpy(to, reader.at, size)
    reader.at += size
    return True


def restore(Radix radix not None, const uint8_t[::1] octets not None) -> int:
    """Fills an empty radix with the pieces at the beginning; how many octets they are.

    Raises DamagedError where they are none; the radix is then of no use.
    """
    cdef const uint8_t* start = &octets[0] if octets.shape[0] else NULL
    cdef _Reader reader
    cdef uint32_t size = 0
    cdef size_t at = 0, all_ = octets.shape[0]
    cdef int done = 1
    with nogil:
        while True:
            if all_ - at < 4:
                done = 0
                break
            memcpy(&size, start + at, 4)
            at += 4
            if size == 0:
                break
            if all_ - at < size:
                done = 0
                break
            memset(&reader, 0, sizeof(reader))
            reader.at = start + at
            reader.end = reader.at + size
            done = _restore_piece(radix, &reader)
            if done != 1:
                break
            at += size
    if done < 0:
        raise MemoryError
    if not done:
        raise DamagedError("the image is damaged")
    return at


cdef int _restore_piece(Radix radix, _Reader* reader) noexcept nogil:
    """1: done; 0: damaged; -1: no memory."""
    cdef uint8_t kind
    cdef uint32_t index
    cdef int done = 0
    if _get(reader, &kind, 1) and _get(reader, &reader.count, 4):
        # What a value takes at least is a bound to what is asked for.
        if reader.count <= <size_t>(reader.end - reader.at) / VALUE_OCTETS_LEAST:
            reader.values = <uint32_t*>calloc(<size_t>reader.count + 1, sizeof(uint32_t))
            if reader.values == NULL:
                return -1
            done = _restore_values(radix, reader)
            if done == 1:
                if kind == KIND_RUNS:
                    done = _restore_runs(radix, reader)
                elif kind == KIND_WIDE:
                    done = _restore_wide(radix, reader)
                elif kind == KIND_IPV6:
                    done = _restore_block(radix, reader)
                else:
                    done = 0
            if done == 1 and reader.at != reader.end:
                done = 0
            for index in range(reader.count):
                release(radix.values, reader.values[index], 1)
            free(reader.values)
    return done


cdef int _restore_values(Radix radix, _Reader* reader) noexcept nogil:
    cdef uint32_t index
    cdef uint8_t all_, times, time
    cdef uint64_t mask, known
    cdef Entries entries
    cdef int64_t read[TIMES]
    cdef unsigned int categories = radix.categories_count
    known = ~<uint64_t>0 if categories >= 64 else (<uint64_t>1 << categories) - 1
    for index in range(reader.count):
        if not (_get(reader, &entries.lists, 8) and _get(reader, &entries.excludes, 8)
                and _get(reader, &all_, 1) and _get(reader, &times, 1)):
            return 0
        if (entries.lists | entries.excludes) & ~known or all_ > 1:
            return 0
        time = <uint8_t>(popcount(entries.lists) + popcount(entries.excludes) + all_)
        if time == 0 or (times != 1 and times != time) or not _get(reader, read, times * 8):
            return 0
        entries.excludes_all = all_
        entries.texts = 0  # the rows that have one are read again
        time = 0
        mask = entries.lists
        while mask:
            entries.times[lowest_bit(mask)] = read[time if times > 1 else 0]
            time += 1
            mask &= mask - 1
        mask = entries.excludes
        while mask:
            entries.times[CATEGORIES_MAX + lowest_bit(mask)] = read[time if times > 1 else 0]
            time += 1
            mask &= mask - 1
        if all_:
            entries.times[TIMES - 1] = read[time if times > 1 else 0]
        reader.values[index] = intern(radix.values, &entries)
        if reader.values[index] == NO_MEMORY:
            reader.values[index] = NO_VALUE
            return -1
    return 1


cdef int _restore_runs(Radix radix, _Reader* reader) noexcept nogil:
    cdef uint32_t first, count, high
    cdef int done = 1
    cdef uint16_t* suffixes
    cdef uint32_t* values
    if not (_get(reader, &first, 4) and _get(reader, &count, 4)):
        return 0
    if first >= RUNS or count > RUNS - first:
        return 0
    suffixes = <uint16_t*>malloc(65536 * sizeof(uint16_t))
    values = <uint32_t*>malloc(65536 * sizeof(uint32_t))
    if suffixes == NULL or values == NULL:
        done = -1
    high = first
    while done == 1 and high < first + count:
        done = _restore_run(radix, reader, high, suffixes, values)
        high += 1
    free(suffixes)
    free(values)
    return done


cdef int _restore_run(Radix radix, _Reader* reader, uint32_t high, uint16_t* suffixes,
                      uint32_t* values) noexcept nogil:
    cdef uint32_t count, ranged, uniform, index, place
    cdef uint16_t suffix
    cdef uint8_t length
    cdef Tree4* tree = radix.ipv4
    if not (_get(reader, &count, 4) and _get(reader, &ranged, 4) and _get(reader, &uniform, 4)):
        return 0
    if count > 65536 or ranged > 65534 or tree.runs[high].count:
        return 0
    if not _get(reader, suffixes, 2 * <size_t>count):
        return 0
    for index in range(1, count):
        if suffixes[index - 1] >= suffixes[index]:
            return 0
    if uniform != MIXED and uniform >= reader.count:
        return 0
    if count:
        for index in range(count):
            place = uniform
            if uniform == MIXED and not _get(reader, &place, 4):
                return 0
            if place >= reader.count:
                return 0
            values[index] = reader.values[place]
        for index in range(count):
            retain(radix.values, values[index], 1)
        if not fill4(tree, high, count, suffixes, values):
            for index in range(count):
                release(radix.values, values[index], 1)
            return -1
    for index in range(ranged):
        if not (_get(reader, &suffix, 2) and _get(reader, &length, 1)
                and _get(reader, &place, 4)):
            return 0
        if place >= reader.count or length < 17 or length > 31:
            return 0
        if suffix & ((<uint32_t>1 << (32 - length)) - 1):  # host bits
            return 0
        if not _put4(radix, high << 16 | suffix, length, reader.values[place]):
            return -1
    return 1


cdef bint _put4(Radix radix, uint32_t bits, unsigned int length, uint32_t value) noexcept nogil:
    retain(radix.values, value, 1)
    if not put4(radix.ipv4, bits, length, value):
        release(radix.values, value, 1)
        return False
    return True


cdef int _restore_wide(Radix radix, _Reader* reader) noexcept nogil:
    cdef uint32_t count, index, number, place
    cdef unsigned int length
    if not _get(reader, &count, 4):
        return 0
    for index in range(count):
        if not (_get(reader, &number, 4) and _get(reader, &place, 4)):
            return 0
        if number == 0 or number >= 2 * RUNS or place >= reader.count:
            return 0
        length = 31 - leading_zeros(number)
        if not _put4(radix, number << (32 - length) if length else 0, length,
                     reader.values[place]):
            return -1
    return 1


cdef int _restore_block(Radix radix, _Reader* reader) noexcept nogil:
    cdef uint8_t length
    cdef uint32_t count, index, place
    cdef const uint8_t* high
    cdef const uint8_t* low
    cdef const uint8_t* values
    cdef Bits bits, masked
    cdef size_t keys
    if not (_get(reader, &length, 1) and _get(reader, &count, 4)) or length > 128:
        return 0
    keys = <size_t>count * 8
    if <size_t>(reader.end - reader.at) != keys * (2 if length > 64 else 1) + <size_t>count * 4:
        return 0
    high = reader.at
    low = high + keys
    values = low + keys if length > 64 else low
    for index in range(count):
        memcpy(&bits.high, high + 8 * <size_t>index, 8)
        bits.low = 0
        if length > 64:
            memcpy(&bits.low, low + 8 * <size_t>index, 8)
        memcpy(&place, values + 4 * <size_t>index, 4)
        masked = masked6(bits, length)
        if place >= reader.count or masked.high != bits.high or masked.low != bits.low:
            return 0
        retain(radix.values, reader.values[place], 1)
        if not put6(radix.ipv6, bits, length, reader.values[place]):
            release(radix.values, reader.values[place], 1)
            return -1
    reader.at = reader.end
    return 1
