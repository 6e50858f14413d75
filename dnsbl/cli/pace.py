"""What goes on a second, out of two lines of the live view.

The shape of a line stands in `dnsbl.server.live`.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from dnsbl.errors import DnsblError
from dnsbl.server.live import FORMAT

_NO_ZONE: Final = "other"  # how a person reads what is in no zone


class LineError(DnsblError):
    """A line of the live view that cannot be used."""


@dataclass(frozen=True, slots=True)
class Line:
    """What the server said at one moment."""

    at: float
    started_at: float
    path: str
    counters: Mapping[str, Any]
    sample: Mapping[str, int]
    span_s: float
    top_listed: Sequence[Mapping[str, Any]]
    top_clients: Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class ListedPace:
    """A listed address or domain; how many replies a second say so."""

    subject: str
    zone: str
    categories: Sequence[str]
    per_s: float
    error_per_s: float


@dataclass(frozen=True, slots=True)
class ClientPace:
    """A client's address or network; its queries a second."""

    client: str
    per_s: float
    error_per_s: float


@dataclass(frozen=True, slots=True)
class Pace:
    """Everything a second, between two moments; the tops are of late, the newest counting most.

    ``hit_rate`` is the share of replies that say listed, None where there was no
    reply. ``sample`` says of how many queries each one was looked at for the tops.
    """

    at: float
    seconds: float
    started_at: float
    path: str
    replies_per_s: float
    hits_per_s: float
    hit_rate: float | None
    dropped_per_s: float
    truncated_per_s: float
    slipped_per_s: float
    failed_per_s: float
    rcodes: Mapping[str, float]
    qtypes: Mapping[str, float]
    transports: Mapping[str, float]
    zones: Mapping[str, float]
    zone_hits: Mapping[str, float]
    categories: Mapping[str, Mapping[str, float]]
    drops: Mapping[str, float]
    tcp_connections: Mapping[str, float]
    query_log: Mapping[str, float]
    workers: Mapping[str, float]
    sample: Mapping[str, int]
    top_listed: Sequence[ListedPace]
    top_clients: Sequence[ClientPace]


def read_line(text: bytes) -> Line:
    """A line as a value. Raises LineError, with what the server says if it refuses."""
    try:
        document = json.loads(text)
        if "error" in document:
            raise LineError(f"the DNS server says: {document['error']}")
        if document["format"] != FORMAT:
            raise LineError("the DNS server is of another version; restart it")
        return Line(
            at=float(document["at"]),
            started_at=float(document["started_at"]),
            path=str(document["path"]),
            counters=document["counters"],
            sample=document["sample"],
            span_s=float(document["span_s"]),
            top_listed=document["top_listed"],
            top_clients=document["top_clients"],
        )
    except (ValueError, KeyError, TypeError) as error:
        raise LineError("the DNS server says what is no line of its live view") from error


def pace(before: Line, after: Line) -> Pace:
    """What went on between two lines of one server."""
    seconds = max(after.at - before.at, 1e-3)

    def by(name: str, *labels: str) -> dict[tuple[str, ...], float]:
        """The rise of a counter a second, by some of its labels."""
        rise: Counter[tuple[str, ...]] = Counter()
        for line, sign in ((after, 1), (before, -1)):
            for each in line.counters.get(name, ()):
                rise[tuple(str(each[label]) for label in labels)] += sign * each["count"]
        return {key: round(count / seconds, 3) for key, count in rise.most_common() if count > 0}

    def each(name: str, label: str) -> dict[str, float]:
        return {key or _NO_ZONE: per_s for (key,), per_s in by(name, label).items()}

    def whole(name: str) -> float:
        return sum(by(name).values())

    def risen(name: str) -> float:
        rise: int = after.counters[name] - before.counters[name]
        return round(rise / seconds, 3)

    categories: dict[str, dict[str, float]] = {}
    for (zone, category), per_s in by("listed", "zone", "category").items():
        categories.setdefault(zone, {})[category] = per_s
    replies, hits = whole("replies"), whole("hits")
    return Pace(
        at=after.at,
        seconds=round(seconds, 3),
        started_at=after.started_at,
        path=after.path,
        replies_per_s=replies,
        hits_per_s=hits,
        hit_rate=round(hits / replies, 4) if replies else None,
        dropped_per_s=whole("dropped"),
        truncated_per_s=whole("truncated"),
        slipped_per_s=risen("slipped"),
        failed_per_s=risen("failed"),
        rcodes=each("replies", "rcode"),
        qtypes=each("replies", "qtype"),
        transports=each("replies", "transport"),
        zones=each("replies", "zone"),
        zone_hits=each("hits", "zone"),
        categories=categories,
        drops=each("dropped", "cause"),
        tcp_connections=each("tcp_connections", "event"),
        query_log=each("query_log", "result"),
        workers=dict.fromkeys(
            (str(worker["worker"]) for worker in after.counters["worker_replies"]), 0.0
        )
        | each("worker_replies", "worker"),
        sample=after.sample,
        top_listed=[
            ListedPace(top["subject"], top["zone"], top["categories"], *_rate(after.span_s, top))
            for top in after.top_listed
        ],
        top_clients=[
            ClientPace(top["client"], *_rate(after.span_s, top)) for top in after.top_clients
        ],
    )


def _rate(span_s: float, top: Mapping[str, Any]) -> tuple[float, float]:
    span_s = max(span_s, 1e-3)
    return round(top["count"] / span_s, 3), round(top["error"] / span_s, 3)
