"""Which open delistings a change may concern, found by their texts and a page at a time.

However wide a network is that came or went, and however many were delisted in
it: no page has more than its caller wants to look at, and the next goes on from it.
"""

from __future__ import annotations

import contextlib
import socket
from dataclasses import dataclass
from typing import Final

from dnsbl.errors import DnsblError
from dnsbl.network import IPV4, IPV6, Network, parse_canonical
from dnsbl.store.database import Database
from dnsbl.store.relapse import Key
from dnsbl.store.requests import IPV6_HOST_LENGTH

_FIRST: Final = ""
_LAST: Final = "\U0010ffff"
_GROUP_BITS: Final = 16

OPEN_BETWEEN: Final = """
    SELECT DISTINCT zone, network, category FROM delistings
    WHERE relisted_at IS NULL AND lapsed_at IS NULL
      AND (zone, network, category) > (?, ?, ?) AND (zone, network, category) < (?, ?, ?)
    ORDER BY zone, network, category LIMIT ?
"""

_Range = tuple[Key, Key]  # what lies between, without both


@dataclass(frozen=True, slots=True)
class Ground:
    """Where something changed: in a network of a zone, in all of a zone, or anywhere.

    ``category`` is "" where that of an exclusion is: every one of them.
    """

    zone: str | None = None
    network: Network | None = None
    category: str = ""

    def holds(self, key: Key) -> bool:
        """Whether the change may concern that delisting: the one lies in the other."""
        _, network, category = key
        if self.category not in ("", category):
            return False
        if self.network is None:
            return True
        with contextlib.suppress(DnsblError):  # another client wrote what is no network
            delisted = parse_canonical(network)
            return self.network.covers(delisted) or delisted.covers(self.network)
        return False

    @property
    def ranges(self) -> list[_Range]:
        """Between which keys, in their order, all of its delistings lie; others may as well."""
        if self.zone is None:
            return [((_FIRST, _FIRST, _FIRST), (_LAST, _FIRST, _FIRST))]
        zone = self.zone
        if self.network is None:
            return [((zone, _FIRST, _FIRST), (zone, _LAST, _FIRST))]
        if self.network.is_address:
            taken = {str(self.network)}
            if self.network.family == IPV6:
                taken.add(str(self.network.widened(IPV6_HOST_LENGTH)))
            return [((zone, text, _FIRST), (zone, text, _LAST)) for text in sorted(taken)]
        prefix = _common_text(self.network)
        beyond = prefix[:-1] + chr(ord(prefix[-1]) + 1) if prefix else _LAST
        return [((zone, prefix, _FIRST), (zone, beyond, _FIRST))]


@dataclass(frozen=True, slots=True)
class Page:
    """Delistings that were found, of so many looked at; ``upto`` is where to go on, if at all."""

    keys: list[Key]
    looked_at: int
    upto: Key | None


def page(database: Database, ground: Ground, after: Key | None, limit: int) -> Page:
    """The next open delistings of a ground beyond a key, of so many looked at at most."""
    assert limit > 0
    found: list[Key] = []
    for low, high in ground.ranges:
        start = low if after is None else max(low, after)
        if start >= high:
            continue
        # SQLite compares octets of UTF-8, Python code points: the order is the same.
        rows = database.rows(
            OPEN_BETWEEN,
            *start, *high, limit - len(found) + 1,
        )  # fmt: skip
        found += [(row["zone"], row["network"], row["category"]) for row in rows]
        if len(found) > limit:
            found.pop()
            return Page([key for key in found if ground.holds(key)], limit, found[-1])
    return Page([key for key in found if ground.holds(key)], len(found), None)


def _common_text(network: Network) -> str:
    """With what the text of everything in a network begins, as far as that is simple to tell."""
    if network.family == IPV4:
        octets = socket.inet_ntoa(network.bits.to_bytes(4, "big")).split(".")
        return "".join(f"{octet}." for octet in octets[: network.length // 8])
    # RFC 5952 §4.2: groups before the first zero are written out. Beyond the /64 the text of that
    # itself would be missed.
    text = ""
    for number in range(min(network.length, IPV6_HOST_LENGTH) // _GROUP_BITS):
        group = network.bits >> (128 - _GROUP_BITS * (number + 1)) & 0xFFFF
        if group == 0:
            break
        text += f"{group:x}:"
    return text
