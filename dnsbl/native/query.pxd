# cython: boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""A query as it is read from a message, and what becomes of that."""

from libc.stdint cimport uint8_t, uint16_t, uint32_t

from dnsbl.native.bits cimport Bits
from dnsbl.native.ipv4 cimport prefetch_place, prefetch_run
from dnsbl.native.plan cimport Plan

cdef enum Fate:
    DECLINED                      # Python decides
    ANSWERED
    TRUNCATED                     # answered, with TC
    DROPPED_SHORT
    DROPPED_RESPONSE

cdef struct Query:
    const uint8_t* data
    const Plan* plan
    uint16_t end                  # of the question
    uint16_t below                # octets of the labels below the origin
    uint16_t last                 # where the last of those labels begins
    uint16_t qtype
    uint16_t limit                # octets that the reply may have
    bint edns
    bint do_
    bint is4                      # the name is that of an IPv4 address or prefix
    bint is6
    uint32_t bits4
    unsigned int length4
    Bits bits6
    unsigned int length6

cdef Fate read_query(const Plan* plans, unsigned int count, const uint8_t* data, size_t size,
                     Query* query) noexcept nogil


cdef inline void prefetch_first(const Query* query) noexcept nogil:
    """Asks for what the answer begins with."""
    if query.is4:
        prefetch_run(query.plan.ipv4, query.bits4)


cdef inline void prefetch_second(const Query* query) noexcept nogil:
    """Asks for what it goes on with; the first has arrived by now."""
    if query.is4:
        prefetch_place(query.plan.ipv4, query.bits4)
