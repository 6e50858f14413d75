# cython: boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""The compiled twin of `dnsbl.zone.names`: the same interface, the same answers.

It keeps the hash of a name and not its text (`nametable` says how, and how
sure that is): some ten octets where Python has hundreds, and rbldnsd fifty.
"""

import os

from libc.stdint cimport uint8_t, uint32_t
from libc.string cimport memcpy

from dnsbl.native.holder cimport LARGE, NOTHING, REPLACED, Outcome, trim
from dnsbl.native.nametable cimport (
    NAME_FOUND_MAX, NameKeys, covering_name, drop_due_names, get_name, hash_name, hash_suffixes,
    listed_below_name, name_table_free, name_table_new, pack_names, put_name,
)
from dnsbl.native.page cimport ALL, BELOW, EXACT, Part
from dnsbl.native.rows cimport Loader, loader_free, loader_new
from dnsbl.native.suffixes cimport LABELS_MOST, Secret, Suffix
from dnsbl.native.values cimport NO_MEMORY, Entries, intern, release, retain, unpack

from dnsbl.name import LABEL_CHARS_MAX, Name, parse_canonical_name
from dnsbl.verdict import Entry

_PARTS = {"exact": EXACT, "below": BELOW, "all": ALL}
_SCOPES = {part: scope for scope, part in _PARTS.items()}
_PARSE = parse_canonical_name


cdef bytes _wire(object domain):
    """The labels as on the wire, without the root. Raises ValueError where they cannot be."""
    labels = domain.encode("latin-1").split(b".")
    if len(labels) > LABELS_MOST or not all(0 < len(each) <= LABEL_CHARS_MAX for each in labels):
        raise ValueError(f"{domain!r} is no domain")
    return b"".join(bytes((len(label),)) + label for label in labels)


cdef class Names(Holder):
    """Listings and exclusions by domain name, in the categories that are named.

    ``secret`` are 16 octets, by chance unless they are given.
    """

    def __cinit__(self, categories, secret=None):
        cdef Secret key
        chosen = os.urandom(sizeof(Secret)) if secret is None else bytes(secret)
        if len(chosen) != sizeof(Secret):
            raise ValueError("a secret of another size")
        memcpy(&key, <const uint8_t*><bytes>chosen, sizeof(Secret))
        self.names = name_table_new(self.values, key)
        if self.names == NULL:
            raise MemoryError

    def __dealloc__(self):
        cdef bint large = self.names != NULL and self.names.slots > LARGE
        with nogil:
            name_table_free(self.names)
            if large:
                trim()

    def put(self, entry) -> None:
        """Adds an entry, in the place of one with the same name, category and kind."""
        self._put(entry, True)

    def discard(self, name, category, *, excludes) -> bool:
        """Removes an entry; whether there was one."""
        return self._put(Entry(name, category, excludes, None), False)

    cdef bint _put(self, object entry, bint put) except *:
        """Puts or discards an entry; whether there was one."""
        cdef Suffix keys[LABELS_MOST]
        cdef Entries entries
        cdef Outcome outcome
        cdef Part part = _PARTS[entry.network.scope]
        cdef bint done
        cdef bytes wire = _wire(entry.network.domain)
        cdef unsigned int labels = entry.network.domain.count(".") + 1
        cdef uint32_t value
        hash_suffixes(self.names, wire, labels, labels, keys)
        value = get_name(self.names, keys, labels, part)
        unpack(self.values, value, &entries)
        outcome = self.alter(&entries, entry, put)
        if self.gate is not None:
            self.gate.close()
        if outcome == NOTHING:  # but what has expired may still be counted above
            retain(self.values, value, 1)
        else:
            value = intern(self.values, &entries)
        done = value != NO_MEMORY
        if done:
            done = put_name(self.names, keys, labels, part, value)
            if not done:
                release(self.values, value, 1)
        if self.gate is not None:
            self.gate.open()
        if not done:
            raise MemoryError
        self.note(entry, put)
        return outcome == REPLACED

    def covering(self, name) -> list:
        """The entries whose name covers this one, in the order in which they decide."""
        cdef uint32_t found[NAME_FOUND_MAX]
        cdef NameKeys keys
        cdef Suffix hashed[LABELS_MOST]
        cdef unsigned int level, labels = name.domain.count(".") + 1
        cdef uint32_t value
        cdef bytes wire = _wire(name.domain)
        cdef list entries = []
        hash_name(self.names, wire, labels, &keys)
        if covering_name(self.names, &keys, name.scope != "exact", found) == 0:
            return entries
        # The values do not say of which name they are.
        hash_suffixes(self.names, wire, labels, labels, hashed)
        domain = name.domain
        for level in range(labels, 0, -1):
            for part in (EXACT, BELOW, ALL):
                if part == ALL or (_SCOPES[part] == name.scope if level == labels
                                   else part == BELOW):
                    value = get_name(self.names, hashed, level, <Part>part)
                    self.tell(entries, value, Name(domain, _SCOPES[part]))
            domain = domain.partition(".")[2]
        return entries

    def listed_below(self, name) -> bool:
        """Whether any name below this domain is listed, alone or with others; not it itself."""
        cdef NameKeys keys
        cdef bytes wire = _wire(name.domain)
        hash_name(self.names, wire, name.domain.count(".") + 1, &keys)
        return listed_below_name(self.names, &keys)

    def drop_expired(self, now, limit) -> int:
        """Takes out entries that have expired, about `limit` at most; how many.

        Fewer than the limit: there are no more.
        """
        cdef double time = now
        cdef long most = limit, dropped
        if not self.names.least_due <= time:
            return 0
        if self.gate is not None:
            self.gate.close()
        dropped = drop_due_names(self.names, time, most)
        if self.gate is not None:
            self.gate.open()
        if dropped < 0:
            raise MemoryError
        self.forget_due(time)
        return dropped

    def take(self, chunks, *, excludes, now, odd) -> None:
        """Adds the rows of chunks, as `dnsbl.store.journal.chunks` makes them; expired ones not.

        `odd` is called with each row that is no canonical name or of no
        category that is known here. Only before anybody else sees the names.
        """
        cdef Loader* loader = loader_new(self.values, NULL, NULL, self.names)
        if loader == NULL:
            raise MemoryError
        try:
            self.load(loader, chunks, excludes, now, odd, _PARSE)
        finally:
            loader_free(loader)
        if self.names.slots > LARGE:
            with nogil:
                pack_names(self.names)
                trim()

    def slots(self) -> int:
        """For tests: how many slots there are, with those of the domains above."""
        return self.names.slots

    def hashes(self, name) -> list:
        """For tests: the two halves of the hash of each suffix, the shortest first."""
        cdef Suffix keys[LABELS_MOST]
        cdef bytes wire = _wire(name.domain)
        cdef unsigned int index, labels = name.domain.count(".") + 1
        hash_suffixes(self.names, wire, labels, labels, keys)
        return [(keys[index].low, keys[index].high) for index in range(labels)]

    def __len__(self) -> int:
        return self.names.entries

    def __iter__(self):
        """Raises TypeError: what is held are hashes, and no names come out of them."""
        raise TypeError("a compiled table of names does not know the names in it")
