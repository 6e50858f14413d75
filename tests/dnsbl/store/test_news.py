"""What the journal brings: events, relapses and counts, for whoever changed the listings."""

from __future__ import annotations

import atexit
import functools
import itertools
import json
import shutil
import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory, mkdtemp

import pytest
from hypothesis import given
from hypothesis import strategies as st
from portal import START

from api.expiry import end_overdue
from dnsbl.network import parse
from dnsbl.store import (
    audit,
    bulk,
    delistings,
    exclusions,
    journal,
    listings,
    news,
    open_delistings,
    pruning,
    requests,
    statistics,
)
from dnsbl.store.audit import Act
from dnsbl.store.bulk import Common
from dnsbl.store.database import Database, open_writer
from dnsbl.store.exclusions import Exclusion
from dnsbl.store.listings import Listing
from dnsbl.store.news import Batch
from dnsbl.store.pruning import Bounds
from dnsbl.store.relapse import LAPSED, Relapse
from dnsbl.store.requests import NewRequest, State

ZONE = "bl.example"
ONE = "192.0.2.1/32"
Told = tuple[str, str, str, str]  # kind, zone, subject, category


def read(database: Database, limit: int = 100) -> list[Batch]:
    """Looks until there is nothing new; what was found, written."""
    batches: list[Batch] = []
    while (batch := news.look(database, limit, START)) is not None:
        with database.transaction():
            assert news.take(database, batch, lambda *_: True, START) is not None
        batches.append(batch)
    return batches


def told(database: Database) -> list[Told]:
    """The events there are, but for those of requests."""
    return [
        (row["kind"], row["zone"], row["subject"], row["category"])
        for row in database.rows("SELECT * FROM events ORDER BY id")
        if not row["kind"].startswith("delist.")
    ]


def kinds(database: Database) -> list[str]:
    """The same, only their kinds."""
    return [kind for kind, *_ in told(database)]


def add(database: Database, network: str = ONE, category: str = "spam", **more: int | None) -> None:
    """Lists a network, as the command does."""
    listings.add(database, Listing(ZONE, parse(network), category, "trap", listed_at=START, **more))


def remove(database: Database, network: str = ONE, category: str = "spam") -> None:
    """As the command does, with its line in the audit."""
    with database.transaction():
        if listings.remove(database, ZONE, parse(network), category):
            audit.record(database, [Act(START, "cli", "listing.removed", ZONE, network, category)])


_hashes = itertools.count()


def delist(
    database: Database, network: str = ONE, category: str = "spam", grace_s: int | None = 60
) -> int:
    """As the portal does; the request's id."""
    address = network.partition("/")[0]
    new = NewRequest(
        next(_hashes).to_bytes(32), address, "a@b.example", "a@b.example", "b.example",
        "198.51.100.1/32", "en", START, START + 86_400,
    )  # fmt: skip
    with database.transaction():
        request_id = requests.create(database, new)
        for state in (State.MAIL_QUEUED, State.MAIL_SENT, State.CONFIRMED, State.DELISTED):
            requests.move(database, request_id, state, actor="test", now=START)
        remove(database, network, category)
        if grace_s is not None:
            exclude(database, network, category, grace_s=grace_s)
        delistings.record(
            database, ZONE, parse(network), category, now=START, request_id=request_id
        )
    return request_id


def exclude(
    database: Database, network: str = ONE, category: str = "spam", grace_s: int | None = None
) -> None:
    """Excludes a network; with `grace_s` as a delisting does."""
    exclusions.exclude(
        database,
        Exclusion(
            ZONE, parse(network), category, "ours", grace=grace_s is not None, excluded_at=START,
            expires_at=None if grace_s is None else START + grace_s,
        ),
    )  # fmt: skip


def bulk_import(database: Database, *networks: str) -> None:
    """An import that is one row of the journal."""
    common = Common(ZONE, "spam", "trap", "", START, None)
    with database.transaction():
        bulk.add_in_bulk(
            database, common, lambda _: [(len(networks), json.dumps(networks))], lambda _: None
        )


@pytest.fixture
def watched(database: Database) -> Database:
    """The database, looked at once."""
    add(database, "203.0.113.1/32")
    read(database)
    return database


def test_the_first_look_begins_at_the_end(watched: Database) -> None:
    """What was there before is no news."""
    assert told(watched) == []
    assert news.look(watched, 100, START) is None


def test_what_comes_and_goes_is_an_event(watched: Database) -> None:
    """With the reason that it has; what only changes is none."""
    add(watched)
    watched.change("UPDATE listings SET reason = 'seen again' WHERE network = ?", ONE)
    exclude(watched)
    remove(watched)
    exclusions.unexclude(watched, ZONE, parse(ONE), "spam")
    read(watched)

    rows = watched.rows("SELECT kind, reason FROM events ORDER BY id")
    assert [tuple(row) for row in rows] == [
        ("listing.added", ""),  # gone by the time that it was looked at
        ("exclusion.added", ""),
        ("listing.removed", ""),
        ("exclusion.removed", ""),
    ]
    assert told(watched)[0] == ("listing.added", ZONE, ONE, "spam")


def test_an_event_has_the_reason_that_stands(watched: Database) -> None:
    """Of a listing, of an exclusion, and of what has expired."""
    add(watched, expires_at=START)
    exclude(watched, "192.0.2.9/32")
    read(watched)
    end_overdue(watched, START)
    read(watched)

    rows = watched.rows("SELECT kind, reason FROM events ORDER BY id")
    assert [tuple(row) for row in rows] == [
        ("listing.added", "trap"), ("exclusion.added", "ours"), ("listing.expired", "trap"),
    ]  # fmt: skip


@pytest.mark.parametrize("limit", [1, 2, 100])
def test_expired_and_removed_are_told_apart(watched: Database, limit: int) -> None:
    """By the audit, in its order, however many rows are looked at at once."""
    expected: list[str] = []
    for expires in (True, False, False, True, True, False):
        add(watched, expires_at=START if expires else None)
        add(watched, "192.0.2.2/32")
        expected += ["listing.added", "listing.added"]
        if expires:
            end_overdue(watched, START)
        else:
            remove(watched)
        remove(watched, "192.0.2.2/32")
        expected += ["listing.expired" if expires else "listing.removed", "listing.removed"]
    read(watched, limit)

    assert kinds(watched) == expected


def test_another_clients_removal_is_a_removal(watched: Database) -> None:
    """It writes no audit."""
    add(watched, expires_at=START + 9)
    watched.change("DELETE FROM listings")
    read(watched)

    assert kinds(watched) == ["listing.added", "listing.removed", "listing.removed"]


def test_a_delisted_network_that_is_listed_again_is_a_relapse(watched: Database) -> None:
    """Told beside its listing, noted with the delisting, and with the request."""
    add(watched)
    request_id = delist(watched)
    read(watched)
    before = len(told(watched))
    add(watched)
    [batch] = read(watched)

    row = watched.row("SELECT * FROM delistings")
    request = requests.get(watched, request_id)
    event = watched.row("SELECT * FROM events WHERE kind = 'listing.relisted'")
    assert batch.relapses == {(ZONE, ONE, "spam")}
    assert kinds(watched)[before:] == ["exclusion.removed", "listing.added", "listing.relisted"]
    assert row is not None
    assert row["relisted_at"] == START
    assert request is not None
    assert request.state is State.RELISTED
    assert event is not None
    assert (event["request_id"], event["reason"]) == (request_id, "trap")


def test_a_delisting_between_two_looks_is_no_relapse(watched: Database) -> None:
    """The listing that it took away came before it, though both are looked at together."""
    add(watched)
    delist(watched)
    read(watched)

    assert "listing.relisted" not in kinds(watched)


def test_each_relapse_counts_once(watched: Database) -> None:
    """Two requests for one network end together; the next delisting begins anew."""
    for _ in range(2):
        add(watched)
        ids = [delist(watched), delist(watched)]
        add(watched)
        read(watched)
        add(watched, category="policy")
        read(watched)

        states = {getattr(requests.get(watched, one), "state", None) for one in ids}
        assert states == {State.RELISTED}
    assert kinds(watched).count("listing.relisted") == 2


def test_what_stays_excluded_is_no_relapse(watched: Database) -> None:
    """An operator's exclusion keeps it unlisted, whatever a feed says."""
    add(watched)
    delist(watched)
    exclude(watched)
    add(watched)
    read(watched)

    assert "listing.relisted" not in kinds(watched)


def test_a_relapse_by_a_bulk_import_is_found(
    watched: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Though its rows are in no journal, and no events."""
    add(watched)
    delist(watched, grace_s=None)
    delist(watched, "192.0.2.77/32", grace_s=60)
    read(watched)
    before = len(told(watched))
    monkeypatch.setattr(bulk, "BULK_ROWS_MIN", 1)
    bulk_import(watched, ONE, "192.0.2.77/32", "198.51.100.1/32", "198.51.100.2/32")
    [batch] = read(watched)

    assert batch.relapses == {(ZONE, ONE, "spam")}
    assert told(watched)[before:] == [("listing.relisted", ZONE, ONE, "spam")]


@pytest.mark.parametrize("begun_anew", [False, True])
def test_many_relapses_at_once_are_noted_some_at_a_time(
    watched: Database, monkeypatch: pytest.MonkeyPatch, *, begun_anew: bool
) -> None:
    """No transaction grows with what a feed brings back; each is told once, and all are."""
    networks = [f"192.0.2.{number}/32" for number in range(5)]
    for network in networks:
        add(watched, network)
        delist(watched, network, grace_s=None)
    read(watched)
    monkeypatch.setattr(bulk, "BULK_ROWS_MIN", 1)
    bulk_import(watched, *networks)
    if begun_anew:
        watched.change("UPDATE meta SET value = '9999999999 0' WHERE key = 'journal_told'")
    batches = read(watched, limit=2)

    assert [len(batch.relapses) for batch in batches] == [2, 2, 1]
    assert [one[2] for one in told(watched) if one[0] == "listing.relisted"] == networks


def networks_relisted(database: Database) -> list[str]:
    """What was told to be listed again, in the order in which it was told."""
    return [one[2] for one in told(database) if one[0] == "listing.relisted"]


@pytest.mark.parametrize(
    ("wide", "inside", "outside"),
    [
        ("198.51.100.0/24", ["198.51.100.0/32", "198.51.100.255/32"],
         ["198.51.10.1/32", "198.51.101.0/32"]),
        ("198.51.100.128/25", ["198.51.100.128/32", "198.51.100.200/32"],
         ["198.51.100.127/32", "198.51.100.2/32"]),
        ("198.48.0.0/12", ["198.48.0.1/32", "198.63.255.255/32"],
         ["198.64.0.0/32", "198.4.0.1/32"]),
        ("2001:db8::/32", ["2001:db8::/64", "2001:db8::1/128", "2001:db8:ff:1::/64"],
         ["2001:db80::/64", "2001:db9::/64"]),
        ("2001:db8:7::/48", ["2001:db8:7::/64", "2001:db8:7:1::9/128", "2001:db8:7:ffff::/64"],
         ["2001:db8:77::/64", "2001:db8:8::/64"]),
        ("2001:db8:0:5::/64", ["2001:db8:0:5::/64", "2001:db8:0:5:1::1/128"],
         ["2001:db8:0:55::/64", "2001:db8:0:4::/64"]),
        ("2001:db8:7:1:5:6::/112", ["2001:db8:7:1:5:6:0:9/128"], ["2001:db8:7:1:5:6:1:0/128"]),
    ],
)  # fmt: skip
@pytest.mark.parametrize("limit", [1, 2, 100])
def test_a_network_brings_back_all_that_lies_in_it(
    watched: Database, wide: str, inside: list[str], outside: list[str], limit: int
) -> None:
    """Each once, and nothing beside it, however few delistings are looked at at once."""
    for network in (*inside, *outside):
        delist(watched, network, grace_s=None)
    read(watched)
    add(watched, wide)
    add(watched, "203.0.113.9/32")
    batches = read(watched, limit)

    assert sorted(networks_relisted(watched)) == sorted(inside)
    assert all(len(batch.relapses) <= limit for batch in batches)
    assert kinds(watched).count("listing.added") == 2


def test_a_look_goes_on_in_the_midst_of_a_row(watched: Database) -> None:
    """Also in another process, and on what is brought back behind it meanwhile."""
    networks = [f"198.51.100.{number}/32" for number in range(10, 15)]
    for network in networks:
        delist(watched, network)
    add(watched, "198.51.100.0/24")
    read(watched)
    watched.change("DELETE FROM exclusions WHERE network > ?", networks[2])
    exclude(watched, "198.51.100.0/25")
    read(watched)
    exclusions.unexclude(watched, ZONE, parse("198.51.100.0/25"), "spam")
    batch = news.look(watched, 2, START)
    assert batch is not None
    assert batch.upto.pause is not None
    with watched.transaction():
        news.take(watched, batch, lambda *_: True, START)
    exclusions.unexclude(watched, ZONE, parse(networks[0]), "spam")
    read(watched, 2)

    assert sorted(networks_relisted(watched)) == [networks[0], *networks[3:]]
    assert news.look(watched, 2, START) is None


@pytest.mark.parametrize("way", ["expired", "voided", "removed"])
@pytest.mark.parametrize(
    ("wide", "taken_off"),
    [
        ("198.51.100.0/24", "198.51.100.7/32"),
        ("2001:db8:7::/48", "2001:db8:7:1::/64"),
        ("2001:db8:7:1::/112", "2001:db8:7:1::25/128"),
    ],
)
def test_the_end_of_an_exclusion_ends_the_delisting(
    watched: Database, wide: str, taken_off: str, way: str
) -> None:
    """Nothing new but where new evidence voided it; told once, right behind its cause."""
    listings.add(watched, Listing(ZONE, parse(wide), "spam", "wide", listed_at=START - 9))
    request_id = delist(watched, taken_off)
    read(watched)
    before = len(told(watched))
    if way == "expired":
        end_overdue(watched, START + 60)
    elif way == "voided":
        add(watched, taken_off)
    else:
        exclusions.unexclude(watched, ZONE, parse(taken_off), "spam")
    read(watched)

    cause = ["listing.added"] if way == "voided" else []
    assert kinds(watched)[before:] == ["exclusion.removed", *cause, "listing.relisted"]
    event = watched.row("SELECT * FROM events WHERE kind = 'listing.relisted'")
    delisting = watched.row("SELECT * FROM delistings")
    request = requests.get(watched, request_id)
    assert event is not None
    assert delisting is not None
    assert request is not None
    listed, reason = (taken_off, "trap") if way == "voided" else (wide, LAPSED)
    assert (event["subject"], event["network"], event["reason"]) == (taken_off, listed, reason)
    assert (delisting["relisted_at"] is None) == (way != "voided")
    assert (delisting["lapsed_at"] is None) == (way == "voided")
    assert request.state is State.RELISTED


def test_an_exclusion_of_another_category_ends_nothing(watched: Database) -> None:
    """That of every category does."""
    add(watched, "198.51.100.0/24")
    delist(watched, "198.51.100.7/32")
    exclude(watched, "198.51.100.7/32", "policy")
    exclude(watched, "198.51.100.7/32", "")
    read(watched)
    exclusions.unexclude(watched, ZONE, parse("198.51.100.7/32"), "policy")
    exclusions.unexclude(watched, ZONE, parse("198.51.100.7/32"), "spam")
    read(watched)
    assert networks_relisted(watched) == []

    exclusions.unexclude(watched, ZONE, parse("198.51.100.7/32"), "")
    read(watched)
    assert networks_relisted(watched) == ["198.51.100.7/32"]


def test_what_a_look_costs_does_not_grow_with_what_was_delisted(watched: Database) -> None:
    """Its questions walk the index of open delistings; no row of another network is read."""
    plan = watched.rows(
        f"EXPLAIN QUERY PLAN {open_delistings.OPEN_BETWEEN}",
        ZONE, "a", "", ZONE, "b", "", 9,
    )  # fmt: skip

    (step,) = [row["detail"] for row in plan]
    assert "INDEX delistings_open ((zone,network,category)>(?,?,?) AND (" in step


def test_what_nobody_wants_is_not_written(watched: Database) -> None:
    """No row for a hook that is not there; relapses are found and days counted all the same."""
    add(watched)
    request_id = delist(watched)
    add(watched)
    batch = news.look(watched, 100, START)
    assert batch is not None
    found = news.take(watched, batch, lambda *_: False, START)

    day = statistics.day_of(time.time())
    assert found == [Relapse(ZONE, ONE, "spam", ONE, "trap", request_id, lapsed=False)]
    assert told(watched) == []
    assert statistics.figures(watched, day - 1, day).zones


def test_days_are_counted(watched: Database) -> None:
    """What came and what went, of listings, by the time of the journal."""
    add(watched)
    add(watched, "192.0.2.2/32", expires_at=START)
    exclude(watched)
    end_overdue(watched, START)
    remove(watched)
    watched.change("UPDATE journal SET at = ?", START)
    read(watched)

    day = statistics.day_of(START)
    counted = statistics.figures(watched, day, day).zones[ZONE][day]
    assert (counted.added, counted.removed) == (2, 2)


def test_a_journal_that_was_cut_is_followed_from_where_it_begins(
    watched: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """How many rows nobody saw is told; relapses among them are found."""
    monkeypatch.setattr(pruning, "BATCH_ROWS", 6)
    monkeypatch.setattr(pruning, "KEPT_ROWS_MIN", 1)
    add(watched)
    delist(watched, grace_s=None)
    read(watched)
    add(watched)
    for number in range(9):
        add(watched, f"198.51.100.{number}/32")
    assert pruning.prune(watched, Bounds(1, 0), START) == 6
    before = len(told(watched))
    [batch] = read(watched)

    assert batch.missed == 3
    assert batch.relapses == {(ZONE, ONE, "spam")}
    assert len(told(watched)) - before == 7 + 1


def test_a_place_beyond_the_journal_is_given_up(watched: Database) -> None:
    """A journal that somebody began anew is followed from its end."""
    watched.change("UPDATE meta SET value = '99999999999 0' WHERE key = 'journal_told'")
    add(watched)
    [batch] = read(watched)

    assert (list(batch.news), batch.more) == ([], False)
    assert batch.upto.seq == journal.position(watched).last_seq
    add(watched, "192.0.2.2/32")
    read(watched)
    assert kinds(watched) == ["listing.added"]


def test_another_database_takes_nothing(watched: Database) -> None:
    """What was read from one is not written to another that is elsewhere by now."""
    add(watched)
    batch = news.look(watched, 100, START)
    read(watched)
    assert batch is not None

    assert news.take(watched, batch, lambda *_: True, START) is None
    assert kinds(watched) == ["listing.added"]


NETWORKS = ("192.0.2.1/32", "192.0.2.2/32", "2001:db8::/64")
CATEGORIES = ("spam", "policy")
KEYS = st.tuples(st.sampled_from(NETWORKS), st.sampled_from(CATEGORIES))


@functools.cache
def new_database() -> Path:
    """One that was looked at once, for all examples to begin with."""
    path = Path(mkdtemp()) / "listings.sqlite3"
    atexit.register(shutil.rmtree, path.parent)
    with closing(open_writer(path)) as database:
        read(database)
    return path


class Model:
    """What should be told of random changes, kept beside the database."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.listed: set[tuple[str, str]] = set()
        self.excluded: set[tuple[str, str]] = set()
        self.open: set[tuple[str, str]] = set()  # delisted, and not listed again
        self.added: set[tuple[str, str]] = set()  # or no longer excluded, since the last look
        self.expected: list[Told] = []
        self.relapses: Counter[tuple[str, str]] = Counter()

    def say(self, kind: str, key: tuple[str, str]) -> None:
        self.expected.append((kind, ZONE, *key))

    def add(self, key: tuple[str, str], *, expires: bool = False) -> None:
        if key in self.listed:
            return
        add(self.database, *key, expires_at=START if expires else None)
        # The command voids a grace before it lists.
        row = self.database.row(
            "SELECT count(*) FROM exclusions WHERE (network, category) = (?, ?)", *key
        )
        assert row is not None
        if key in self.excluded and not row[0]:
            self.excluded.discard(key)
            self.say("exclusion.removed", key)
        self.listed.add(key)
        self.added.add(key)
        self.say("listing.added", key)

    def remove(self, key: tuple[str, str]) -> None:
        if key in self.listed:
            self.say("listing.removed", key)
        self.listed.discard(key)
        remove(self.database, *key)

    def expire(self, key: tuple[str, str]) -> None:
        if key not in self.listed:
            self.add(key, expires=True)
            self.listed.discard(key)
            self.say("listing.expired", key)
            end_overdue(self.database, START)

    def change(self, key: tuple[str, str]) -> None:
        self.database.change(
            "UPDATE listings SET evidence = evidence || 'x' WHERE (network, category) = (?, ?)",
            *key,
        )

    def exclude(self, key: tuple[str, str]) -> None:
        if key not in self.excluded:
            exclude(self.database, *key)
            self.excluded.add(key)
            self.say("exclusion.added", key)

    def unexclude(self, key: tuple[str, str]) -> None:
        if key in self.excluded:
            exclusions.unexclude(self.database, ZONE, parse(key[0]), key[1])
            self.excluded.discard(key)
            self.added.add(key)
            self.say("exclusion.removed", key)

    def delist(self, key: tuple[str, str]) -> None:
        self.remove(key)
        if key not in self.excluded:
            delist(self.database, *key)
            self.excluded.add(key)
            self.say("exclusion.added", key)
        else:
            delist(self.database, *key, grace_s=None)
        self.open.add(key)

    def look(self, limit: int) -> None:
        for key in self.open & self.added & self.listed - self.excluded:
            self.relapses[key] += 1
            self.open.discard(key)
        self.added.clear()
        read(self.database, limit)


STEPS: dict[str, Callable[[Model, tuple[str, str]], None]] = {
    "add": Model.add, "remove": Model.remove, "expire": Model.expire, "change": Model.change,
    "exclude": Model.exclude, "unexclude": Model.unexclude, "delist": Model.delist,
}  # fmt: skip


@given(
    st.lists(
        st.one_of(
            st.tuples(st.sampled_from(sorted(STEPS)), KEYS),
            st.tuples(st.just("look"), st.integers(1, 5)),
        ),
        max_size=40,
    )
)
def test_every_history_is_told_as_it_was(steps: list[tuple[str, object]]) -> None:
    """Against a model: each change once, in order, and each relapse right behind its cause."""
    with TemporaryDirectory() as folder:
        database = open_writer(Path(shutil.copy(new_database(), folder)))
        database.change("PRAGMA synchronous = OFF")
        model = Model(database)
        for name, argument in [*steps, ("look", 3)]:
            if name == "look":
                model.look(argument)  # type: ignore[arg-type]
            else:
                STEPS[name](model, argument)  # type: ignore[arg-type]
        happened = told(database)
        database.close()

    relisted = [one for one in happened if one[0] == "listing.relisted"]
    assert [one for one in happened if one[0] != "listing.relisted"] == model.expected
    assert Counter((one[2], one[3]) for one in relisted) == model.relapses
    for before, one in itertools.pairwise(happened):
        if one[0] == "listing.relisted":
            assert before[0] in ("listing.added", "exclusion.removed")
            assert before[1:] == one[1:]
