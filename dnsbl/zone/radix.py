"""The listings and exclusions of a zone, found by longest prefix.

A binary trie with compressed paths for each family: a node stands where an
entry is, or where two branches part. Every node counts the listings at and
below it, so that "is anything listed below this name" is one descent. Adding
and removing touches one path and rebuilds nothing; a node that nothing needs
any longer is taken out, so memory follows what is held.

This is the reference, written to be read. `dnsbl.native.radix` is its compiled
twin: the same interface, which agrees with it.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterable, Iterator
from typing import Final

from dnsbl.network import BITS, IPV4, IPV6, Family, Network, parse_canonical
from dnsbl.verdict import EVERY_CATEGORY, Entry
from dnsbl.zone.expiry import Expiry, Key
from dnsbl.zone.row import read_row

FREEZE_ENTRIES: Final = 5_000


class _Node:
    """A prefix: its bits and length as in Network; its entries in the order of precedence.

    ``listings`` counts those in its whole subtree. ``zero`` and ``one`` are the
    branches by the bit that follows the prefix.
    """

    __slots__ = ("bits", "entries", "length", "listings", "one", "zero")

    def __init__(self, bits: int, length: int) -> None:
        self.bits = bits
        self.length = length
        self.entries: tuple[Entry, ...] = ()
        self.listings = 0
        self.zero: _Node | None = None
        self.one: _Node | None = None


class _Tree:
    """The trie of one family. Its root is the prefix of length 0, and stays."""

    __slots__ = ("root", "width")

    def __init__(self, family: Family) -> None:
        self.width = BITS[family]
        self.root = _Node(0, 0)

    def child(self, node: _Node, bits: int) -> _Node | None:
        """The branch of the node towards those bits."""
        return node.one if bits >> (self.width - 1 - node.length) & 1 else node.zero

    def attach(self, node: _Node, child: _Node | None, bits: int) -> None:
        """Makes the branch of the node towards those bits the child."""
        if bits >> (self.width - 1 - node.length) & 1:
            node.one = child
        else:
            node.zero = child

    def shared_length(self, node: _Node, bits: int, length: int) -> int:
        """How long a prefix the node and another prefix have in common."""
        differing = self.width - (node.bits ^ bits).bit_length()
        return min(differing, node.length, length)

    def path(self, bits: int, length: int) -> list[_Node]:
        """The nodes that cover the prefix, from the root down."""
        nodes: list[_Node] = []
        node: _Node | None = self.root
        while (
            node is not None
            and node.length <= length
            and (node.bits ^ bits) >> (self.width - node.length) == 0
        ):
            nodes.append(node)
            if node.length == length:
                break
            node = self.child(node, bits)
        return nodes

    def grow(self, path: list[_Node], bits: int, length: int) -> None:
        """Adds the node of that prefix, where the path to it ends short of it."""
        above = path[-1]
        added = _Node(bits, length)
        below = self.child(above, bits)
        if below is not None:
            shared = self.shared_length(below, bits, length)
            if shared < length:  # two branches part where neither has a node
                drop = self.width - shared
                fork = _Node(bits >> drop << drop, shared)
                fork.listings = below.listings
                self.attach(fork, below, below.bits)
                self.attach(fork, added, bits)
                self.attach(above, fork, bits)
                path += (fork, added)
                return
            added.listings = below.listings
            self.attach(added, below, below.bits)
        self.attach(above, added, bits)
        path.append(added)

    def prune(self, path: list[_Node]) -> None:
        """Takes out what the last node of the path, and then the one above it, is not needed for.

        A node without entries is needed only where two branches part.
        """
        for index in (len(path) - 1, len(path) - 2):
            node = path[index]
            if index <= 0 or node.entries or (node.zero is not None and node.one is not None):
                return
            self.attach(path[index - 1], node.zero or node.one, node.bits)


class Radix:
    """Listings and exclusions by prefix, IPv4 and IPv6, in the categories that are named."""

    __slots__ = ("_count", "_expiry", "_since_freeze", "_trees", "categories")

    def __init__(self, categories: Iterable[str]) -> None:
        self.categories: Final = tuple(categories)
        self._trees: Final[dict[Family, _Tree]] = {IPV4: _Tree(IPV4), IPV6: _Tree(IPV6)}
        self._expiry = Expiry()
        self._count = 0
        self._since_freeze = 0

    def put(self, entry: Entry) -> None:
        """Adds an entry, in the place of one with the same network, category and kind.

        Raises ValueError where its category is none of the radix.
        """
        if not self._has(entry.category, excludes=entry.excludes):
            raise ValueError(f"the radix has no category {entry.category!r}")
        self._freeze_at_times()
        network = entry.network
        assert isinstance(network, Network), "names are held by another structure"
        tree = self._trees[network.family]
        path = tree.path(network.bits, network.length)
        if path[-1].length != network.length:
            tree.grow(path, network.bits, network.length)
        node = path[-1]
        kept = _without(node.entries, entry.category, excludes=entry.excludes)
        if len(kept) == len(node.entries):
            self._count += 1
            if not entry.excludes:
                for above in path:
                    above.listings += 1
        # Exclusions first (the order of Entry.precedence at one network); then by category, so
        # that what is held does not depend on the order in which it came.
        node.entries = tuple(
            sorted((*kept, entry), key=lambda held: (not held.excludes, held.category))
        )
        self._expiry.put(entry)

    def discard(self, network: Network, category: str, *, excludes: bool) -> bool:
        """Removes an entry; whether there was one."""
        tree = self._trees[network.family]
        path = tree.path(network.bits, network.length)
        node = path[-1]
        if node.length != network.length:
            return False
        kept = _without(node.entries, category, excludes=excludes)
        if len(kept) == len(node.entries):
            return False
        self._expiry.discard(Key(network, category, excludes))
        node.entries = kept
        self._count -= 1
        if not excludes:
            for above in path:
                above.listings -= 1
        tree.prune(path)
        return True

    def covering(self, network: Network) -> list[Entry]:
        """The entries whose network covers this one, in the order in which they decide."""
        path = self._trees[network.family].path(network.bits, network.length)
        return [entry for node in reversed(path) for entry in node.entries]

    def listed_below(self, network: Network) -> bool:
        """Whether there is any listing of this network or of one inside it."""
        tree = self._trees[network.family]
        node: _Node | None = tree.path(network.bits, network.length)[-1]
        assert node is not None
        if node.length < network.length:
            node = tree.child(node, network.bits)
            if node is None or tree.shared_length(node, network.bits, network.length) < (
                network.length
            ):
                return False
        return node.listings > 0

    def drop_expired(self, now: float, limit: int) -> int:
        """Takes out entries that have expired, `limit` or somewhat more at most; how many.

        Fewer than the limit: there are no more. `now` in Unix seconds.
        """
        due = self._expiry.take_due(now, limit)
        for key in due:
            assert isinstance(key.network, Network)
            self.discard(key.network, key.category, excludes=key.excludes)
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

        `odd` is called with each row that is no canonical network or of no
        category that is known here. Only before anybody else sees the radix.
        """
        for chunk in chunks:
            for row in filter(None, chunk.split(b"\n")):
                entry = read_row(row, self.categories, excludes=excludes, parse=parse_canonical)
                if entry is None:
                    odd(row)
                elif entry.live(now):
                    self.put(entry)

    def _has(self, category: str, *, excludes: bool) -> bool:
        return category in self.categories or (excludes and category == EVERY_CATEGORY)

    def _freeze_at_times(self) -> None:
        """Keeps the garbage collector off what is held.

        It looks for cycles, and a radix has none; but each of its full passes
        would visit every entry, and answers would wait for that: 300 ms at
        120,000 entries. What is frozen is freed by its reference count as ever.
        """
        self._since_freeze += 1
        if self._since_freeze >= FREEZE_ENTRIES:
            self._since_freeze = 0
            gc.freeze()

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[Entry]:
        """All entries: IPv4 before IPv6, by their bits, covering networks first."""
        for tree in self._trees.values():
            waiting = [tree.root]
            while waiting:
                node = waiting.pop()
                yield from node.entries
                waiting += [child for child in (node.one, node.zero) if child is not None]


def _without(entries: tuple[Entry, ...], category: str, *, excludes: bool) -> tuple[Entry, ...]:
    return tuple(
        entry for entry in entries if (entry.category, entry.excludes) != (category, excludes)
    )
