"""What became of every message, counted. Each ends as a reply or as a drop with its cause."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from dnsbl.wire.numbers import Rcode, Type

if TYPE_CHECKING:  # not built everywhere
    from dnsbl.native.drain import Drain

Transport: TypeAlias = Literal["udp", "tcp"]

DropCause: TypeAlias = Literal[
    "short",  # no whole header
    "response",  # a reply, not a query
    "oversized",  # a datagram that no query would fill
    "unreceived",  # the socket reported an error in its place
    "unsent",  # the socket did not take the reply: its buffer is full, or the client unreachable
]

TcpEvent: TypeAlias = Literal[
    "accepted",
    "refused",  # over dns.tcp_connections_max
    "idle",  # closed for want of a whole message in time
    "slow",  # cut off: the client does not take its replies
]

# Types are whatever strangers send: those counted by name are few, so that the counters are.
_TYPE_NAMES: Final = {int(rtype): rtype.name for rtype in Type}
_TYPE_OTHER: Final = "other"
_TYPE_NONE: Final = "none"  # no question could be read


class Counters:
    """Counts since the start. Only ever rise.

    One thread counts, without a lock; any may read, through `total`.
    """

    def __init__(self) -> None:
        self._drains: list[Drain] = []
        self._replies: Counter[tuple[Transport, str, str]] = Counter()
        self._dropped: Counter[tuple[Transport, DropCause]] = Counter()
        self._truncated: Counter[Transport] = Counter()
        self._tcp: Counter[TcpEvent] = Counter()
        self.failed = 0

    def include(self, drain: Drain) -> None:
        """Counts as well, from now on, what is counted there."""
        self._drains.append(drain)

    def add(self, other: Counters) -> None:
        """Adds the counts of another, whose thread may be counting just now."""
        # Each is copied before it is walked: a copy is one step of the interpreter's, while a walk
        # breaks where the other thread meets a new kind of reply meanwhile.
        self._replies.update(dict(other._replies))
        self._dropped.update(dict(other._dropped))
        self._truncated.update(dict(other._truncated))
        self._tcp.update(dict(other._tcp))
        self.failed += other.failed
        for counts in [drain.counts() for drain in other._drains]:
            self._replies.update(
                {("udp", qtype, rcode): n for (qtype, rcode), n in counts["replies"].items()}
            )
            self._dropped.update({("udp", cause): n for cause, n in counts["dropped"].items() if n})
            if counts["truncated"]:
                self._truncated["udp"] += counts["truncated"]

    def reply(
        self, transport: Transport, qtype: int | None, rcode: Rcode, *, truncated: bool
    ) -> None:
        """A reply was made."""
        name = _TYPE_NONE if qtype is None else _TYPE_NAMES.get(qtype, _TYPE_OTHER)
        self._replies[transport, name, rcode.name] += 1
        if truncated:
            self._truncated[transport] += 1

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
            for (_, _, name), count in whole._replies.items()
            if rcode is None or name == rcode.name
        )

    def dropped(self, cause: DropCause) -> int:
        """How many messages were dropped for a cause."""
        whole: Counters = total([self])
        return sum(count for (_, held), count in whole._dropped.items() if held == cause)

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
                {"transport": transport, "qtype": qtype, "rcode": rcode, "count": count}
                for (transport, qtype, rcode), count in sorted(self._replies.items())
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
            "failed": self.failed,
        }


def total(parts: Iterable[Counters]) -> Counters:
    """The sum of several counters, as they stand; they may be other threads'."""
    summed = Counters()
    for part in parts:
        summed.add(part)
    return summed
