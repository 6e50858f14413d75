"""Earlier delistings end with the next, where nobody has looked at the journal in between."""

from __future__ import annotations

import pytest
from relisting import DAY_S, EXACT, GRACE_S, WIDE, World, shapes

from dnsbl.store.relapse import LAPSED
from dnsbl.store.request_states import State

HOST = "2001:db8:7::25/128"
AROUND = "2001:db8:7::/64"


def kinds(world: World) -> list[str]:
    """What is told of listings and of what was asked for, in its order."""
    rows = world.database.rows("SELECT kind FROM events ORDER BY id")
    return [row["kind"] for row in rows]


@shapes(EXACT)
def test_a_relapse_that_the_next_delisting_notes_is_told_once(world: World) -> None:
    """An operator is faster than the watch: told before the delisting, and not again after it."""
    first = world.delist()
    world.wait(DAY_S)
    before = len(kinds(world))
    world.list(world.network)
    second = world.approve()
    assert kinds(world)[before:].count("listing.relisted") == 1
    assert kinds(world)[-2:] == ["listing.relisted", "delist.completed"]
    world.watch()

    assert world.relisted == [(world.network, world.network, f"seen {world.now}", first)]
    assert (world.state(first), world.state(second)) == (State.RELISTED, State.DELISTED)
    assert [(one.relisted_at, one.lapsed_at) for one in world.rows] == [
        (None, None), (world.now, None),
    ]  # fmt: skip


@shapes(WIDE)
def test_an_exclusion_that_ran_out_is_told_by_the_next_that_renews_it(world: World) -> None:
    """With each its own, though nobody looked in between."""
    ids = []
    for _ in range(3):
        ids.append(world.delist())
        world.wait(GRACE_S, watched=False)
    subject = world.rows[0].network

    assert world.relisted == [(subject, world.network, LAPSED, each) for each in ids[:-1]]
    world.wait(0)
    assert world.relisted == [(subject, world.network, LAPSED, each) for each in ids]


@shapes([(HOST, "2001:db8:7::25")])
@pytest.mark.parametrize("watched", [True, False])
def test_an_address_that_lapsed_is_settled_by_the_removal_of_its_64(
    world: World, *, watched: bool
) -> None:
    """Evidence after both counts against the last alone."""
    world.list(AROUND)
    first = world.delist()
    world.wait(GRACE_S, watched=watched)
    second = world.delist()
    at = world.now

    assert world.relisted == [(HOST, AROUND, LAPSED, first)]
    assert world.state(first) is State.RELISTED
    assert [(one.network, one.lapsed_at) for one in world.rows] == [(AROUND, None), (HOST, at)]
    world.wait(DAY_S)
    world.list(HOST)
    world.watch()
    assert world.case(world.ask()).delistings == (at,)
    assert world.relisted[1:] == [(AROUND, HOST, f"seen {world.now}", second)]


@shapes([(HOST, "2001:db8:7::25")])
def test_evidence_against_the_64_counts_against_an_address_that_lapsed(world: World) -> None:
    """Also once the /64 is removed: the sender does not get rid of it by asking."""
    world.list(AROUND)
    world.delist()
    first_at = world.now
    world.wait(GRACE_S)
    assert world.rows[0].lapsed_at == world.now
    world.list(AROUND)
    assert world.case(world.ask()).delistings == (first_at,)

    world.approve()
    assert [one.relisted_at for one in world.rows] == [None, world.now]
    second_at = world.now
    world.wait(DAY_S)
    world.list(HOST)
    assert world.case(world.ask()).delistings == (second_at, first_at)
