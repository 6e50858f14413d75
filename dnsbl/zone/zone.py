"""A zone: its configuration, its radix, its serial, and the test entries built into it."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from typing import Final, Protocol

from dnsbl.config import ZoneConfig
from dnsbl.network import IPV4, Network
from dnsbl.verdict import Entry, decide
from dnsbl.wire.record import Labels
from dnsbl.zone.keys import KeyRing
from dnsbl.zone.twin import AnyRadix, new_radix

NEVER_LISTED: Final = Network(IPV4, 0x7F00_0001, 32)  # RFC 5782 §5: 127.0.0.1
_TEST_ADDRESS: Final = Network(IPV4, 0x7F00_0002, 32)  # RFC 5782 §5: 127.0.0.2


class Mirror(Protocol):
    """What has to hear of a zone's changes, since it answers in our place."""

    def attach(self, name: str, radix: AnyRadix, serial: int) -> None:
        """The zone of that origin answers from that radix from now on, and has that serial."""

    def set_serial(self, name: str, serial: int) -> None:
        """The zone has that serial from now on."""


class Zone:
    """What is listed in one zone.

    ``radix`` and ``serial`` are the follower's to change; the radix may be
    swapped for another as a whole. ``serial`` is the number of the zone's last
    change in the journal, of which SOA shows the low 32 bits. ``tests`` are the
    entries that are built in. ``keys`` are those that clients ask with.
    """

    def __init__(self, config: ZoneConfig, serial: int = 0) -> None:
        self.config = config
        self.labels: Final = tuple(label.encode() for label in config.origin.split("."))
        self.tests: Final = _test_entries(config)
        self.keys: Final = KeyRing()
        self._radix = new_radix(category.name for category in config.categories)
        self._serial = serial
        self._mirror: Mirror | None = None
        self._hosts: Final = _hosts(config, self.labels)

    @property
    def radix(self) -> AnyRadix:
        """The listings and exclusions."""
        return self._radix

    @property
    def serial(self) -> int:
        """The number of the last change."""
        return self._serial

    @serial.setter
    def serial(self, serial: int) -> None:
        self._serial = serial
        if self._mirror is not None:
            self._mirror.set_serial(self.config.origin, serial)

    def swap(self, radix: AnyRadix, serial: int) -> AnyRadix:
        """Answers from that radix from now on; gives the one before."""
        old, self._radix, self._serial = self._radix, radix, serial
        if self._mirror is not None:
            self._mirror.attach(self.config.origin, radix, serial)
        return old

    def mirror_to(self, mirror: Mirror) -> None:
        """From now on the mirror hears of every change."""
        self._mirror = mirror
        mirror.attach(self.config.origin, self._radix, self._serial)

    def decide(self, network: Network, now: float) -> dict[str, Entry]:
        """The listing that decides for each category in which the address or prefix is listed.

        RFC 5782 §5: the test entries are what they are, whatever the data says.
        """
        if network == NEVER_LISTED:
            return {}
        test = self.tests.get(network)
        if test is not None:
            return dict(test)
        return decide(self._radix.covering(network), now)

    def has_host(self, below: Labels) -> bool:
        """Whether a name below the origin is that of a name server, or stands above one.

        Such a name exists, whatever is known of it: NXDOMAIN for the zone's own
        server would make resolvers drop the zone.
        """
        return tuple(label.lower() for label in below) in self._hosts

    def exists(self, prefix: Network, now: float) -> bool:
        """Whether any address of the prefix may be listed: by what covers it, or lies in it."""
        radix = self._radix
        return (
            bool(decide(radix.covering(prefix), now))
            or radix.listed_below(prefix)
            or any(prefix.covers(test) for test in self.tests)
        )


class Zones:
    """The zones that are served. They never change while the process runs; what is in them does.

    ``lock`` is held while an answer is decided, which looks more than once, and
    while what is listed changes: an answer of two moments may be true of neither.
    """

    def __init__(self, configs: Iterable[ZoneConfig]) -> None:
        self.lock = threading.Lock()
        self._by_origin = {config.origin: Zone(config) for config in configs}
        self._by_labels = {zone.labels: zone for zone in self._by_origin.values()}
        self._label_counts = sorted({len(labels) for labels in self._by_labels}, reverse=True)

    def __iter__(self) -> Iterator[Zone]:
        return iter(self._by_origin.values())

    def get(self, origin: str) -> Zone | None:
        """The zone of that origin, in lower case without the last dot."""
        return self._by_origin.get(origin)

    def find(self, labels: Labels) -> Zone | None:
        """The zone that a name lies in, the longest origin first; None if it lies in none.

        RFC 4343 §3: letters match without regard to case, other octets exactly.
        """
        for count in self._label_counts:
            if count <= len(labels):
                suffix = tuple(label.lower() for label in labels[len(labels) - count :])
                if (zone := self._by_labels.get(suffix)) is not None:
                    return zone
        return None


def _hosts(config: ZoneConfig, origin: Labels) -> frozenset[Labels]:
    """The names of name servers inside the zone, and those above them, without the origin."""
    found: set[Labels] = set()
    for name in config.nameservers:
        labels = tuple(label.encode() for label in name.split("."))
        if labels[-len(origin) :] == origin:
            below = labels[: -len(origin)]
            found.update(below[start:] for start in range(len(below)))
    return frozenset(found)


def _test_entries(config: ZoneConfig) -> dict[Network, dict[str, Entry]]:
    """RFC 5782 §5: 127.0.0.2 is listed, and one test address for each value that is answered.

    Where no category answers 127.0.0.2, that address is listed in all of them.
    """
    tests: dict[Network, dict[str, Entry]] = {}

    def add(address: Network, category: str) -> None:
        entry = Entry(address, category, excludes=False, expires_at=None)
        tests.setdefault(address, {})[category] = entry

    for category in config.categories:
        add(Network(IPV4, int(category.answer), 32), category.name)
    if _TEST_ADDRESS not in tests:
        for category in config.categories:
            add(_TEST_ADDRESS, category.name)
    return tests
