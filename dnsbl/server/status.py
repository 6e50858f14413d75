"""What the DNS process says of itself, in a file that the sidecar reads for its metrics.

The file is ``config.data.dns_status``, one JSON object, replaced as a whole by
rename; written within a second of a change, at least every 5 s, and at the end:

.. code-block:: text

    {
      "format": 2,
      "state": "serving",                   or "stopped", written last
      "pid": 4711,
      "started_at": 1790000000.0,           Unix seconds
      "written_at": 1790000060.0,           Unix seconds; older than 15 s: the process is gone
      "loop": "uvloop",                     or "asyncio"
      "database_readable": true,            false: answers go on from memory
      "applied_seq": 1789999999,            the number of the journal that answers are by
      "zones": {"bl.example": {"serial": 1789999999, "entries": 120429, "keys": {
        "holders": [{"id": "0f3a9c27d1b4e865", "holder": "acme", "day": 20717, "today": 3,
                     "queries": 12, "over_quota": 0}],
        "rejected": [{"cause": "unknown", "count": 3}]
      }}},
      "counters": {
        "replies": [{"transport": "udp", "zone": "bl.example", "qtype": "A",
                     "rcode": "NOERROR", "count": 12}],
        "hits": [{"zone": "bl.example", "count": 8}],
        "listed": [{"zone": "bl.example", "category": "spam", "count": 9}],
        "worker_replies": [{"worker": 1, "count": 7}, {"worker": 2, "count": 5}],
        "dropped": [{"transport": "udp", "cause": "short", "count": 1}],
        "truncated": [{"transport": "udp", "count": 1}],
        "tcp_connections": [{"event": "accepted", "count": 3}],
        "access": [{"zone": "bl.example", "action": "refuse", "count": 4}],
        "rate_limited": [{"kind": "listed", "verdict": "slipped", "count": 2}],
        "slipped": 0,                       replies over the rate limit that left empty, with TC
        "query_log": [{"result": "written", "count": 5}, {"result": "lost", "count": 0}],
        "failed": 0                         answers that broke, and became SERVFAIL
      }
    }

``serial`` is the number in the journal; SOA shows it modulo 2^32. ``entries``
are listings and exclusions that have not expired. ``keys`` are the counts of
the zone's good keys: ``today`` was spent of the quota in the UTC day of that
number since 1970, ``queries`` and ``over_quota`` in all; and how many questions
were rejected for want of a good key. These alone go on after a restart.

Other counters begin at each start of the process and only rise; what was never
counted is left out, but for ``query_log`` and ``worker_replies``. The zone of
what is in no zone of ours is "". Of replies that say listed, ``hits`` counts each
once, and ``listed`` once for each of its categories. ``access`` are
questions of clients that an access list keeps out, by the zone whose list it is,
or "" for the server's. ``rate_limited`` are replies over their limits, or with
``log_only`` those that would have been. Lost lines of the query log
are those that the disk did not take, or not in time. ``worker_replies`` are all
replies by the thread that made them: 1 is the main thread, which has those over
TCP as well.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

import structlog

from dnsbl.server.counters import Tally
from dnsbl.zone.follow import Follower
from dnsbl.zone.zones import Zones

FORMAT: Final = 2
WRITE_S: Final = 1.0  # between two looks at whether anything changed
WRITE_UNCHANGED_S: Final = 5.0  # so that a reader sees that the process lives
LAST_WRITE_S: Final = 2.0  # a disk that hangs does not keep the process from its end

_log = structlog.get_logger()


class StatusFile:
    """Writes the file. One that cannot be written is reported once, and tried again."""

    def __init__(
        self,
        path: Path,
        zones: Zones,
        follower: Follower,
        tally: Tally,
        *,
        loop_name: str,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._path = path
        self._zones = zones
        self._follower = follower
        self._tally = tally
        self._loop_name = loop_name
        self._now = now
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="status")
        self._started_at = now()
        self._written_at = 0.0
        self._written: dict[str, object] = {}
        self._writable = True

    async def run(self) -> None:
        """Writes until it is cancelled, and then once more."""
        try:
            while True:
                await self.write("serving")
                await asyncio.sleep(WRITE_S)
        finally:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LAST_WRITE_S):
                    await self.write("stopped")
            self._thread.shutdown(wait=False)

    async def write(self, state: str) -> None:
        """Writes the file, unless it says all this already and is fresh."""
        document = self._document(state)
        now = self._now()
        if document == self._written and now - self._written_at < WRITE_UNCHANGED_S:
            return
        told = document | {"written_at": round(now, 3)}
        try:
            # In a thread, in order: neither a slow disk nor ten thousand keys delay an answer.
            await asyncio.get_running_loop().run_in_executor(self._thread, self._store, told)
        except OSError as error:
            if self._writable:
                _log.warning("status_unwritable", file=str(self._path), error=error.strerror)
            self._writable = False
            return
        self._writable = True
        self._written, self._written_at = document, now

    def _store(self, told: dict[str, object]) -> None:
        # Not synced: the file is for the moment.
        beside = self._path.with_name(f".{self._path.name}.new")
        beside.write_text(json.dumps(told) + "\n")
        beside.replace(self._path)

    def _document(self, state: str) -> dict[str, object]:
        return {
            "format": FORMAT,
            "state": state,
            "pid": os.getpid(),
            "started_at": round(self._started_at, 3),
            "loop": self._loop_name,
            "database_readable": self._follower.database_readable,
            "applied_seq": self._follower.applied_seq,
            "zones": {
                zone.config.origin: {
                    "serial": zone.serial,
                    "entries": len(zone.radix),
                    "keys": zone.keys.document(),
                }
                for zone in self._zones
            },
            "counters": self._tally.document(),
        }
