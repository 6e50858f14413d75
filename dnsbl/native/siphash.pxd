# cython: boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""SipHash-2-4; the compiled twin of `dnsbl.wire.siphash`."""

from libc.stdint cimport uint8_t, uint64_t


cdef inline uint64_t _turned(uint64_t word, unsigned int bits) noexcept nogil:
    return word << bits | word >> (64 - bits)


cdef inline void _sip_round(uint64_t* v) noexcept nogil:
    v[0] += v[1]
    v[1] = _turned(v[1], 13) ^ v[0]
    v[0] = _turned(v[0], 32)
    v[2] += v[3]
    v[3] = _turned(v[3], 16) ^ v[2]
    v[0] += v[3]
    v[3] = _turned(v[3], 21) ^ v[0]
    v[2] += v[1]
    v[1] = _turned(v[1], 17) ^ v[2]
    v[2] = _turned(v[2], 32)


cdef inline uint64_t _read64(const uint8_t* data, size_t size) noexcept nogil:
    """Up to eight octets, the first the lowest."""
    cdef uint64_t word = 0
    cdef size_t index
    for index in range(size):
        word |= <uint64_t>data[index] << (8 * index)
    return word


cdef inline uint64_t siphash24(const uint64_t* key, const uint8_t* data,
                               size_t size) noexcept nogil:
    """The hash of so many octets under a key of two words, as a word, its first octet the lowest."""
    cdef uint64_t v[4]
    cdef uint64_t word
    cdef size_t at = 0
    v[0] = key[0] ^ <uint64_t>0x736F6D6570736575
    v[1] = key[1] ^ <uint64_t>0x646F72616E646F6D
    v[2] = key[0] ^ <uint64_t>0x6C7967656E657261
    v[3] = key[1] ^ <uint64_t>0x7465646279746573
    while at <= size:  # the last word has the size as well, so there is always one more
        if size - at >= 8:
            word = _read64(data + at, 8)
        else:
            word = _read64(data + at, size - at) | <uint64_t>size << 56
        v[3] ^= word
        _sip_round(v)
        _sip_round(v)
        v[0] ^= word
        at += 8
    v[2] ^= 0xFF
    _sip_round(v)
    _sip_round(v)
    _sip_round(v)
    _sip_round(v)
    return v[0] ^ v[1] ^ v[2] ^ v[3]
