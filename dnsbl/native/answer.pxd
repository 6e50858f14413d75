"""The compiled twin of `dnsbl.zone.answer`, for the queries that mail servers ask."""

from libc.stdint cimport uint8_t

from dnsbl.native.gate cimport Gate
from dnsbl.native.plan cimport Plan
# With what whoever drains a socket needs as well.
from dnsbl.native.query cimport (
    ANSWERED, DECLINED, DROPPED_RESPONSE, DROPPED_SHORT, TRUNCATED, Fate, Query,
    prefetch_first, prefetch_second,
)
from dnsbl.native.wire cimport REPLY_OCTETS_MAX

cdef enum:
    TYPE_SLOTS = 7                # counters: one for each type that has a name, one for the others

cdef class Answerer:
    cdef Plan* plans              # the longest origin first
    cdef readonly unsigned int count
    cdef readonly Gate gate
    cdef dict _places
    cdef list _radixes

    cdef Fate read(self, const uint8_t* data, size_t size, Query* query) noexcept nogil
    cdef Fate answer(self, const Query* query, double now, uint8_t* reply, size_t* size,
                     unsigned int* rcode) noexcept nogil

cdef unsigned int type_slot(unsigned int qtype) noexcept nogil
