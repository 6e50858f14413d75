"""What earlier delistings mean, from the request to the next: relapsed, lapsed, renewed, refused.

For each shape of listing the same: of the very address, of a network around it,
of the /64 that an IPv6 address is taken off by.
"""

from __future__ import annotations

import pytest
from relisting import DAY_S, EXACT, GRACE_S, HOUR_S, WIDE, ZONE, World, shapes

from dnsbl.delist.decision import Decision, Outcome
from dnsbl.network import parse, parse_address
from dnsbl.store import delistings, exclusions
from dnsbl.store.relapse import LAPSED
from dnsbl.store.request_states import State


@shapes(EXACT)
def test_a_listing_made_again_is_a_relapse(world: World) -> None:
    """A feed's word after the grace is new: told, noted, and counted at the next request."""
    first = world.delist()
    at = world.now
    world.feed(world.network)
    world.wait(GRACE_S)
    assert not world.is_listed
    assert world.relisted == []

    world.feed(world.network)
    world.wait(1)
    assert world.relisted == [(world.network, world.network, "on the feed", first)]
    assert world.state(first) is State.RELISTED
    assert [(one.relisted_at, one.lapsed_at) for one in world.rows] == [(world.now, None)]
    case = world.case(world.ask())
    assert (case.delistings, case.renews) == ((at,), False)


@shapes(EXACT)
def test_new_evidence_in_the_grace_is_a_relapse(world: World) -> None:
    """It voids the grace, and whoever asks again waits."""
    first = world.delist()
    world.wait(DAY_S)
    world.list(world.network)
    world.watch()

    assert [(one[0], one[3]) for one in world.relisted] == [(world.network, first)]
    assert world.state(first) is State.RELISTED
    world.wait(1)
    decision = world.press(world.ask())
    assert decision == Decision(Outcome.DEFER, "relapse", until=world.now + DAY_S)


@shapes(WIDE)
@pytest.mark.parametrize("watched", [True, False])
def test_an_exclusion_that_only_ran_out_is_no_relapse(world: World, *, watched: bool) -> None:
    """It has lapsed: told, with its request, and renewed at once and freely, again and again.

    The case says so also before the watch has noted it.
    """
    for round_ in range(5):
        request_id = world.ask()
        case = world.case(request_id)
        assert (case.delistings, case.renews) == ((), round_ > 0)
        assert world.press(request_id).outcome is Outcome.ACCEPT
        assert not world.is_listed
        world.wait(GRACE_S, watched=watched)
        assert world.is_listed
        if watched:
            subject = world.rows[0].network
            assert world.relisted[-1] == (subject, world.network, LAPSED, request_id)
            assert world.state(request_id) is State.RELISTED
            assert (world.rows[0].relisted_at, world.rows[0].lapsed_at) == (None, world.now)
            address = parse_address(world.address)
            assert delistings.has_only_lapsed(world.database, address, request_id)

    settled = world.rows if watched else world.rows[1:]  # the last is open till somebody looks
    assert {one.relisted_at for one in world.rows} == {None}
    assert None not in {one.lapsed_at for one in settled}
    assert len(world.rows) == 5


@shapes(WIDE)
@pytest.mark.parametrize("watched", [True, False])
def test_evidence_against_the_network_makes_a_relapse(world: World, *, watched: bool) -> None:
    """Though it came while the address was excluded; it counts once the network decides again."""
    first = world.delist()
    at = world.now
    world.wait(DAY_S)
    world.list(world.network)
    world.watch()
    assert not world.is_listed
    assert world.relisted == []

    world.wait(GRACE_S, watched=watched)
    if watched:
        assert [(one[1], one[3]) for one in world.relisted] == [(world.network, first)]
        assert world.relisted[0][2] != LAPSED
        assert world.state(first) is State.RELISTED
    case = world.case(world.ask())
    assert (case.delistings, case.renews) == ((at,), False)


@shapes(WIDE)
def test_evidence_after_it_lapsed_counts_once(world: World) -> None:
    """However often it was renewed before; and it goes on counting when there is newer evidence."""
    for _ in range(4):
        world.delist()
        world.wait(GRACE_S)
    last = world.rows[0].at
    world.list(world.network)
    world.wait(1)

    request_id = world.ask()
    assert world.case(request_id).delistings == (last,)
    assert world.press(request_id).outcome is Outcome.DEFER
    world.wait(DAY_S)
    assert world.press(request_id).outcome is Outcome.ACCEPT
    assert world.rows[1].relisted_at == world.now

    second = world.now
    world.wait(GRACE_S)
    renewed = world.case(world.ask())
    assert (renewed.delistings, renewed.renews) == ((), True)
    world.list(world.network)
    world.wait(1)
    assert world.case(world.ask()).delistings == (second, last)


@shapes(WIDE)
def test_a_re_import_is_no_evidence(world: World) -> None:
    """A feed says every day what it said before, and may set another expiry."""
    world.delist()
    for _ in range(8):
        world.wait(DAY_S)
        world.feed(world.network)
        world.watch()

    case = world.case(world.ask())
    assert (case.delistings, case.renews) == ((), True)


@shapes(WIDE)
def test_an_operator_who_takes_the_exclusion_away_accuses_nobody(world: World) -> None:
    """It is listed again at once, and told; who has something new to say lists the address."""
    first = world.delist()
    world.wait(1)
    exclusions.unexclude(world.database, ZONE, parse(world.rows[0].network), "spam")
    world.watch()

    assert world.is_listed
    assert world.relisted == [(world.rows[0].network, world.network, LAPSED, first)]
    assert world.case(world.ask()).renews


@shapes(WIDE)
def test_a_listing_of_the_very_address_is_a_relapse(world: World) -> None:
    """Out of a network, and then caught by itself: new, whatever the network is."""
    first = world.delist()
    at = world.now
    world.wait(DAY_S)
    world.list(str(parse_address(world.address)))
    world.wait(1)

    assert world.is_listed
    assert [(one[1], one[3]) for one in world.relisted] == [
        (str(parse_address(world.address)), first)
    ]
    assert world.state(first) is State.RELISTED
    assert world.case(world.ask()).delistings == (at,)


@shapes([("2001:db8:7:1::/64", "2001:db8:7:1::25")])
def test_a_neighbours_relapse_is_not_that_of_the_address(world: World) -> None:
    """Another address of the /64 is listed by itself: nothing decides for the one that asked."""
    first = world.delist()
    world.wait(DAY_S)
    world.list("2001:db8:7:1::66/128")
    world.wait(1)

    assert not world.is_listed
    assert (world.relisted, world.state(first)) == ([], State.DELISTED)


@shapes(EXACT, WIDE)
def test_an_operators_exclusion_goes_on_holding(world: World) -> None:
    """What stays excluded has not ended, whatever feeds and evidence say of it."""
    first = world.delist()
    excluded = exclusions.Exclusion(ZONE, parse(world.rows[0].network), excluded_at=world.now)
    exclusions.exclude(world.database, excluded)
    world.feed(world.network)
    world.list(world.network)
    world.wait(GRACE_S + 1)

    assert not world.is_listed
    assert (world.relisted, world.state(first)) == ([], State.DELISTED)


@shapes(EXACT, WIDE)
def test_evidence_between_request_and_press_refuses(world: World) -> None:
    """The sender said that it was mended, and it was not; asking anew is no longer refused."""
    request_id = world.ask()
    world.wait(HOUR_S)
    world.list(world.network)
    world.wait(HOUR_S)

    assert world.press(request_id) == Decision(Outcome.REFUSE, "evidence")
    assert world.state(request_id) is State.REFUSED
    assert world.press(world.ask()).outcome is Outcome.ACCEPT


@shapes(EXACT, WIDE)
def test_evidence_during_the_wait_refuses_and_the_next_request_waits(world: World) -> None:
    """A relapse as before, from the new request on; it is not refused for ever."""
    world.delist()
    world.wait(1)
    world.list(world.network)
    world.wait(GRACE_S)
    second = world.ask()
    assert world.press(second).outcome is Outcome.DEFER
    world.wait(HOUR_S)
    world.list(world.network)
    world.wait(DAY_S)

    assert world.press(second) == Decision(Outcome.REFUSE, "evidence")
    third = world.ask()
    assert world.press(third) == Decision(Outcome.DEFER, "relapse", until=world.now + DAY_S)
    world.wait(DAY_S)
    assert world.press(third).outcome is Outcome.ACCEPT


@shapes(EXACT, WIDE)
def test_a_re_import_between_request_and_press_refuses_nobody(world: World) -> None:
    """It may only not have heard yet."""
    request_id = world.ask()
    world.wait(HOUR_S)
    world.feed(world.network)
    world.wait(HOUR_S)

    assert world.press(request_id).outcome is Outcome.ACCEPT


@shapes(EXACT)
def test_a_network_around_what_was_removed_is_no_relapse(world: World) -> None:
    """It stood there all along, and decides once the grace is over: nothing new."""
    wide = str(parse(world.network).widened(parse(world.network).length - 8))
    world.list(wide)
    first = world.delist()
    world.wait(GRACE_S)

    assert world.is_listed
    assert world.relisted == [(world.network, wide, LAPSED, first)]
    assert world.case(world.ask()).renews
