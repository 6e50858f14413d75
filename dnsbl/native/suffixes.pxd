# cython: boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""A domain name and each of its suffixes as keyed hashes: SipHash-2-4 with 128 bits.

What is hashed are the labels from the last to the first, each with its length
before it and zeros behind it up to a multiple of eight octets. So a suffix is
a beginning, and all suffixes of a name together cost one walk along it; and no
two names are the same octets, whatever a label holds. Letters are lower-cased
(RFC 4343 §3). The secret is random, so that nobody who does not know it can
find two names of one hash, or names that crowd in one place.
"""

from libc.stdint cimport uint8_t, uint64_t
from libc.string cimport memcpy

cdef enum:
    BLOCK = 8                     # octets
    LABELS_MOST = 127             # RFC 1035 §2.3.4, of 255 octets

cdef struct Secret:
    uint64_t first
    uint64_t second

cdef struct Suffix:               # the hash of one
    uint64_t high
    uint64_t low

cdef struct Sip:
    uint64_t v0
    uint64_t v1
    uint64_t v2
    uint64_t v3
    uint64_t blocks


cdef inline uint64_t _turned(uint64_t word, unsigned int bits) noexcept nogil:
    return word << bits | word >> (64 - bits)


cdef inline void _round(Sip* sip) noexcept nogil:
    sip.v0 += sip.v1
    sip.v2 += sip.v3
    sip.v1 = _turned(sip.v1, 13) ^ sip.v0
    sip.v3 = _turned(sip.v3, 16) ^ sip.v2
    sip.v0 = _turned(sip.v0, 32)
    sip.v2 += sip.v1
    sip.v0 += sip.v3
    sip.v1 = _turned(sip.v1, 17) ^ sip.v2
    sip.v3 = _turned(sip.v3, 21) ^ sip.v0
    sip.v2 = _turned(sip.v2, 32)


cdef inline void _absorb(Sip* sip, uint64_t block) noexcept nogil:
    sip.v3 ^= block
    _round(sip)
    _round(sip)
    sip.v0 ^= block


cdef inline void begin_hash(Sip* sip, const Secret* secret) noexcept nogil:
    """Before the last label."""
    sip.v0 = secret.first ^ <uint64_t>0x736F6D6570736575
    sip.v1 = secret.second ^ <uint64_t>0x646F72616E646F6D ^ 0xEE
    sip.v2 = secret.first ^ <uint64_t>0x6C7967656E657261
    sip.v3 = secret.second ^ <uint64_t>0x7465646279746573
    sip.blocks = 0


cdef inline uint64_t _lowered(uint64_t octets) noexcept nogil:
    """Eight octets, the letters of ASCII among them in lower case."""
    cdef uint64_t low = octets & <uint64_t>0x7F7F7F7F7F7F7F7F
    cdef uint64_t from_a = low + <uint64_t>0x3F3F3F3F3F3F3F3F       # the high bit: "A" or more
    cdef uint64_t beyond_z = low + <uint64_t>0x2525252525252525     # more than "Z"
    cdef uint64_t letters = from_a & ~beyond_z & ~octets & <uint64_t>0x8080808080808080
    return octets | letters >> 2


cdef inline void hash_label(Sip* sip, const uint8_t* label) noexcept nogil:
    """The next label to the left, of at most 63 octets, with its length before it."""
    cdef unsigned int size = label[0] + 1, at = 0
    cdef uint64_t block
    while size - at >= BLOCK:
        memcpy(&block, label + at, BLOCK)
        _absorb(sip, _lowered(block))
        sip.blocks += 1
        at += BLOCK
    if at < size:
        block = 0
        memcpy(&block, label + at, size - at)
        _absorb(sip, _lowered(block))
        sip.blocks += 1


cdef inline Suffix hashed(const Sip* begun) noexcept nogil:
    """The hash of the labels so far."""
    cdef Sip sip = begun[0]
    cdef Suffix suffix
    cdef unsigned int index
    _absorb(&sip, sip.blocks * BLOCK << 56)
    sip.v2 ^= 0xEE
    for index in range(4):
        _round(&sip)
    suffix.low = sip.v0 ^ sip.v1 ^ sip.v2 ^ sip.v3
    sip.v1 ^= 0xDD
    for index in range(4):
        _round(&sip)
    suffix.high = sip.v0 ^ sip.v1 ^ sip.v2 ^ sip.v3
    return suffix
