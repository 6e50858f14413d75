"""The compiled answer path over the zones, where it is loaded.

It answers what mail servers ask, to the octet as `zone.answer` would, and
declines the rest. The zones tell it of each change of theirs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dnsbl.zone.plan import plan
from dnsbl.zone.twin import COMPILED
from dnsbl.zone.zones import Zones

if TYPE_CHECKING:  # not built everywhere
    from dnsbl.native.answer import Answerer


@dataclass(frozen=True, slots=True)
class FastPath:
    """The compiled answer path of one worker, numbered from 0."""

    answerer: Answerer
    reader: int


def fast_paths(zones: Zones, workers: int) -> list[FastPath | None]:
    """A compiled answer path for each worker, all over the same zones; None where there is none."""
    if not COMPILED:
        return [None] * workers
    from dnsbl.native.answer import Answerer  # noqa: PLC0415  # not built everywhere
    from dnsbl.native.gate import Gate  # noqa: PLC0415  # the same

    shared = Answerer([plan(zone) for zone in zones], Gate(workers))
    if not zones.access.trivial:
        shared.set_access(None, zones.access.radix)
    for zone in zones:
        if not zone.access.trivial:
            shared.set_access(zone.config.origin, zone.access.radix)
        zone.mirror_to(shared)
    return [FastPath(shared, reader) for reader in range(workers)]
