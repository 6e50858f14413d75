"""Replies, written from a query and a plan."""

from libc.stdint cimport uint8_t, uint32_t, uint64_t

from dnsbl.native.cookie cimport COOKIE
from dnsbl.native.decision cimport Decision
from dnsbl.native.query cimport Fate, Query
from dnsbl.native.wire cimport REPLY_OCTETS_MAX

cdef struct Reply:
    uint8_t data[REPLY_OCTETS_MAX]
    size_t size
    unsigned int rcode
    uint64_t listed               # categories of the plan, of a reply that lists
    bint trusted                  # the client has a cookie of ours
    bint has_cookie
    uint8_t cookie[COOKIE]   # the data of a COOKIE option

cdef Fate negative(const Query* query, unsigned int rcode, Reply* reply) noexcept nogil
cdef Fate positive(const Query* query, const Decision* decision, Reply* reply) noexcept nogil
cdef void slip(const Query* query, Reply* reply) noexcept nogil
