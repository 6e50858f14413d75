"""What was delisted and is listed again is found in the journal, a page at a time, told once."""

from __future__ import annotations

import pytest
from portal import START
from watching import (
    ONE,
    ZONE,
    add,
    bulk_import,
    delist,
    exclude,
    kinds,
    networks_relisted,
    read,
    told,
)

from api.expiry import end_overdue
from dnsbl.network import parse
from dnsbl.store import bulk, exclusions, listings, news, open_delistings, relapse, requests
from dnsbl.store.database import Database, StoreError
from dnsbl.store.listings import Listing
from dnsbl.store.relapse import LAPSED
from dnsbl.store.requests import State


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


def test_a_request_for_what_is_no_address_holds_nothing_up(watched: Database) -> None:
    """Another client wrote it: what was taken off is looked at in its stead."""
    add(watched)
    request_id = delist(watched)
    read(watched)
    watched.change("PRAGMA ignore_check_constraints = ON")
    watched.change("UPDATE delist_requests SET address = 'nobody' WHERE id = ?", request_id)
    add(watched)
    read(watched)

    assert networks_relisted(watched) == [ONE]


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


@pytest.mark.parametrize("limit", [1, 2, 100])
def test_an_end_is_told_behind_its_exclusion_though_the_look_pauses_there(
    watched: Database, limit: int
) -> None:
    """What else was delisted of the address takes the rest of the page."""
    for category in ("policy", "spam"):
        exclude(watched, ONE, category)
        delist(watched, ONE, category, grace_s=None)
        add(watched, ONE, category)
    read(watched)
    before = len(told(watched))
    exclusions.unexclude(watched, ZONE, parse(ONE), "policy")
    read(watched, limit)

    assert told(watched)[before:] == [
        ("exclusion.removed", ZONE, ONE, "policy"), ("listing.relisted", ZONE, ONE, "policy"),
    ]  # fmt: skip


def test_a_delisting_of_no_network_stays_as_it_is(watched: Database) -> None:
    """Another client wrote it; the others are found all the same."""
    delist(watched, grace_s=None)
    watched.change(
        "INSERT INTO delistings (zone, network, category, at) VALUES (?, '192.0.2.x', 'spam', 1)",
        ZONE,
    )
    add(watched, "192.0.2.0/24")
    read(watched)

    assert networks_relisted(watched) == [ONE]
    assert not relapse.is_over(watched, (ZONE, "192.0.2.x", "spam"), START)


def test_a_database_that_fails_is_not_taken_for_an_answer(
    watched: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The watch looks again later; what it had passed over would never be found."""
    delist(watched, grace_s=None)
    add(watched)

    def fail(*_: object) -> None:
        raise StoreError("cannot be read")

    monkeypatch.setattr(listings, "covering_entries", fail)
    with pytest.raises(StoreError, match="cannot be read"):
        news.look(watched, 100, START)
    monkeypatch.undo()
    read(watched)

    assert networks_relisted(watched) == [ONE]
