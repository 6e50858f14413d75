"""The one rule that decides what is listed, against a model that reads like DESIGN's sentence."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnsbl.network import Network, parse
from dnsbl.verdict import EVERY_CATEGORY, Entry, decide

NOW = 1_000
ADDRESS = parse("192.0.2.1")
CATEGORIES = ("spam", "policy", "relay")


@st.composite
def entry_lists(draw: st.DrawFn) -> list[Entry]:
    """Entries that cover ADDRESS; keys are unique, as the database has it."""
    keys = draw(
        st.sets(
            st.tuples(
                st.integers(24, 32),
                st.sampled_from((*CATEGORIES, EVERY_CATEGORY)),
                st.booleans(),
            ),
            max_size=14,
        )
    )
    expiries = st.sampled_from([None, NOW - 1, NOW, NOW + 1])
    return [
        Entry(ADDRESS.widened(length), category, excludes, draw(expiries))
        for length, category, excludes in sorted(keys)
        if excludes or category != EVERY_CATEGORY
    ]


def is_listed(entries: list[Entry], category: str) -> Network | None:
    """The model: of the most specific entries for the category, a listing without an exclusion."""
    counting = [
        entry
        for entry in entries
        if entry.category in (category, EVERY_CATEGORY)
        and (entry.expires_at is None or entry.expires_at > NOW)
    ]
    longest = max((entry.network.length for entry in counting), default=None)
    deciding = [entry for entry in counting if entry.network.length == longest]
    if not deciding or any(entry.excludes for entry in deciding):
        return None
    return deciding[0].network


@given(entry_lists(), st.randoms(use_true_random=False))
def test_the_rule_agrees_with_the_model(entries: list[Entry], chance: random.Random) -> None:
    """For each category the most specific live entry decides, and an exclusion wins a draw."""
    expected = {
        category: network
        for category in CATEGORIES
        if (network := is_listed(entries, category)) is not None
    }
    chance.shuffle(entries)
    entries.sort(key=lambda entry: entry.precedence)

    decided = decide(entries, NOW)

    assert {category: entry.network for category, entry in decided.items()} == expected
    assert not any(entry.excludes for entry in decided.values())


def listing(network: str, category: str = "spam", expires_at: int | None = None) -> Entry:
    """A listing."""
    return Entry(parse(network), category, excludes=False, expires_at=expires_at)


def exclusion(network: str, category: str = EVERY_CATEGORY, expires_at: int | None = None) -> Entry:
    """An exclusion."""
    return Entry(parse(network), category, excludes=True, expires_at=expires_at)


@pytest.mark.parametrize(
    ("entries", "listed"),
    [
        ([], set()),
        ([listing("192.0.2.0/24")], {"spam"}),
        ([listing("192.0.2.0/24"), listing("192.0.2.1", "policy")], {"spam", "policy"}),
        ([listing("192.0.2.0/24"), exclusion("192.0.2.1")], set()),
        ([exclusion("192.0.2.0/24"), listing("192.0.2.1")], {"spam"}),
        ([listing("192.0.2.1"), exclusion("192.0.2.1")], set()),
        ([listing("192.0.2.1"), exclusion("192.0.2.1", "policy")], {"spam"}),
        ([listing("192.0.2.1"), listing("192.0.2.1", "policy"), exclusion("192.0.2.1", "spam")],
         {"policy"}),
        ([listing("192.0.2.1"), exclusion("192.0.2.1", expires_at=NOW)], {"spam"}),
        ([listing("192.0.2.1", expires_at=NOW), listing("192.0.2.0/24")], {"spam"}),
        ([listing("192.0.2.1", expires_at=NOW)], set()),
    ],
)  # fmt: skip
def test_cases_that_an_operator_meets(entries: list[Entry], listed: set[str]) -> None:
    """Ranges, exclusions out of them, listings within exclusions, and what has expired."""
    entries = sorted(entries, key=lambda entry: entry.precedence)

    assert set(decide(entries, NOW)) == listed


def test_an_entry_ends_at_its_time() -> None:
    """A listing until 1000 counts at 999.9 and not at 1000."""
    entry = listing("192.0.2.1", expires_at=1_000)

    assert [entry.live(now) for now in (999, 999.9, 1_000, 1_000.1)] == [True, True, False, False]
