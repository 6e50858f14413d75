# cython: boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""The ordinary lines of a feed, read at tens of millions a second: IPv4 addresses and prefixes.

The twin of `dnsbl.formats.plain` for lines such as ``192.0.2.1``,
``192.0.2.0/24 # why`` or ``192.0.2.1,3``, and for those that say nothing. All
others are declined, and left to it: what this module does take means the same
to both, to the letter.

A prefix is kept as a number whose order is that of the canonical text: each
octet is replaced by its rank among all 256 by their text, and so is the length.
("." and "/" sort below every digit, so the texts of two octets never get mixed.)
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.stdlib cimport free, malloc, realloc
from libc.string cimport memchr, memcmp, memcpy

from dnsbl.native.decimal cimport read_decimal

from dnsbl.formats.plain import LINE_OCTETS_MAX as _LINE_OCTETS_MAX

cdef enum:
    RESERVED_MAX = 64        # there are a dozen
    OCTETS = 256
    LENGTHS = 33
    RANK_BITS = 8
    LENGTH_RANK_BITS = 6
    LENGTH_RANKS = 64        # 31 of them unused
    NUMBER_TEXT_MAX = 3      # "255"
    ENTRY_TEXT_MAX = 21      # "255.255.255.255/32" in quotes, and a comma
    PREFIXES_FIRST = 4096    # room for so many to begin with
    # 38 bits of a key are sorted by ten at a time.
    DIGIT_BITS = 10
    DIGITS = 1024
    PASSES = 4

cdef size_t LINE_OCTETS_MAX = _LINE_OCTETS_MAX

cdef struct Text:
    uint8_t size
    uint8_t chars[NUMBER_TEXT_MAX]

# By octet and by length: its rank. By rank: its text.
cdef uint8_t _octet_ranks[OCTETS]
cdef uint8_t _length_ranks[LENGTHS]
cdef Text _octet_texts[OCTETS]
cdef Text _length_texts[LENGTH_RANKS]


cdef void _fill(Text* text, str chars) except *:
    cdef bytes octets = chars.encode()
    assert len(octets) <= NUMBER_TEXT_MAX
    text.size = <uint8_t>len(octets)
    memcpy(text.chars, PyBytes_AS_STRING(octets), len(octets))


cdef void _fill_tables() except *:
    for rank, octet in enumerate(sorted(range(OCTETS), key=str)):
        _octet_ranks[<uint8_t>octet] = rank
        _fill(&_octet_texts[<uint8_t>rank], str(octet))
    for rank, length in enumerate(sorted(range(LENGTHS), key=str)):
        _length_ranks[<size_t>length] = rank
        _fill(&_length_texts[<size_t>rank], str(length))

_fill_tables()


cdef inline bint _is_said_no_more(const uint8_t* at, const uint8_t* end) noexcept nogil:
    """Whether what follows a network is certainly a column, a comment or nothing at all."""
    if at == end or at[0] == 44 or at[0] == 35 or at[0] == 59:  # , # ;
        return True
    if at[0] == 13:  # CR
        return at + 1 == end
    if at[0] != 32 and at[0] != 9:
        return False
    while at < end and (at[0] == 32 or at[0] == 9):
        at += 1
    # Maybe a range, a length or a netmask, set apart by spaces, or a value of its own.
    if at < end and (at[0] == 45 or at[0] == 47 or at[0] == 58):  # - / :
        return False
    return end - at < 4 or memcmp(at, b"255.", 4) != 0


cdef class Prefixes:
    """The IPv4 prefixes of a feed's ordinary lines.

    ``reserved`` has the first and last addresses, as whole numbers, of space
    that is not taken: lines that touch it are declined.
    """

    cdef uint64_t* _keys
    cdef size_t _count
    cdef size_t _room
    cdef uint32_t _first[RESERVED_MAX]
    cdef uint32_t _last[RESERVED_MAX]
    cdef int _reserved

    def __cinit__(self, reserved):
        cdef int index = 0
        if len(reserved) > RESERVED_MAX:
            raise ValueError(f"more than {RESERVED_MAX} reserved ranges")
        for first, last in reserved:
            self._first[index] = first
            self._last[index] = last
            index += 1
        self._reserved = index

    def __dealloc__(self):
        free(self._keys)

    def __len__(self):
        return self._count

    def take(self, bytes block not None, Py_ssize_t number):
        """Takes the ordinary lines of a block of whole lines, the first of which has that number.

        How many lines it has, and of each that is declined its number and where
        in the block it begins and ends (its line feed included).
        """
        cdef const uint8_t* start = <const uint8_t*>PyBytes_AS_STRING(block)
        cdef const uint8_t* end = start + PyBytes_GET_SIZE(block)
        cdef const uint8_t* line = start
        cdef const uint8_t* feed
        cdef const uint8_t* next_line
        cdef Py_ssize_t first = number
        cdef list declined = []
        while line < end:
            feed = <const uint8_t*>memchr(line, 10, end - line)
            next_line = end if feed == NULL else feed + 1
            if (<size_t>(next_line - line) > LINE_OCTETS_MAX
                    or not self._take(line, end if feed == NULL else feed)):
                declined.append((number, line - start, next_line - start))
            line = next_line
            number += 1
        return number - first, declined

    cdef bint _take(self, const uint8_t* at, const uint8_t* end) except -1:
        """Whether a line, without its line feed, is ordinary; if so, its prefix is taken."""
        cdef uint32_t octets[4]
        cdef uint32_t bits, length = 32, host_bits
        cdef int index
        while at < end and (at[0] == 32 or at[0] == 9):
            at += 1
        if at == end or at[0] == 35 or at[0] == 59:  # a blank line or a comment
            return True
        if at[0] == 13:
            return at + 1 == end
        for index in range(4):
            if index:
                if at == end or at[0] != 46:
                    return False
                at += 1
            at = read_decimal(at, end, 255, &octets[index])
            if at == NULL:
                return False
        if at < end and at[0] == 47:
            at = read_decimal(at + 1, end, 32, &length)
            if at == NULL or length == 0:
                return False
        if not _is_said_no_more(at, end):
            return False
        bits = octets[0] << 24 | octets[1] << 16 | octets[2] << 8 | octets[3]
        host_bits = 0 if length == 32 else <uint32_t>0xFFFFFFFF >> length
        if bits & host_bits:
            return False
        for index in range(self._reserved):
            if bits <= self._last[index] and self._first[index] <= bits | host_bits:
                return False
        self._append(
            <uint64_t>_octet_ranks[octets[0]] << 3 * RANK_BITS + LENGTH_RANK_BITS
            | <uint64_t>_octet_ranks[octets[1]] << 2 * RANK_BITS + LENGTH_RANK_BITS
            | <uint64_t>_octet_ranks[octets[2]] << RANK_BITS + LENGTH_RANK_BITS
            | <uint64_t>_octet_ranks[octets[3]] << LENGTH_RANK_BITS
            | _length_ranks[length]
        )
        return True

    cdef int _append(self, uint64_t key) except -1:
        cdef size_t room
        cdef uint64_t* keys
        if self._count == self._room:
            room = self._room + self._room / 2 if self._room else PREFIXES_FIRST
            keys = <uint64_t*>realloc(self._keys, room * sizeof(uint64_t))
            if keys == NULL:
                raise MemoryError
            self._keys = keys
            self._room = room
        self._keys[self._count] = key
        self._count += 1
        return 0

    def sort(self):
        """Brings the prefixes into the order of their text."""
        cdef uint64_t* keys = self._keys
        cdef uint64_t* other
        cdef size_t* starts
        cdef size_t index, start, count
        cdef size_t digits = DIGITS
        cdef int turn, shift
        index = 1
        while index < self._count and keys[index - 1] <= keys[index]:
            index += 1
        if index >= self._count:
            return
        other = <uint64_t*>malloc(self._count * sizeof(uint64_t))
        starts = <size_t*>malloc(DIGITS * sizeof(size_t))
        if other == NULL or starts == NULL:
            free(other)
            free(starts)
            raise MemoryError
        for turn in range(PASSES):  # an even number of them: what was sorted ends in its old place
            shift = turn * DIGIT_BITS
            for index in range(digits):
                starts[index] = 0
            for index in range(self._count):
                starts[keys[index] >> shift & DIGITS - 1] += 1
            start = 0
            for index in range(digits):
                count = starts[index]
                starts[index] = start
                start += count
            for index in range(self._count):
                count = starts[keys[index] >> shift & DIGITS - 1]
                starts[keys[index] >> shift & DIGITS - 1] = count + 1
                other[count] = keys[index]
            keys, other = other, keys
        free(other)
        free(starts)

    def json(self, Py_ssize_t start, Py_ssize_t count):
        """So many prefixes from that one on, fewer at the end, as a JSON array of texts."""
        cdef size_t first = min(max(start, 0), <Py_ssize_t>self._count)
        cdef size_t last = first + min(max(count, 0), <Py_ssize_t>(self._count - first))
        cdef bytes text = PyBytes_FromStringAndSize(NULL, 2 + (last - first) * ENTRY_TEXT_MAX)
        cdef uint8_t* at = <uint8_t*>PyBytes_AS_STRING(text)
        cdef size_t index, size
        at[0] = 91  # [
        at += 1
        for index in range(first, last):
            at = _write(at, self._keys[index])
        if last > first:
            at -= 1  # the last comma
        at[0] = 93  # ]
        size = at + 1 - <uint8_t*>PyBytes_AS_STRING(text)
        return text[:size].decode("ascii")


cdef inline uint8_t* _put(uint8_t* at, const Text* text, uint8_t mark) noexcept nogil:
    memcpy(at, text.chars, text.size)
    at[text.size] = mark
    return at + text.size + 1


cdef uint8_t* _write(uint8_t* at, uint64_t key) noexcept nogil:
    """Writes a prefix in quotes and a comma, at most ENTRY_TEXT_MAX octets; where they end."""
    cdef int shift = 3 * RANK_BITS + LENGTH_RANK_BITS
    at[0] = 34  # "
    at += 1
    while shift > 0:
        at = _put(at, &_octet_texts[key >> shift & OCTETS - 1],
                  47 if shift == LENGTH_RANK_BITS else 46)
        shift -= RANK_BITS
    at = _put(at, &_length_texts[key & LENGTH_RANKS - 1], 34)
    at[0] = 44
    return at + 1
