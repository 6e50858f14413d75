"""The radix agrees with a plain model, and keeps no more than it needs."""

from __future__ import annotations

import gc
import ipaddress

from hypothesis import given
from hypothesis import strategies as st

from dnsbl.network import BITS, Family, Network, parse
from dnsbl.verdict import Entry
from dnsbl.zone import radix as radix_module
from dnsbl.zone.radix import Radix

Key = tuple[Network, str, bool]


def listing(text: str, category: str = "spam", expires_at: int | None = None) -> Entry:
    """A listing."""
    return Entry(parse(text), category, excludes=False, expires_at=expires_at)


def exclusion(text: str, category: str = "") -> Entry:
    """An exclusion, of every category unless one is named."""
    return Entry(parse(text), category, excludes=True, expires_at=None)


def filled(*entries: Entry) -> Radix:
    """A radix that holds the entries."""
    radix = Radix()
    for entry in entries:
        radix.put(entry)
    return radix


@st.composite
def networks(draw: st.DrawFn) -> Network:
    """Prefixes that meet often: few distinct bits, at the top or at the bottom."""
    family: Family = draw(st.sampled_from((4, 6)))
    width = BITS[family]
    length = draw(
        st.one_of(st.integers(0, 6), st.integers(width - 4, width), st.integers(0, width))
    )
    bits = draw(st.integers(0, 15)) << width - 4 | draw(st.integers(0, 15))
    return Network(family, bits, width).widened(length)


entries = st.builds(
    Entry,
    network=networks(),
    category=st.sampled_from(("", "spam", "policy")),
    excludes=st.booleans(),
    expires_at=st.one_of(st.none(), st.integers(1, 9)),
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
    operations: list[tuple[str, Entry]], questions: list[Network]
) -> None:
    """After any additions, replacements and removals: the same contents and the same answers."""
    radix = Radix()
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
def test_order_of_arrival_does_not_matter(held: list[Entry], random: object) -> None:
    """What is held, and in which order it is told, depends on the entries alone."""
    unique = {(entry.network, entry.category, entry.excludes): entry for entry in held}
    shuffled = list(unique.values())
    random.shuffle(shuffled)  # type: ignore[attr-defined]

    assert list(filled(*unique.values())) == list(filled(*shuffled))


def test_most_specific_comes_first_and_exclusions_before_listings() -> None:
    """The order is the one in which entries decide."""
    wide, narrow = listing("192.0.2.0/24"), listing("192.0.2.7")
    out = exclusion("192.0.2.7")

    assert filled(wide, narrow, out).covering(parse("192.0.2.7")) == [out, narrow, wide]


def test_entry_is_replaced_by_its_key() -> None:
    """The same network, category and kind again is the same entry, brought up to date."""
    radix = filled(listing("192.0.2.7"), listing("192.0.2.7", expires_at=9))

    assert list(radix) == [listing("192.0.2.7", expires_at=9)]
    assert radix.listed_below(parse("192.0.2.0/24"))
    assert radix.discard(parse("192.0.2.7"), "spam", excludes=False)
    assert not radix.listed_below(parse("192.0.2.0/24"))


def test_exclusions_are_nothing_listed() -> None:
    """A name above exclusions alone has nothing below it."""
    assert not filled(exclusion("192.0.2.7")).listed_below(parse("192.0.2.0/24"))


def nodes() -> int:
    """How many nodes are alive; slots keep them out of no count."""
    gc.collect()
    node_type = radix_module._Node  # noqa: SLF001  # how memory is held is the promise here
    return sum(1 for item in gc.get_objects() if type(item) is node_type)


def test_memory_is_flat_over_additions_and_removals() -> None:
    """No node outlives what it was there for, whatever comes and goes."""
    before = nodes()
    radix = filled(listing("198.51.100.0/24"), listing("2001:db8::/48"))
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
