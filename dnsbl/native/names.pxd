"""The compiled twin of `dnsbl.zone.names`."""

from dnsbl.native.holder cimport Holder
from dnsbl.native.nametable cimport NameTable

cdef class Names(Holder):
    cdef NameTable* names
    cdef bint _put(self, object entry, bint put) except *
