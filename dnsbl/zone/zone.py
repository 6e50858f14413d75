"""A zone: its configuration, what is listed in it, its serial, and the entries built into it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from dnsbl.config import CategoryConfig, ZoneConfig
from dnsbl.name import Name
from dnsbl.network import Network
from dnsbl.subject import Subject
from dnsbl.verdict import Entry, decide
from dnsbl.wire.record import Labels
from dnsbl.zone.access import AccessList
from dnsbl.zone.builtin import NEVER_LISTED, test_entries
from dnsbl.zone.keys import KeyRing
from dnsbl.zone.twin import AnyRadix, new_store


class Mirror(Protocol):
    """What has to hear of a zone's changes, since it answers in our place."""

    def attach(self, name: str, radix: AnyRadix) -> None:
        """The zone of that origin answers from that radix from now on."""

    def set_serial(self, name: str, serial: int) -> None:
        """The zone has that serial from now on."""


@dataclass(frozen=True, slots=True)
class Listed:
    """The listing by which something is listed in one category."""

    category: CategoryConfig
    entry: Entry


class Zone:
    """What is listed in one zone.

    ``radix`` and ``serial`` are the follower's to change; the radix may be
    swapped for another as a whole. ``serial`` is the number of the last change
    in the journal, of this zone or of one that it includes: SOA shows its low
    32 bits. ``tests`` are the entries that are built in. ``parts`` are the zones
    whose listings answer here: itself, and those that it includes. ``keys`` are
    those that clients ask with, ``access`` which clients may ask.
    """

    def __init__(self, config: ZoneConfig, serial: int = 0) -> None:
        self.config = config
        self.labels: Final = tuple(label.encode() for label in config.origin.split("."))
        self.tests: Final = test_entries(config)
        self.keys: Final = KeyRing()
        self.access: Final = AccessList(config.access)
        self.parts: tuple[Zone, ...] = (self,)
        self._within: list[Zone] = []  # the aggregates that it is a part of
        self._radix = new_store(config)
        self._serial = serial
        self._mirror: Mirror | None = None
        self._inside: Final[set[Labels]] = set()
        self.add_inside(config.nameservers)
        self.add_inside(host.name for host in config.hosts)

    @property
    def radix(self) -> AnyRadix:
        """The listings and exclusions of its own."""
        return self._radix

    @property
    def serial(self) -> int:
        """The number of the last change that shows here."""
        return max(self._serial, *(part._serial for part in self.parts))  # noqa: SLF001  # of its own kind

    @serial.setter
    def serial(self, serial: int) -> None:
        self._serial = serial
        for zone in (self, *self._within):
            if zone._mirror is not None:  # noqa: SLF001  # the same
                zone._mirror.set_serial(zone.config.origin, zone.serial)  # noqa: SLF001  # the same

    def include(self, parts: Sequence[Zone]) -> None:
        """Answers from the listings of those zones; itself is one of them if it has categories."""
        self.parts = tuple(parts)
        for part in parts:
            if part is not self:
                part._within.append(self)  # noqa: SLF001  # the same

    def swap(self, radix: AnyRadix, serial: int) -> AnyRadix:
        """Answers from that radix from now on; gives the one before."""
        old, self._radix = self._radix, radix
        if self._mirror is not None:
            self._mirror.attach(self.config.origin, radix)
        self.serial = serial
        return old

    def mirror_to(self, mirror: Mirror) -> None:
        """From now on the mirror hears of every change."""
        self._mirror = mirror
        mirror.attach(self.config.origin, self._radix)
        mirror.set_serial(self.config.origin, self.serial)

    def listed(self, subject: Subject, now: float) -> tuple[Listed, ...]:
        """For each category in which an address or name is listed, the listing that decides.

        RFC 5782 §5: the test entries are what they are, whatever the data says.
        """
        if subject in NEVER_LISTED:
            return ()
        return tuple(found for part in self.parts for found in part._listed(subject, now))  # noqa: SLF001  # of its own kind

    def _listed(self, subject: Subject, now: float) -> tuple[Listed, ...]:
        test = self.tests.get(subject)
        found = decide(self._radix.covering(subject), now) if test is None else test
        return tuple(
            Listed(category, found[category.name])
            for category in self.config.categories
            if category.name in found
        )

    def exists_below(self, subject: Subject, now: float) -> bool:
        """Whether anything may be listed inside a prefix, or below a name."""
        return any(part._exists_below(subject, now) for part in self.parts)  # noqa: SLF001  # of its own kind

    def _exists_below(self, subject: Subject, now: float) -> bool:
        # What covers the whole prefix; of a name, what covers all names below it, which an entry of
        # it alone does not.
        whole = Name(subject.domain, "below") if isinstance(subject, Name) else subject
        return (
            bool(decide(self._radix.covering(whole), now))
            or self._radix.listed_below(subject)
            or any(_covers(subject, test) for test in self.tests)
        )

    def add_inside(self, names: Iterable[str]) -> None:
        """Names that exist, as those above them do, whatever is known of them.

        Those inside the zone among its name servers and hosts, and the origins
        of zones that lie in it: NXDOMAIN for one would make resolvers drop all
        that is below it (RFC 8020).
        """
        size = len(self.labels)
        for name in names:
            labels = tuple(label.encode() for label in name.split("."))
            if len(labels) > size and labels[-size:] == self.labels:
                below = labels[:-size]
                self._inside.update(below[start:] for start in range(len(below)))

    @property
    def inside(self) -> frozenset[Labels]:
        """Those names, without the origin."""
        return frozenset(self._inside)

    def has_inside(self, below: Labels) -> bool:
        """Whether a name below the origin is one of those."""
        return tuple(label.lower() for label in below) in self._inside


def _covers(subject: Subject, test: Subject) -> bool:
    """Whether a test entry lies in a prefix; below a name there is none."""
    return isinstance(subject, Network) and isinstance(test, Network) and subject.covers(test)
