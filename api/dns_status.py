"""What the DNS process says of itself, read from the file that it writes.

The shape stands in `dnsbl.server.status`. The file is another process's: what
does not have that shape counts as no news from it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

FRESH_S: Final = 15.0  # written at least every 5 s; older than this, the process is gone
_FILE_BYTES_MAX: Final = 16 << 20  # a thousand zones, each with all types and rcodes


@dataclass(frozen=True, slots=True)
class Count:
    """A counter of the DNS process with its labels."""

    labels: Mapping[str, str]
    value: int


@dataclass(frozen=True, slots=True)
class DnsStatus:
    """The DNS process, if it is up: its zones' serials and entries, its counters by name."""

    up: bool = False
    started_at: float = 0.0
    database_readable: bool = False
    applied_seq: int = 0
    serials: Mapping[str, int] = field(default_factory=dict)
    entries: Mapping[str, int] = field(default_factory=dict)
    counters: Mapping[str, Sequence[Count]] = field(default_factory=dict)


def read_status(file: Path, now: float) -> DnsStatus:
    """What the file says; a DNS process that is not up where it is absent, stale or odd."""
    try:
        with file.open("rb") as stream:
            document = json.loads(stream.read(_FILE_BYTES_MAX))
        if document["state"] != "serving" or now - float(document["written_at"]) > FRESH_S:
            return DnsStatus()
        zones = document["zones"]
        return DnsStatus(
            up=True,
            started_at=float(document["started_at"]),
            database_readable=bool(document["database_readable"]),
            applied_seq=int(document["applied_seq"]),
            serials={origin: int(zone["serial"]) for origin, zone in zones.items()},
            entries={origin: int(zone["entries"]) for origin, zone in zones.items()},
            counters={name: _counts(value) for name, value in document["counters"].items()}
            | _key_counts(zones),
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return DnsStatus()


def _counts(value: object) -> list[Count]:
    if not isinstance(value, list):
        return [Count({}, int(str(value)))]
    return [
        Count(
            {label: str(text) for label, text in item.items() if label != "count"},
            int(item["count"]),
        )
        for item in value
    ]


def _key_counts(zones: Mapping[str, Any]) -> dict[str, list[Count]]:
    """What was asked with keys, as counters like the others; zones without keys have none."""
    queries: list[Count] = []
    over_quota: list[Count] = []
    rejected: list[Count] = []
    for origin, zone in zones.items():
        keys = zone.get("keys") or {"holders": (), "rejected": ()}
        for holder in keys["holders"]:
            labels = {"zone": origin, "holder": str(holder["holder"])}
            queries.append(Count(labels, int(holder["queries"])))
            over_quota.append(Count(labels, int(holder["over_quota"])))
        rejected += [
            Count({"zone": origin, "cause": str(each["cause"])}, int(each["count"]))
            for each in keys["rejected"]
        ]
    return {"key_queries": queries, "key_over_quota": over_quota, "key_rejected": rejected}
