"""What a compiled radix and a compiled table of names have in common."""

from libc.stdint cimport uint32_t

from dnsbl.native.gate cimport Gate
from dnsbl.native.rows cimport Loader
from dnsbl.native.values cimport Entries, Values

cdef enum:
    LARGE = 100_000   # entries

cdef enum Outcome:    # of a change to the entries at one place
    FAILED = -1       # with an exception
    NOTHING           # there was none to discard
    ADDED
    REPLACED          # or discarded: there was one

cdef class Holder:
    cdef Values* values
    cdef Gate gate                  # None while no other thread can see it
    cdef readonly tuple categories  # their names, by bit
    cdef unsigned int categories_count
    cdef dict _numbers
    cdef dict _texts                # of entries that have one of their own, by key
    cdef object _due                # of those
    cdef Outcome alter(self, Entries* entries, object entry, bint put) except FAILED
    cdef int note(self, object entry, bint put) except -1
    cdef int forget_due(self, double now) except -1
    cdef int tell(self, list entries, uint32_t value, object subject) except -1
    cdef int load(self, Loader* loader, object chunks, bint excludes, double now, object odd,
                  object parse) except -1

cdef void trim() noexcept nogil
