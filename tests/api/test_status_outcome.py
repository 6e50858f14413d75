"""What the status page says of a request whose address something lists still, or again."""

from __future__ import annotations

from portal import LISTED, SENDER, Portal

from dnsbl.network import parse
from dnsbl.store import listings
from dnsbl.store.request_states import State


async def pressed(portal: Portal) -> str:
    """Asks for the address, and presses the button; the path of the status page."""
    asked = await portal.ask(LISTED, SENDER)
    await portal.delivered()
    (mail,) = portal.house.config.data.outbox.glob("*.eml")
    await portal.press(f"/confirm/{mail.read_text().partition('/confirm/')[2][:43]}")
    return asked.location


async def told(portal: Portal, path: str) -> str:
    """The status page in one line."""
    assert await portal.state() is State.DELISTED
    return " ".join((await portal.fetch(path)).text.split())


async def test_what_was_removed_is_told_apart_from_what_lists_the_address_now(
    portal: Portal,
) -> None:
    """All that was asked about went; something else came."""
    await portal.add(LISTED)
    path = await pressed(portal)
    await portal.add(LISTED, "hijacked")

    text = await told(portal, path)

    assert "What you asked about is not listed any more, since" in text
    assert "Removal<span><time" in text
    assert "<b>hijacked</b> in bl.example lists the address at this moment." in text


async def test_of_what_stayed_listed_no_removal_is_told(portal: Portal) -> None:
    """One of two listings went: part of it, in the sentence and in the last step."""
    await portal.add(LISTED)
    await portal.add(LISTED, "hijacked")
    path = await pressed(portal)

    text = await told(portal, path)

    assert "A part of what you asked about is not listed any more, since" in text
    assert "Removal<span>Removed in part" in text


async def test_what_went_by_itself_was_not_removed(portal: Portal) -> None:
    """A listing that ended before anybody decided: nobody took it off, nor says so."""
    await portal.add(LISTED, "policy")
    path = await pressed(portal)
    await portal.sidecar.truth.write(listings.remove, "bl.example", parse(LISTED), "policy")
    await portal.sidecar.review.round()
    await portal.add(LISTED, "hijacked")

    text = await told(portal, path)

    assert "There was nothing left to remove, <time" in text
    assert "Removal<span>Nothing was left to remove" in text
    assert "is not listed any more, since" not in text
