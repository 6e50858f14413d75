"""The lock between those who answer and the one who changes what they answer from."""

from libc.stdint cimport uint8_t

cdef extern from "<pthread.h>" nogil:
    ctypedef struct pthread_mutex_t:
        pass

cdef struct Turn:                # a mutex in a cache line of its own
    pthread_mutex_t mutex
    uint8_t apart[64]

cdef class Gate:
    cdef Turn* turns             # [readers]
    cdef readonly unsigned int readers
    cdef void enter(self, unsigned int reader) noexcept nogil
    cdef void leave(self, unsigned int reader) noexcept nogil
    cdef void close(self) noexcept
    cdef void open(self) noexcept nogil
