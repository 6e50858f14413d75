# cython: boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""A query as it is read from a message, and what becomes of that."""

from libc.stdint cimport uint8_t, uint16_t, uint32_t

from dnsbl.native.bits cimport Bits
from dnsbl.native.ipv4 cimport prefetch_place, prefetch_run
from dnsbl.native.nametable cimport NameKeys, prefetch_pages, prefetch_slots
from dnsbl.native.plan cimport Access, Plan

cdef enum Fate:
    DECLINED                      # Python decides
    ANSWERED
    TRUNCATED                     # answered, with TC
    DROPPED_SHORT
    DROPPED_RESPONSE
    DROPPED_IGNORED               # by an access list
    DROPPED_LIMITED               # by the rate limit

cdef struct Client:               # who asks
    uint8_t address[16]           # in the order of the network
    unsigned int octets           # 4 or 16; IPv4-mapped addresses have 4

cdef struct Query:
    const uint8_t* data
    const Plan* plan
    Client client
    uint16_t end                  # of the question
    uint16_t below                # octets of the labels below the origin
    uint16_t last                 # where the last of those labels begins
    uint16_t labels               # how many of them there are
    uint16_t qtype
    uint16_t limit                # octets that the reply may have
    uint16_t cookie               # where the COOKIE option's data begin, 0 where there is none
    uint16_t cookie_size
    bint edns
    bint do_
    bint is4                      # the name is that of an IPv4 address or prefix
    bint is6
    uint32_t bits4
    unsigned int length4
    Bits bits6
    unsigned int length6
    NameKeys keys                 # of a name in a list of names; by the plan's first part

cdef Fate read_query(const Plan* plans, unsigned int count, const Access* access,
                     const uint8_t* data, size_t size, Query* query) noexcept nogil
cdef bint is_left(const Plan* plan, const uint8_t* label) noexcept nogil


cdef inline void prefetch_first(const Query* query) noexcept nogil:
    """Asks for what the answer begins with."""
    cdef unsigned int place
    if query.plan.is_names:
        prefetch_pages(query.plan.parts[0].names, &query.keys)
    elif query.is4:
        for place in range(query.plan.parts_count):
            prefetch_run(query.plan.parts[place].ipv4, query.bits4)


cdef inline void prefetch_second(const Query* query) noexcept nogil:
    """Asks for what it goes on with; the first has arrived by now."""
    cdef unsigned int place
    if query.plan.is_names:
        prefetch_slots(query.plan.parts[0].names, &query.keys)
    elif query.is4:
        for place in range(query.plan.parts_count):
            prefetch_place(query.plan.parts[place].ipv4, query.bits4)
