# cython: boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""What became of the messages that a drain took."""

from libc.stdint cimport uint64_t

from dnsbl.native.answer cimport TYPE_SLOTS, Answerer, type_slot
from dnsbl.native.bits cimport lowest_bit
from dnsbl.native.query cimport Query
from dnsbl.native.reply cimport Reply
from dnsbl.native.values cimport CATEGORIES_MAX

cdef enum:
    RCODES = 2                    # NOERROR, NXDOMAIN

cdef struct ZoneCounts:
    uint64_t replies[TYPE_SLOTS][RCODES]
    uint64_t hits                 # replies that list
    uint64_t listed[CATEGORIES_MAX]
    uint64_t ignored              # by the zone's access list

cdef struct Counts:
    ZoneCounts* zones             # by the answerer's plans
    uint64_t truncated
    uint64_t ignored              # by the server's access list
    uint64_t limited
    uint64_t slipped
    uint64_t short_
    uint64_t response
    uint64_t oversized
    uint64_t unreceived
    uint64_t unsent
    uint64_t batches
    uint64_t declined

cdef dict told(const Counts* counts, Answerer answerer)


cdef inline void count_reply(ZoneCounts* zone, const Query* query, const Reply* reply) noexcept nogil:
    """A reply of that zone leaves."""
    cdef uint64_t listed = reply.listed
    zone.replies[type_slot(query.qtype)][reply.rcode != 0] += 1
    zone.hits += listed != 0
    while listed:
        zone.listed[lowest_bit(listed)] += 1
        listed &= listed - 1
