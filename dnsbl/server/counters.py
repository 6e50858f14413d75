"""What became of every message, counted. Each ends as a reply or as a drop with its cause."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from dnsbl.config import Action
from dnsbl.wire.numbers import Rcode, Type
from dnsbl.wire.record import Answer

if TYPE_CHECKING:  # not built everywhere
    from dnsbl.native.drain import Counts, Drain

Transport: TypeAlias = Literal["udp", "tcp"]

DropCause: TypeAlias = Literal[
    "short",  # no whole header
    "response",  # a reply, not a query
    "oversized",  # a datagram that no query would fill
    "unreceived",  # the socket reported an error in its place
    "ignored",  # an access list, or what is said to a key, lets it go without a word
    "rate_limited",  # the client's network has had its replies of this second
    "unsent",  # the socket did not take the reply: its buffer is full, or the client unreachable
]

TcpEvent: TypeAlias = Literal[
    "accepted",
    "refused",  # the server is about to end
    # Over dns.tcp_connections_per_client_max:
    "refused_client",  # all of the client's await replies, or are too new to be idle
    "evicted_client",  # one of its own that awaited none, to make room for a new one
    "idle",  # closed for want of a whole message in time
    "slow",  # cut off: the client does not take its replies
    # Over dns.tcp_connections_max, to make room for a new one:
    "evicted_idle",  # one that was waited for
    "evicted_slow",  # one whose replies were not taken
]

# Types are whatever strangers send: those counted by name are few, so that the counters are.
_TYPE_NAMES: Final = {int(rtype): rtype.name for rtype in Type}
_TYPE_OTHER: Final = "other"
_TYPE_NONE: Final = "none"  # no question could be read


FIRST_WORKER: Final = 1  # the main thread, as people count


class Counters:
    """Counts since the start. Only ever rise.

    One thread counts, without a lock; any may read, through `total`. Labels are
    few: zones and categories are those of the configuration, and what is in no
    zone of ours has the zone "".
    """

    def __init__(self) -> None:
        self._drains: list[Drain] = []
        self._replies: Counter[tuple[Transport, str, str, str]] = Counter()
        self._hits: Counter[str] = Counter()
        self._listed: Counter[tuple[str, str]] = Counter()
        self._dropped: Counter[tuple[Transport, DropCause]] = Counter()
        self._truncated: Counter[Transport] = Counter()
        self._tcp: Counter[TcpEvent] = Counter()
        self._denied: Counter[tuple[str, Action]] = Counter()
        self._slipped = 0
        self.failed = 0

    def include(self, drain: Drain) -> None:
        """Counts as well, from now on, what is counted there."""
        self._drains.append(drain)

    def add(self, other: Counters) -> None:
        """Adds the counts of another, whose thread may be counting just now."""
        # Each is copied before it is walked: a copy is one step of the interpreter's, while a walk
        # breaks where the other thread meets a new kind of reply meanwhile.
        self._replies.update(dict(other._replies))
        self._hits.update(dict(other._hits))
        self._listed.update(dict(other._listed))
        self._dropped.update(dict(other._dropped))
        self._truncated.update(dict(other._truncated))
        self._tcp.update(dict(other._tcp))
        self._denied.update(dict(other._denied))
        self._slipped += other._slipped
        self.failed += other.failed
        for drain in other._drains:
            self._add_drain(drain.counts())

    def _add_drain(self, counts: Counts) -> None:
        for (zone, qtype, rcode), count in counts["replies"].items():
            self._replies["udp", zone, qtype, rcode] += count
        self._hits.update(counts["hits"])
        self._listed.update(counts["listed"])
        self._dropped.update({("udp", cause): n for cause, n in counts["dropped"].items() if n})
        if counts["truncated"]:
            self._truncated["udp"] += counts["truncated"]
        self._denied.update({(zone, "ignore"): n for zone, n in counts["ignored"].items() if n})
        self._slipped += counts["slipped"]

    def reply(
        self, transport: Transport, qtype: int | None, answer: Answer, *, truncated: bool
    ) -> None:
        """A reply was made."""
        name = _TYPE_NONE if qtype is None else _TYPE_NAMES.get(qtype, _TYPE_OTHER)
        self._replies[transport, answer.zone, name, answer.rcode.name] += 1
        if answer.listed:
            self._hits[answer.zone] += 1
        for category in answer.listed:
            self._listed[answer.zone, category] += 1
        if truncated:
            self._truncated[transport] += 1

    def deny(self, zone: str, action: Action) -> None:
        """An access list, of that zone or of the server (""), kept a client out."""
        self._denied[zone, action] += 1

    def slip(self) -> None:
        """A reply over the rate limit left as an empty one that asks for TCP."""
        self._slipped += 1

    def drop(self, transport: Transport, cause: DropCause) -> None:
        """A message got no reply, or its reply got lost here."""
        self._dropped[transport, cause] += 1

    def tcp(self, event: TcpEvent) -> None:
        """Something became of a TCP connection."""
        self._tcp[event] += 1

    def replies(self, rcode: Rcode | None = None) -> int:
        """How many replies there were, of one outcome or of all."""
        whole: Counters = total([self])
        return sum(
            count
            for (*_, name), count in whole._replies.items()
            if rcode is None or name == rcode.name
        )

    def dropped(self, cause: DropCause) -> int:
        """How many messages were dropped for a cause."""
        whole: Counters = total([self])
        return sum(count for (_, held), count in whole._dropped.items() if held == cause)

    def hits(self, zone: str) -> int:
        """How many replies said that something is listed in that zone."""
        whole: Counters = total([self])
        return whole._hits[zone]

    def listed(self, zone: str, category: str) -> int:
        """How many replies said that this category of the zone lists."""
        whole: Counters = total([self])
        return whole._listed[zone, category]

    def denied(self, zone: str, action: Action) -> int:
        """How often the access list of a zone, or with "" the server's, had that to say."""
        whole: Counters = total([self])
        return whole._denied[zone, action]

    def slipped(self) -> int:
        """How many replies over the rate limit left as empty ones."""
        whole: Counters = total([self])
        return whole._slipped

    def tcp_events(self, event: TcpEvent) -> int:
        """How often that became of a TCP connection."""
        return self._tcp[event]

    def document(self) -> dict[str, object]:
        """The counters as JSON holds them; the shape is described in `dnsbl.server.status`."""
        whole: Counters = total([self])
        return whole._document()

    def _document(self) -> dict[str, object]:
        return {
            "replies": [
                {
                    "transport": transport,
                    "zone": zone,
                    "qtype": qtype,
                    "rcode": rcode,
                    "count": count,
                }
                for (transport, zone, qtype, rcode), count in sorted(self._replies.items())
            ],
            "hits": [{"zone": zone, "count": count} for zone, count in sorted(self._hits.items())],
            "listed": [
                {"zone": zone, "category": category, "count": count}
                for (zone, category), count in sorted(self._listed.items())
            ],
            "dropped": [
                {"transport": transport, "cause": cause, "count": count}
                for (transport, cause), count in sorted(self._dropped.items())
            ],
            "truncated": [
                {"transport": transport, "count": count}
                for transport, count in sorted(self._truncated.items())
            ],
            "tcp_connections": [
                {"event": event, "count": count} for event, count in sorted(self._tcp.items())
            ],
            "access": [
                {"zone": zone, "action": action, "count": count}
                for (zone, action), count in sorted(self._denied.items())
            ],
            "slipped": self._slipped,
            "failed": self.failed,
        }


def total(parts: Iterable[Counters]) -> Counters:
    """The sum of several counters, as they stand; they may be other threads'."""
    summed = Counters()
    for part in parts:
        summed.add(part)
    return summed


class Tally:
    """All that the process counts, as JSON holds it; the shape stands in `dnsbl.server.status`.

    ``workers`` are the counters of each, the main thread's first; ``query_log``
    gives the lines of the query log by their result, ``rate_limited`` the replies
    over their limits, as `dnsbl.server.ratelimit.over_limits` tells them.
    """

    def __init__(
        self,
        workers: Sequence[Counters],
        query_log: Callable[[], Mapping[str, int]] = dict,
        rate_limited: Callable[[], Sequence[Mapping[str, object]]] = list,
    ) -> None:
        self._workers = workers
        self._query_log = query_log
        self._rate_limited = rate_limited

    def document(self) -> dict[str, object]:
        """Of one moment for each worker, so that the two ways to tell replies agree."""
        workers = [total([counters]) for counters in self._workers]
        return total(workers).document() | {
            "worker_replies": [
                {"worker": number, "count": worker.replies()}
                for number, worker in enumerate(workers, FIRST_WORKER)
            ],
            "rate_limited": list(self._rate_limited()),
            "query_log": [
                {"result": result, "count": count} for result, count in self._query_log().items()
            ],
        }
