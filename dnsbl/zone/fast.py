"""The compiled answer path over the zones, where it is loaded.

It answers what mail servers ask, to the octet as `zone.answer` would, and
declines the rest. The zones tell it of each change of theirs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dnsbl.zone.plan import plan
from dnsbl.zone.twin import COMPILED
from dnsbl.zone.zones import Zones

if TYPE_CHECKING:  # not built everywhere
    from dnsbl.native.answer import Answerer
    from dnsbl.native.cookie import Cookies


@dataclass(frozen=True, slots=True)
class FastPath:
    """The compiled answer path of one worker, numbered from 0; ``cookies`` are those of all."""

    answerer: Answerer
    reader: int
    cookies: Cookies | None = None


def fast_paths(
    zones: Zones, workers: int, secrets: Sequence[bytes] | None = None
) -> list[FastPath | None]:
    """A compiled answer path for each worker, all over the same zones; None where there is none.

    ``secrets`` are those of server cookies, if there are any.
    """
    if not COMPILED:
        return [None] * workers
    from dnsbl.native.answer import Answerer  # noqa: PLC0415  # not built everywhere
    from dnsbl.native.cookie import Cookies  # noqa: PLC0415  # the same
    from dnsbl.native.gate import Gate  # noqa: PLC0415  # the same

    gate = Gate(workers)
    cookies = None if secrets is None else Cookies(secrets, gate)
    shared = Answerer([plan(zone) for zone in zones], gate, cookies)
    if not zones.access.trivial:
        shared.set_access(None, zones.access.radix)
    for zone in zones:
        if not zone.access.trivial:
            shared.set_access(zone.config.origin, zone.access.radix)
        zone.mirror_to(shared)
    return [FastPath(shared, reader, cookies) for reader in range(workers)]
