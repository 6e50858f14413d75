"""`requests`: what senders ask for is seen whole, and decided about once."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import petitions
import pytest
from house import ZONE_TEXT, House
from petitions import ADDRESS, ASK_AN_OPERATOR, MAILBOX, ZONE

from dnsbl.cli import options
from dnsbl.config import Config
from dnsbl.delist.conclusion import conclude
from dnsbl.delist.decision import Decision, Outcome
from dnsbl.delist.findings import find
from dnsbl.network import parse
from dnsbl.store import audit, delistings, listings, outbox, request_items, requests
from dnsbl.store.audit import Act
from dnsbl.store.database import Database
from dnsbl.store.request_states import State

Run = Callable[..., Any]
NOW = int(time.time())
HOUR_S = 3600
POLICY = """
[category.policy]
answer = "127.0.0.10"
text = "Dynamic address space [$]"
delist = "review"
"""
WAITS = Decision(Outcome.DEFER, "relapse", until=NOW + HOUR_S)


@pytest.fixture
def config(house: House) -> Config:
    """The house with a category about which an operator decides."""
    house.write_zone(ZONE_TEXT + POLICY)
    return house.config


def categories(database: Database, config: Config, address: str = ADDRESS) -> list[str]:
    """What lists an address still."""
    return [item.category.name for item in find(database, config, parse(address), time.time())]


def outcomes(database: Database, request_id: int) -> dict[str, tuple[str, str, str]]:
    """What became of each listing: outcome, rule, reason."""
    return {
        item.category: (str(item.outcome), item.rule, item.reason)
        for item in request_items.of_request(database, request_id)
    }


def test_list_prints_what_waits_for_somebody(
    run: Run, run_json: Run, database: Database, config: Config
) -> None:
    """In review and in cooldown, the newest first, with masked mailboxes; others by their state."""
    first = petitions.in_review(database, config, now=NOW - 60)
    petitions.in_review(
        database, config, now=NOW, address="203.0.113.8", decisions={(ZONE, "spam"): WAITS}
    )
    done = petitions.in_review(database, config, now=NOW, address="203.0.113.9")
    run("requests", "approve", str(done))

    assert [one["id"] for one in run_json("requests", "list")] == [2, first]
    assert [one["id"] for one in run_json("requests", "list", "--limit", "1")] == [2]
    assert [one["id"] for one in run_json("requests", "list", "--state", "delisted")] == [done]
    assert [one["id"] for one in run_json("requests", "list", "--state", "any")] == [3, 2, 1]
    shown = run("requests", "list").stdout
    assert f"p…@sender.example  {ZONE}/policy: review" in shown
    assert MAILBOX not in shown
    assert MAILBOX in run("requests", "list", "--mailbox").stdout


def test_show_prints_all_that_is_known(
    run: Run, run_json: Run, database: Database, config: Config
) -> None:
    """Listings with their evidence, what was decided, mails, trail, earlier requests, history."""
    earlier = petitions.in_review(database, config, now=NOW - HOUR_S)
    run("requests", "approve", str(earlier), "--reason", "Good luck.")
    request_id = petitions.in_review(database, config, now=NOW)

    found = run_json("requests", "show", str(request_id))
    text = run("requests", "show", str(request_id)).stdout

    [item] = found["items"]
    [listing] = found["listings"]
    [mail] = found["mails"]
    [delisting] = found["delistings"]
    assert (found["state"], found["mailbox"], found["client"]) == (
        "review", "p…@sender.example", "198.51.100.77/32",
    )  # fmt: skip
    assert (item["outcome"], item["rule"]) == ("review", "review")
    assert (listing["evidence"], listing["source"]) == ("Received: from …", "trap 7")
    assert (listing["delist"], listing["exact"]) == ("review", True)
    assert (mail["kind"], mail["state"], mail["reply"]) == ("confirm_mail", "sent", "250 OK")
    assert (delisting["category"], delisting["request_id"]) == ("policy", earlier)
    assert [one["id"] for one in found["requests"]] == [earlier]
    assert [act["act"] for act in found["trail"]] == [
        "request.review", "request.confirmed", "request.mail_sent", "request.mail_queued",
        "request.requested",
    ]  # fmt: skip
    assert "ruling.approved" in [event["what"] for event in found["history"]]
    for word in ("What was decided", "Received: from …", "250 OK", "Good luck.", "trap 7"):
        assert word in text
    assert MAILBOX not in text
    assert MAILBOX in run("requests", "show", str(request_id), "--mailbox").stdout


def test_approve_takes_off_and_tells_the_sender(
    run: Run, database: Database, config: Config
) -> None:
    """The listing is gone, the audit says who did it, and a mail is queued: in one transaction."""
    request_id = petitions.in_review(database, config, now=NOW)

    result = run("requests", "approve", str(request_id), "--reason", " Thank you. ")

    mail = outbox.of_request(database, request_id, "decision_mail")
    acts = {act.act: act for act in _trail(database, request_id)}
    assert result.exit_code == 0
    assert result.stdout == (
        f"request {request_id} for {ADDRESS} is delisted (delisted: policy in {ZONE}); "
        "p…@sender.example is told by mail\n"
    )
    assert list(listings.browse(database)) == []
    assert categories(database, config) == []
    assert outcomes(database, request_id) == {"policy": ("delisted", "operator", "Thank you.")}
    assert mail is not None
    assert (mail.state, mail.attempts) == ("queued", 0)
    assert mail.message_id.endswith("@bl.example>")
    assert acts["ruling.approved"].note == "Thank you."
    assert {
        acts[act].actor for act in ("ruling.approved", "listing.removed", "request.delisted")
    } == {options.actor()}


def test_approve_takes_one_address_out_of_a_network(
    run: Run, database: Database, config: Config
) -> None:
    """The network stays listed for everybody else."""
    petitions.add(database, "203.0.113.0/24", "policy", now=NOW)
    request_id = petitions.confirmed(database, now=NOW)
    _conclude(database, config, request_id)

    result = run("requests", "approve", str(request_id))

    assert result.exit_code == 0
    assert categories(database, config) == []
    assert categories(database, config, "203.0.113.8") == ["policy"]


def test_approve_takes_it_out_of_a_network_around_its_own_listing(
    run: Run, database: Database, house: House
) -> None:
    """Where the category gives no grace: there is no other operator to ask. One delisting."""
    house.write_zone(ZONE_TEXT + POLICY + "grace_s = 0\n")
    petitions.add(database, "203.0.113.0/24", "policy", now=NOW)
    request_id = petitions.in_review(database, house.config, now=NOW)

    result = run("requests", "approve", str(request_id))

    assert result.exit_code == 0
    assert categories(database, house.config) == []
    assert categories(database, house.config, "203.0.113.8") == ["policy"]
    assert len(delistings.of_address(database, parse(ADDRESS), 9)) == 1


def test_refuse_leaves_it_listed_and_says_why(run: Run, database: Database, config: Config) -> None:
    """The reason is kept for the sender; the listing stays."""
    request_id = petitions.in_review(database, config, now=NOW)

    result = run("requests", "refuse", str(request_id), "--reason", "Dynamic addresses stay.")

    assert result.exit_code == 0
    assert categories(database, config) == ["policy"]
    assert outcomes(database, request_id) == {
        "policy": ("refused", "operator", "Dynamic addresses stay.")
    }
    assert outbox.of_request(database, request_id, "decision_mail") is not None
    assert {act.act for act in _trail(database, request_id)} >= {
        "ruling.refused",
        "request.refused",
    }


@pytest.mark.parametrize("second", [("approve",), ("refuse", "--reason", "No.")])
def test_a_request_is_decided_once(
    run: Run, database: Database, config: Config, second: tuple[str, ...]
) -> None:
    """Who is second is told by whom it was decided, and nothing is changed or mailed."""
    request_id = petitions.in_review(database, config, now=NOW)
    run("requests", "refuse", str(request_id), "--reason", "No.")
    trail = _trail(database, request_id)

    result = run("requests", second[0], str(request_id), *second[1:])

    assert result.exit_code == 1
    assert result.stderr == (
        f"dnsbl: request {request_id} is refused, decided by {options.actor()}; "
        "there is nothing to decide about\n"
    )
    assert _trail(database, request_id) == trail
    assert categories(database, config) == ["policy"]


def test_what_waits_is_decided_about_only_if_that_is_said(
    run: Run, database: Database, config: Config
) -> None:
    """Without --all the cooldown of another listing goes on."""
    decisions = {(ZONE, "policy"): ASK_AN_OPERATOR, (ZONE, "spam"): WAITS}
    request_id = petitions.in_review(database, config, now=NOW, decisions=decisions)

    first = run("requests", "approve", str(request_id))
    state = requests.get(database, request_id)
    again = run("requests", "approve", str(request_id))
    everything = run("requests", "approve", str(request_id), "--all")

    assert (first.exit_code, again.exit_code, everything.exit_code) == (0, 1, 0)
    assert state is not None
    assert (state.state, state.until) == (State.COOLDOWN, NOW + HOUR_S)
    assert "it has to wait" in again.stderr
    assert "--all" in again.stderr
    assert categories(database, config) == []
    assert outcomes(database, request_id)["spam"][:2] == ("delisted", "operator")


def test_a_request_of_an_older_version_can_be_decided(
    run: Run, database: Database, config: Config
) -> None:
    """It noted no items: the ruling is about whatever an operator may take off."""
    petitions.add(database, ADDRESS, "policy", now=NOW)
    request_id = petitions.confirmed(database, now=NOW)
    requests.move(database, request_id, State.REVIEW, actor="portal", now=NOW)

    result = run("requests", "approve", str(request_id))

    assert result.exit_code == 0
    assert categories(database, config) == []


def test_wrong_usage_is_told(run: Run, database: Database, config: Config) -> None:
    """A number that is none, one that is not there, a refusal without a reason."""
    request_id = str(petitions.in_review(database, config, now=NOW))

    missing = [run("requests", *verb, "99") for verb in (("show",), ("approve",))]
    wrong = [
        run("requests", "show", "x"),
        run("requests", "refuse", request_id),
        run("requests", "refuse", request_id, "--reason", " "),
        run("requests", "refuse", request_id, "--reason", "x" * 501),
        run("requests", "list", "--state", "lost"),
    ]

    assert [(one.exit_code, one.stderr) for one in missing] == [
        (1, "dnsbl: there is no request 99\n")
    ] * 2
    assert [one.exit_code for one in wrong] == [2] * 5
    assert "--reason: the sender is told why" in wrong[2].stderr
    assert "longer than 500" in wrong[3].stderr
    assert categories(database, config) == ["policy"]


def _trail(database: Database, request_id: int) -> list[Act]:
    return audit.of_request(database, request_id, 100)


def _conclude(database: Database, config: Config, request_id: int) -> None:
    with database.transaction():
        conclude(
            database, config, request_id, {(ZONE, "policy"): ASK_AN_OPERATOR},
            actor="portal", now=NOW,
        )  # fmt: skip


def relist(database: Database, category: str, *, after_s: int) -> None:
    """Newer evidence of a listing, as `dnsbl add` would note it."""
    at = NOW + after_s
    audit.record(
        database,
        [Act(at, "cli:anna", "listing.changed", ZONE, f"{ADDRESS}/32", category, note="trap 9")],
    )


@pytest.mark.parametrize("verb", ["approve", "refuse"])
def test_nobody_rules_by_a_mark_about_what_was_not_shown(
    run: Run, run_json: Run, database: Database, config: Config, verb: str
) -> None:
    """A listing that became another one, by newer evidence, is shown first; then it is decided."""
    request_id = str(petitions.in_review(database, config, now=NOW - 60))
    old = run_json("requests", "show", request_id)["mark"]
    relist(database, "policy", after_s=-30)
    decide = ("requests", verb, request_id, "--reason", "Seen.")
    late = run(*decide, "--seen", old)
    state = run_json("requests", "show", request_id)["state"]
    new = run_json("requests", "show", request_id)["mark"]
    done = run(*decide, "--seen", new)

    assert late.exit_code == 1
    assert (
        f"is not what was shown with that mark; `dnsbl requests show {request_id}`" in late.stderr
    )
    assert state == "review"
    assert new != old
    assert f"mark           {new}" not in run("requests", "show", request_id).stdout
    assert done.exit_code == 0
    assert run_json("requests", "show", request_id)["mark"] is None


def test_a_listing_that_changed_since_the_review_is_looked_at_first(
    run: Run, database: Database, config: Config
) -> None:
    """Without a mark; --force rules all the same, and what changed before was seen."""
    first = str(petitions.in_review(database, config, now=NOW - 60))
    relist(database, "policy", after_s=-30)
    late = run("requests", "approve", first)
    both = run("requests", "approve", first, "--force", "--seen", "x")
    forced = run("requests", "approve", first, "--force")
    second = str(petitions.in_review(database, config, now=NOW))
    unchanged = run("requests", "approve", second)

    assert late.exit_code == 1
    assert f"{ZONE}/policy changed after request {first} came to review" in late.stderr
    assert "--seen MARK" in late.stderr
    assert both.exit_code == 2
    assert forced.exit_code == unchanged.exit_code == 0


def test_a_listing_that_came_since_the_review_is_looked_at_first(
    run: Run, database: Database, config: Config
) -> None:
    """In another category, about which the request never was."""
    request_id = str(petitions.in_review(database, config, now=NOW - 60))
    petitions.add(database, ADDRESS, "spam", now=NOW + 86_400 - 30)  # listed 30 seconds ago
    late = run("requests", "approve", request_id)

    assert late.exit_code == 1
    assert f"{ZONE}/spam changed after" in late.stderr


def test_an_address_that_nothing_lists_has_a_mark_too(
    run: Run, run_json: Run, database: Database, config: Config
) -> None:
    """It may be told so; a listing that comes back is another matter."""
    request_id = str(petitions.in_review(database, config, now=NOW - 60))
    mark = run_json("requests", "show", request_id)["mark"]
    assert f"mark           {mark}" in run("requests", "show", request_id).stdout
    listings.remove(database, ZONE, parse(ADDRESS), "policy")
    gone = run_json("requests", "show", request_id)["mark"]

    assert gone == "nothing"
    assert run("requests", "approve", request_id, "--seen", gone).exit_code == 0
