"""An operator's ruling holds: over a later press of the button, and over a listing's return."""

from __future__ import annotations

import petitions
import pytest
from house import ZONE_TEXT, House
from petitions import ADDRESS, ASK_AN_OPERATOR, ZONE

from dnsbl.config import Config
from dnsbl.delist import ruling
from dnsbl.delist.conclusion import conclude
from dnsbl.delist.decision import Decision, Outcome
from dnsbl.delist.findings import find
from dnsbl.delist.ruling import Ruling, SettledError
from dnsbl.network import parse
from dnsbl.store import delist_tokens, events, outbox, request_items, requests
from dnsbl.store.database import Database
from dnsbl.store.request_states import State

NOW = 1_800_000_000
HOUR_S = 3600
LINK = b"l" * 32
POLICY = """
[category.policy]
answer = "127.0.0.10"
text = "Dynamic address space [$]"
delist = "review"
"""
WAITS = Decision(Outcome.DEFER, "relapse", until=NOW + HOUR_S)
MIXED = {(ZONE, "policy"): ASK_AN_OPERATOR, (ZONE, "spam"): WAITS}


@pytest.fixture
def config(house: House) -> Config:
    """The house with a category about which an operator decides."""
    house.write_zone(ZONE_TEXT + POLICY)
    return house.config


def ruled(
    database: Database, config: Config, request_id: int, verdict: Ruling, now: int = NOW
) -> None:
    """A ruling of the command line's."""
    with database.transaction():
        ruling.rule(database, config, request_id, verdict, actor="cli:root", now=now)


def listed(database: Database, config: Config) -> list[str]:
    """What lists the address."""
    return [item.category.name for item in find(database, config, parse(ADDRESS), NOW)]


def test_a_later_press_does_not_undo_a_refusal(database: Database, config: Config) -> None:
    """The button works for what had to wait; what was refused is not asked about again."""
    request_id = petitions.in_review(database, config, now=NOW, decisions=MIXED)
    ruled(database, config, request_id, Ruling(approves=False, reason="No."))

    with database.transaction():
        concluded = conclude(database, config, request_id, MIXED, actor="portal", now=NOW + HOUR_S)

    outcomes = {item.category: (str(item.outcome), item.rule) for item in concluded.items}
    assert concluded.request.state is State.DELISTED
    assert outcomes == {"policy": ("refused", "operator"), "spam": ("delisted", "relapse")}
    assert listed(database, config) == ["policy"]


def test_what_waits_outlives_an_operator_who_takes_long(database: Database, config: Config) -> None:
    """The mail of the ruling says that the button works: it does, and the request has not ended."""
    request_id = petitions.in_review(database, config, now=NOW, decisions=MIXED)
    late = NOW + 30 * requests.DAY_S
    delist_tokens.add(database, LINK, request_id, NOW + requests.DAY_S)

    ruled(database, config, request_id, Ruling(approves=True), late)

    link = delist_tokens.find(database, LINK)
    assert link is not None
    assert requests.expire_overdue(database, late, 10) == []
    assert link.request.state is State.COOLDOWN
    assert link.expires_at == link.request.expires_at == late + requests.COOLDOWN_OPEN_S


def test_hooks_are_told_of_a_ruling(database: Database, config: Config) -> None:
    """Listing by listing, with the reason."""
    request_id = petitions.in_review(database, config, now=NOW)
    before = _last_event(database)
    ruled(database, config, request_id, Ruling(approves=False, reason="No."))

    told = events.get(database, before + 1)

    assert told is not None
    assert _last_event(database) == before + 1
    assert (told.kind, told.subject, told.category, told.reason, told.request_id) == (
        "delist.refused", f"{ADDRESS}/32", "policy", "No.", request_id,
    )  # fmt: skip


def test_a_ruling_that_fails_leaves_nothing_behind(database: Database, config: Config) -> None:
    """Neither an audit line nor a mail: all of it is one transaction."""
    request_id = petitions.in_review(database, config, now=NOW)
    ruled(database, config, request_id, Ruling(approves=True))
    acts = database.rows("SELECT * FROM audit")

    with pytest.raises(SettledError, match="decided by cli:root"):
        ruled(database, config, request_id, Ruling(approves=True))

    request = requests.get(database, request_id)
    assert request is not None
    assert request.state is State.DELISTED
    assert database.rows("SELECT * FROM audit") == acts
    assert len(outbox.all_of_request(database, request_id)) == 2


def test_a_listing_that_came_later_is_not_ruled_on(database: Database, config: Config) -> None:
    """The operator saw one listing; another one of the address is another matter."""
    request_id = petitions.in_review(database, config, now=NOW)
    petitions.add(database, ADDRESS, "spam", now=NOW)

    ruled(database, config, request_id, Ruling(approves=True))

    assert listed(database, config) == ["spam"]
    assert [item.category for item in request_items.of_request(database, request_id)] == ["policy"]


def _last_event(database: Database) -> int:
    row = database.row("SELECT max(id) FROM events")
    assert row is not None
    return int(row[0])
