"""The listings and exclusions of a zone of names, found by domain.

A dictionary of domains: a node stands where an entry is, or above one. Every
node counts the names below it that are listed, so that "is anything listed
below this name" is one look-up (RFC 8020: a name exists if anything below it
does). Adding and removing touches a name and those above it.

A name that is listed counts in the names above it until it is put or discarded
the next time, though its entries may have expired by then: what expires leaves
at once and decides nothing, but names above it exist until its row goes, which
the sidecar sees to within a second or two. The compiled twin can do no better,
since it knows a name by its hash alone, and a hash does not say what is above.

This is the reference, written to be read. `dnsbl.native.names` is its compiled
twin: the same interface, which agrees with it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Final

from dnsbl.name import Name, Scope, parse_canonical_name
from dnsbl.verdict import EVERY_CATEGORY, Entry
from dnsbl.wire.record import Labels
from dnsbl.zone.expiry import Expiry, Key
from dnsbl.zone.freezing import Freezing
from dnsbl.zone.row import read_row

# In which order the scopes of one domain decide, and which of them mean names below it.
_SCOPES: Final[tuple[Scope, ...]] = ("exact", "below", "all")
_WILD: Final[tuple[Scope, ...]] = ("below", "all")


class _Node:
    """A domain: its entries by scope, in the order of precedence.

    ``counted`` are the scopes that count as listed in the nodes above, ``below``
    is how many names below this one count in it.
    """

    __slots__ = ("below", "counted", "entries")

    def __init__(self) -> None:
        self.entries: dict[Scope, tuple[Entry, ...]] = {}
        self.counted: set[Scope] = set()
        self.below = 0


class Names:
    """Listings and exclusions by domain name, in the categories that are named."""

    __slots__ = ("_count", "_expiry", "_freezing", "_nodes", "categories")

    def __init__(self, categories: Iterable[str]) -> None:
        self.categories: Final = tuple(categories)
        self._nodes: Final[dict[str, _Node]] = {}
        self._expiry = Expiry()
        self._freezing = Freezing()
        self._count = 0

    def put(self, entry: Entry) -> None:
        """Adds an entry, in the place of one with the same name, category and kind.

        Raises ValueError where its category is none of those named.
        """
        if not self._has(entry.category, excludes=entry.excludes):
            raise ValueError(f"the names have no category {entry.category!r}")
        self._freezing.one_more()
        name = entry.network
        assert isinstance(name, Name)
        node = self._nodes.setdefault(name.domain, _Node())
        held = node.entries.get(name.scope, ())
        kept = _without(held, entry.category, excludes=entry.excludes)
        self._count += len(kept) == len(held)
        # Exclusions first (the order of Entry.precedence at one name); then by category, so that
        # what is held does not depend on the order in which it came.
        node.entries[name.scope] = tuple(
            sorted((*kept, entry), key=lambda each: (not each.excludes, each.category))
        )
        self._expiry.put(entry)
        self._settle(name)

    def discard(self, name: Name, category: str, *, excludes: bool) -> bool:
        """Removes an entry; whether there was one."""
        found = self._take_out(name, category, excludes=excludes)
        if found:
            self._expiry.discard(Key(name, category, excludes))
        self._settle(name)
        return found

    def _take_out(self, name: Name, category: str, *, excludes: bool) -> bool:
        node = self._nodes.get(name.domain)
        held = node.entries.get(name.scope, ()) if node is not None else ()
        kept = _without(held, category, excludes=excludes)
        if node is None or len(kept) == len(held):
            return False
        self._count -= 1
        node.entries[name.scope] = kept
        if not kept:
            del node.entries[name.scope]
        self._prune(name.domain)
        return True

    def _settle(self, name: Name) -> None:
        """Counts the name in those above it if it is listed, and only then."""
        node = self._nodes.get(name.domain)
        if node is None:
            return
        is_listed = _lists(node.entries.get(name.scope, ()))
        if is_listed == (name.scope in node.counted):
            return
        if is_listed:
            node.counted.add(name.scope)
        else:
            node.counted.remove(name.scope)
        for domain in _above(name.domain):
            self._nodes.setdefault(domain, _Node()).below += 1 if is_listed else -1
            self._prune(domain)
        self._prune(name.domain)

    def _prune(self, domain: str) -> None:
        """Takes out a node that nothing needs any longer: memory follows what is held."""
        node = self._nodes.get(domain)
        if node is not None and not (node.entries or node.counted or node.below):
            del self._nodes[domain]

    def covering(self, name: Name) -> list[Entry]:
        """The entries whose name covers this one, in the order in which they decide."""
        found: list[Entry] = []
        node = self._nodes.get(name.domain)
        if node is not None:
            for scope in _SCOPES:
                if scope in (name.scope, "all"):
                    found += node.entries.get(scope, ())
        for domain in _above(name.domain):
            node = self._nodes.get(domain)
            if node is not None:
                for scope in _WILD:
                    found += node.entries.get(scope, ())
        return found

    def listed_below(self, name: Name) -> bool:
        """Whether any name below this domain is listed, alone or with others; not it itself."""
        node = self._nodes.get(name.domain)
        return node is not None and (
            node.below > 0 or any(_lists(node.entries.get(scope, ())) for scope in _WILD)
        )

    def drop_expired(self, now: float, limit: int) -> int:
        """Takes out entries that have expired, `limit` or somewhat more at most; how many.

        Fewer than the limit: there are no more. `now` in Unix seconds.
        """
        due = self._expiry.take_due(now, limit)
        for key in due:
            assert isinstance(key.network, Name)
            self._take_out(key.network, key.category, excludes=key.excludes)
        return len(due)

    def take(
        self,
        chunks: Iterable[bytes],
        *,
        excludes: bool,
        now: float,
        odd: Callable[[bytes], None],
    ) -> None:
        """Adds the rows of chunks, as `dnsbl.store.journal.chunks` makes them; expired ones not.

        `odd` is called with each row that is no canonical name or of no
        category that is known here. Only before anybody else sees the names.
        """
        for chunk in chunks:
            for row in filter(None, chunk.split(b"\n")):
                entry = read_row(
                    row, self.categories, excludes=excludes, parse=parse_canonical_name
                )
                if entry is None:
                    odd(row)
                elif entry.live(now):
                    self.put(entry)

    def _has(self, category: str, *, excludes: bool) -> bool:
        return category in self.categories or (excludes and category == EVERY_CATEGORY)

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[Entry]:
        """All entries, by domain; of one domain in the order in which they decide."""
        for _, node in sorted(self._nodes.items()):
            for scope in _SCOPES:
                yield from node.entries.get(scope, ())


def question_name(labels: Labels) -> Name:
    """The name that labels of a question make, of which there is at least one.

    They may be any octets, of which letters match without regard to case (RFC
    4343 §3). A dot inside a label becomes NUL: neither is in any label that can
    be listed, and so two labels are not taken for one.
    """
    text = b".".join(label.lower().replace(b".", b"\0") for label in labels)
    return Name(text.decode("latin-1"), "exact")


def _above(domain: str) -> Iterator[str]:
    """The domains above one, the nearest first."""
    rest = domain.partition(".")[2]
    while rest:
        yield rest
        rest = rest.partition(".")[2]


def _lists(entries: tuple[Entry, ...]) -> bool:
    return any(not entry.excludes for entry in entries)


def _without(entries: tuple[Entry, ...], category: str, *, excludes: bool) -> tuple[Entry, ...]:
    return tuple(
        entry for entry in entries if (entry.category, entry.excludes) != (category, excludes)
    )
