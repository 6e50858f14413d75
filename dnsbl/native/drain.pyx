# cython: boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Takes datagrams off a socket, answers them, and puts the replies on it, a batch at a time.

One system call receives a batch and one sends its replies; all of it happens
without the interpreter lock, in buffers that are used again. What the answerer
declines is handed to Python, with the batch it came in, before the next batch.

Every datagram ends as answered, declined or dropped, and each drop is counted.
"""

from libc.errno cimport EAGAIN, EINTR, errno
from libc.stdint cimport int64_t, uint8_t
from libc.stdlib cimport calloc, free

from dnsbl.native.answer cimport (
    ANSWERED, DECLINED, DROPPED_IGNORED, DROPPED_LIMITED, DROPPED_RESPONSE, DROPPED_SHORT,
    TRUNCATED, Answerer, Client, Query, Reply, prefetch_first, prefetch_second,
)
from dnsbl.native.ratelimit cimport DROP, SEND, RateLimiter
from dnsbl.native.ratelimit cimport Client as Limited
from dnsbl.native.reply cimport slip
from dnsbl.native.sockets cimport (
    CLOCK_MONOTONIC, CLOCK_REALTIME, MESSAGE_OCTETS_MAX, MSG_DONTWAIT, MSG_TRUNC, MSG_WAITFORONE,
    clock_gettime, dnsbl_client, dnsbl_control, dnsbl_turn_round, iovec, mmsghdr, msghdr, recvmmsg,
    sched_yield, sendmmsg, sendmsg, sockaddr_in6, ssize_t, timespec,
)
from dnsbl.native.tally cimport Counts, ZoneCounts, count_reply, told
from dnsbl.native.watch cimport Watch, has_room, keep, new_watch, set_rates, taken

BATCH_MESSAGES_MAX = 64

cdef enum:
    BATCH = 64
    BUSY = 8                      # from so many on, more have probably arrived meanwhile
    NEAR_NS = 500_000             # as close together as this, queries are waited for
    TURN_NS = 2_000_000           # then timers, TCP and the follower have their turn
    LISTED = 0                    # kinds of replies, as `dnsbl.server.ratelimit.Kind` has them
    UNLISTED = 1
    EMPTY = 2

cdef struct Buffers:
    mmsghdr received[BATCH]
    mmsghdr sent[BATCH]
    iovec received_at[BATCH]
    iovec sent_at[BATCH]
    sockaddr_in6 clients[BATCH]   # with room for one of IPv4
    dnsbl_control controls[BATCH]
    Query queries[BATCH]
    Limited limited[BATCH]
    uint8_t fates[BATCH]
    uint8_t messages[BATCH][MESSAGE_OCTETS_MAX]
    Reply replies[BATCH]


cdef int64_t _nanoseconds() noexcept nogil:
    cdef timespec time
    clock_gettime(CLOCK_MONOTONIC, &time)
    return <int64_t>time.tv_sec * 1_000_000_000 + time.tv_nsec


cdef class Drain:
    """Drains one bound socket; of one thread.

    One that blocks needs a timeout for receiving, which is how long `run` waits
    for queries that come close together; one that does not is never waited for.
    ``reader`` is the worker's number in the answerer's gate. ``packet_info``:
    the socket is bound to any address, and tells which one was asked.
    """

    cdef int _file
    cdef Answerer _answerer
    cdef RateLimiter _limiter      # None: nobody is limited
    cdef unsigned int _reader
    cdef bint _packet_info
    cdef bint _shares              # the processors with other workers
    cdef Buffers* _buffers
    cdef Counts _counts
    cdef Watch* _watch             # NULL while nobody watches
    cdef int64_t _ended            # when the last run did
    cdef unsigned int _left_count
    cdef uint8_t _left[BATCH]      # the places of those declined in the batch at hand

    def __cinit__(self, int file, Answerer answerer not None, unsigned int reader,
                  bint packet_info, RateLimiter limiter=None):
        cdef unsigned int place
        if reader >= answerer.gate.readers:
            raise ValueError("the gate has no such reader")
        self._buffers = <Buffers*>calloc(1, sizeof(Buffers))
        self._counts.zones = <ZoneCounts*>calloc(answerer.count + 1, sizeof(ZoneCounts))
        if self._buffers == NULL or self._counts.zones == NULL:
            raise MemoryError
        self._file = file
        self._answerer = answerer
        self._limiter = limiter
        self._reader = reader
        self._packet_info = packet_info
        self._shares = answerer.gate.readers > 1
        for place in range(BATCH):
            self._buffers.received_at[place].iov_base = self._buffers.messages[place]
            self._buffers.received_at[place].iov_len = MESSAGE_OCTETS_MAX
            self._buffers.received[place].msg_hdr.msg_iov = &self._buffers.received_at[place]
            self._buffers.received[place].msg_hdr.msg_iovlen = 1
            self._buffers.received[place].msg_hdr.msg_name = &self._buffers.clients[place]
            if packet_info:
                self._buffers.received[place].msg_hdr.msg_control = (
                    &self._buffers.controls[place]
                )

    def __dealloc__(self):
        free(self._buffers)
        free(self._counts.zones)
        free(self._watch)

    def run(self, unsigned int batches_max) -> tuple:
        """Answers what waits at the socket, so many batches at most, until one leaves something.

        Going round the event loop costs about as much as answering ten queries.
        So where they come close together it waits for the next ones here, for a
        moment at a time and a bounded time in all.

        How many messages of the last batch are left to Python, and whether more
        may wait at the socket. `message` gives each of those that are left,
        `reply` takes what is said to it, before the next `run`.
        """
        cdef unsigned int batches = 0
        cdef int received = 0
        cdef int64_t begun, now
        cdef bint waits = False, near
        with nogil:
            self._left_count = 0
            begun = now = _nanoseconds()
            # Where nothing came lately, nothing will at once.
            near = begun - self._ended <= NEAR_NS
            while batches < batches_max:
                received = self._batch(waits)
                if received > 0:
                    batches += 1
                    if self._left_count or self._watch_is_full():
                        break
                elif waits:
                    break
                now = _nanoseconds()
                if now - begun >= TURN_NS or (received < BUSY and not near):
                    break
                waits = near
            self._ended = now
        return self._left_count, received == BATCH

    cdef bint _watch_is_full(self) noexcept nogil:
        """Whether what a batch may add no longer fits beside what was seen already."""
        return self._watch != NULL and not has_room(self._watch, BATCH)

    cdef int _batch(self, bint waits) noexcept nogil:
        """One batch; how many messages were in it."""
        cdef Buffers* buffers = self._buffers
        cdef int received, more
        cdef unsigned int place, count = 0
        cdef timespec time
        cdef double now
        cdef Query* query = NULL
        cdef Reply* reply
        self._left_count = 0
        for place in range(BATCH):
            buffers.received[place].msg_hdr.msg_namelen = sizeof(sockaddr_in6)
            buffers.received[place].msg_hdr.msg_controllen = (
                sizeof(dnsbl_control) if self._packet_info else 0
            )
        received = recvmmsg(self._file, buffers.received, BATCH,
                            MSG_WAITFORONE if waits else MSG_DONTWAIT, NULL)
        if received <= 0:
            if received < 0 and errno not in (EAGAIN, EINTR):
                self._counts.unreceived += 1
            return 0
        if self._shares and received < BUSY:
            # Whoever sends may want this very processor: what it sends now is in the same batch.
            # With a processor left for it, a worker alone has no use for that.
            sched_yield()
            more = recvmmsg(self._file, buffers.received + received,
                            <unsigned int>(BATCH - received), MSG_DONTWAIT, NULL)
            if more > 0:
                received += more
            elif more < 0 and errno not in (EAGAIN, EINTR):
                self._counts.unreceived += 1
        self._counts.batches += 1
        clock_gettime(CLOCK_REALTIME, &time)
        now = <double>time.tv_sec + <double>time.tv_nsec * 1e-9
        self._answerer.gate.enter(self._reader)
        for place in range(<unsigned int>received):
            if buffers.received[place].msg_hdr.msg_flags & MSG_TRUNC:
                self._counts.oversized += 1
                buffers.fates[place] = DROPPED_SHORT
                continue
            query = &buffers.queries[place]
            query.client.octets = dnsbl_client(&buffers.clients[place], query.client.address)
            buffers.fates[place] = self._answerer.read(
                buffers.messages[place], buffers.received[place].msg_len, query
            )
            if buffers.fates[place] == ANSWERED:
                prefetch_first(query)
                if self._limiter is not None:
                    self._limiter.find(query.client.address, query.client.octets,
                                       &buffers.limited[place])
            elif buffers.fates[place] == DROPPED_SHORT:
                self._counts.short_ += 1
        for place in range(<unsigned int>received):
            if buffers.fates[place] == ANSWERED:
                prefetch_second(&buffers.queries[place])
        for place in range(<unsigned int>received):
            reply = &buffers.replies[place]
            if buffers.fates[place] == ANSWERED:
                query = &buffers.queries[place]
                buffers.fates[place] = self._answerer.answer(query, now, reply)
                if self._limiter is not None and buffers.fates[place] != DECLINED:
                    buffers.fates[place] = self._limit(place, now)
            if buffers.fates[place] == DECLINED:
                self._left[self._left_count] = <uint8_t>place
                self._left_count += 1
                continue
            if buffers.fates[place] == ANSWERED or buffers.fates[place] == TRUNCATED:
                count_reply(self._zone(query), query, reply)
                self._counts.truncated += buffers.fates[place] == TRUNCATED
                self._address(count, place, reply.data, reply.size)
                count += 1
            elif buffers.fates[place] == DROPPED_RESPONSE:
                self._counts.response += 1
            elif buffers.fates[place] == DROPPED_IGNORED:
                query = &buffers.queries[place]
                if query.plan != NULL:
                    self._zone(query).ignored += 1
                else:
                    self._counts.ignored += 1
            elif buffers.fates[place] == DROPPED_LIMITED:
                self._counts.limited += 1
            if self._watch != NULL:
                self._note(place)
        self._answerer.gate.leave(self._reader)
        self._counts.declined += self._left_count
        self._send(count)
        return received

    cdef uint8_t _limit(self, unsigned int place, double now) noexcept nogil:
        """What becomes of a reply once the limit is asked."""
        cdef Reply* reply = &self._buffers.replies[place]
        cdef unsigned int kind, verdict
        if reply.trusted:  # who has our cookie is who it says
            return self._buffers.fates[place]
        kind = UNLISTED if reply.rcode else LISTED if reply.listed else EMPTY
        verdict = self._limiter.check_client(&self._buffers.limited[place], kind, now)
        if verdict == SEND:
            return self._buffers.fates[place]
        if verdict == DROP:
            return DROPPED_LIMITED
        self._counts.slipped += 1
        slip(&self._buffers.queries[place], reply)
        return TRUNCATED

    cdef ZoneCounts* _zone(self, const Query* query) noexcept nogil:
        """Of the zone that is asked."""
        return &self._counts.zones[query.plan - self._answerer.plans]

    cdef void _note(self, unsigned int place) noexcept nogil:
        """Shows a message, and its reply if it gets one, to whoever watches."""
        cdef Buffers* buffers = self._buffers
        cdef uint8_t fate = buffers.fates[place]
        cdef Reply* reply = NULL
        if fate == ANSWERED or fate == TRUNCATED:
            reply = &buffers.replies[place]
        elif fate != DROPPED_IGNORED and fate != DROPPED_LIMITED:
            return
        keep(self._watch, &buffers.queries[place].client, buffers.messages[place],
             buffers.received[place].msg_len, reply)

    cdef void _address(self, unsigned int count, unsigned int place, void* reply,
                       size_t size) noexcept nogil:
        """Makes a reply the one to be sent as number `count`, to whoever sent the message there."""
        cdef Buffers* buffers = self._buffers
        cdef msghdr* header = &buffers.sent[count].msg_hdr
        header[0] = buffers.received[place].msg_hdr
        header.msg_flags = 0
        buffers.sent_at[count].iov_base = reply
        buffers.sent_at[count].iov_len = size
        header.msg_iov = &buffers.sent_at[count]
        if self._packet_info:
            dnsbl_turn_round(header)

    cdef void _send(self, unsigned int count) noexcept nogil:
        cdef unsigned int begun = 0
        cdef int sent
        while begun < count:
            sent = sendmmsg(self._file, &self._buffers.sent[begun], count - begun, MSG_DONTWAIT)
            if sent > 0:
                begun += <unsigned int>sent
            elif sent == 0 or errno != EINTR:
                # This one was not taken: a full buffer, or a client that cannot be reached. It
                # asks again; the next may go to somebody else.
                self._counts.unsent += 1
                begun += 1

    def message(self, unsigned int index) -> bytes:
        """The message of that index among those left to Python."""
        if index >= self._left_count:
            raise IndexError(index)
        cdef unsigned int place = self._left[index]
        return self._buffers.messages[place][: self._buffers.received[place].msg_len]

    def client(self, unsigned int index) -> bytes:
        """The address of who sent that message, 4 or 16 octets."""
        if index >= self._left_count:
            raise IndexError(index)
        cdef Client* client = &self._buffers.queries[self._left[index]].client
        return client.address[: client.octets]

    def reply(self, unsigned int index, const uint8_t[::1] reply not None) -> bool:
        """Sends what is said to that message; whether the socket took it."""
        cdef ssize_t sent
        if index >= self._left_count:
            raise IndexError(index)
        if reply.shape[0] == 0:
            raise ValueError("an empty reply")
        self._address(0, self._left[index], <void*>&reply[0], reply.shape[0])
        with nogil:
            sent = sendmsg(self._file, &self._buffers.sent[0].msg_hdr, MSG_DONTWAIT)
        return sent >= 0

    def watch(self, unsigned int listed_every, unsigned int other_every) -> None:
        """Keeps one of so many answers that list, and of all others, from now on; 0: none.

        From any thread that holds the interpreter lock.
        """
        if self._watch == NULL:
            if not listed_every and not other_every:
                return
            self._watch = new_watch()
        set_rates(self._watch, listed_every, other_every)

    def observed(self) -> list:
        """Client, message and reply of what was seen since the last call; b"" where none left."""
        return [] if self._watch == NULL else taken(self._watch)

    def counts(self) -> dict:
        """What became of the messages so far; see `dnsbl.native.drain` for the keys."""
        return told(&self._counts, self._answerer)
