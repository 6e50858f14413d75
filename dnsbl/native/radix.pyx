# cython: boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""The compiled twin of `dnsbl.zone.radix`: the same interface and answers, a fiftieth of the size."""

from libc.stdint cimport uint8_t, uint32_t, uint64_t

from dnsbl.native.addresses cimport address_value
from dnsbl.native.bits cimport Bits
from dnsbl.native.blocks cimport Block, block_key
from dnsbl.native.expiry cimport drop_due4, drop_due6
from dnsbl.native.holder cimport LARGE, NOTHING, REPLACED, Outcome, trim
from dnsbl.native.ipv4 cimport (
    RUNS, covering4, get4, listed_below4, put4, tree4_free, tree4_new,
)
from dnsbl.native.ipv6 cimport (
    COVERING6_MAX, covering6, get6, listed_below6, put6, tree6_free, tree6_new,
)
from dnsbl.native.ranges cimport range_length
from dnsbl.native.rows cimport Loader, loader_free, loader_new
from dnsbl.native.values cimport NO_MEMORY, NO_VALUE, Entries, intern, release, unpack

from dnsbl.network import IPV4, IPV6, Network, parse_canonical
from dnsbl.verdict import Entry

_IPV4 = IPV4
_IPV6 = IPV6
_PARSE = parse_canonical


cdef Bits _bits6(object bits):
    cdef Bits split
    split.high = <uint64_t>(bits >> 64)
    split.low = <uint64_t>(bits & 0xFFFFFFFFFFFFFFFF)
    return split


cdef object _joined(Bits bits):
    return int(bits.high) << 64 | bits.low


cdef class Radix(Holder):
    """Listings and exclusions by prefix, IPv4 and IPv6, in the categories that are named."""

    def __cinit__(self, categories):
        self.ipv4 = tree4_new(self.values)
        self.ipv6 = tree6_new(self.values)
        if self.ipv4 == NULL or self.ipv6 == NULL:
            raise MemoryError

    def __dealloc__(self):
        cdef bint large = False
        if self.ipv4 != NULL and self.ipv6 != NULL:
            large = self.ipv4.entries + self.ipv6.entries > LARGE
        with nogil:
            tree4_free(self.ipv4)
            tree6_free(self.ipv6)
            if large:  # else tens of megabytes would stay with the process, in small pieces
                trim()

    def put(self, entry) -> None:
        """Adds an entry, in the place of one with the same network, category and kind."""
        self._put(entry, True)

    def discard(self, network, category, *, excludes) -> bool:
        """Removes an entry; whether there was one."""
        return self._put(Entry(network, category, excludes, None), False)

    cdef bint _put(self, object entry, bint put) except *:
        """Puts or discards an entry; whether there was one."""
        cdef Entries entries
        cdef Outcome outcome
        cdef object network = entry.network
        cdef bint is_ipv4 = network.family == _IPV4
        cdef bint done
        cdef unsigned int length = network.length
        cdef uint32_t bits = 0, value
        cdef Bits wide
        if is_ipv4:
            if length > 32:
                raise ValueError("no IPv4 network")
            bits = network.bits
            value = get4(self.ipv4, bits, length)
        else:
            if length > 128:
                raise ValueError("no IPv6 network")
            wide = _bits6(network.bits)
            value = get6(self.ipv6, wide, length)
        unpack(self.values, value, &entries)
        outcome = self.alter(&entries, entry, put)
        if outcome == NOTHING:
            return False
        if self.gate is not None:
            self.gate.close()
        value = intern(self.values, &entries)
        done = value != NO_MEMORY
        if done:
            if is_ipv4:
                done = put4(self.ipv4, bits, length, value)
            else:
                done = put6(self.ipv6, wide, length, value)
            if not done:
                release(self.values, value, 1)
        if self.gate is not None:
            self.gate.open()
        if not done:
            raise MemoryError
        self.note(entry, put)
        return outcome == REPLACED

    def covering(self, network) -> list:
        """The entries whose network covers this one, in the order in which they decide."""
        cdef uint32_t found[COVERING6_MAX]
        cdef uint8_t lengths[COVERING6_MAX]
        cdef unsigned int count, index
        if network.family == _IPV4:
            count = covering4(self.ipv4, network.bits, network.length, found, lengths)
        else:
            count = covering6(self.ipv6, _bits6(network.bits), network.length, found, lengths)
        entries = []
        for index in range(count):
            self.tell(entries, found[index], network.widened(lengths[index]))
        return entries

    def listed_below(self, network) -> bool:
        """Whether there is any listing of this network or of one inside it."""
        if network.family == _IPV4:
            return listed_below4(self.ipv4, network.bits, network.length)
        return listed_below6(self.ipv6, _bits6(network.bits), network.length)

    def __len__(self) -> int:
        return self.ipv4.entries + self.ipv6.entries

    def __iter__(self):
        """All entries: IPv4 before IPv6, by their bits, covering networks first."""
        cdef uint32_t high
        for high in range(RUNS):
            if (self.ipv4.runs[high].count or self.ipv4.runs[high].ranged
                    or self.ipv4.covers[high]):
                yield from self._entries_at(high)
        found = []
        cdef unsigned int at, length
        cdef uint32_t index, place
        cdef Block* block
        for at in range(self.ipv6.lengths_count):
            length = self.ipv6.lengths[at]
            for index in range(self.ipv6.sets[length].count):
                block = self.ipv6.sets[length].blocks[index]
                for place in range(block.count):
                    found.append((_joined(block_key(block, place)), length, block.values[place]))
        for whole, length_, value in sorted(found):
            entries = []
            self.tell(entries, value, Network(_IPV6, whole, length_))
            yield from entries

    cdef list _entries_at(self, uint32_t high):
        """The entries of the networks that begin in a /16."""
        cdef list entries = [], found = []
        cdef unsigned int length
        cdef uint32_t number, place
        for length in range(17):
            if length < 16 and high & ((1 << (16 - length)) - 1):
                continue
            number = (<uint32_t>1 << length) | (high >> (16 - length))
            if self.ipv4.wide[number] != NO_VALUE:
                found.append((high << 16, length, self.ipv4.wide[number]))
        for place in range(self.ipv4.runs[high].ranged):
            found.append(((high << 16) | self.ipv4.runs[high].ranges[place].suffix,
                          range_length(&self.ipv4.runs[high].ranges[place]),
                          self.ipv4.runs[high].ranges[place].value))
        for place in range(self.ipv4.runs[high].count):
            found.append(((high << 16) | (<unsigned short*>self.ipv4.runs[high].addresses)[place],
                          32, address_value(&self.ipv4.runs[high], place)))
        found.sort()
        for bits, length_, value in found:
            self.tell(entries, value, Network(_IPV4, bits, length_))
        return entries

    def drop_expired(self, now, limit) -> int:
        """Takes out entries that have expired, about `limit` at most; how many.

        Fewer than the limit: there are no more.
        """
        cdef double time = now
        cdef long most = limit, first, second = 0
        if not (self.ipv4.least_due <= time or self.ipv6.least_due <= time):
            return 0
        if self.gate is not None:
            self.gate.close()
        first = drop_due4(self.ipv4, time, most)
        if 0 <= first < most:
            second = drop_due6(self.ipv6, time, most - first)
        if self.gate is not None:
            self.gate.open()
        if first < 0 or second < 0:
            raise MemoryError
        self.forget_due(time)
        return first + second

    def take(self, chunks, *, excludes, now, odd) -> None:
        """Adds the rows of chunks, as `dnsbl.store.journal.chunks` makes them; expired ones not.

        `odd` is called with each row that is no canonical network or of no
        category that is known here. Only before anybody else sees the radix.
        """
        cdef Loader* loader = loader_new(self.values, self.ipv4, self.ipv6, NULL)
        if loader == NULL:
            raise MemoryError
        try:
            self.load(loader, chunks, excludes, now, odd, _PARSE)
        finally:
            loader_free(loader)
