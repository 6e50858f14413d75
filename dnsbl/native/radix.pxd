"""The compiled twin of `dnsbl.zone.radix`."""

from libc.stdint cimport uint32_t

from dnsbl.native.holder cimport Holder
from dnsbl.native.ipv4 cimport Tree4
from dnsbl.native.ipv6 cimport Tree6

cdef class Radix(Holder):
    cdef Tree4* ipv4
    cdef Tree6* ipv6
    cdef bint _put(self, object entry, bint put) except *
    cdef list _entries_at(self, uint32_t high)
