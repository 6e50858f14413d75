"""The compiled twin of `dnsbl.zone.radix`."""

from libc.stdint cimport uint32_t

from dnsbl.native.gate cimport Gate
from dnsbl.native.ipv4 cimport Tree4
from dnsbl.native.ipv6 cimport Tree6
from dnsbl.native.values cimport Values

cdef class Radix:
    cdef Values* values
    cdef Tree4* ipv4
    cdef Tree6* ipv6
    cdef Gate gate                  # None while no other thread can see the radix
    cdef readonly tuple categories  # their names, by bit
    cdef unsigned int categories_count
    cdef dict _numbers
    cdef int _put(self, object network, object change, bint put) except -1
    cdef int _tell(self, list entries, uint32_t value, object network) except -1
    cdef list _entries_at(self, uint32_t high)
