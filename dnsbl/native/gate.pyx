# cython: boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""The lock between those who answer and the one who changes what they answer from.

Each worker has a mutex of its own and holds it for a batch of queries: nobody
else wants it at that time, so it costs next to nothing. Whoever changes a radix
holds the interpreter lock and takes all of the mutexes, for about a
microsecond a change. A worker never waits for the interpreter lock inside, so
the two cannot wait for each other.
"""

from libc.stdlib cimport calloc, free

cdef extern from "<pthread.h>" nogil:
    int pthread_mutex_init(pthread_mutex_t* mutex, const void* attributes)
    int pthread_mutex_destroy(pthread_mutex_t* mutex)
    int pthread_mutex_lock(pthread_mutex_t* mutex)
    int pthread_mutex_trylock(pthread_mutex_t* mutex)
    int pthread_mutex_unlock(pthread_mutex_t* mutex)


cdef class Gate:
    """For so many readers, numbered from 0, each of one thread."""

    def __cinit__(self, unsigned int readers):
        cdef unsigned int reader
        self.turns = <Turn*>calloc(readers, sizeof(Turn))
        if self.turns == NULL:
            raise MemoryError
        for reader in range(readers):
            pthread_mutex_init(&self.turns[reader].mutex, NULL)
        self.readers = readers

    def __dealloc__(self):
        cdef unsigned int reader
        if self.turns != NULL:
            for reader in range(self.readers):
                pthread_mutex_destroy(&self.turns[reader].mutex)
        free(self.turns)

    cdef void enter(self, unsigned int reader) noexcept nogil:
        """The reader begins a batch; not while it holds the interpreter lock."""
        pthread_mutex_lock(&self.turns[reader].mutex)

    cdef void leave(self, unsigned int reader) noexcept nogil:
        """The reader ends its batch."""
        pthread_mutex_unlock(&self.turns[reader].mutex)

    cdef void close(self) noexcept:
        """Waits until no reader is inside, and keeps all out."""
        cdef unsigned int reader
        for reader in range(self.readers):
            if pthread_mutex_trylock(&self.turns[reader].mutex) != 0:
                with nogil:  # a batch takes some tens of microseconds
                    pthread_mutex_lock(&self.turns[reader].mutex)

    cdef void open(self) noexcept nogil:
        """Lets all readers in again."""
        cdef unsigned int reader
        for reader in range(self.readers):
            pthread_mutex_unlock(&self.turns[reader].mutex)
