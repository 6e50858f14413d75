"""The pages of operators, behind a login with a token."""

from __future__ import annotations

from operators import LOGIN, QUEUE, make_token

from gallery.requests import pressed
from gallery.scene import scene
from gallery.stage import DAY_S, LISTED, Stage


async def logged_in(stage: Stage) -> None:
    """Logs an operator in; the browser is at the queue then."""
    _, text = await make_token(stage.portal, "anna")
    await stage.open(LOGIN)
    await stage.page.locator("input[name=token]").fill(text)
    await stage.press("Log in")
    stage.operator = True


@scene("operator-login")
async def login(stage: Stage) -> None:
    """An operator's way in: a token."""
    await stage.open(LOGIN)


@scene("operator-login-error", 403)
async def no_login(stage: Stage) -> None:
    """A token that is none."""
    await stage.open(LOGIN)
    await stage.page.locator("input[name=token]").fill("dnsbl_no_such_token")
    await stage.press("Log in")


@scene("operator-queue-empty")
async def nothing(stage: Stage) -> None:
    """Nothing waits for an operator."""
    await logged_in(stage)


@scene("operator-queue")
async def queue(stage: Stage) -> None:
    """What waits for an operator, the oldest first."""
    for host in (7, 19, 54):
        await stage.add(f"203.0.113.{host}", "policy", reason="A range for dial-up lines")
        link = await stage.link(f"203.0.113.{host}", f"host{host}@sender.example")
        await stage.open(link)
        await stage.press("Delist IP")
        stage.portal.clock.at += 4000
    await logged_in(stage)


async def in_review(stage: Stage) -> None:
    """A request that waits for an operator who is logged in, with a past."""
    await stage.delisted(20, category="policy")
    await stage.add(category="policy", reason="A range for dial-up lines")
    await pressed(stage)
    stage.portal.clock.at += DAY_S // 4
    await logged_in(stage)
    await stage.open(f"{QUEUE}/1")


@scene("operator-request")
async def request(stage: Stage) -> None:
    """All that is known of an address, and the ruling."""
    await in_review(stage)


@scene("operator-approved")
async def approved(stage: Stage) -> None:
    """Approved: the sender is told by mail."""
    await in_review(stage)
    await stage.page.locator("form[action*=approve] [name=reason]").fill(
        "Thank you for mending it."
    )
    await stage.press("Approve")


@scene("operator-refused")
async def refused(stage: Stage) -> None:
    """Refused, with a reason that the sender reads."""
    await in_review(stage)
    reason = "The range is for dial-up lines: please send through your provider's server."
    await stage.page.locator("form[action*=refuse] [name=reason]").fill(reason)
    await stage.press("Refuse")


@scene("status-ruled")
async def told(stage: Stage) -> None:
    """What the sender then sees on the status page."""
    await stage.add(category="policy", reason="A range for dial-up lines")
    url = await pressed(stage)
    await logged_in(stage)
    await stage.open(f"{QUEUE}/1")
    reason = "The range is for dial-up lines: please send through your provider's server."
    await stage.page.locator("form[action*=refuse] [name=reason]").fill(reason)
    await stage.press("Refuse")
    await stage.open(url)


@scene("operator-missing", 404)
async def missing(stage: Stage) -> None:
    """A request that there is not."""
    await logged_in(stage)
    await stage.open(f"{QUEUE}/{LISTED[-1]}")
