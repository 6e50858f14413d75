"""The page of the link in the mail, and what a press of its buttons shows."""

from __future__ import annotations

from gallery.requests import pressed, waiting_in_part
from gallery.scene import scene
from gallery.stage import DAY_S, WEB, Stage


@scene("confirm")
async def confirm(stage: Stage) -> None:
    """The link in the mail: what is listed, what a press does, and two buttons."""
    await stage.add()
    await stage.open(await stage.link())


@scene("confirm-several")
async def several(stage: Stage) -> None:
    """One link for several lists: what happens with each."""
    await stage.add()
    await stage.add(category="policy", reason="A range for dial-up lines", ends_in_days=None)
    await stage.add("203.0.113.0/24", "webform", zone=WEB, reason="Contact forms filled in by bots")
    await stage.open(await stage.link())


@scene("confirm-operator")
async def by_an_operator(stage: Stage) -> None:
    """A press sends the request to an operator."""
    await stage.add(category="policy", reason="A range for dial-up lines")
    await stage.open(await stage.link())


@scene("confirm-gone")
async def gone(stage: Stage) -> None:
    """The listing went away meanwhile."""
    await stage.add()
    link = await stage.link()
    await stage.remove()
    await stage.open(link)


@scene("confirm-stale", 409)
async def stale(stage: Stage) -> None:
    """The page was open for too long: press again, nothing was changed."""
    await stage.add()
    await stage.open(await stage.link())
    stage.portal.clock.at += DAY_S - 3600
    await stage.press("Delist IP")


@scene("confirm-waiting")
async def waiting(stage: Stage) -> None:
    """The link again, before the wait is over."""
    await stage.add(days=1)
    await stage.delisted(3)
    link = await stage.link()
    await stage.open(link)
    await stage.press("Delist IP")
    await stage.open(link)


@scene("confirm-used")
async def used(stage: Stage) -> None:
    """The link again, after it was used."""
    await stage.add()
    link = await stage.link()
    await stage.open(link)
    await stage.press("Delist IP")
    await stage.open(link)


@scene("confirm-expired", 410)
async def expired(stage: Stage) -> None:
    """The link after its time."""
    await stage.add()
    link = await stage.link()
    stage.portal.clock.at += 2 * DAY_S
    await stage.open(link)


@scene("confirm-cancelled")
async def already_cancelled(stage: Stage) -> None:
    """The link after "This was not me"."""
    await stage.add()
    link = await stage.link()
    await stage.open(link)
    await stage.press("This was not me")
    await stage.open(link)


@scene("delisted")
async def delisted(stage: Stage) -> None:
    """Pressed: the list itself, asked over DNS, has forgotten the address."""
    await stage.add()
    await pressed(stage)


@scene("delisted-partly")
async def partly(stage: Stage) -> None:
    """Pressed, where one list's rule is another: what went, and what waits for an operator."""
    await stage.add()
    await stage.add(category="policy", reason="A range for dial-up lines", ends_in_days=None)
    await pressed(stage)


@scene("with-an-operator")
async def with_an_operator(stage: Stage) -> None:
    """Pressed: an operator decides now."""
    await stage.add(category="policy", reason="A range for dial-up lines")
    await pressed(stage)


@scene("not-yet")
async def not_yet(stage: Stage) -> None:
    """Pressed, soon after an earlier removal: from when on the link works again."""
    await stage.add(days=1)
    await stage.delisted(3)
    await pressed(stage)


@scene("not-removed")
async def not_removed(stage: Stage) -> None:
    """Pressed after new evidence: not removed, by which rule, and the way on."""
    await stage.add(days=1)
    await stage.delisted(3)
    link = await stage.link()
    await stage.open(link)
    await stage.press("Delist IP")
    stage.portal.clock.at += DAY_S + 60
    await stage.remove()
    await stage.add(days=0, reason="Seen again by trap 7")
    await stage.open(link)
    await stage.press("Delist IP")


@scene("cancelled")
async def cancelled(stage: Stage) -> None:
    """Pressed "This was not me": nothing changed, and no more mail."""
    await stage.add()
    await pressed(stage, "This was not me")


@scene("cancelled-partly")
async def cancelled_in_part(stage: Stage) -> None:
    """The same during a wait, when a part was removed already."""
    _, link = await waiting_in_part(stage)
    await stage.open(link)
    await stage.press("This was not me")
