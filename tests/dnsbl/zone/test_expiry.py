"""What has to go at which time."""

from __future__ import annotations

from dnsbl.network import Network
from dnsbl.verdict import Entry
from dnsbl.zone.expiry import Expiry, Key


def entry(number: int, expires_at: int | None) -> Entry:
    """A listing of one address."""
    return Entry(Network(4, number, 32), "spam", excludes=False, expires_at=expires_at)


def key(number: int) -> Key:
    """Its key."""
    return Key(Network(4, number, 32), "spam", excludes=False)


def put(expiry: Expiry, number: int, expires_at: int | None) -> None:
    """Notes the listing."""
    expiry.put(entry(number, expires_at))


def test_entries_are_due_in_the_order_of_their_times() -> None:
    """At its time an entry is due, not before, and once."""
    expiry = Expiry()
    for number, expires_at in ((1, 30), (2, 10), (3, 20), (4, None)):
        put(expiry, number, expires_at)

    assert expiry.take_due(9, 10) == []
    assert expiry.take_due(20, 10) == [key(2), key(3)]
    assert expiry.take_due(99, 10) == [key(1)]
    assert len(expiry) == 0


def test_so_many_at_once_and_the_rest_later() -> None:
    """A bound on what is taken out in one go."""
    expiry = Expiry()
    for number in range(5):
        put(expiry, number, 10)

    assert [len(expiry.take_due(10, 2)) for _ in range(4)] == [2, 2, 1, 0]


def test_last_time_noted_holds() -> None:
    """An entry brought up to date, or removed, does not go by its old time."""
    expiry = Expiry()
    for number in (1, 2, 3):
        put(expiry, number, 10)

    put(expiry, 1, 20)
    put(expiry, 2, None)
    expiry.discard(key(3))

    assert expiry.take_due(19, 10) == []
    assert expiry.take_due(20, 10) == [key(1)]


def test_memory_is_flat_over_renewals() -> None:
    """A feed that renews the same listing each hour fills no memory."""
    expiry = Expiry()

    for expires_at in range(100_000):
        put(expiry, 1, expires_at)

    assert len(expiry._heap) < 2_000  # noqa: SLF001  # how memory is held is the promise here
    assert expiry.take_due(100_000, 10) == [key(1)]
