"""Counts of several threads, read by one."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from dnsbl.server.counters import Counters, total
from dnsbl.wire.numbers import Rcode, Type
from dnsbl.wire.record import Answer

LISTED = Answer(Rcode.NOERROR, zone="bl.example", listed=("spam", "policy"))


def test_total_is_the_sum() -> None:
    """Of every counter, by its labels; the parts stay as they are."""
    first, second = Counters(), Counters()
    for counters, times in ((first, 2), (second, 3)):
        for _ in range(times):
            counters.reply("udp", Type.A, LISTED, truncated=True)
            counters.drop("udp", "short")
            counters.tcp("accepted")
            counters.slip()
            counters.deny("bl.example", "empty")
        counters.failed = times
    second.reply("tcp", Type.TXT, Answer(Rcode.REFUSED), truncated=False)

    summed = total([first, second])

    assert summed.document() == {
        "replies": [
            {"transport": "tcp", "zone": "", "qtype": "TXT", "rcode": "REFUSED", "count": 1},
            {
                "transport": "udp",
                "zone": "bl.example",
                "qtype": "A",
                "rcode": "NOERROR",
                "count": 5,
            },
        ],
        "hits": [{"zone": "bl.example", "count": 5}],
        "listed": [
            {"zone": "bl.example", "category": "policy", "count": 5},
            {"zone": "bl.example", "category": "spam", "count": 5},
        ],
        "dropped": [{"transport": "udp", "cause": "short", "count": 5}],
        "truncated": [{"transport": "udp", "count": 5}],
        "tcp_connections": [{"event": "accepted", "count": 5}],
        "access": [{"zone": "bl.example", "action": "empty", "count": 5}],
        "slipped": 5,
        "failed": 5,
    }
    assert (summed.replies(), first.replies(), second.replies()) == (6, 2, 4)
    assert (summed.dropped("short"), summed.tcp_events("accepted"), summed.slipped()) == (5, 5, 5)
    assert (summed.denied("bl.example", "empty"), summed.denied("", "empty")) == (5, 0)
    assert (summed.hits("bl.example"), summed.listed("bl.example", "spam")) == (5, 5)


def test_total_is_read_while_others_count() -> None:
    """Kinds of replies that were never counted before do not break it, and nothing gets lost."""
    kinds = [(rtype, rcode) for rtype in Type for rcode in Rcode]
    parts = [Counters() for _ in range(200)]

    def count() -> None:
        for counters in parts:
            for rtype, rcode in kinds:
                counters.reply("udp", rtype, Answer(rcode), truncated=False)

    with ThreadPoolExecutor(1) as thread:
        counting = thread.submit(count)
        seen = [0]
        while not counting.done():
            seen.append(total(parts).replies())

    assert seen == sorted(seen)
    assert total(parts).replies() == len(parts) * len(kinds)
