"""The built-in decisions: each rule by itself, and what holds whatever the configuration."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import replace
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnsbl.config import CategoryConfig, PolicyConfig
from dnsbl.config.policy import DAY_S, HISTORY_S
from dnsbl.delist.case import Case
from dnsbl.delist.decision import Decision, Outcome, strictest
from dnsbl.delist.policy import RULES, Shortfall, forecast, needed_proof, policy

NOW = 1_800_000_000
HOUR_S = 3600

RULES_ON = PolicyConfig(proof_rises=True)
CASE = Case(
    request_id=1,
    address="203.0.113.7",
    mailbox="somebody@sender.example",
    client="198.51.100.1/32",
    language="en",
    zone="bl.example",
    category="spam",
    network="203.0.113.7/32",
    exact=True,
    reason="spam trap",
    source="trap",
    listed_at=NOW - DAY_S,
    expires_at=None,
    evidence_at=NOW - DAY_S,
    delistings=(),
    asked_at=NOW - HOUR_S,
    confirmed_at=NOW,
    proven=3,
    proof_domains=("sender.example", "mx.sender.example"),
    now=NOW,
)


def category(
    rules: PolicyConfig = RULES_ON,
    delist: Literal["self", "review", "never"] = "self",
    grace_s: int = 7 * DAY_S,
) -> CategoryConfig:
    """One with such a policy."""
    return CategoryConfig("spam", ipaddress.IPv4Address("127.0.0.2"), "$", delist, grace_s, rules)


def days(*ago: float) -> tuple[int, ...]:
    """Times of delistings so many days before, as a case has them."""
    return tuple(NOW - int(each * DAY_S) for each in ago)


def test_a_first_removal_is_at_once() -> None:
    """Any mailbox, any time: nothing stands in its way."""
    assert policy(replace(CASE, proven=0), category()) == []


@pytest.mark.parametrize(
    ("delist", "decision"),
    [("never", Decision(Outcome.REFUSE, "never")), ("review", Decision(Outcome.REVIEW, "review"))],
)
def test_a_category_that_is_not_removed_on_request_says_only_that(
    delist: Literal["review", "never"], decision: Decision
) -> None:
    """Relapse and proof are the rules of those that are."""
    case = replace(CASE, proven=0, delistings=days(1, 2, 3))

    assert policy(case, category(replace(RULES_ON, then="refuse"), delist)) == [decision]


@pytest.mark.parametrize(
    ("exact", "grace_s", "rules"), [(False, 0, ["network"]), (False, 1, []), (True, 0, [])]
)
def test_out_of_a_network_leads_an_exclusion_or_an_operator(
    *, exact: bool, grace_s: int, rules: list[str]
) -> None:
    """Where the category allows no exclusion, nobody takes a network off by a button."""
    said = policy(replace(CASE, exact=exact), category(grace_s=grace_s))

    assert [decision.rule for decision in said] == rules
    assert strictest(said).outcome is (Outcome.REVIEW if rules else Outcome.ACCEPT)


@pytest.mark.parametrize(
    ("ago", "until"),
    [
        (days(29.9), NOW + DAY_S),
        (days(30), None),
        (days(29.9, 89), NOW + 7 * DAY_S),
        (days(31, 89), NOW + 7 * DAY_S),
        (days(29.9, 90), NOW + DAY_S),
    ],
)
def test_a_relapse_waits(ago: tuple[int, ...], until: int | None) -> None:
    """A second removal within 30 days for a day, a third within 90 for a week."""
    decision = strictest(policy(replace(CASE, delistings=ago), category()))

    expected = Outcome.ACCEPT if until is None else Outcome.DEFER
    assert (decision.outcome, decision.until) == (expected, until)


@pytest.mark.parametrize(
    ("then", "outcome"), [("review", Outcome.REVIEW), ("refuse", Outcome.REFUSE)]
)
def test_the_fourth_time_is_no_matter_of_waiting(
    then: Literal["review", "refuse"], outcome: Outcome
) -> None:
    """An operator decides, or nobody does, as the category has it."""
    case = replace(CASE, delistings=days(1, 40, 89))

    decision = strictest(policy(case, category(replace(RULES_ON, then=then))))

    assert (decision.outcome, decision.rule) == (outcome, "relapse")


def test_relapse_can_be_left_out() -> None:
    """For a list that forgives."""
    case = replace(CASE, delistings=days(1, 2, 3))

    assert policy(case, category(PolicyConfig(relapse=False))) == []


def test_who_has_waited_is_accepted() -> None:
    """At the very second that was named, and by a rule, so that it can be told why only now."""
    case = replace(CASE, delistings=days(3))

    early = strictest(policy(replace(case, now=NOW + DAY_S - 1), category()))
    in_time = strictest(policy(replace(case, now=NOW + DAY_S), category()))
    assert early == Decision(Outcome.DEFER, "relapse", until=NOW + DAY_S)
    assert in_time == Decision(Outcome.ACCEPT, "relapse")


def test_what_was_promised_does_not_change_while_it_is_waited_for() -> None:
    """Though one of the earlier delistings becomes too old meanwhile to be counted anew."""
    case = replace(CASE, delistings=days(20, 89.5))

    at_first = strictest(policy(case, category()))
    a_day_later = strictest(policy(replace(case, now=NOW + DAY_S), category()))
    assert at_first == a_day_later == Decision(Outcome.DEFER, "relapse", until=NOW + 7 * DAY_S)


def test_a_relapse_while_the_request_waits_counts() -> None:
    """Delisted by another way and listed again meanwhile: that is one more."""
    case = replace(CASE, delistings=days(-0.5, 3), now=NOW + DAY_S)

    assert strictest(policy(case, category())).until == NOW + 7 * DAY_S


@pytest.mark.parametrize("confirmed_at", [NOW, NOW - DAY_S])
@pytest.mark.parametrize(
    ("age_s", "newer", "rules"),
    [(-1, "refuse", ["evidence"]), (-1, "ignore", []), (0, "refuse", []), (1, "refuse", [])],
)
def test_evidence_that_is_newer_than_a_request_ends_it(
    confirmed_at: int, age_s: int, newer: Literal["refuse", "ignore"], rules: list[str]
) -> None:
    """At the first press and after a wait: who asked said that it was mended, and it was not."""
    asked_at = NOW - 2 * DAY_S
    case = replace(CASE, asked_at=asked_at, confirmed_at=confirmed_at, evidence_at=asked_at - age_s)

    said = policy(case, category(replace(RULES_ON, newer_evidence=newer)))

    assert [(decision.rule, decision.outcome) for decision in said] == [
        (rule, Outcome.REFUSE) for rule in rules
    ]


def test_who_asks_after_the_evidence_is_not_refused_for_it() -> None:
    """Where there was a delisting before it, it is a relapse like any other."""
    case = replace(CASE, asked_at=NOW - 1, evidence_at=NOW - 2, delistings=days(3))

    assert strictest(policy(case, category())) == Decision(
        Outcome.DEFER, "relapse", until=NOW + DAY_S
    )


@pytest.mark.parametrize(
    ("asked", "rises", "delistings", "needed"),
    [
        (0, True, (), 0),
        (1, True, (), 1),
        (0, True, days(31), 1),
        (0, True, days(91), 0),
        (1, True, days(31, 89), 3),
        (2, True, days(31, 89), 3),
        (0, False, days(1, 2), 0),
        (3, False, (), 3),
    ],
)
def test_the_proof_that_is_needed_rises(
    asked: int, delistings: tuple[int, ...], needed: int, *, rises: bool
) -> None:
    """With each delisting of 90 days, up to 3, where that is not switched off."""
    rules = PolicyConfig(proof=asked, proof_rises=rises, relapse=False)
    case = replace(CASE, delistings=delistings)

    by_level = [policy(replace(case, proven=level), category(rules)) for level in range(4)]
    assert [bool(said) for said in by_level] == [level < needed for level in range(4)]
    assert needed_proof(category(rules), delistings, NOW) == needed


def test_who_proves_too_little_goes_to_an_operator() -> None:
    """With what was missing in the note, for the page and the operator to tell."""
    (decision,) = policy(replace(CASE, proven=0), category(PolicyConfig(proof=2)))

    assert (decision.outcome, decision.rule, decision.reason) == (Outcome.REVIEW, "proof", "")
    assert Shortfall.read(decision.note) == Shortfall(0, 2, ("sender.example", "mx.sender.example"))


@pytest.mark.parametrize("shortfall", [Shortfall(0, 1, ()), Shortfall(2, 3, ("a.example",))])
def test_a_shortfall_is_read_from_its_note(shortfall: Shortfall) -> None:
    """What was noted can be told later."""
    assert Shortfall.read(shortfall.note) == shortfall


@pytest.mark.parametrize("note", ["", "proof", "proof 0 of 1 ", "grace of 7 s"])
def test_other_notes_are_none(note: str) -> None:
    """An operator's note is his own."""
    assert Shortfall.read(note) is None


@pytest.mark.parametrize(
    ("delist", "exact", "ago", "rule", "outcome"),
    [
        ("never", True, (), "never", Outcome.REFUSE),
        ("review", True, (), "review", Outcome.REVIEW),
        ("self", True, (), "policy", Outcome.ACCEPT),
        ("self", False, (), "policy", Outcome.ACCEPT),
        ("self", True, days(1), "relapse", Outcome.DEFER),
        ("self", True, days(1, 2, 3), "relapse", Outcome.REVIEW),
    ],
)
def test_what_a_request_would_meet_is_known_before(
    delist: Literal["self", "review", "never"],
    ago: tuple[int, ...],
    rule: str,
    outcome: Outcome,
    *,
    exact: bool,
) -> None:
    """The look-up page tells it before anybody asks."""
    decision = forecast(category(delist=delist), exact=exact, delistings=ago, now=NOW)

    assert (decision.rule, decision.outcome) == (rule, outcome)


policies = st.builds(
    PolicyConfig,
    proof=st.integers(0, 3),
    proof_rises=st.booleans(),
    relapse=st.booleans(),
    second_within_s=st.integers(0, 50) | st.just(30 * DAY_S),
    second_wait_s=st.integers(0, 50) | st.just(DAY_S),
    third_within_s=st.integers(50, HISTORY_S),
    third_wait_s=st.integers(50, HISTORY_S),
    then=st.sampled_from(["review", "refuse"]),
    newer_evidence=st.sampled_from(["refuse", "ignore"]),
).filter(
    lambda rules: (
        rules.second_within_s <= rules.third_within_s and rules.second_wait_s <= rules.third_wait_s
    )
)
categories = st.builds(
    category,
    policies,
    st.sampled_from(["self", "self", "self", "review", "never"]),
    st.sampled_from([0, DAY_S]),
)
ages = st.integers(-100, 100) | st.integers(-DAY_S, HISTORY_S + DAY_S)
waits = st.integers(0, 100) | st.integers(0, HISTORY_S)
cases = st.builds(
    lambda delistings, waited, evidence, exact, proven: replace(
        CASE,
        delistings=tuple(sorted((NOW - age for age in delistings), reverse=True)),
        now=NOW + waited,
        evidence_at=CASE.asked_at + evidence,
        exact=exact,
        proven=proven,
    ),
    st.lists(ages, max_size=6),
    waits,
    st.integers(-100, 100),
    st.booleans(),
    st.integers(0, 3),
)


def strictness(decision: Decision) -> tuple[Outcome, int]:
    """What sorts decisions, the laxest first."""
    return decision.outcome, decision.until or 0


@given(cases, categories, ages)
def test_who_relapsed_once_more_never_fares_better(
    case: Case, by: CategoryConfig, age: int
) -> None:
    """One more delisting, whenever it was, makes no decision laxer, no wait shorter."""
    more = replace(case, delistings=(*case.delistings, NOW - age))

    assert strictness(strictest(policy(more, by))) >= strictness(strictest(policy(case, by)))


@given(cases, categories)
def test_who_proves_more_never_fares_worse(case: Case, by: CategoryConfig) -> None:
    """Each level opens at least what the ones below it do."""
    by_level = [strictest(policy(replace(case, proven=level), by)) for level in range(4)]

    assert [strictness(one) for one in by_level] == sorted(map(strictness, by_level), reverse=True)


@given(cases, categories, waits)
def test_a_promise_is_kept(case: Case, by: CategoryConfig, later: int) -> None:
    """A deferral names one time, however often the button is pressed; then the rule accepts."""
    case = replace(case, evidence_at=case.asked_at)
    first = strictest(policy(case, by))
    if first.outcome is not Outcome.DEFER:
        return
    assert first.until is not None
    assert first.until > case.now

    again = strictest(policy(replace(case, now=case.now + later), by))
    assert again == (
        first if case.now + later < first.until else Decision(Outcome.ACCEPT, "relapse")
    )


@given(cases, categories)
def test_nothing_speaks_against_what_is_accepted(case: Case, by: CategoryConfig) -> None:
    """The strictest holds: it is an acceptance only if no rule says anything else."""
    said = policy(case, by)
    holds = strictest(said)

    assert max((one.outcome for one in said), default=Outcome.ACCEPT) == holds.outcome
    assert all(one.rule in RULES for one in said)


@given(cases, categories)
def test_the_forecast_comes_true(case: Case, by: CategoryConfig) -> None:
    """Whoever proves enough and presses at once meets what the look-up page said."""
    case = replace(case, now=NOW, proven=3, asked_at=NOW, evidence_at=NOW)

    assert strictness(forecast(by, exact=case.exact, delistings=case.delistings, now=NOW)) == (
        strictness(strictest(policy(case, by)))
    )


def test_every_rule_is_in_the_documentation_and_no_other() -> None:
    """docs/delisting.md has a line for each."""
    page = (Path(__file__).parents[3] / "docs" / "delisting.md").read_text()
    table = page.split("## Policy")[1].split("###")[0]

    assert set(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)) == set(RULES)
