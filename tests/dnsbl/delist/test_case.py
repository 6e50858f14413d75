"""A case: what a decision is told of a listing."""

from __future__ import annotations

from dataclasses import replace

import pytest
from house import House

from dnsbl.delist.case import Case, Proof, cases
from dnsbl.delist.findings import find
from dnsbl.network import parse
from dnsbl.store import audit, delistings, listings, requests
from dnsbl.store.audit import Act
from dnsbl.store.database import Database
from dnsbl.store.listings import Listing
from dnsbl.store.request_states import State
from dnsbl.store.requests import NewRequest

NOW = 1_800_000_000
DAY_S = 86_400
LONG_AGO = 1_600_000_000  # before any time that the database itself writes
ADDRESS = "203.0.113.7"
LISTING = Listing("bl.example", parse(ADDRESS), "spam", "trap", "feed", listed_at=LONG_AGO)


@pytest.fixture
def listed(database: Database) -> Database:
    """A database that lists the address, of which a request is under way."""
    listings.add(database, LISTING)
    new = NewRequest(
        bytes(32), ADDRESS, "jo@sender.example", "jo@sender.example", "sender.example",
        "198.51.100.1/32", "it", NOW - 60, NOW + DAY_S,
    )  # fmt: skip
    assert requests.create(database, new) == 1
    return database


def case(database: Database, house: House, proof: Proof | None = None) -> Case:
    """That of the one listing, now."""
    request = requests.get(database, 1)
    assert request is not None
    findings = find(database, house.config, parse(ADDRESS), NOW)
    (made,) = cases(database, request, findings, proof or Proof(), NOW)
    return made


def test_it_tells_of_the_request_and_of_the_listing(listed: Database, house: House) -> None:
    """What was asked, by whom, and what is listed why."""
    assert case(listed, house, Proof(2, ("sender.example",))) == Case(
        request_id=1, address=ADDRESS, mailbox="jo@sender.example", client="198.51.100.1/32",
        language="it", zone="bl.example", category="spam", network="203.0.113.7/32", exact=True,
        reason="trap", source="feed", listed_at=LONG_AGO, expires_at=None,
        evidence_at=LONG_AGO, delistings=(), asked_at=NOW - 60, confirmed_at=NOW,
        proven=2, proof_domains=("sender.example",), now=NOW,
    )  # fmt: skip


def test_delistings_of_90_days_are_told(listed: Database, house: House) -> None:
    """The newest first, of this category alone."""
    for days, category in ((91, "spam"), (60, "spam"), (2, "spam"), (1, "other")):
        delistings.record(
            listed, "bl.example", parse(ADDRESS), category, now=NOW - days * DAY_S, request_id=1
        )

    assert case(listed, house).delistings == (NOW - 2 * DAY_S, NOW - 60 * DAY_S)


def test_what_counted_at_the_first_press_counts_at_the_next(listed: Database, house: House) -> None:
    """Whoever waits does not see the earlier ones vanish meanwhile."""
    for state in (State.MAIL_QUEUED, State.MAIL_SENT, State.CONFIRMED):
        requests.move(listed, 1, state, actor="portal", now=NOW - 5 * DAY_S)
    at = NOW - 94 * DAY_S
    delistings.record(listed, "bl.example", parse(ADDRESS), "spam", now=at, request_id=1)

    made = case(listed, house)
    assert (made.confirmed_at, made.delistings) == (NOW - 5 * DAY_S, (at,))


def test_what_a_feed_brings_again_is_no_evidence(listed: Database, house: House) -> None:
    """It sets another expiry at each import; whoever waits must not be refused for that."""
    with listed.transaction():
        changed = [
            batch.changed
            for batch in listings.add_many(listed, [replace(LISTING, expires_at=NOW + DAY_S)])
        ]

    assert changed == [1]
    assert case(listed, house).evidence_at == LISTING.listed_at


@pytest.mark.parametrize(("act", "counts"), [("listing.changed", True), ("listing.removed", False)])
def test_what_is_listed_again_is_evidence(
    listed: Database, house: House, act: str, *, counts: bool
) -> None:
    """As `dnsbl add` notes it, of the very listing; the last time counts."""
    for at, network, category in (
        (NOW - 300, "203.0.113.7/32", "spam"),
        (NOW - 200, "203.0.113.7/32", "spam"),
        (NOW - 100, "203.0.113.0/24", "spam"),
        (NOW - 100, "203.0.113.7/32", "other"),
    ):
        audit.record(listed, [Act(at, "cli:jo", act, "bl.example", network, category)])

    assert case(listed, house).evidence_at == (NOW - 200 if counts else LISTING.listed_at)


def test_no_number_of_other_acts_hides_evidence(listed: Database, house: House) -> None:
    """Whoever asks again and again, while a request waits, does not bury what was seen."""
    seen = Act(NOW - 900, "cli:jo", "listing.changed", "bl.example", "203.0.113.7/32", "spam")
    asked = Act(NOW - 600, "portal", "request.requested", network="203.0.113.7/32")
    audit.record(listed, [seen, *[asked] * 500])

    assert case(listed, house).evidence_at == NOW - 900
