"""The compiled twin of `dnsbl.zone.answer`, for the queries that mail servers ask."""

from libc.stdint cimport uint8_t, uint64_t

from dnsbl.native.cookie cimport Cookies
from dnsbl.native.gate cimport Gate
from dnsbl.native.plan cimport Access, Plan
# With what whoever drains a socket needs as well.
from dnsbl.native.query cimport (
    ANSWERED, DECLINED, DROPPED_IGNORED, DROPPED_LIMITED, DROPPED_RESPONSE, DROPPED_SHORT,
    TRUNCATED, Client, Fate, Query, prefetch_first, prefetch_second,
)
from dnsbl.native.reply cimport Reply
from dnsbl.native.wire cimport REPLY_OCTETS_MAX

cdef enum:
    TYPE_SLOTS = 9                # counters: one for each type that has a name, one for the others

cdef class Answerer:
    cdef Plan* plans              # the longest origin first
    cdef readonly unsigned int count
    cdef readonly Gate gate
    cdef readonly tuple names     # of the zones, as the plans stand
    cdef readonly tuple categories  # their names, for each zone
    cdef Access access            # of the server
    cdef Cookies cookies          # None where there are none
    cdef dict _places
    cdef dict _parts              # of each zone: where its radix answers
    cdef dict _held               # what the plans point to

    cdef Fate read(self, const uint8_t* data, size_t size, Query* query) noexcept nogil
    cdef Fate answer(self, const Query* query, double now, Reply* reply) noexcept nogil

cdef unsigned int type_slot(unsigned int qtype) noexcept nogil
