"""What a new DNS process goes on with of the one before: the counts of keys, from its status file.

Everything else begins at 0: only a quota of the day must not begin anew because
a process was killed.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from dnsbl.zone.keys import KeyRing
from dnsbl.zone.zones import Zones

# Of `config.data.dns_status`: some 10,000 keys in each of ten zones.
STATUS_BYTES_MAX: Final = 16 << 20


def resume_key_counts(path: Path, zones: Zones) -> None:
    """Gives the key rings the counts that the status file has; call it before keys are read.

    A file that is missing, or not what we write, has none.
    """
    told = _told(path)
    for zone in zones:
        zone.keys.resume(_inside(_inside(told, zone.config.origin), "keys"))


def told_rings(path: Path, origins: Iterable[str]) -> dict[str, KeyRing]:
    """A ring for each of those zones, with the counts that the file has, and no keys."""
    told = _told(path)
    rings = {origin: KeyRing() for origin in origins}
    for origin, ring in rings.items():
        ring.resume(_inside(_inside(told, origin), "keys"))
    return rings


def _told(path: Path) -> object:
    """What the file says of zones."""
    told: object = None
    # RecursionError: brackets by the thousand
    with contextlib.suppress(OSError, ValueError, RecursionError), path.open("rb") as stream:
        told = json.loads(stream.read(STATUS_BYTES_MAX))
    return _inside(told, "zones")


def _inside(value: object, name: str) -> object:
    return value.get(name) if isinstance(value, dict) else None
