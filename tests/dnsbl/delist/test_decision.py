"""Of several decisions the strictest holds."""

from __future__ import annotations

import itertools

import pytest

from dnsbl.delist.decision import ACCEPTED, Decision, Outcome, strictest

ACCEPT = Decision(Outcome.ACCEPT, "a")
SOON = Decision(Outcome.DEFER, "b", until=10)
LATER = Decision(Outcome.DEFER, "c", until=20)
REVIEW = Decision(Outcome.REVIEW, "d")
REFUSE = Decision(Outcome.REFUSE, "e")


@pytest.mark.parametrize("count", [1, 2, 3])
def test_the_strictest_holds_in_whatever_order_they_come(count: int) -> None:
    """Refuse before review before the longest deferral before acceptance."""
    order = [ACCEPT, SOON, LATER, REVIEW, REFUSE]

    for chosen in itertools.permutations(order, count):
        assert strictest(chosen) == max(chosen, key=order.index)


def test_nobody_against_it_is_acceptance() -> None:
    """And of two alike the first is named."""
    assert strictest([]) == ACCEPTED
    assert strictest([REFUSE, Decision(Outcome.REFUSE, "f")]) == REFUSE


@pytest.mark.parametrize(
    ("outcome", "until"), [(Outcome.DEFER, None), (Outcome.ACCEPT, 5), (Outcome.REFUSE, 5)]
)
def test_a_time_goes_with_a_deferral_alone(outcome: Outcome, until: int | None) -> None:
    """Whatever else is a mistake of ours."""
    with pytest.raises(AssertionError):
        Decision(outcome, "x", until=until)
