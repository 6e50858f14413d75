"""What decisions come to: listings that go, items that say why others stay, and a state."""

from __future__ import annotations

import pytest
from house import House

from dnsbl.config import Config
from dnsbl.delist.conclusion import Concluded, conclude
from dnsbl.delist.decision import Decision, Outcome
from dnsbl.delist.findings import find
from dnsbl.network import parse, parse_address
from dnsbl.store import audit, delistings, events, exclusions, listings, requests
from dnsbl.store.database import Database
from dnsbl.store.listings import Listing
from dnsbl.store.request_items import ItemOutcome
from dnsbl.store.request_states import State
from dnsbl.store.requests import NewRequest, TransitionError

NOW = 1_800_000_000
DAY_S = 86_400
ADDRESS = "203.0.113.7"
IPV6_ADDRESS = "2001:db8:1:2::25"

ZONE = """\
origin = "bl.example"
nameservers = ["ns1.bl.example"]
hostmaster = "hostmaster@bl.example"
[category.spam]
answer = "127.0.0.2"
text = "spam"
[category.policy]
answer = "127.0.0.3"
text = "policy"
delist = "review"
[category.hard]
answer = "127.0.0.4"
text = "hard"
grace_s = 0
"""
SPAM, POLICY, HARD = (("bl.example", name) for name in ("spam", "policy", "hard"))

ACCEPT = Decision(Outcome.ACCEPT, "policy")
WAIT = Decision(Outcome.DEFER, "relapse", until=NOW + DAY_S)
REVIEW = Decision(Outcome.REVIEW, "review")
REFUSE = Decision(Outcome.REFUSE, "hook:mine", reason="Still sending", note="trap 7")


@pytest.fixture
def config(house: House) -> Config:
    """Three categories, one of which lets nobody out of a network."""
    house.write_zone(ZONE)
    return house.config


def asked(database: Database, address: str = ADDRESS, state: State = State.CONFIRMED) -> int:
    """A request whose button has been pressed."""
    new = NewRequest(
        address.encode().ljust(32, b"."), address, "me@mail.example", "me@mail.example",
        "mail.example", "198.51.100.1/32", "en", NOW, NOW + DAY_S,
    )  # fmt: skip
    request_id = requests.create(database, new)
    database.change("UPDATE delist_requests SET state = ? WHERE id = ?", str(state), request_id)
    return request_id


def listed(database: Database, *categories: str, network: str = ADDRESS) -> None:
    """Lists a network."""
    for category in categories:
        listings.add(database, Listing("bl.example", parse(network), category, "why"))


def run(
    database: Database, config: Config, request_id: int, decisions: dict[tuple[str, str], Decision],
    now: int = NOW,
) -> Concluded:  # fmt: skip
    """As the portal would, in one transaction."""
    with database.transaction():
        return conclude(database, config, request_id, decisions, actor="test", now=now)


def told(database: Database) -> list[tuple[str, str, str]]:
    """The events: kind, category, reason."""
    return [
        (event.kind, event.category, event.reason)
        for number in range(1, 50)
        if (event := events.get(database, number)) is not None
    ]


@pytest.mark.parametrize(
    ("decisions", "state", "outcomes"),
    [
        ({SPAM: ACCEPT, POLICY: ACCEPT}, State.DELISTED, ["delisted", "delisted"]),
        ({SPAM: ACCEPT, POLICY: WAIT}, State.COOLDOWN, ["cooldown", "delisted"]),
        ({SPAM: WAIT, POLICY: REVIEW}, State.REVIEW, ["review", "cooldown"]),
        ({SPAM: ACCEPT, POLICY: REFUSE}, State.DELISTED, ["refused", "delisted"]),
        ({SPAM: REFUSE, POLICY: REFUSE}, State.REFUSED, ["refused", "refused"]),
        ({SPAM: REFUSE, POLICY: WAIT}, State.COOLDOWN, ["cooldown", "refused"]),
    ],
)
def test_what_is_open_makes_the_state(
    database: Database,
    config: Config,
    decisions: dict[tuple[str, str], Decision],
    state: State,
    outcomes: list[str],
) -> None:
    """Review before cooldown before delisted before refused; each listing has its own outcome."""
    listed(database, "spam", "policy")
    request_id = asked(database)

    done = run(database, config, request_id, decisions)

    assert done.request.state is state
    assert [str(item.outcome) for item in done.items] == outcomes  # by category: policy, spam
    assert done.request.until == (NOW + DAY_S if state is State.COOLDOWN else None)
    gone = {key for key, decision in decisions.items() if decision is ACCEPT}
    assert {(item.zone.origin, item.category.name) for item in done.delisted} == gone
    assert {(item.zone.origin, item.category.name) for item in done.remaining} == (
        decisions.keys() - gone
    )


def test_a_refusal_says_what_a_hook_said(database: Database, config: Config) -> None:
    """The reason to the sender, the note to operators, the rule to both; and an event."""
    listed(database, "spam")
    request_id = asked(database)

    (item,) = run(database, config, request_id, {SPAM: REFUSE}).items

    assert (item.rule, item.reason, item.note) == ("hook:mine", "Still sending", "trap 7")
    assert told(database)[-1] == ("delist.refused", "spam", "Still sending")
    assert delistings.of_address(database, parse(ADDRESS), 9) == []


def test_each_listing_that_goes_is_told_and_counted(database: Database, config: Config) -> None:
    """Once: an event and a delisting for each, and none for the request as a whole."""
    listed(database, "spam", "policy")
    request_id = asked(database)

    run(database, config, request_id, {SPAM: ACCEPT, POLICY: ACCEPT})

    completed = [event for event in told(database) if event[0] == "delist.completed"]
    assert sorted(category for _, category, _ in completed) == ["policy", "spam"]
    found = delistings.of_address(database, parse(ADDRESS), 9)
    assert {(one.category, one.at) for one in found} == {("spam", NOW), ("policy", NOW)}
    assert len(found) == 2


def test_a_cooldown_that_is_over_delists(database: Database, config: Config) -> None:
    """The same decision, once its time has come; the trail has both."""
    listed(database, "spam")
    request_id = asked(database)

    first = run(database, config, request_id, {SPAM: WAIT})
    second = run(database, config, request_id, {SPAM: WAIT}, now=NOW + DAY_S)

    assert first.request.state is State.COOLDOWN
    assert first.request.expires_at == NOW + DAY_S + requests.COOLDOWN_OPEN_S
    assert second.request.state is State.DELISTED
    assert second.request.until is None
    assert [item.outcome for item in second.items] == [ItemOutcome.DELISTED]
    acts = [act.act for act in audit.trail(database, parse(ADDRESS), 9)]
    assert acts[0] == "request.delisted"
    assert "request.cooldown" in acts


def test_a_request_lives_until_the_last_of_its_listings_had_its_time(
    database: Database, config: Config
) -> None:
    """Whoever waits for all of them, and then presses the button once, finds it working."""
    listed(database, "spam", "policy")
    request_id = asked(database)
    far = Decision(Outcome.DEFER, "hook:mine", until=NOW + 30 * DAY_S)
    waits = run(database, config, request_id, {SPAM: WAIT, POLICY: far}).request

    assert waits.until == NOW + DAY_S
    assert waits.expires_at == NOW + 30 * DAY_S + requests.COOLDOWN_OPEN_S


def test_a_cooldown_goes_on_beside_what_an_operator_decides(
    database: Database, config: Config
) -> None:
    """The operator decides about one listing; the other keeps its time."""
    listed(database, "spam", "policy")
    request_id = asked(database)
    run(database, config, request_id, {SPAM: WAIT, POLICY: REVIEW})

    done = run(database, config, request_id, {POLICY: ACCEPT}, now=NOW + 60)

    assert done.request.state is State.COOLDOWN
    assert done.request.until == NOW + DAY_S
    assert [str(item.outcome) for item in done.items] == ["delisted", "cooldown"]


def test_what_is_gone_meanwhile_is_settled(database: Database, config: Config) -> None:
    """An operator removed the listing, or it expired: nothing waits for ever."""
    listed(database, "spam", "policy")
    request_id = asked(database)
    run(database, config, request_id, {SPAM: WAIT, POLICY: REVIEW})
    for category in ("spam", "policy"):
        listings.remove(database, "bl.example", parse(ADDRESS), category)

    done = run(database, config, request_id, {}, now=NOW + 60)

    assert done.request.state is State.DELISTED
    assert {(item.outcome, item.rule) for item in done.items} == {(ItemOutcome.DELISTED, "gone")}


def test_an_end_that_no_listing_tells_is_told_of_the_request(
    database: Database, config: Config
) -> None:
    """One listing went by itself and the other is refused: what was decided tells half of it."""
    listed(database, "spam", "policy")
    request_id = asked(database)
    run(database, config, request_id, {SPAM: REFUSE, POLICY: REVIEW})
    listings.remove(database, "bl.example", parse(ADDRESS), "spam")

    done = run(database, config, request_id, {POLICY: REFUSE}, now=NOW + 60)

    assert done.request.state is State.DELISTED
    assert [event[:2] for event in told(database)[-2:]] == [
        ("delist.refused", "policy"), ("delist.completed", ""),
    ]  # fmt: skip


def test_an_address_that_nothing_lists_is_delisted(database: Database, config: Config) -> None:
    """The request comes to its end, with an event for it."""
    request_id = asked(database)

    done = run(database, config, request_id, {})

    assert (done.request.state, done.items) == (State.DELISTED, ())
    assert told(database)[-1] == ("delist.completed", "", "was not listed any more")


@pytest.mark.parametrize(
    ("network", "address", "excluded"),
    [
        ("203.0.113.0/24", ADDRESS, f"{ADDRESS}/32"),
        ("2001:db8::/32", IPV6_ADDRESS, "2001:db8:1:2::/64"),
        ("2001:db8:1:2::/112", IPV6_ADDRESS, f"{IPV6_ADDRESS}/128"),
    ],
)
def test_out_of_a_network_an_address_is_excluded(
    database: Database, config: Config, network: str, address: str, excluded: str
) -> None:
    """For a time, and IPv6 by its /64 where the listing is as wide; the network stays listed."""
    listed(database, "spam", network=network)
    request_id = asked(database, address)

    done = run(database, config, request_id, {SPAM: ACCEPT})

    assert done.request.state is State.DELISTED
    assert find(database, config, parse_address(address), NOW) == []
    (exclusion,) = exclusions.browse_exclusions(database)
    assert (str(exclusion.network), exclusion.grace) == (excluded, True)
    assert exclusion.expires_at is not None
    assert [str(item.network) for item in listings.browse(database)] == [network]
    (found,) = delistings.of_address(database, parse_address(address), 9)
    assert (found.network, found.at) == (excluded, NOW)


@pytest.mark.parametrize(
    ("network", "address"),
    [
        (f"{ADDRESS}/32", ADDRESS),
        (f"{IPV6_ADDRESS}/128", IPV6_ADDRESS),
        ("2001:db8:1:2::/64", IPV6_ADDRESS),
    ],
)
@pytest.mark.parametrize(("category", "excluded"), [("spam", 1), ("hard", 0)])
def test_a_listing_of_just_what_is_taken_off_is_removed(
    database: Database, config: Config, network: str, address: str, category: str, excluded: int
) -> None:
    """The very address, or its /64; with its grace, where the category has one."""
    listed(database, category, network=network)
    request_id = asked(database, address)

    done = run(database, config, request_id, {("bl.example", category): ACCEPT})

    assert done.request.state is State.DELISTED
    assert list(listings.browse(database)) == []
    found = [str(one.network) for one in exclusions.browse_exclusions(database)]
    assert found == [network] * excluded
    (act,) = [one for one in audit.trail(database, parse(network), 9) if "listing." in one.act]
    assert (act.act, act.network, act.note) == ("listing.removed", network, "why")
    (delisted,) = delistings.of_address(database, parse_address(address), 9)
    assert delisted.network == network


def test_an_operators_consent_lets_out_of_any_network(database: Database, config: Config) -> None:
    """Also where the category leaves no grace: for the time that others get."""
    listed(database, "hard", network="203.0.113.0/24")
    request_id = asked(database)

    done = run(database, config, request_id, {HARD: Decision(Outcome.ACCEPT, "operator")})

    assert done.request.state is State.DELISTED
    (exclusion,) = exclusions.browse_exclusions(database)
    assert exclusion.expires_at == NOW + 7 * DAY_S


def test_a_listing_behind_the_one_that_went_is_for_an_operator(
    database: Database, config: Config
) -> None:
    """Without grace the network around decides next; that is said, and no delisting to anybody.

    Or it would be one that is over already, which nothing in the journal tells.
    """
    listed(database, "hard")
    listed(database, "hard", network="203.0.113.0/24")
    request_id = asked(database)

    done = run(database, config, request_id, {HARD: ACCEPT})

    assert done.request.state is State.REVIEW
    assert [str(finding.listing.network) for finding in done.remaining] == ["203.0.113.0/24"]
    assert delistings.of_address(database, parse(ADDRESS), 9) == []


@pytest.mark.parametrize("state", [State.MAIL_SENT, State.DELISTED, State.CANCELLED])
def test_what_cannot_be_concluded_changes_nothing(
    database: Database, config: Config, state: State
) -> None:
    """The error takes the listing's removal back with it."""
    listed(database, "spam")
    request_id = asked(database, state=state)

    with pytest.raises(TransitionError):
        run(database, config, request_id, {SPAM: ACCEPT})

    assert len(find(database, config, parse(ADDRESS), NOW)) == 1
    assert delistings.of_address(database, parse(ADDRESS), 9) == []


def test_a_request_that_is_gone_is_an_error(database: Database, config: Config) -> None:
    """In words."""
    with pytest.raises(TransitionError, match="request 77 is gone"):
        run(database, config, 77, {})
