"""Keyed access: who may ask, what it costs, and what is counted."""

from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from dnsbl.config.keys import KEY_ALPHABET, KeyAction, KeysConfig
from dnsbl.store.access_keys import AccessKey, key_hash
from dnsbl.wire.record import Labels
from dnsbl.zone import keys
from dnsbl.zone.keys import DAY_S, Admitted, Key, KeyRing, Refused, admit

NOW = 1_800_000_000.0
TODAY = int(NOW // DAY_S)
OPTIONAL = KeysConfig("optional")
REQUIRED = KeysConfig("required")
SPELT = b"abcdefghijklmnopqrstuvwxyz"
OTHER = b"zyxwvutsrqponmlkjihgfedcba"


def row(
    label: bytes = SPELT,
    holder: str = "acme",
    quota: int | None = None,
    expires_at: int | None = None,
    revoked_at: int | None = None,
) -> AccessKey:
    """A row of the database for a key."""
    hashed = key_hash(label)
    assert hashed is not None
    return AccessKey(hashed, "bl.example", holder, quota, 0, expires_at, revoked_at)


def ring(*rows: AccessKey) -> KeyRing:
    """A ring of those keys."""
    made = KeyRing()
    made.replace(rows)
    return made


def labels(name: str) -> Labels:
    """The labels of a name below the origin; KEY stands for the key."""
    return tuple(SPELT if label == "KEY" else label.encode() for label in name.split(".") if label)


def holders(held: KeyRing) -> list[tuple[str, int, int, int]]:
    """Holder, spent today, queries, over quota."""
    items = held.document()["holders"]
    assert isinstance(items, list)
    return [(item["holder"], item["today"], item["queries"], item["over_quota"]) for item in items]


def rejected(held: KeyRing) -> dict[str, int]:
    """How much was rejected, by why."""
    items = held.document()["rejected"]
    assert isinstance(items, list)
    return {item["cause"]: item["count"] for item in items}


def test_a_key_is_found_in_any_case() -> None:
    """0x20; and no other label is it."""
    held = ring(row())

    found = [held.find(label) for label in (SPELT, SPELT.upper(), SPELT.title(), OTHER, b"4", b"")]
    assert [key.holder if key else None for key in found] == ["acme"] * 3 + [None] * 3


def test_replaced_keys_are_good_for_nothing_at_once() -> None:
    """What is revoked is known as that; what is gone is unknown; what came is good."""
    held = ring(row(), row(OTHER, "other"))
    held.replace([row(revoked_at=1)])

    assert [held.examine(label, NOW) for label in (SPELT, OTHER)] == ["revoked", "unknown"]
    assert len(held) == 0
    assert rejected(held) == {"revoked": 1, "unknown": 1}


@pytest.mark.parametrize(("expires_at", "good"), [(None, True), (NOW + 1, True), (NOW, False)])
def test_a_key_that_has_had_its_time_is_good_no_more(expires_at: int | None, good: bool) -> None:  # noqa: FBT001
    """To the second, and without any change of the database."""
    held = ring(row(expires_at=expires_at))

    assert (held.examine(SPELT, NOW) != "expired") is good


def test_a_quota_is_of_the_utc_day() -> None:
    """So many, then no more until midnight; what was refused costs nothing."""
    held = ring(row(quota=2))
    key = held.find(SPELT)
    assert key is not None
    midnight = (TODAY + 1) * DAY_S

    spent = [held.spend(key, now) for now in (NOW, NOW, NOW, midnight - 0.1, midnight, midnight)]

    assert spent == [True, True, False, False, True, True]
    assert holders(held) == [("acme", 2, 4, 2)]


def test_a_clock_that_was_in_the_future_blocks_no_key() -> None:
    """A day that comes again begins anew."""
    held = ring(row(quota=1))
    key = held.find(SPELT)
    assert key is not None

    assert [held.spend(key, now) for now in (NOW * 2, NOW, NOW)] == [True, True, False]


def test_a_change_of_the_quota_keeps_what_was_spent() -> None:
    """More for a good customer; less at once."""
    held = ring(row(quota=1))
    key = held.find(SPELT)
    assert key is not None
    assert [held.spend(key, NOW) for _ in range(2)] == [True, False]

    held.replace([row(quota=2)])
    key = held.find(SPELT)
    assert key is not None
    assert [held.spend(key, NOW) for _ in range(2)] == [True, False]


# What is asked, and what comes of it with a good key: the labels left, no data, the cost.
NAMES = [
    ("4.3.2.1.KEY", "4.3.2.1", False, 1),
    (".".join("0123456789abcdef" * 2) + ".KEY", ".".join("0123456789abcdef" * 2), False, 1),
    ("KEY", "", True, 0),
    ("1.KEY", "1", True, 0),
    ("3.2.1.KEY", "3.2.1", True, 0),
    ("a.f.KEY", "a.f", True, 0),
    ("5.4.3.2.1.KEY", "5.4.3.2.1", True, 0),  # above IPv6 addresses
    ("foo.KEY", "foo", False, 1),
    ("256.3.2.1.KEY", "256.3.2.1", False, 1),
    ("4.3.2.1.spam.KEY", "4.3.2.1.spam", False, 1),
]


@pytest.mark.parametrize("config", [OPTIONAL, REQUIRED], ids=["optional", "required"])
@pytest.mark.parametrize(("asked", "left", "no_data", "cost"), NAMES)
def test_a_question_with_a_good_key_is_answered_without_it(
    config: KeysConfig,
    asked: str,
    left: str,
    no_data: bool,  # noqa: FBT001
    cost: int,
) -> None:
    """A whole address costs one of the quota; the names above it are no data, and cost nothing."""
    held = ring(row())

    admitted = admit(config, held, labels(asked), NOW)

    assert admitted == Admitted(labels(left), no_data)
    assert sum(queries for _, _, queries, _ in holders(held)) == cost


@pytest.mark.parametrize(
    ("asked", "left", "no_data", "cost"),
    [("example.com.KEY", "example.com", False, 1), ("com.KEY", "com", False, 0),
     ("TEST.KEY", "TEST", False, 0), ("KEY", "", True, 0), ("1.2.KEY", "1.2", False, 1)],
)  # fmt: skip
def test_a_name_of_several_labels_costs_where_names_are_listed(
    asked: str,
    left: str,
    no_data: bool,  # noqa: FBT001
    cost: int,
) -> None:
    """Any of them may be a whole one; a single label is answered for nothing."""
    held = ring(row())

    admitted = admit(REQUIRED, held, labels(asked), NOW, names=True)

    assert admitted == Admitted(labels(left), no_data)
    assert sum(queries for _, _, queries, _ in holders(held)) == cost


@pytest.mark.parametrize("asked", ["4.3.2.1", "1", "foo", "4.3.2.1.KEY.foo"])
def test_a_question_without_a_key_needs_one_only_where_it_is_required(asked: str) -> None:
    """And is counted then."""
    held = ring(row())
    below = labels(asked)

    assert admit(KeysConfig(), held, below, NOW) == Admitted(below)
    assert admit(OPTIONAL, held, below, NOW) == Admitted(below)
    assert admit(REQUIRED, held, below, NOW) == Refused("refuse", "this zone is asked with a key")
    assert rejected(held) == {"missing": 1}


def test_keys_are_labels_like_others_where_they_are_off() -> None:
    """Nothing is looked up, nothing counted."""
    held = ring(row())

    assert admit(KeysConfig(), held, labels("4.3.2.1.KEY"), NOW) == Admitted(labels("4.3.2.1.KEY"))
    assert holders(held) == []


@pytest.mark.parametrize("action", ["refuse", "ignore", "empty"])
@pytest.mark.parametrize("mode", ["optional", "required"])
@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"key_hash": bytes(32)}, "this key is not known"),
        ({"revoked_at": 1}, "this key was revoked"),
        ({"expires_at": 1}, "this key has expired"),
    ],
)
def test_a_bad_key_gets_what_the_configuration_says(
    mode: str, action: KeyAction, changed: dict[str, object], reason: str
) -> None:
    """Also for the names above an address: nobody learns anything with it."""
    config = replace(OPTIONAL, mode=mode, unknown=action)  # type: ignore[arg-type]
    held = ring(replace(row(), **changed))  # type: ignore[arg-type]

    for asked in ("4.3.2.1.KEY", "1.KEY", "KEY"):
        assert admit(config, held, labels(asked), NOW) == Refused(action, reason)
    assert sum(rejected(held).values()) == 3
    assert holders(held) == []


@pytest.mark.parametrize("action", ["refuse", "ignore", "empty"])
def test_over_its_quota_a_key_gets_what_the_configuration_says(action: KeyAction) -> None:
    """For whole addresses; the names above stay what they are."""
    config = replace(OPTIONAL, over_quota=action)
    held = ring(row(quota=1))
    admit(config, held, labels("4.3.2.1.KEY"), NOW)

    refused = admit(config, held, labels("4.3.2.1.KEY"), NOW)

    assert refused == Refused(action, "this key is over its quota of the day (UTC)")
    assert admit(config, held, labels("3.2.1.KEY"), NOW) == Admitted(labels("3.2.1"), no_data=True)
    assert holders(held) == [("acme", 1, 1, 1)]


def test_counts_outlive_the_process_within_the_day() -> None:
    """As JSON, and before the keys are read; of keys that are gone nothing is kept."""
    old = ring(row(quota=3), row(OTHER, "other"))
    for label in (SPELT, SPELT, OTHER):
        admit(REQUIRED, old, (b"4", b"3", b"2", b"1", label), NOW)
    admit(REQUIRED, old, (b"1",), NOW)
    held = KeyRing()

    held.resume(json.loads(json.dumps(old.document())))
    held.replace([row(quota=3)])

    assert holders(held) == [("acme", 2, 2, 0)]
    assert rejected(held) == {"missing": 1}
    answers = [admit(REQUIRED, held, labels("4.3.2.1.KEY"), NOW) for _ in range(2)]
    assert [isinstance(answer, Admitted) for answer in answers] == [True, False]


def test_what_was_spent_yesterday_is_not_spent_today() -> None:
    """But the sums go on."""
    old = ring(row(quota=1))
    admit(REQUIRED, old, labels("4.3.2.1.KEY"), NOW)
    held = KeyRing()
    held.resume(old.document())
    held.replace([row(quota=1)])

    assert isinstance(admit(REQUIRED, held, labels("4.3.2.1.KEY"), NOW + DAY_S), Admitted)
    assert holders(held) == [("acme", 1, 2, 0)]


@given(
    st.lists(st.binary(min_size=1, max_size=63) | st.just(SPELT) | st.just(b"1"), min_size=1,
             max_size=40),
    st.sampled_from([OPTIONAL, REQUIRED]), st.booleans(),
)  # fmt: skip
def test_any_labels_are_admitted_or_refused(
    below: list[bytes],
    config: KeysConfig,
    names: bool,  # noqa: FBT001
) -> None:
    """Whatever octets they hold; what goes on is what was asked, but for a good key."""
    held = ring(row())

    admitted = admit(config, held, tuple(below), NOW, names=names)

    keyed = below[-1] == SPELT
    if isinstance(admitted, Refused):
        assert not keyed
        assert admitted.action == "refuse"
    else:
        assert admitted.below == tuple(below[:-1] if keyed else below)
        assert keyed or config == OPTIONAL


COUNTS = {"id": "ab", "holder": "acme", "day": 1, "today": 1, "queries": 1, "over_quota": 0}


@pytest.mark.parametrize(
    "document",
    [None, 7, "x", [], {}, {"holders": 7, "rejected": {}}, {"holders": [7, None, []]},
     {"holders": [{**COUNTS, "queries": -1}]}, {"holders": [{**COUNTS, "today": 1.5}]},
     {"holders": [{**COUNTS, "today": True}]}, {"holders": [{**COUNTS, "day": 10**30}]},
     {"holders": [{**COUNTS, "id": 7}]}, {"holders": [{"id": "ab"}]},
     {"rejected": [{"cause": "other", "count": 1}]}, {"rejected": [{"cause": [], "count": 1}]},
     {"rejected": [{"cause": "missing", "count": "1"}]}],
)  # fmt: skip
def test_a_document_that_is_none_resumes_nothing(document: object) -> None:
    """Whatever stands in the file, the process starts."""
    held = ring(row())

    held.resume(document)

    assert held.document() == {"holders": [], "rejected": []}


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["holders", "rejected", "id", "day", "cause", "count"]),
            inner,
            max_size=3,
        )
    ),
    max_leaves=9,
)


@given(json_values)
def test_resuming_never_raises(document: object) -> None:
    """The file is the disk's, and may hold anything."""
    KeyRing().resume(document)


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """By the number of keys, whatever is asked, and whatever a file says."""
    monkeypatch.setattr(keys, "KEYS_MAX", 3)
    held = ring(row())
    held.resume({"holders": [{**COUNTS, "id": f"{n}"} for n in range(9)]})
    for n in range(9):
        assert held.spend(Key(f"of old {n}", "old", None, None), NOW)
        admit(REQUIRED, held, (KEY_ALPHABET[n : n + 26].ljust(26, "x").encode(),), NOW)

    assert len(held._counts) == 3  # noqa: SLF001
    assert sum(rejected(held).values()) == 8


def test_several_threads_spend_no_more_than_the_quota() -> None:
    """Nor is any question lost, while the keys are replaced and the counts are read."""
    threads, each, quota = 4, 2_000, 5_000
    held = ring(row(quota=quota))
    begin = threading.Barrier(threads + 1)

    def ask() -> int:
        begin.wait()
        asked = (b"4", b"3", b"2", b"1", SPELT)
        return sum(isinstance(admit(REQUIRED, held, asked, NOW), Admitted) for _ in range(each))

    with ThreadPoolExecutor(threads) as pool:
        asking = [pool.submit(ask) for _ in range(threads)]
        begin.wait()
        while not all(one.done() for one in asking):
            held.replace([row(quota=quota)])
            held.document()

    assert sum(one.result() for one in asking) == quota
    assert holders(held) == [("acme", quota, quota, threads * each - quota)]


class Model(RuleBasedStateMachine):
    """A ring against the plainest thing that could be one: a list of what was asked."""

    def __init__(self) -> None:
        super().__init__()
        self.ring = ring(row(quota=3))
        self.asked: list[int] = []  # days
        self.refused = 0
        self.quota: int | None = 3
        self.good = True
        self.now = NOW

    @rule()
    def ask(self) -> None:
        """A question for a whole address."""
        day = int(self.now // DAY_S)
        spent = self.asked.count(day)
        admitted = admit(REQUIRED, self.ring, labels("4.3.2.1.KEY"), self.now)
        if self.good and (self.quota is None or spent < self.quota):
            assert admitted == Admitted(labels("4.3.2.1"))
            self.asked.append(day)
        else:
            assert isinstance(admitted, Refused)
            self.refused += self.good

    @rule(seconds=st.sampled_from([1.0, 3_600.0, 86_400.0]))
    def wait(self, seconds: float) -> None:
        """Time goes on."""
        self.now += seconds

    @rule(quota=st.sampled_from([None, 1, 2, 5]))
    def change(self, quota: int | None) -> None:
        """The key gets another quota."""
        if self.good:
            self.quota = quota
            self.ring.replace([row(quota=quota)])

    @rule()
    def revoke(self) -> None:
        """The key is revoked, and its counts go with it."""
        self.good = False
        self.ring.replace([row(revoked_at=1)])
        self.asked, self.refused = [], 0

    @rule()
    def restart(self) -> None:
        """A new process takes over."""
        before = self.ring.document()
        self.ring = KeyRing()
        self.ring.resume(json.loads(json.dumps(before)))
        self.ring.replace([row(quota=self.quota) if self.good else row(revoked_at=1)])

    @invariant()
    def counts(self) -> None:
        """The ring counts what was asked."""
        counted = holders(self.ring)
        assert sum(queries for _, _, queries, _ in counted) == len(self.asked)
        assert sum(over for _, _, _, over in counted) == self.refused


TestModel = Model.TestCase
