"""Both twins of the table of names agree with a plain model, and keep no more than they need."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import get_args

import pytest
import twins
from hypothesis import given
from hypothesis import strategies as st

from dnsbl.name import DOMAIN_CHARS_MAX, Name, Scope, parse_name
from dnsbl.verdict import Entry, decide
from dnsbl.zone.names import Names, question_name
from dnsbl.zone.twin import AnyRadix

CATEGORIES = ("spam", "policy")

Key = tuple[object, str, bool]
Filled = Callable[..., AnyRadix]


def listing(text: str, category: str = "spam", expires_at: int | None = None) -> Entry:
    """A listing."""
    return Entry(parse_name(text), category, excludes=False, expires_at=expires_at)


def exclusion(text: str, category: str = "") -> Entry:
    """An exclusion, of every category unless one is named."""
    return Entry(parse_name(text), category, excludes=True, expires_at=None)


@pytest.fixture(scope="module", params=twins.RADIXES)
def filled(request: pytest.FixtureRequest) -> Filled:
    """Makes a table of either twin that holds the entries."""
    new = twins.names(request.param)

    def fill(*entries: Entry) -> AnyRadix:
        names = new(CATEGORIES)
        for entry in entries:
            names.put(entry)
        return names

    return fill


labels = st.sampled_from(("com", "a", "b", "example", "aaaaaaa", "aaaaaaaa", "x" * 63))
domains = (
    st.lists(labels, min_size=1, max_size=4)
    .map(".".join)
    .filter(lambda domain: len(domain) <= DOMAIN_CHARS_MAX)
)
names_ = st.builds(Name, domains, st.sampled_from(get_args(Scope)))
times = st.one_of(st.none(), st.integers(1, 9))
texts = st.sampled_from(("", "", "", "its own"))
entries = st.one_of(
    st.builds(Entry, names_, st.sampled_from(CATEGORIES), st.just(value=False), times, text=texts),
    st.builds(Entry, names_, st.sampled_from(("", *CATEGORIES)), st.just(value=True), times),
)


def model_covering(held: Iterable[Entry], name: Name) -> list[Entry]:
    """By `Name.covers`, looking at every entry."""
    found = [
        entry for entry in held if isinstance(entry.network, Name) and entry.network.covers(name)
    ]
    return sorted(found, key=lambda entry: (*entry.precedence, entry.category))


def model_listed_below(held: Iterable[Entry], name: Name) -> bool:
    """The same for the question of what lies below a name."""
    below = Name(name.domain, "below")
    return any(
        not entry.excludes
        and isinstance(entry.network, Name)
        and (below.covers(entry.network) or entry.network == Name(name.domain, "all"))
        for entry in held
    )


@given(
    st.lists(st.tuples(st.sampled_from(("put", "put", "discard")), entries), max_size=40),
    st.lists(names_, max_size=10),
)
def test_names_agree_with_the_model(
    filled: Filled, operations: list[tuple[str, Entry]], questions: list[Name]
) -> None:
    """After any additions, replacements and removals the answers are the same."""
    names = filled()
    model: dict[Key, Entry] = {}

    for operation, entry in operations:
        key = (entry.network, entry.category, entry.excludes)
        if operation == "put":
            names.put(entry)
            model[key] = entry
        else:
            found = names.discard(entry.network, entry.category, excludes=entry.excludes)
            assert found == (model.pop(key, None) is not None)

    assert len(names) == len(model)
    about = questions + [e.network for _, e in operations if isinstance(e.network, Name)]
    for name in about:
        assert names.covering(name) == model_covering(model.values(), name)
        assert names.listed_below(name) == model_listed_below(model.values(), name)
        for each in name.covering():
            assert names.listed_below(each) == model_listed_below(model.values(), each)


def test_what_a_name_covers(filled: Filled) -> None:
    """RFC 5782 §3, and rbldnsd's forms: alone, all below it however deep, both."""
    names = filled(listing("exact.example"), listing("*.below.example"), listing(".all.example"))

    def listed(text: str) -> bool:
        return bool(names.covering(parse_name(text)))

    assert [listed(f"{at}exact.example") for at in ("", "a.", "a.b.")] == [True, False, False]
    assert [listed(f"{at}below.example") for at in ("", "a.", "a.b.")] == [False, True, True]
    assert [listed(f"{at}all.example") for at in ("", "a.", "a.b.")] == [True, True, True]
    assert not listed("notall.example")
    assert not listed("example")


def test_most_specific_comes_first_and_exclusions_before_listings(filled: Filled) -> None:
    """The order is the one in which entries decide."""
    exact, out = listing("a.example.com"), exclusion("a.example.com")
    all_, below, above = listing(".a.example.com"), listing("*.example.com"), listing(".com")
    names = filled(above, below, all_, exact, out)

    assert names.covering(parse_name("a.example.com")) == [out, exact, all_, below, above]
    assert decide(names.covering(parse_name("a.example.com")), 0) == {}
    assert decide(names.covering(parse_name("b.a.example.com")), 0) == {"spam": all_}


def test_names_above_a_listed_one_have_something_below(filled: Filled) -> None:
    """And no other; a wildcard has names below its own domain (RFC 8020)."""
    names = filled(
        listing("a.b.example.com"), listing("*.wild.example"), exclusion("c.example.net")
    )

    def below(text: str) -> bool:
        return names.listed_below(parse_name(text))

    assert [below(text) for text in ("com", "example.com", "b.example.com")] == [True] * 3
    assert [below(text) for text in ("a.b.example.com", "x.com", "net")] == [False] * 3
    assert [below(text) for text in ("wild.example", "example", "a.wild.example")] == [
        True, True, False,
    ]  # fmt: skip


def test_entry_is_replaced_by_its_key(filled: Filled) -> None:
    """The same name, category and kind again is the same entry, brought up to date."""
    names = filled(listing("a.example"), replace(listing("a.example", expires_at=9), text="own"))

    (entry,) = names.covering(parse_name("a.example"))
    assert (entry.expires_at, entry.text, len(names)) == (9, "own", 1)
    assert names.discard(parse_name("a.example"), "spam", excludes=False)
    assert not names.listed_below(parse_name("example"))
    assert len(names) == 0


@given(st.lists(entries, max_size=40), st.integers(0, 9), st.integers(1, 7))
def test_what_has_expired_is_dropped(
    filled: Filled, held: list[Entry], now: int, limit: int
) -> None:
    """All of it and nothing else, some at a time; less than the limit says that it was all."""
    names = filled(*held)
    unique = {(entry.network, entry.category, entry.excludes): entry for entry in held}
    kept = [entry for entry in unique.values() if entry.live(now)]

    dropped = [names.drop_expired(now, limit)]
    while dropped[-1] >= limit:
        dropped.append(names.drop_expired(now, limit))

    assert sum(dropped) == len(unique) - len(kept)
    assert len(names) == len(kept)
    for entry in held:
        assert isinstance(entry.network, Name)
        assert names.covering(entry.network) == model_covering(kept, entry.network)
    assert names.drop_expired(now, limit) == 0


def test_names_above_exist_until_the_row_of_what_expired_goes(filled: Filled) -> None:
    """The listing itself decides nothing any more, from its time on."""
    names = filled(listing("a.b.example", expires_at=5))

    assert names.drop_expired(5, 10) == 1
    assert names.covering(parse_name("a.b.example")) == []
    assert names.listed_below(parse_name("b.example"))
    assert not names.discard(parse_name("a.b.example"), "spam", excludes=False)
    assert not names.listed_below(parse_name("b.example"))
    assert not names.listed_below(parse_name("example"))


def test_what_expired_may_be_listed_again(filled: Filled) -> None:
    """It is counted once, however often that is."""
    names = filled(listing("a.example", expires_at=5))
    names.drop_expired(5, 10)
    names.put(listing("a.example"))

    assert names.covering(parse_name("a.example")) == [listing("a.example")]
    assert names.discard(parse_name("a.example"), "spam", excludes=False)
    assert not names.listed_below(parse_name("example"))


def row(entry: Entry) -> bytes:
    """The entry as `store.journal.chunks` writes it."""
    end = "" if entry.expires_at is None else entry.expires_at
    return f"{entry.network}\t{entry.category}\t{end}\t{entry.text}".encode()


@given(st.lists(entries, max_size=60), st.integers(0, 9), st.integers(1, 9))
def test_rows_are_taken_as_if_put_one_by_one(
    filled: Filled, held: list[Entry], now: int, chunk_rows: int
) -> None:
    """Whatever chunks they come in; those that have expired are left out."""
    unique = {(entry.network, entry.category, entry.excludes): entry for entry in held}
    taken = filled()

    for excludes in (True, False):
        rows = [row(entry) for entry in unique.values() if entry.excludes == excludes]
        chunks = [b"\n".join(rows[at : at + chunk_rows]) for at in range(0, len(rows), chunk_rows)]
        taken.take(chunks, excludes=excludes, now=now, odd=pytest.fail)

    live = [entry for entry in unique.values() if entry.live(now)]
    assert len(taken) == len(live)
    for entry in held:
        assert isinstance(entry.network, Name)
        assert taken.covering(entry.network) == model_covering(live, entry.network)
        assert taken.listed_below(entry.network) == model_listed_below(live, entry.network)


LONG = b".".join((b"x" * 63,) * 3)
ODD_ROWS = (
    b"", b".", b"*", b"*.", b"com.", b"Com", b"1", b"a.1", b"..a", b"a..b", b"*.*.a", b"a.*", b"a.",
    b"192.0.2.1/32", b"x" * 64, b"a b", b"\xc3\xbc", b"a\x00", LONG + b"." + b"x" * 62, b".a.",
    b"*a", b"**.a", b".*.a", b"2001:db8::1",
)  # fmt: skip


@pytest.mark.parametrize("odd_name", ODD_ROWS)
def test_odd_rows_are_handed_back(filled: Filled, odd_name: bytes) -> None:
    """What is no canonical name is not taken, and hides no other."""
    names = filled()
    odd: list[bytes] = []
    odd_row = odd_name + b"\tspam\t\t"
    chunk = b"a.example\tspam\t\t\n%s\n*.b.example\tpolicy\t\town" % odd_row

    names.take([chunk], excludes=False, now=0, odd=odd.append)

    assert odd == [odd_row]
    assert len(names) == 2
    assert names.covering(parse_name("x.b.example")) == [
        replace(listing("*.b.example", "policy"), text="own")
    ]


@pytest.mark.parametrize("text", ["1.a", "-", "_._-", "0x1", LONG.decode() + "." + "x" * 61,
                                  "*." + LONG.decode() + "." + "x" * 61])  # fmt: skip
def test_every_name_that_can_be_listed_is_taken(filled: Filled, text: str) -> None:
    """At the bounds too."""
    names = filled()

    names.take([f"{text}\tspam\t\t".encode()], excludes=False, now=0, odd=pytest.fail)

    assert names.covering(parse_name(text)) == [listing(text)]


def test_labels_of_a_question_are_not_taken_for_others(filled: Filled) -> None:
    """A dot or a NUL inside one is no border; letters match in either case (RFC 4343 §3)."""
    names = filled(listing("a.b.example"), listing("*.wild.example"))

    def covered(*labels: bytes) -> bool:
        return bool(names.covering(question_name(labels)))

    assert covered(b"A", b"b", b"EXAMPLE")
    assert not covered(b"a.b", b"example")
    assert not covered(b"a", b"b.example")
    assert not covered(b"a\0", b"b", b"example")
    assert covered(b"\xff.\0", b"wild", b"example")
    assert not names.listed_below(question_name((b"b.example",)))


def test_a_name_as_deep_as_can_be(filled: Filled) -> None:
    """127 labels, of which each that stands above has something below (RFC 1035 §2.3.4)."""
    deepest = ".".join(("a",) * 127)
    names = filled(listing("." + deepest), exclusion(deepest))

    assert len(names.covering(Name(deepest, "exact"))) == 2
    assert len(names.covering(Name(deepest, "below"))) == 1
    assert all(names.listed_below(Name(".".join(("a",) * n), "exact")) for n in range(1, 128))
    assert names.covering(Name(deepest[2:], "exact")) == []
    assert names.discard(Name(deepest, "all"), "spam", excludes=False)
    assert not any(names.listed_below(Name(".".join(("a",) * n), "exact")) for n in range(1, 128))


def test_a_category_that_is_not_known_is_refused(filled: Filled) -> None:
    """Put says so; what is not there cannot be removed either."""
    names = filled()

    with pytest.raises(ValueError, match="no category 'unknown'"):
        names.put(listing("a.example", "unknown"))
    assert not names.discard(parse_name("a.example"), "unknown", excludes=False)
    assert not names.listed_below(parse_name("example"))
    assert names.categories == CATEGORIES


@given(st.lists(entries, max_size=30))
def test_the_pure_twin_tells_what_it_holds(held: list[Entry]) -> None:
    """By domain; of one domain in the order in which they decide."""
    names = Names(CATEGORIES)
    for entry in held:
        names.put(entry)
    unique = {(entry.network, entry.category, entry.excludes): entry for entry in held}

    assert set(names) == set(unique.values())
    found = [entry.network for entry in names if isinstance(entry.network, Name)]
    assert [name.domain for name in found] == sorted(name.domain for name in found)


def test_memory_of_the_pure_twin_follows_what_is_held() -> None:
    """No node outlives what it was there for."""
    names = Names(CATEGORIES)
    texts = [f"{scope}n{number}.a{number % 7}.example" for number in range(50) for scope in
             ("", "*.", ".")]  # fmt: skip

    for text in texts:
        names.put(listing(text, expires_at=5 if text.startswith("*") else None))
    names.drop_expired(5, 1000)
    for text in texts:
        names.discard(parse_name(text), "spam", excludes=False)

    assert names._nodes == {}  # noqa: SLF001  # how memory is held is the promise here
