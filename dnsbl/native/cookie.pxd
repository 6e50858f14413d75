# cython: boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Server cookies, made and verified without the interpreter lock."""

from libc.stdint cimport uint8_t, uint64_t

from dnsbl.native.gate cimport Gate

cdef enum:
    CLIENT_COOKIE = 8             # RFC 7873 §4
    COOKIE = 24                   # RFC 9018 §4.4
    SECRETS_MAX = 8               # as in dnsbl.wire.cookie

cdef enum Judgement:
    NO_COOKIE                     # the client has none of ours yet
    BAD_COOKIE                    # it has one that does not hold
    GOOD_COOKIE

cdef class Cookies:
    cdef uint64_t keys[SECRETS_MAX][2]
    cdef unsigned int count
    cdef Gate gate
    cdef Judgement exchange(self, const uint8_t* cookie, size_t size, const uint8_t* address,
                            unsigned int octets, double now, uint8_t* reply) noexcept nogil


cdef inline bint is_cookie_size(size_t size) noexcept nogil:
    """Whether a COOKIE option may have so many octets (RFC 7873 §5.2.2); else it is FORMERR."""
    return size == 8 or 16 <= size <= 40
