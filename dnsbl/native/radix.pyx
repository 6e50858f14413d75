# cython: boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""The compiled twin of `dnsbl.zone.radix`: the same interface, the same answers, a fiftieth of the size.

A radix is built by one thread. Once a `Gate` guards it, other threads read it
without the interpreter lock, and each change takes the gate.
"""

from libc.stdint cimport INT64_MAX, uint8_t, uint32_t, uint64_t

from dnsbl.native.addresses cimport address_value
from dnsbl.native.bits cimport Bits
from dnsbl.native.blocks cimport Block, block_key
from dnsbl.native.expiry cimport drop_due4, drop_due6
from dnsbl.native.gate cimport Gate
from dnsbl.native.ipv4 cimport (
    RUNS, covering4, get4, listed_below4, put4, tree4_free, tree4_new,
)
from dnsbl.native.ipv6 cimport (
    COVERING6_MAX, covering6, get6, listed_below6, put6, tree6_free, tree6_new,
)
from dnsbl.native.ranges cimport range_length
from dnsbl.native.rows cimport Loader, load_chunk, load_pending, loader_free, loader_new
from dnsbl.native.values cimport (
    CATEGORIES_MAX, NO_MEMORY, NO_VALUE, TIMES, Entries, intern, release, unpack, values_free,
    values_new,
)

from dnsbl.network import IPV4, IPV6, Network, parse_canonical
from dnsbl.verdict import EVERY_CATEGORY, Entry
from dnsbl.zone.row import read_row

cdef extern from *:
    """
    #include <stdlib.h>
    #ifdef __GLIBC__
    #include <malloc.h>
    static void dnsbl_trim(void) { malloc_trim(0); }
    #else
    static void dnsbl_trim(void) { }
    #endif
    """
    void trim "dnsbl_trim"() noexcept nogil

cdef enum:
    LARGE = 100_000   # entries

_IPV4 = IPV4
_IPV6 = IPV6
_EVERY = EVERY_CATEGORY
_TIME_MAX = 1 << 62  # the database holds none over 100,000,000,000


cdef Bits _bits6(object bits):
    cdef Bits split
    split.high = <uint64_t>(bits >> 64)
    split.low = <uint64_t>(bits & 0xFFFFFFFFFFFFFFFF)
    return split


cdef object _joined(Bits bits):
    return int(bits.high) << 64 | bits.low


cdef class Radix:
    """Listings and exclusions by prefix, IPv4 and IPv6, in the categories that are named."""

    def __cinit__(self, categories):
        names = tuple(categories)
        if len(names) > CATEGORIES_MAX:
            raise ValueError(f"more than {CATEGORIES_MAX} categories")
        self.categories = names
        self.categories_count = len(names)
        self._numbers = {name: number for number, name in enumerate(names)}
        self.values = values_new()
        if self.values != NULL:
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
            values_free(self.values)
            if large:  # else tens of megabytes would stay with the process, in small pieces
                trim()

    def guard(self, Gate gate) -> None:
        """From now on other threads read the radix, through that gate; or nobody, with None."""
        self.gate = gate

    def put(self, entry) -> None:
        """Adds an entry, in the place of one with the same network, category and kind."""
        self._put(entry.network, (entry.category, entry.excludes, entry.expires_at), True)

    def discard(self, network, category, *, excludes) -> bool:
        """Removes an entry; whether there was one."""
        return self._put(network, (category, excludes, None), False)

    cdef int _put(self, object network, object change, bint put) except -1:
        """Puts or discards an entry; whether there was one. `change`: category, kind, time."""
        cdef Entries entries
        cdef bint is_ipv4 = network.family == _IPV4
        cdef bint was, done
        cdef unsigned int length = network.length, place
        cdef uint32_t bits = 0, value
        cdef uint64_t bit = 0
        cdef Bits wide
        category, excludes, expires_at = change
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
        if excludes and category == _EVERY:
            place = TIMES - 1
            was = entries.excludes_all
            entries.excludes_all = put
        else:
            number = self._numbers.get(category)
            if number is None:
                if put:
                    raise ValueError(f"the radix has no category {category!r}")
                return False
            bit = <uint64_t>1 << <unsigned int>number
            if excludes:
                place = CATEGORIES_MAX + <unsigned int>number
                was = entries.excludes & bit != 0
                entries.excludes = entries.excludes | bit if put else entries.excludes & ~bit
            else:
                place = number
                was = entries.lists & bit != 0
                entries.lists = entries.lists | bit if put else entries.lists & ~bit
        if not put and not was:
            return False
        entries.times[place] = INT64_MAX if expires_at is None else min(expires_at, _TIME_MAX)
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
        return was

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
            self._tell(entries, found[index], network.widened(lengths[index]))
        return entries

    def listed_below(self, network) -> bool:
        """Whether there is any listing of this network or of one inside it."""
        if network.family == _IPV4:
            return listed_below4(self.ipv4, network.bits, network.length)
        return listed_below6(self.ipv6, _bits6(network.bits), network.length)

    def __len__(self) -> int:
        return self.ipv4.entries + self.ipv6.entries

    cdef int _tell(self, list entries, uint32_t value, object network) except -1:
        """Adds the entries of a value in the order of `dnsbl.zone.radix`."""
        cdef Entries held
        cdef list told = []
        cdef unsigned int number
        unpack(self.values, value, &held)
        if held.excludes_all:
            told.append((_EVERY, True, held.times[TIMES - 1]))
        for number in range(<unsigned int>len(self.categories)):
            if held.excludes >> number & 1:
                told.append((self.categories[number], True, held.times[CATEGORIES_MAX + number]))
            if held.lists >> number & 1:
                told.append((self.categories[number], False, held.times[number]))
        told.sort(key=lambda one: (not one[1], one[0]))
        for category, excludes, time in told:
            expires_at = None if time == INT64_MAX else time
            entries.append(Entry(network, category, excludes, expires_at))
        return 0

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
            self._tell(entries, value, Network(_IPV6, whole, length_))
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
            self._tell(entries, value, Network(_IPV4, bits, length_))
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
        return first + second

    def take(self, chunks, *, excludes, now, odd) -> None:
        """Adds the rows of chunks, as `dnsbl.store.journal.chunks` makes them; expired ones not.

        `odd` is called with each row that is no canonical network or of no
        category that is known here. Only before anybody else sees the radix.
        """
        cdef Loader* loader = loader_new(self.values, self.ipv4, self.ipv6)
        cdef const uint8_t[::1] view
        cdef const uint8_t* text
        cdef size_t size, index
        cdef bint done = True
        if loader == NULL:
            raise MemoryError
        assert self.gate is None
        octets = [name.encode() for name in self.categories]
        try:
            loader.excludes = excludes
            loader.now = now
            loader.names_count = len(octets)
            for index in range(loader.names_count):
                loader.names[index] = <bytes>octets[index]
                loader.names_size[index] = len(octets[index])
            for chunk in chunks:
                if not chunk:
                    continue
                view = chunk
                text = &view[0]
                size = view.shape[0]
                with nogil:
                    done = load_chunk(loader, text, size)
                for index in range(loader.odd_count):
                    row = bytes(chunk[loader.odd[index].start:loader.odd[index].end])
                    entry = read_row(row, self.categories, excludes=excludes, parse=parse_canonical)
                    if entry is None:
                        odd(row)
                    elif entry.live(now):  # it has a text of its own
                        self.put(entry)
                if not done:
                    raise MemoryError
            with nogil:
                done = load_pending(loader)
                trim()  # what the growing left behind
            if not done:
                raise MemoryError
        finally:
            loader_free(loader)
