"""The compiled twin of `dnsbl.zone.answer`, for the queries that mail servers ask."""

from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t

from dnsbl.native.gate cimport Gate
from dnsbl.native.ipv4 cimport Tree4
from dnsbl.native.ipv6 cimport Bits, Tree6
from dnsbl.native.values cimport CATEGORIES_MAX, Values

cdef enum:
    REPLY_OCTETS_MAX = 1232       # DNS Flag Day 2020
    POINTERS_MAX = 16
    TYPE_SLOTS = 7                # counters: one for each type that has a name, one for the others

cdef enum Fate:
    DECLINED                      # Python decides
    ANSWERED
    TRUNCATED                     # answered, with TC
    DROPPED_SHORT
    DROPPED_RESPONSE

cdef struct Category:
    uint8_t answer[4]
    uint8_t* text                 # "$" stands for the address
    size_t size

cdef struct Test:                 # an entry built in (RFC 5782 §5)
    uint32_t bits
    uint64_t listed

cdef struct Plan:                 # what the answers of one zone are made of
    uint8_t* origin               # on the wire, in lower case, with the root
    uint32_t origin_size
    uint32_t labels
    uint32_t ttl_s
    Category* categories
    uint32_t categories_count
    Test* tests
    uint32_t tests_count
    uint8_t* authority            # the SOA record, for a name with nothing below the origin
    uint32_t authority_size
    uint32_t pointers[POINTERS_MAX]  # offsets in it of pointers, which move with the origin
    uint32_t pointers_count
    uint32_t serial_at
    uint32_t serial
    uint8_t* left                 # labels, in lower case: names that end in one are Python's
    uint32_t left_size
    Values* values
    Tree4* ipv4
    Tree6* ipv6

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

cdef class Answerer:
    cdef Plan* plans              # the longest origin first
    cdef readonly unsigned int count
    cdef readonly Gate gate
    cdef dict _places
    cdef list _radixes

    cdef int set_up(self, unsigned int place, object plan) except -1
    cdef Fate read(self, const uint8_t* data, size_t size, Query* query) noexcept nogil
    cdef Fate answer(self, const Query* query, double now, uint8_t* reply, size_t* size,
                     unsigned int* rcode) noexcept nogil

cdef void prefetch_first(const Query* query) noexcept nogil
cdef void prefetch_second(const Query* query) noexcept nogil
cdef unsigned int type_slot(unsigned int qtype) noexcept nogil
