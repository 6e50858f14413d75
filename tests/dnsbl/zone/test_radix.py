"""Both twins of the radix agree with a plain model, and keep no more than they need."""

from __future__ import annotations

import gc
import ipaddress
from collections.abc import Callable

import pytest
import twins
from hypothesis import given
from hypothesis import strategies as st

from dnsbl.network import BITS, Family, Network, parse
from dnsbl.verdict import Entry
from dnsbl.zone import radix as radix_module
from dnsbl.zone.radix import FREEZE_ENTRIES, Radix
from dnsbl.zone.twin import AnyRadix

CATEGORIES = ("spam", "policy")

Key = tuple[Network, str, bool]


def listing(text: str, category: str = "spam", expires_at: int | None = None) -> Entry:
    """A listing."""
    return Entry(parse(text), category, excludes=False, expires_at=expires_at)


def exclusion(text: str, category: str = "") -> Entry:
    """An exclusion, of every category unless one is named."""
    return Entry(parse(text), category, excludes=True, expires_at=None)


Filled = Callable[..., AnyRadix]


@pytest.fixture(scope="module", params=twins.RADIXES)
def filled(request: pytest.FixtureRequest) -> Filled:
    """Makes a radix of either twin that holds the entries."""
    new = twins.radix(request.param)

    def fill(*entries: Entry) -> AnyRadix:
        radix = new(CATEGORIES)
        for entry in entries:
            radix.put(entry)
        return radix

    return fill


@st.composite
def networks(draw: st.DrawFn) -> Network:
    """Prefixes that meet often: few distinct bits, at the top or at the bottom."""
    family: Family = draw(st.sampled_from((4, 6)))
    width = BITS[family]
    length = draw(
        st.one_of(st.integers(0, 6), st.integers(width - 4, width), st.integers(0, width))
    )
    bits = draw(st.integers(0, 15)) << width - 4 | draw(
        st.one_of(st.integers(0, 15), st.integers(0, 0xFFFFF))
    )
    return Network(family, bits, width).widened(length)


times = st.one_of(st.none(), st.integers(1, 9))
entries = st.one_of(
    st.builds(Entry, networks(), st.sampled_from(CATEGORIES), st.just(value=False), times),
    st.builds(Entry, networks(), st.sampled_from(("", *CATEGORIES)), st.just(value=True), times),
)


def native(network: Network) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    """The network as Python's own value."""
    return ipaddress.ip_network(str(network))


def model_covering(model: dict[Key, Entry], network: Network) -> list[Entry]:
    """By Python's ipaddress, looking at every entry."""
    found = [
        entry
        for entry in model.values()
        if native(entry.network).version == native(network).version
        and native(network).subnet_of(native(entry.network))  # type: ignore[arg-type]
    ]
    return sorted(found, key=lambda entry: (*entry.precedence, entry.category))


def model_listed_below(model: dict[Key, Entry], network: Network) -> bool:
    """The same for the question of what lies below a name."""
    return any(
        native(entry.network).version == native(network).version
        and native(entry.network).subnet_of(native(network))  # type: ignore[arg-type]
        for entry in model.values()
        if not entry.excludes
    )


@given(
    st.lists(st.tuples(st.sampled_from(("put", "put", "discard")), entries), max_size=40),
    st.lists(networks(), max_size=10),
)
def test_radix_agrees_with_the_model(
    filled: Filled, operations: list[tuple[str, Entry]], questions: list[Network]
) -> None:
    """After any additions, replacements and removals: the same contents and the same answers."""
    radix = filled()
    model: dict[Key, Entry] = {}

    for operation, entry in operations:
        key = (entry.network, entry.category, entry.excludes)
        if operation == "put":
            radix.put(entry)
            model[key] = entry
        else:
            found = radix.discard(entry.network, entry.category, excludes=entry.excludes)
            assert found == (model.pop(key, None) is not None)

    assert len(radix) == len(model)
    assert set(radix) == set(model.values())
    for network in questions + [entry.network for _, entry in operations]:
        assert radix.covering(network) == model_covering(model, network)
        assert radix.listed_below(network) == model_listed_below(model, network)


@given(st.lists(entries, max_size=30), st.randoms(use_true_random=False))
def test_order_of_arrival_does_not_matter(
    filled: Filled, held: list[Entry], random: object
) -> None:
    """What is held, and in which order it is told, depends on the entries alone."""
    unique = {(entry.network, entry.category, entry.excludes): entry for entry in held}
    shuffled = list(unique.values())
    random.shuffle(shuffled)  # type: ignore[attr-defined]

    assert list(filled(*unique.values())) == list(filled(*shuffled))


def test_most_specific_comes_first_and_exclusions_before_listings(filled: Filled) -> None:
    """The order is the one in which entries decide."""
    wide, narrow = listing("192.0.2.0/24"), listing("192.0.2.7")
    out = exclusion("192.0.2.7")

    assert filled(wide, narrow, out).covering(parse("192.0.2.7")) == [out, narrow, wide]


def test_entry_is_replaced_by_its_key(filled: Filled) -> None:
    """The same network, category and kind again is the same entry, brought up to date."""
    radix = filled(listing("192.0.2.7"), listing("192.0.2.7", expires_at=9))

    assert list(radix) == [listing("192.0.2.7", expires_at=9)]
    assert radix.listed_below(parse("192.0.2.0/24"))
    assert radix.discard(parse("192.0.2.7"), "spam", excludes=False)
    assert not radix.listed_below(parse("192.0.2.0/24"))


def test_exclusions_are_nothing_listed(filled: Filled) -> None:
    """A name above exclusions alone has nothing below it."""
    assert not filled(exclusion("192.0.2.7")).listed_below(parse("192.0.2.0/24"))


@given(st.lists(entries, max_size=40), st.integers(0, 9), st.integers(1, 7))
def test_what_has_expired_is_dropped(
    filled: Filled, held: list[Entry], now: int, limit: int
) -> None:
    """All of it and nothing else, some at a time; less than the limit says that it was all."""
    radix = filled(*held)
    kept = [entry for entry in radix if entry.live(now)]
    expired = len(radix) - len(kept)

    dropped = [radix.drop_expired(now, limit)]
    while dropped[-1] >= limit:
        dropped.append(radix.drop_expired(now, limit))

    assert sum(dropped) == expired
    assert list(radix) == kept
    assert radix.drop_expired(now, limit) == 0


def row(entry: Entry) -> bytes:
    """The entry as `store.journal.chunks` writes it."""
    end = "" if entry.expires_at is None else entry.expires_at
    return f"{entry.network}\t{entry.category}\t{end}\t{entry.text}".encode()


@given(st.lists(entries, max_size=60), st.integers(0, 9), st.integers(1, 9), st.data())
def test_rows_are_taken_as_if_put_one_by_one(
    filled: Filled, held: list[Entry], now: int, chunk_rows: int, data: st.DataObject
) -> None:
    """Whatever chunks they come in; those that have expired are left out."""
    unique = {
        (entry.network, entry.category, entry.excludes): entry
        for entry in held
        if entry.network.length and str(parse(str(entry.network))) == str(entry.network)
    }
    put, taken = filled(), filled()

    for excludes in (True, False):
        rows = [row(entry) for entry in unique.values() if entry.excludes == excludes]
        rows = sorted(rows) if data.draw(st.booleans()) else rows
        chunks = [b"\n".join(rows[at : at + chunk_rows]) for at in range(0, len(rows), chunk_rows)]
        taken.take(chunks, excludes=excludes, now=now, odd=pytest.fail)
    for entry in unique.values():
        if entry.live(now):
            put.put(entry)

    assert list(taken) == list(put)
    assert len(taken) == len(put)


ODD_ROWS = (
    b"192.0.2.1\tspam\t\t", b"192.0.2.1/33\tspam\t\t", b"192.0.2.1/24\tspam\t\t",
    b"0.0.0.0/0\tspam\t\t", b"192.0.2.01/32\tspam\t\t", b"192.0.2.1/032\tspam\t\t",
    b"192.0.2.256/32\tspam\t\t", b"192.0.2/24\tspam\t\t", b"192.0.2.1.1/32\tspam\t\t",
    b" 192.0.2.1/32\tspam\t\t", b"192.0.2.1/32 \tspam\t\t", b"192.0.2.1/32\tunknown\t\t",
    b"192.0.2.1/32\tspa\t\t", b"192.0.2.1/32\tspammy\t\t", b"192.0.2.1/32\t\t\t",
    b"192.0.2.1/32\tspam\t-1\t", b"192.0.2.1/32\tspam\t9999999999999\t", b"192.0.2.1/32\tspam",
    b"192.0.2.1/32", b"\t\t\t", b"192.0.2.1/32\tspam\t1\t\t", b"::ffff:192.0.2.1/128\tspam\t\t",
    b"2001:DB8::/32\tspam\t\t", b"2001:db8:0::/48\tspam\t\t", b"2001:db8::1/64\tspam\t\t",
    b"2001:db8::/129\tspam\t\t", b"::/0\tspam\t\t", b"2001:db8:::/48\tspam\t\t",
    b"2001:db8::0/128\tspam\t\t", b"::ffff:c000:201/128\tspam\t\t", b"\xff\tspam\t\t",
    b"192.0.2.1/32\tspam\t\xd9\xa1\t", b"192.0.2.1/32\tspam\t\xc2\xb2\t",
    b"192.0.2.1\x00/32\tspam\t\t", b"2001:db8::\x00/128\tspam\t\t", b"192.0.2.1/\tspam\t\t",
    b"1:2:3:4:5:6:7:8:9:10:11:12:13:14:15:16:17:18:19:20/128\tspam\t\t", b"/32\tspam\t\t",
    b"192.0.2.1/32\tspam\t", b"example.com\tspam\t\t", b"192.0.2.1/33\tspam\t\tof its own",
)  # fmt: skip


@pytest.mark.parametrize("odd_row", ODD_ROWS)
def test_odd_rows_are_handed_back(filled: Filled, odd_row: bytes) -> None:
    """What is no canonical network, or of no known category, is not taken, and hides no other."""
    radix = filled()
    odd: list[bytes] = []
    good = b"192.0.2.9/32\tspam\t\t\n%s\n198.51.100.0/24\tpolicy\t\t\n2001:db8::7/128\tspam\t\t"

    radix.take([good % odd_row], excludes=False, now=0, odd=odd.append)

    assert odd == [odd_row]
    assert [str(entry.network) for entry in radix] == [
        "192.0.2.9/32", "198.51.100.0/24", "2001:db8::7/128",
    ]  # fmt: skip


def test_rows_with_nothing_in_them_are_passed_over(filled: Filled) -> None:
    """At the beginning of a chunk, between rows, at its end, and where there is nothing else."""
    radix = filled()
    chunks = [b"\n192.0.2.9/32\tspam\t\t\n\n\n192.0.2.8/32\tspam\t\t\n\n", b"\n", b""]

    radix.take(chunks, excludes=False, now=0, odd=pytest.fail)

    assert [str(entry.network) for entry in radix] == ["192.0.2.8/32", "192.0.2.9/32"]


def test_a_category_that_is_not_known_is_refused(filled: Filled) -> None:
    """Put says so; what is not there cannot be removed either."""
    radix = filled()

    with pytest.raises(ValueError, match="no category 'unknown'"):
        radix.put(listing("192.0.2.7", "unknown"))
    assert not radix.discard(parse("192.0.2.7"), "unknown", excludes=False)
    assert radix.categories == CATEGORIES


def test_the_collector_does_not_visit_what_is_held() -> None:
    """Its passes, for which answers wait, do not grow with the list: of the pure twin alone."""
    radix = Radix(CATEGORIES)
    before = gc.get_freeze_count()

    for number in range(2 * FREEZE_ENTRIES):
        radix.put(Entry(Network(4, number, 32), "spam", excludes=False, expires_at=None))

    assert gc.get_freeze_count() > before + 2 * FREEZE_ENTRIES


def nodes() -> int:
    """How many nodes are alive; slots keep them out of no count."""
    gc.collect()
    node_type = radix_module._Node  # noqa: SLF001  # how memory is held is the promise here
    return sum(1 for item in gc.get_objects() if type(item) is node_type)


def test_memory_is_flat_over_additions_and_removals() -> None:
    """No node outlives what it was there for, whatever comes and goes."""
    before = nodes()
    radix = Radix(CATEGORIES)
    for entry in (listing("198.51.100.0/24"), listing("2001:db8::/48")):
        radix.put(entry)
    idle = nodes()

    for round_ in range(3):
        addresses = [f"198.51.{i}.{(i * 7 + round_) % 256}" for i in range(256)]
        addresses += [f"2001:db8:{i:x}::/48" for i in range(1, 200)]
        for text in addresses:
            radix.put(listing(text))
        assert nodes() <= idle + 2 * len(addresses)
        for text in reversed(addresses):
            assert radix.discard(parse(text), "spam", excludes=False)
        assert nodes() == idle

    del radix
    assert nodes() == before
