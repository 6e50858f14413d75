# cython: boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Addresses and networks as text, canonical in both directions; and names, read.

The twin of `dnsbl.network`: what is written here is what `Network.address_text`
says, and what is read is what `parse_canonical` takes, to the letter. Names are
read as `dnsbl.name.parse_canonical_name` reads them.
"""

from libc.stdint cimport uint8_t, uint16_t, uint32_t
from libc.string cimport memcmp, memcpy

from dnsbl.native.bits cimport Bits, masked6
from dnsbl.native.decimal cimport read_decimal

cdef extern from "<arpa/inet.h>" nogil:
    int AF_INET6
    int inet_pton(int family, const char* text, void* octets)

cdef enum:
    GROUPS = 8
    MAPPED_HIGH = 0xFFFF     # RFC 4291 §2.5.5.2: ::ffff:0:0/96 are IPv4 addresses
    MAPPED_LENGTH = 96
    LABEL_MAX = 63           # RFC 1035 §2.3.4
    DOT = 46
    STAR = 42


cdef inline size_t _decimal(unsigned int number, uint8_t* text) noexcept nogil:
    """A number under 1000."""
    cdef size_t size = 0
    if number >= 100:
        text[size] = <uint8_t>(48 + number / 100)
        size += 1
    if number >= 10:
        text[size] = <uint8_t>(48 + number / 10 % 10)
        size += 1
    text[size] = <uint8_t>(48 + number % 10)
    return size + 1


cdef size_t format4(uint32_t bits, uint8_t* text) noexcept nogil:
    """Writes an IPv4 address, at most TEXT4_MAX characters; how many."""
    cdef size_t size = _decimal(bits >> 24, text)
    text[size] = 46
    size += 1
    size += _decimal(bits >> 16 & 0xFF, text + size)
    text[size] = 46
    size += 1
    size += _decimal(bits >> 8 & 0xFF, text + size)
    text[size] = 46
    size += 1
    return size + _decimal(bits & 0xFF, text + size)


cdef inline uint8_t _hex(unsigned int nibble) noexcept nogil:
    return <uint8_t>(48 + nibble if nibble < 10 else 87 + nibble)


cdef size_t format6(Bits bits, uint8_t* text) noexcept nogil:
    """Writes an IPv6 address as RFC 5952 §4 has it, at most TEXT6_MAX characters; how many."""
    cdef uint16_t groups[GROUPS]
    cdef int index, run = 0, longest = 1, start = -1, shift
    cdef size_t size = 0
    cdef bint begun
    for index in range(GROUPS):
        shift = 48 - 16 * (index & 3)
        groups[index] = <uint16_t>((bits.high if index < 4 else bits.low) >> shift)
    for index in range(GROUPS):
        run = run + 1 if groups[index] == 0 else 0
        if run > longest:  # §4.2.2: never one group alone; §4.2.3: the first of the longest
            longest = run
            start = index - run + 1
    index = 0
    while index < GROUPS:
        if index == start:
            text[size] = text[size + 1] = 58
            size += 2
            index += longest
            continue
        if index and text[size - 1] != 58:
            text[size] = 58
            size += 1
        begun = False
        for shift in range(12, -4, -4):
            begun = begun or shift == 0 or groups[index] >> shift & 0xF
            if begun:
                text[size] = _hex(groups[index] >> shift & 0xF)
                size += 1
        index += 1
    return size


cdef bint parse4(const uint8_t* text, size_t size, uint32_t* bits,
                 unsigned int* length) noexcept nogil:
    """Whether the text is an IPv4 network as the database holds it, /1 to /32; and which."""
    cdef const uint8_t* end = text + size
    cdef unsigned int octet = 0, index
    cdef uint32_t found = 0
    for index in range(4):
        text = read_decimal(text, end, 255, &octet)
        if text == NULL or text == end or text[0] != (46 if index < 3 else 47):
            return False
        text += 1
        found = found << 8 | octet
    text = read_decimal(text, end, 32, length)
    if text != end or length[0] == 0:
        return False
    bits[0] = found
    return length[0] == 32 or found << length[0] == 0


cdef bint parse6(const uint8_t* text, size_t size, Bits* bits,
                 unsigned int* length) noexcept nogil:
    """Whether the text is an IPv6 network as the database holds it, /1 to /128; and which."""
    cdef char copied[TEXT6_MAX + 1]
    cdef uint8_t written[TEXT6_MAX + 1]
    cdef uint8_t octets[16]
    cdef size_t slash = 0, index
    cdef const uint8_t* end = text + size
    cdef const uint8_t* after
    cdef Bits prefix
    while slash < size and text[slash] != 47:
        if text[slash] == 0 or slash == TEXT6_MAX:
            return False
        slash += 1
    if slash == size:
        return False
    after = read_decimal(text + slash + 1, end, 128, length)
    if after != end or length[0] == 0:
        return False
    memcpy(copied, text, slash)
    copied[slash] = 0
    if inet_pton(AF_INET6, copied, octets) != 1:
        return False
    bits.high = bits.low = 0
    for index in range(8):
        bits.high = bits.high << 8 | octets[index]
        bits.low = bits.low << 8 | octets[8 + index]
    prefix = masked6(bits[0], length[0])
    if prefix.high != bits.high or prefix.low != bits.low:
        return False
    if length[0] >= MAPPED_LENGTH and bits.high == 0 and bits.low >> 32 == MAPPED_HIGH:
        return False
    return format6(bits[0], written) == slash and memcmp(written, text, slash) == 0


cdef unsigned int parse_name(const uint8_t* text, size_t size, unsigned int* prefix,
                             uint8_t* wire) noexcept nogil:
    """Reads a canonical name; how many labels it has, 0 where it is none.

    `prefix` becomes the octets of "*." or "." before its domain. The domain's labels are written
    as on the wire, without the root, into room for DOMAIN_MAX + 1.
    """
    cdef unsigned int labels = 0, length
    cdef size_t at = 0, start
    cdef bint is_number = False
    prefix[0] = 0
    if size > 1 and text[0] == STAR and text[1] == DOT:
        prefix[0] = 2
    elif size and text[0] == DOT:
        prefix[0] = 1
    text += prefix[0]
    size -= prefix[0]
    if size > DOMAIN_MAX:
        return 0
    while True:
        start = at
        is_number = True
        while at < size and text[at] != DOT:
            if not _is_in_label(text[at]):
                return 0
            is_number = is_number and text[at] <= 57 and text[at] != 45  # digits, no hyphen
            wire[at + 1] = text[at]
            at += 1
        length = <unsigned int>(at - start)
        if length == 0 or length > LABEL_MAX:
            return 0
        wire[start] = <uint8_t>length
        labels += 1
        if at == size:
            break
        at += 1
    return 0 if is_number else labels


cdef inline bint _is_in_label(uint8_t octet) noexcept nogil:
    """A letter in lower case, a digit, "-" or "_"."""
    return 97 <= octet <= 122 or 48 <= octet <= 57 or octet == 45 or octet == 95
