# cython: boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""The compiled twin of `dnsbl.server.ratelimit`: the same decisions, without the interpreter lock.

The table is an array of words: a tag of 18 bits, 4 for the replies over the
limit, 42 of time. A set is a cache line. A word is read, and put back changed
if nobody else changed it meanwhile, so that any number of workers share the
table without a lock.
"""

import secrets

from libc.stdint cimport uint8_t, uint32_t, uint64_t, uintptr_t
from libc.stdlib cimport calloc, free

from dnsbl.native.bits cimport Bits, masked6
from dnsbl.native.ipv4 cimport covering4, prefetch
from dnsbl.native.ipv6 cimport COVERING6_MAX, covering6

cdef extern from *:
    """
    static inline uint64_t dnsbl_load(const uint64_t *at) {
        return __atomic_load_n(at, __ATOMIC_RELAXED);
    }
    static inline int dnsbl_swap(uint64_t *at, uint64_t old, uint64_t fresh) {
        return __atomic_compare_exchange_n(at, &old, fresh, 0, __ATOMIC_RELAXED, __ATOMIC_RELAXED);
    }
    static inline void dnsbl_count(uint64_t *at) {
        __atomic_fetch_add(at, 1, __ATOMIC_RELAXED);
    }
    static inline int dnsbl_claim(int *state, int from, int to) {
        return __atomic_compare_exchange_n(state, &from, to, 0, __ATOMIC_ACQUIRE,
                                           __ATOMIC_RELAXED);
    }
    static inline void dnsbl_settle(int *state, int to) {
        __atomic_store_n(state, to, __ATOMIC_RELEASE);
    }
    static inline uint64_t dnsbl_turn(uint64_t word, int bits) {
        return word << bits | word >> (64 - bits);
    }
    """
    uint64_t load "dnsbl_load"(const uint64_t* at) noexcept nogil
    bint swap "dnsbl_swap"(uint64_t* at, uint64_t old, uint64_t fresh) noexcept nogil
    void count_up "dnsbl_count"(uint64_t* at) noexcept nogil
    bint claim "dnsbl_claim"(int* state, int from_, int to) noexcept nogil
    void settle "dnsbl_settle"(int* state, int to) noexcept nogil
    uint64_t turn "dnsbl_turn"(uint64_t word, int bits) noexcept nogil

cdef enum:
    TIME_BITS = 42
    TAG_SHIFT = 46
    OVER_MASK = 15
    SETS_BITS_MAX = 20
    PLACE_BITS = 13               # of `place`, whatever the number of sets
    TRIES = 16
    LINE = 64
    NOBODY = 0                    # what `limited_state` may be
    WRITING = 1
    SOMEBODY = 2

cdef uint64_t TIME_MASK = (<uint64_t>1 << TIME_BITS) - 1
cdef double UNITS_PER_S = 4194304.0
cdef uint64_t SLACK_UNITS = 41943040


cdef inline void _round(uint64_t* v) noexcept nogil:
    v[0] += v[1]
    v[1] = turn(v[1], 13) ^ v[0]
    v[0] = turn(v[0], 32)
    v[2] += v[3]
    v[3] = turn(v[3], 16) ^ v[2]
    v[0] += v[3]
    v[3] = turn(v[3], 21) ^ v[0]
    v[2] += v[1]
    v[1] = turn(v[1], 17) ^ v[2]
    v[2] = turn(v[2], 32)


cdef uint64_t _siphash(const uint64_t* secret, Bits bits, uint64_t last) noexcept nogil:
    """SipHash-1-3 of a network: as long as the secret is one, nobody can choose the outcome."""
    cdef uint64_t v[4]
    v[0] = secret[0] ^ <uint64_t>0x736F6D6570736575U
    v[1] = secret[1] ^ <uint64_t>0x646F72616E646F6DU
    v[2] = secret[0] ^ <uint64_t>0x6C7967656E657261U
    v[3] = secret[1] ^ <uint64_t>0x7465646279746573U
    v[3] ^= bits.high
    _round(v)
    v[0] ^= bits.high
    v[3] ^= bits.low
    _round(v)
    v[0] ^= bits.low
    v[3] ^= last
    _round(v)
    v[0] ^= last
    v[2] ^= 0xFF
    _round(v)
    _round(v)
    _round(v)
    return v[0] ^ v[1] ^ v[2] ^ v[3]


cdef inline uint64_t _tag(uint64_t hash_) noexcept nogil:
    """Tells those of a set apart; never 0, so that no word in use is."""
    cdef uint64_t tag = hash_ >> TAG_SHIFT
    return tag if tag else 1


cdef inline uint64_t _word(const uint8_t* octets) noexcept nogil:
    cdef uint64_t word = 0
    cdef unsigned int index
    for index in range(8):
        word = word << 8 | octets[index]
    return word


cdef class RateLimiter:
    """Counts replies against limits (`dnsbl.server.ratelimit.Limits`); not those of ``exempt``.

    ``secret`` has 16 octets; without one it is random. There are 2^``set_bits`` sets.
    """

    def __cinit__(self, limits, Radix exempt=None, bytes secret=None, unsigned int set_bits=13):
        cdef unsigned int kind
        if set_bits > SETS_BITS_MAX:
            raise ValueError("too many sets")
        if secret is None:
            secret = secrets.token_bytes(16)
        if len(secret) != 16:
            raise ValueError("the secret has 16 octets")
        self.secret[0] = int.from_bytes(secret[:8], "little")
        self.secret[1] = int.from_bytes(secret[8:], "little")
        self.memory = calloc((<size_t>1 << set_bits) + 1, LINE)
        if self.memory == NULL:
            raise MemoryError
        self.table = <uint64_t*>(<uintptr_t>self.memory + (LINE - <uintptr_t>self.memory % LINE))
        self.sets_mask = (<uint64_t>1 << set_bits) - 1
        for kind in range(KINDS):
            self.intervals[kind] = limits.intervals[kind]
        self.tolerance = limits.tolerance
        self.slip = limits.slip
        if not (0 <= limits.ipv4_prefix <= 32 and 0 <= limits.ipv6_prefix <= 128):
            raise ValueError("a prefix is longer than an address")
        self.ipv4_prefix = limits.ipv4_prefix
        self.ipv6_prefix = limits.ipv6_prefix
        self.log_only = limits.log_only
        self.exempt = exempt
        self.limited_state = NOBODY

    def __dealloc__(self):
        free(self.memory)

    cdef void find(self, const uint8_t* address, size_t octets, Client* client) noexcept nogil:
        """Hashes the network of an address, and asks for its memory; 4 or 16 octets."""
        cdef uint32_t found[COVERING6_MAX]
        cdef uint8_t lengths[COVERING6_MAX]
        cdef Bits bits
        bits.low = 0
        if octets == 4:
            bits.high = (<uint64_t>address[0] << 56 | <uint64_t>address[1] << 48
                         | <uint64_t>address[2] << 40 | <uint64_t>address[3] << 32)
            client.is_ipv4 = True
        else:
            bits.high = _word(address)
            bits.low = _word(address + 8)
            client.is_ipv4 = bits.high == 0 and bits.low >> 32 == 0xFFFF  # RFC 4291 §2.5.5.2
            if client.is_ipv4:
                bits.high = bits.low << 32
                bits.low = 0
        client.exempt = False
        if self.exempt is not None:
            if client.is_ipv4:
                client.exempt = covering4(self.exempt.ipv4, <uint32_t>(bits.high >> 32), 32, found,
                                          lengths) != 0
            else:
                client.exempt = covering6(self.exempt.ipv6, bits, 128, found, lengths) != 0
        client.network = masked6(bits, self.ipv4_prefix if client.is_ipv4 else self.ipv6_prefix)
        client.hash = _siphash(self.secret, client.network, client.is_ipv4)
        # Two kinds of reply out of three are in these: a neighbour comes along with a line.
        prefetch(&self.table[(client.hash & self.sets_mask) * SLOTS])

    cdef Verdict check_client(self, const Client* client, unsigned int kind,
                              double now) noexcept nogil:
        """Counts a reply of that kind to the client; what is to leave."""
        cdef Verdict verdict
        if self.intervals[kind] == 0 or client.exempt:
            return SEND
        verdict = self._count(client.hash, kind, <uint64_t>(now * UNITS_PER_S) & TIME_MASK)
        if verdict == SEND:
            return SEND
        count_up(&self.slipped[kind] if verdict == SLIP else &self.dropped[kind])
        if claim(&self.limited_state, NOBODY, WRITING):
            self.limited = client[0]
            self.limited_kind = kind
            settle(&self.limited_state, SOMEBODY)
        return SEND if self.log_only else verdict

    cdef Verdict check_address(self, const uint8_t* address, size_t octets, unsigned int kind,
                               double now) noexcept nogil:
        """Both of it for one that is not in a batch."""
        cdef Client client
        if self.intervals[kind] == 0:
            return SEND
        self.find(address, octets, &client)
        return self.check_client(&client, kind, now)

    cdef Verdict _count(self, uint64_t hash_, unsigned int kind, uint64_t units) noexcept nogil:
        """Counts in the slot of a network and kind."""
        cdef uint64_t* set_ = &self.table[((hash_ ^ kind) & self.sets_mask) * SLOTS]
        cdef uint64_t tag = _tag(hash_), held, time, over, ahead, fresh
        cdef unsigned int index, tries
        cdef Verdict verdict = SEND
        for tries in range(TRIES):  # more than one only where another worker was there just now
            index = self._slot(set_, tag, units, &held)
            time = held & TIME_MASK if held >> TAG_SHIFT == tag else units
            over = held >> TIME_BITS & OVER_MASK if held >> TAG_SHIFT == tag else 0
            ahead = (time - units) & TIME_MASK
            if ahead > self.tolerance + SLACK_UNITS:
                ahead = 0  # past
            if ahead + self.intervals[kind] <= self.tolerance:
                verdict = SEND
                time = (units + ahead + self.intervals[kind]) & TIME_MASK
            elif self.slip == 0:
                verdict = DROP
            else:
                over += 1
                verdict = DROP
                if over >= self.slip:
                    verdict = SLIP
                    over = 0
            fresh = tag << TAG_SHIFT | over << TIME_BITS | time
            if fresh == held or swap(&set_[index], held, fresh):
                break
        return verdict

    cdef unsigned int _slot(self, const uint64_t* set_, uint64_t tag, uint64_t units,
                            uint64_t* held) noexcept nogil:
        """The slot of that tag, or else a free one, or that which is furthest past."""
        cdef unsigned int index, oldest = 0
        cdef uint64_t word, ahead, least = ~<uint64_t>0
        for index in range(SLOTS):
            held[0] = load(&set_[index])
            if held[0] >> TAG_SHIFT == tag or held[0] == 0:
                return index  # slots are filled in their order, and stay so
        for index in range(SLOTS):
            word = load(&set_[index])
            ahead = (word - units) & TIME_MASK
            # Past and far ahead as one circle, which begins behind the farthest that is no past.
            ahead = (ahead - self.tolerance - SLACK_UNITS - 1) & TIME_MASK
            if ahead < least:
                least = ahead
                oldest = index
                held[0] = word
        return oldest

    def check(self, const uint8_t[::1] address not None, unsigned int kind, double now) -> int:
        """Counts a reply of that kind to the address (4 or 16 octets); what is to leave."""
        if address.shape[0] != 4 and address.shape[0] != 16:
            raise ValueError("an address has 4 or 16 octets")
        if kind >= KINDS:
            raise IndexError(kind)
        return self.check_address(&address[0], <size_t>address.shape[0], kind, now)

    def check_all(self, const uint8_t[::1] addresses not None, unsigned int kind, double now,
                  unsigned int times) -> int:
        """For tests and measurements: how many replies are sent of one to each IPv4 address in turn.

        So many rounds of them, without the interpreter lock, in batches as a drain has them.
        """
        cdef Client clients[64]
        cdef size_t count = addresses.shape[0] // 4, begun, index, batch
        cdef unsigned int turns
        cdef uint64_t sent = 0
        if kind >= KINDS:
            raise IndexError(kind)
        with nogil:
            for turns in range(times):
                for begun in range(0, count, 64):
                    batch = min(<size_t>64, count - begun)
                    for index in range(batch):
                        self.find(&addresses[4 * (begun + index)], 4, &clients[index])
                    for index in range(batch):
                        sent += self.check_client(&clients[index], kind, now) == SEND
        return sent

    def counts(self) -> tuple:
        """The replies slipped and dropped so far, by kind, or those that would have been."""
        return (
            tuple([load(&self.slipped[kind]) for kind in range(KINDS)]),
            tuple([load(&self.dropped[kind]) for kind in range(KINDS)]),
        )

    def take_limited(self):
        """The first that went over its limit since the last call, if any did: octets and kind."""
        if not claim(&self.limited_state, SOMEBODY, WRITING):
            return None
        network = self.limited.network
        octets = (<object>network.high).to_bytes(8, "big")
        if self.limited.is_ipv4:
            octets = octets[:4]
        else:
            octets += (<object>network.low).to_bytes(8, "big")
        limited = octets, self.limited_kind
        settle(&self.limited_state, NOBODY)
        return limited

    def place(self, const uint8_t[::1] key not None) -> int:
        """For tests: the hash of a network's octets and its kind, as the pure twin takes it."""
        cdef Client client
        cdef size_t octets = <size_t>key.shape[0] - 1
        if octets != 4 and octets != 16:
            raise ValueError("a key has 5 or 17 octets")
        self.find(&key[0], octets, &client)
        return (_tag(client.hash) << PLACE_BITS
                | ((client.hash ^ key[octets]) & self.sets_mask))
