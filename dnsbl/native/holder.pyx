# cython: boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""What a compiled radix and a compiled table of names have in common.

The categories and the values by which both hold entries, the gate by which they
are changed, and the texts of single listings. Those are few, and no concern of
an answer without Python: they stand in a dictionary, and a value has a bit for
each category whose listing has one.

Either is built by one thread. Once a `Gate` guards it, other threads read it
without the interpreter lock, and each change takes the gate.
"""

from libc.stdint cimport INT64_MAX, uint8_t, uint32_t, uint64_t

from dnsbl.native.gate cimport Gate
from dnsbl.native.rows cimport Loader, load_chunk, load_pending
from dnsbl.native.values cimport (
    CATEGORIES_MAX, TIMES, Entries, Values, unpack, values_free, values_new,
)

from dnsbl.verdict import EVERY_CATEGORY, Entry
from dnsbl.zone.expiry import Expiry, Key
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
    void _trim "dnsbl_trim"() noexcept nogil

_EVERY = EVERY_CATEGORY
_TIME_MAX = 1 << 62  # the database holds none over 100,000,000,000
_ALL = 1 << 62       # of what is due


cdef void trim() noexcept nogil:
    """Gives back what the allocator holds in small pieces; it would stay with the process."""
    _trim()


def give_back() -> None:
    """Gives back to the system what nobody uses any longer: after a load it is megabytes."""
    with nogil:
        _trim()


cdef class Holder:
    """Of the categories that are named."""

    def __cinit__(self, categories, *_, **__):
        names = tuple(categories)
        if len(names) > CATEGORIES_MAX:
            raise ValueError(f"more than {CATEGORIES_MAX} categories")
        self.categories = names
        self.categories_count = len(names)
        self._numbers = {name: number for number, name in enumerate(names)}
        self._texts = {}
        self._due = Expiry()
        self.values = values_new()
        if self.values == NULL:
            raise MemoryError

    def __dealloc__(self):
        values_free(self.values)

    def guard(self, Gate gate) -> None:
        """From now on other threads read this, through that gate; or nobody, with None."""
        self.gate = gate

    cdef Outcome alter(self, Entries* entries, object entry, bint put) except FAILED:
        """Puts an entry among those of its place, or takes it out."""
        cdef bint was
        cdef unsigned int place
        cdef uint64_t bit = 0
        category = entry.category
        if entry.excludes and category == _EVERY:
            place = TIMES - 1
            was = entries.excludes_all
            entries.excludes_all = put
        else:
            number = self._numbers.get(category)
            if number is None:
                if put:
                    raise ValueError(f"there is no category {category!r} here")
                return NOTHING
            bit = <uint64_t>1 << <unsigned int>number
            if entry.excludes:
                place = CATEGORIES_MAX + <unsigned int>number
                was = entries.excludes & bit != 0
                entries.excludes = entries.excludes | bit if put else entries.excludes & ~bit
            else:
                place = number
                was = entries.lists & bit != 0
                entries.lists = entries.lists | bit if put else entries.lists & ~bit
                entries.texts = (
                    entries.texts | bit if put and entry.text else entries.texts & ~bit
                )
        if not put:
            return REPLACED if was else NOTHING
        at = entry.expires_at
        entries.times[place] = INT64_MAX if at is None else min(at, _TIME_MAX)
        return REPLACED if was else ADDED

    cdef int note(self, object entry, bint put) except -1:
        """Keeps the text of an entry that was put, or none where it has none or was discarded."""
        if not self._texts and not entry.text:
            return 0
        key = Key(entry.network, entry.category, entry.excludes)
        if put and entry.text:
            self._texts[key] = entry.text
            self._due.put(entry)
        elif self._texts.pop(key, None) is not None:
            self._due.discard(key)
        return 0

    cdef int forget_due(self, double now) except -1:
        """Lets go of the texts of entries that have expired."""
        if self._texts:
            for key in self._due.take_due(now, _ALL):
                self._texts.pop(key, None)
        return 0

    cdef int tell(self, list entries, uint32_t value, object subject) except -1:
        """Adds the entries of a value in the order of `dnsbl.zone.radix`."""
        cdef Entries held
        cdef list told = []
        cdef unsigned int number
        unpack(self.values, value, &held)
        if held.excludes_all:
            told.append((_EVERY, True, held.times[TIMES - 1]))
        for number in range(self.categories_count):
            if held.excludes >> number & 1:
                told.append((self.categories[number], True, held.times[CATEGORIES_MAX + number]))
            if held.lists >> number & 1:
                told.append((self.categories[number], False, held.times[number]))
        told.sort(key=lambda one: (not one[1], one[0]))
        for category, excludes, time in told:
            expires_at = None if time == INT64_MAX else time
            text = ""
            if self._texts:
                text = self._texts.get(Key(subject, category, excludes), "")
            entries.append(Entry(subject, category, excludes, expires_at, text))
        return 0

    cdef int load(self, Loader* loader, object chunks, bint excludes, double now, object odd,
                  object parse) except -1:
        """Reads chunks of rows by a loader, which is the caller's; `take` says what it does."""
        cdef const uint8_t[::1] view
        cdef const uint8_t* text
        cdef size_t size, index
        cdef bint done = True
        cdef list texted = []
        assert self.gate is None
        octets = [name.encode() for name in self.categories]
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
                entry = read_row(row, self.categories, excludes=excludes, parse=parse)
                if entry is None:
                    odd(row)
                elif entry.live(now):  # it has a text of its own
                    texted.append(entry)
            if not done:
                raise MemoryError
        with nogil:
            done = load_pending(loader)
        if not done:
            raise MemoryError
        for entry in texted:  # only now: a /16 becomes a run at once where nothing is in it yet
            self.put(entry)
        with nogil:
            trim()  # what the growing left behind
        return 0
