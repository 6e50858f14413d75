"""Replies, written from a query and a plan."""

from libc.stdint cimport uint8_t, uint32_t, uint64_t

from dnsbl.native.query cimport Fate, Query

cdef Fate negative(const Query* query, unsigned int rcode_, uint8_t* reply, size_t* size,
                   unsigned int* rcode) noexcept nogil
cdef Fate positive(const Query* query, uint64_t listed, uint32_t ttl, uint8_t* reply,
                   size_t* size, unsigned int* rcode) noexcept nogil
