"""A press of the button, and a list that changes while it is being decided about."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

import pytest
from house import ZONE_TEXT, House
from portal import LISTED, Clock, Portal

from api.hooks.deciding import Deciding
from api.portal.confirm import ROUNDS_MAX
from dnsbl.delist.case import Case, Key
from dnsbl.delist.decision import Decision
from dnsbl.network import parse
from dnsbl.store import audit, listings, request_items
from dnsbl.store.audit import Act
from dnsbl.store.database import Database
from dnsbl.store.request_items import ItemOutcome
from dnsbl.store.request_states import State

NO_GRACE = ZONE_TEXT + "grace_s = 0\n"
Meanwhile = Callable[[], Awaitable[None]]


@pytest.fixture
def meanwhile(monkeypatch: pytest.MonkeyPatch) -> list[Meanwhile]:
    """What happens after each decision and before it is carried out, in turn."""
    happenings: list[Meanwhile] = []
    decide = Deciding.decide

    async def interrupted(self: Deciding, cases: Sequence[Case]) -> dict[Key, Decision]:
        decisions = await decide(self, cases)
        if happenings:
            await happenings.pop(0)()
        return decisions

    monkeypatch.setattr(Deciding, "decide", interrupted)
    return happenings


async def test_what_was_allowed_for_an_address_is_not_done_to_a_network(
    house: House, clock: Clock, meanwhile: list[Meanwhile]
) -> None:
    """A network listed in the address's place is decided about by itself: no address leaves it."""
    house.write_zone(NO_GRACE)
    async with Portal(house, clock) as portal:
        await portal.add(LISTED)
        link = await portal.link(LISTED)

        async def widen() -> None:
            await portal.sidecar.truth.write(listings.remove, "bl.example", parse(LISTED), "spam")
            await portal.add("203.0.113.0/24")

        meanwhile.append(widen)
        page = await portal.press(link)
        (item,) = await portal.sidecar.truth.read(request_items.of_request, 1)

        assert (page.status, await portal.state()) == (200, State.REVIEW)
        assert (item.outcome, item.rule, item.network) == (
            ItemOutcome.REVIEW, "network", "203.0.113.0/24",
        )  # fmt: skip


async def test_evidence_that_comes_during_a_decision_is_decided_about(
    portal: Portal, meanwhile: list[Meanwhile], clock: Clock
) -> None:
    """What was listed anew meanwhile is asked about again, and once only."""
    await portal.add(LISTED)
    link = await portal.link(LISTED)
    asked: list[int] = []

    def note(database: Database) -> None:
        act = Act(clock.at, "cli:anna", "listing.changed", "bl.example", f"{LISTED}/32", "spam")
        audit.record(database, [act])

    async def see_again() -> None:
        asked.append(1)
        await portal.sidecar.truth.write(note)

    async def nothing() -> None:
        asked.append(2)

    meanwhile += [see_again, nothing]
    page = await portal.press(link)

    assert (page.status, await portal.state(), asked) == (200, State.DELISTED, [1, 2])


async def test_a_list_that_never_stands_still_is_not_changed(
    portal: Portal, meanwhile: list[Meanwhile], clock: Clock
) -> None:
    """After some rounds the visitor is told to come back; the link is good still."""
    await portal.add(LISTED)
    link = await portal.link(LISTED)

    def note(database: Database) -> None:
        act = Act(clock.at, "cli:anna", "listing.changed", "bl.example", f"{LISTED}/32", "spam")
        audit.record(database, [act])

    async def see_again() -> None:
        clock.at += 1
        await portal.sidecar.truth.write(note)

    meanwhile += [see_again] * ROUNDS_MAX
    page = await portal.press(link)

    assert page.status == 503
    assert await portal.listed() == [f"{LISTED} spam"]
    assert (await portal.press(link)).status == 200
    assert await portal.state() is State.REFUSED  # it was seen after the request
