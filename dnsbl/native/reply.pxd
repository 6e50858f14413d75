"""Replies, written from a query and a plan."""

from libc.stdint cimport uint8_t, uint32_t, uint64_t

from dnsbl.native.decision cimport Decision
from dnsbl.native.query cimport Fate, Query
from dnsbl.native.wire cimport REPLY_OCTETS_MAX

cdef struct Reply:
    uint8_t data[REPLY_OCTETS_MAX]
    size_t size
    unsigned int rcode
    uint64_t listed               # categories of the plan, of a reply that lists

cdef Fate negative(const Query* query, unsigned int rcode, double now, Reply* reply) noexcept nogil
cdef Fate positive(const Query* query, const Decision* decision, double now,
                   Reply* reply) noexcept nogil
cdef void slip(const Query* query, double now, Reply* reply) noexcept nogil
