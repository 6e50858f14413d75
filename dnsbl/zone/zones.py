"""The zones that are served, and who may ask."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from typing import Final

from dnsbl.config import ZoneConfig, answering
from dnsbl.config.access import EVERYBODY, AccessConfig
from dnsbl.config.zones import parent
from dnsbl.wire.record import Labels
from dnsbl.zone.access import AccessList
from dnsbl.zone.chaos import ChaosConfig
from dnsbl.zone.zone import Zone

NOTHING_TOLD: Final = ChaosConfig()
_DS: Final = 43  # RFC 4034 §5; no type that has records here


class Zones:
    """The zones that are served. They never change while the process runs; what is in them does.

    ``lock`` is held while an answer is decided, which looks more than once, and
    while what is listed changes: an answer of two moments may be true of neither.
    ``access`` says which clients may ask the server at all, ``told`` what it
    tells of itself.
    """

    def __init__(
        self,
        configs: Iterable[ZoneConfig],
        access: AccessConfig = EVERYBODY,
        told: ChaosConfig = NOTHING_TOLD,
    ) -> None:
        self.lock = threading.Lock()
        self.access: Final = AccessList(access)
        self.told: Final = told
        by_config = {config.origin: config for config in configs}
        self._by_origin = {origin: Zone(config) for origin, config in by_config.items()}
        self._by_labels = {zone.labels: zone for zone in self._by_origin.values()}
        self._label_counts = sorted({len(labels) for labels in self._by_labels}, reverse=True)
        for zone in self:
            parts = answering(zone.config, by_config)
            zone.include([self._by_origin[part.origin] for part in parts])
            above = parent(zone.config, by_config)
            if above is not None:
                self._by_origin[above.origin].add_inside([zone.config.origin])

    def __iter__(self) -> Iterator[Zone]:
        return iter(self._by_origin.values())

    def get(self, origin: str) -> Zone | None:
        """The zone of that origin, in lower case without the last dot."""
        return self._by_origin.get(origin)

    def find(self, labels: Labels, qtype: int) -> Zone | None:
        """The zone that answers for a name, the longest origin first; None if it lies in none.

        RFC 4343 §3: letters match without regard to case, other octets exactly.
        """
        own: Zone | None = None
        for count in self._label_counts:
            if count <= len(labels):
                suffix = tuple(label.lower() for label in labels[len(labels) - count :])
                if (zone := self._by_labels.get(suffix)) is not None:
                    # RFC 4035 §3.1.4.1: whether a zone is signed, the one above it says
                    if qtype != _DS or count < len(labels):
                        return zone
                    own = zone
        return own
