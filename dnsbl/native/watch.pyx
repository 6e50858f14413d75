# cython: boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""A sample of messages and replies, kept for whoever watches until it is asked for.

The thread that answers keeps and takes them; any other may say how many it wants.
"""

from libc.stdlib cimport calloc
from libc.string cimport memcpy

from dnsbl.native.sockets cimport CLOCK_MONOTONIC, clock_gettime, timespec

cdef extern from * nogil:
    """
    /* Numbers that one thread writes while another reads them. */
    static unsigned int dnsbl_load(const unsigned int *number) {
        return __atomic_load_n(number, __ATOMIC_RELAXED);
    }
    static void dnsbl_store(unsigned int *number, unsigned int value) {
        __atomic_store_n(number, value, __ATOMIC_RELAXED);
    }
    """
    unsigned int dnsbl_load(const unsigned int* number)
    void dnsbl_store(unsigned int* number, unsigned int value)


cdef Watch* new_watch() except NULL:
    """One that keeps nothing until rates are set; the caller frees it. Raises MemoryError."""
    cdef timespec time
    cdef Watch* watch = <Watch*>calloc(1, sizeof(Watch))
    if watch == NULL:
        raise MemoryError
    clock_gettime(CLOCK_MONOTONIC, &time)
    watch.chance = <uint64_t>time.tv_sec * 1_000_000_000 + <uint64_t>time.tv_nsec | 1
    return watch


cdef void set_rates(Watch* watch, unsigned int listed_every, unsigned int other_every) noexcept:
    """One of so many answers that list is kept from now on, and of all others; 0: none."""
    dnsbl_store(&watch.listed_every, listed_every)
    dnsbl_store(&watch.other_every, other_every)


cdef bint has_room(const Watch* watch, unsigned int count) noexcept nogil:
    """Whether so many more would fit."""
    return watch.count + count <= SEEN


cdef void keep(Watch* watch, const Client* client, const uint8_t* message, size_t size,
               const Reply* reply) noexcept nogil:
    """A message was answered, or with NULL was not; keeps both if their turn has come."""
    cdef unsigned int every
    cdef Seen* seen
    if reply != NULL and reply.listed:
        every = dnsbl_load(&watch.listed_every)
    else:
        every = dnsbl_load(&watch.other_every)
    if every == 0:
        return
    # By chance rather than each so manieth: clients ask in turns of their own.
    watch.chance ^= watch.chance << 13
    watch.chance ^= watch.chance >> 7
    watch.chance ^= watch.chance << 17
    if watch.chance % every:
        return
    if not has_room(watch, 1):  # never: who answers looks for room before
        return
    seen = &watch.seen[watch.count]
    watch.count += 1
    seen.client = client[0]
    seen.message_size = <uint16_t>size
    memcpy(seen.message, message, size)
    seen.reply_size = 0
    if reply != NULL:
        seen.reply_size = <uint16_t>reply.size
        memcpy(seen.reply, reply.data, reply.size)


cdef list taken(Watch* watch):
    """Client, message and reply of what was kept since the last call; b"" where none left."""
    cdef unsigned int place
    cdef Seen* seen
    found = []
    for place in range(watch.count):
        seen = &watch.seen[place]
        found.append((
            seen.client.address[: seen.client.octets],
            seen.message[: seen.message_size],
            seen.reply[: seen.reply_size],
        ))
    watch.count = 0
    return found
