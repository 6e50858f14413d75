"""Keyed access to a zone, `4.3.2.1.KEY.bl.example`: who may ask, and how much was asked.

A question's way: its last label below the origin is the key, the key is found by
its hash, a question for a whole address or name is counted against the quota of
the UTC day, and what is left of the labels is answered as without a key.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from dnsbl.config.keys import KeyAction, KeysConfig, may_be_key
from dnsbl.store.access_keys import AccessKey, key_hash
from dnsbl.wire.names import readings
from dnsbl.wire.record import Labels

KEYS_MAX: Final = 10_000  # of a zone, revoked ones among them: 300 octets each
DAY_S: Final = 86_400
_ID_OCTETS: Final = 8  # of the hash: enough to tell keys apart, and no secret
_COUNT_MAX: Final = 1 << 62  # of what a file says

Rejection: TypeAlias = Literal["missing", "unknown", "revoked", "expired"]

_REASONS: Final[dict[Rejection, str]] = {
    "missing": "this zone is asked with a key",
    "unknown": "this key is not known",
    "revoked": "this key was revoked",
    "expired": "this key has expired",
}
_OVER_QUOTA: Final = "this key is over its quota of the day (UTC)"


@dataclass(frozen=True, slots=True)
class Key:
    """A key that was not revoked. ``id`` tells it from others, and is not secret."""

    id: str
    holder: str
    quota_per_day: int | None
    expires_at: int | None


@dataclass(slots=True)
class _Count:
    """What was asked with a key; ``today`` is what was spent of the quota in a UTC day's number."""

    day: int = 0
    today: int = 0
    queries: int = 0
    over_quota: int = 0


@dataclass(frozen=True, slots=True)
class Admitted:
    """Go on with these labels, which bear no key any more.

    ``no_data``: the name is that of a good key, or stands above the addresses
    that are asked about with one. It exists, whatever is listed below it.
    """

    below: Labels
    no_data: bool = False


@dataclass(frozen=True, slots=True)
class Refused:
    """Do that instead of answering; ``reason`` is a sentence for who looks into it."""

    action: KeyAction
    reason: str


class KeyRing:
    """The keys of one zone, and their counts. Any thread may call it: it has a lock of its own.

    Counts are kept per good key, at most KEYS_MAX of them; what is asked without
    one is counted by why it was rejected.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._keys: dict[bytes, Key] = {}
        self._revoked: frozenset[bytes] = frozenset()
        self._counts: dict[str, _Count] = {}
        self._rejected: Counter[str] = Counter()

    def __len__(self) -> int:
        """How many keys there are that were not revoked."""
        return len(self._keys)

    def replace(self, keys: Iterable[AccessKey]) -> None:
        """Knows those keys from now on and no others; their counts stay."""
        good: dict[bytes, Key] = {}
        revoked: set[bytes] = set()
        for row in keys:
            if row.revoked_at is None:
                good[row.key_hash] = Key(
                    key_id(row.key_hash), row.holder, row.quota_per_day, row.expires_at
                )
            else:
                revoked.add(row.key_hash)
        with self._lock:
            self._keys, self._revoked = good, frozenset(revoked)
            counts = self._counts
            self._counts = {key.id: counts[key.id] for key in good.values() if key.id in counts}

    def find(self, label: bytes) -> Key | None:
        """The key that a label is, in whatever case, expired ones among them."""
        hashed = key_hash(label)
        return None if hashed is None else self._keys.get(hashed)

    def examine(self, label: bytes, now: float) -> Key | Rejection:
        """The good key that a label is, or why it is none, which is counted."""
        hashed = key_hash(label)
        with self._lock:
            key = None if hashed is None else self._keys.get(hashed)
            cause: Rejection
            if key is None:
                cause = "revoked" if hashed in self._revoked else "unknown"
            elif key.expires_at is not None and key.expires_at <= now:
                cause = "expired"
            else:
                return key
            self._rejected[cause] += 1
            return cause

    def miss(self) -> None:
        """A question came without a key, though it needed one."""
        with self._lock:
            self._rejected["missing"] += 1

    def spend(self, key: Key, now: float) -> bool:
        """Counts a question with that key; False: it is over the quota of the UTC day."""
        day = int(now // DAY_S)
        with self._lock:
            count = self._counts.get(key.id)
            if count is None:
                if len(self._counts) >= KEYS_MAX:
                    return True  # a key that was replaced meanwhile
                count = self._counts[key.id] = _Count()
            if count.day != day:
                # Of a clock that was put back too: else a day in the future would stay spent.
                count.day, count.today = day, 0
            if key.quota_per_day is not None and count.today >= key.quota_per_day:
                count.over_quota += 1
                return False
            count.today += 1
            count.queries += 1
            return True

    def spent(self, hashed: bytes, now: float) -> int:
        """How much of its quota a key has spent in the UTC day."""
        count = self._counts.get(key_id(hashed), _Count())
        return count.today if count.day == int(now // DAY_S) else 0

    def document(self) -> dict[str, object]:
        """The counts as JSON holds them; the shape is described in `dnsbl.server.status`."""
        with self._lock:
            return {
                "holders": [
                    {
                        "id": key.id,
                        "holder": key.holder,
                        "day": count.day,
                        "today": count.today,
                        "queries": count.queries,
                        "over_quota": count.over_quota,
                    }
                    for key in self._keys.values()
                    if (count := self._counts.get(key.id)) is not None
                ],
                "rejected": [
                    {"cause": cause, "count": count}
                    for cause, count in sorted(self._rejected.items())
                ],
            }

    def resume(self, document: object) -> None:
        """Adds the counts of an earlier process, from its `document`, whatever that is really.

        Call it before the keys are read: counts of keys that are not among those
        read are dropped then.
        """
        if not isinstance(document, dict):
            return
        with self._lock:
            for item in _items(document, "holders"):
                identity, numbers = item.get("id"), _numbers(item, _COUNTED)
                if isinstance(identity, str) and numbers and len(self._counts) < KEYS_MAX:
                    self._counts[identity] = _Count(*numbers)
            for item in _items(document, "rejected"):
                cause, numbers = item.get("cause"), _numbers(item, ("count",))
                if isinstance(cause, str) and cause in _REASONS and numbers:
                    self._rejected[cause] += numbers[0]


_COUNTED: Final = ("day", "today", "queries", "over_quota")


def _items(document: dict[object, object], name: str) -> list[dict[object, object]]:
    items = document.get(name)
    if not isinstance(items, list):
        return []
    return [item for item in items[:KEYS_MAX] if isinstance(item, dict)]


def _numbers(item: dict[object, object], names: Iterable[str]) -> list[int]:
    """The counts of those names; none where one is missing or odd."""
    numbers = [item.get(name) for name in names]
    whole = [number for number in numbers if type(number) is int and 0 <= number < _COUNT_MAX]
    return whole if len(whole) == len(numbers) else []


def key_id(hashed: bytes) -> str:
    """What tells a key from others where it is counted: the beginning of its hash, as hex."""
    return hashed[:_ID_OCTETS].hex()


def admit(
    config: KeysConfig, ring: KeyRing, below: Labels, now: float, *, names: bool = False
) -> Admitted | Refused:
    """Whether a question may be asked, and what of its name is to be answered.

    ``below`` are the labels below the origin, at least one; ``names`` says that
    the zone lists names. Call it once for a question: it is counted.
    """
    if config.mode == "off":
        return Admitted(below)
    if not may_be_key(below[-1]):
        if config.mode == "optional":
            return Admitted(below)
        ring.miss()
        return Refused(config.unknown, _REASONS["missing"])
    key = ring.examine(below[-1], now)
    if not isinstance(key, Key):
        return Refused(config.unknown, _REASONS[key])
    rest = below[:-1]
    costs, no_data = _name_cost(rest) if names else _address_cost(rest)
    if costs and not ring.spend(key, now):
        return Refused(config.over_quota, _OVER_QUOTA)
    return Admitted(rest, no_data)


def _address_cost(rest: Labels) -> tuple[bool, bool]:
    """Whether a question with a key costs one of its quota, and whether it is no data anyway.

    RFC 9156: a resolver that minimises names asks for those above an address on
    the way to it, which costs nothing. Nor does it say anything of what is
    listed below: else a list could be walked for nothing.
    """
    networks = readings(rest)
    whole = any(network.is_address for network in networks)
    above = not rest or (bool(networks) and not whole)
    return not above, above


def _name_cost(rest: Labels) -> tuple[bool, bool]:
    """The same where names are listed: any of several labels may be a whole one."""
    return len(rest) > 1, not rest
