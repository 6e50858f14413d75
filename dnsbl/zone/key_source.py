"""The keys of the zones as the follower sees them: read whole whenever one has changed."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Final

import structlog

from dnsbl.store import access_keys
from dnsbl.store.access_keys import AccessKey
from dnsbl.store.database import Database, StoreError
from dnsbl.zone.keys import KEYS_MAX, KeyRing

RETRY_S: Final = 0.1

_log = structlog.get_logger()


class KeySource:
    """Keeps the key rings of zones, by origin, in step with the database.

    For the follower's thread. Whatever is wrong with the keys is told once, is
    nobody else's trouble, and leaves the rings as they are.
    """

    def __init__(self, rings: Mapping[str, KeyRing]) -> None:
        self._rings = dict(rings)
        self._data_version: int | None = None
        self._version: str | None = None
        self._retry_at: float | None = None
        self._trouble: type[BaseException] | None = None

    def follow(self, database: Database, data_version: int, *, anew: bool) -> None:
        """Reads the keys, if they may be others than those that were read. Never raises.

        ``data_version`` is that of the database from before this call; ``anew``
        says that the database may be another one.
        """
        retry = self._retry_at is not None and time.monotonic() >= self._retry_at
        if data_version == self._data_version and not anew and not retry:
            return
        self._data_version = data_version
        try:
            self._read(database, anew=anew or retry)
        # A damaged table can hand up values of any kind; answers and listings are not held up.
        except Exception as error:  # noqa: BLE001
            self._report(error)
            self._retry_at = time.monotonic() + RETRY_S
        else:
            self._retry_at = self._trouble = None

    def _read(self, database: Database, *, anew: bool) -> None:
        with database.snapshot():
            version = access_keys.version(database)
            if version is not None and version == self._version and not anew:
                return
            found: dict[str, list[AccessKey]] = {origin: [] for origin in self._rings}
            left_out: dict[str, int] = {}
            for key in access_keys.of_zones(database, self._rings):
                if len(found[key.zone]) < KEYS_MAX:
                    found[key.zone].append(key)
                elif key.revoked_at is None:
                    left_out[key.zone] = left_out.get(key.zone, 0) + 1
        had_any = any(map(len, self._rings.values()))
        for origin, ring in self._rings.items():
            ring.replace(found[origin])
        told, self._version = self._version == version, version
        if not told and (had_any or any(found.values())):
            _log.info("keys_loaded", keys={name: len(ring) for name, ring in self._rings.items()})
        for origin, keys in {} if told else left_out.items():
            _log.warning("keys_left_out", zone=origin, keys=keys)

    def _report(self, error: Exception) -> None:
        """Once for each kind."""
        if type(error) is self._trouble:
            return
        self._trouble = type(error)
        _log.warning(
            "keys_unreadable",
            kind=type(error).__name__,
            error=str(error),
            exc_info=not isinstance(error, StoreError),
        )
