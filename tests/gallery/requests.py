"""A request under way, and how its mail fares; and what a visitor meets who may not ask now."""

from __future__ import annotations

import asyncio

from dnsbl.store import requests
from dnsbl.store.request_states import State
from gallery.scene import scene
from gallery.stage import DAY_S, LISTED, SENDER, WEB, Stage


async def sent(stage: Stage) -> str:
    """Asks, and lets the mail arrive; the status page's address."""
    url = await stage.ask()
    await asyncio.to_thread(stage.mailbox.wait_for, SENDER)
    await stage.portal.delivered()
    return url


@scene("status-queued")
async def queued(stage: Stage) -> None:
    """Just asked: the mail is about to leave."""
    await stage.add()
    stage.portal.sidecar.delivery.stop()
    await stage.ask()


@scene("status-sent")
async def arrived(stage: Stage) -> None:
    """The mail server took the mail; the link is waited for."""
    await stage.add()
    await stage.open(await sent(stage))


@scene("status-retrying")
async def retrying(stage: Stage) -> None:
    """The mail server lets the mail wait: what it said, and when we try again."""
    await stage.add()
    stage.mailbox.reply = lambda _: "451 4.7.1 Greylisting in action, please come back later"
    url = await stage.ask()
    await stage.attempted()
    await stage.open(url)


@scene("status-failed")
async def failed(stage: Stage) -> None:
    """The mail server refuses the mail: what it said, what it means, what to do."""
    await stage.add()
    stage.mailbox.reply = lambda _: "550 5.1.1 No such user here"
    url = await stage.ask()
    await stage.attempted()
    await stage.open(url)


@scene("status-expired")
async def expired(stage: Stage) -> None:
    """Nobody followed the link in time."""
    await stage.add()
    url = await sent(stage)
    stage.portal.clock.at += 2 * DAY_S
    await stage.open(url)


async def pressed(stage: Stage, button: str = "Delist IP") -> str:
    """Asks, follows the link, presses a button; the status page's address."""
    link = await stage.link()
    url = stage.page.url
    await stage.open(link)
    await stage.press(button)
    return url


@scene("status-cancelled")
async def cancelled(stage: Stage) -> None:
    """The mailbox's owner said that it was not them."""
    await stage.add()
    await stage.open(await pressed(stage, "This was not me"))


async def waiting_in_part(stage: Stage) -> tuple[str, str]:
    """One list is left at once, another after a wait: the status page's address, and the link."""
    await stage.add(days=1)
    await stage.add("203.0.113.7", "webform", zone=WEB, reason="Contact forms filled in by bots")
    await stage.delisted(3)
    link = await stage.link()
    url = stage.page.url
    await stage.open(link)
    await stage.press("Delist IP")
    return url, link


@scene("status-expired-partly")
async def lapsed(stage: Stage) -> None:
    """After a wait the button was not pressed again: what stays removed, and what did not go."""
    url, _ = await waiting_in_part(stage)
    stage.portal.clock.at += 9 * DAY_S
    await stage.open(url)


@scene("status-cancelled-partly")
async def cancelled_in_part(stage: Stage) -> None:
    """During a wait somebody said "This was not me": what stays removed, and what did not go."""
    url, link = await waiting_in_part(stage)
    await stage.open(link)
    await stage.press("This was not me")
    await stage.open(url)


@scene("status-review")
async def in_review(stage: Stage) -> None:
    """Confirmed; an operator decides."""
    await stage.add(category="policy", reason="A range for dial-up lines")
    await stage.open(await pressed(stage))


@scene("status-cooldown")
async def waiting(stage: Stage) -> None:
    """Confirmed; the button works again after a wait."""
    await stage.add(days=1)
    await stage.delisted(3)
    await stage.open(await pressed(stage))


@scene("status-delisted")
async def delisted(stage: Stage) -> None:
    """Removed, and until when others may remember."""
    await stage.add()
    await stage.open(await pressed(stage))


@scene("status-delisted-partly")
async def delisted_in_part(stage: Stage) -> None:
    """One of two listings is not removed on request: what went, and what stays."""
    await stage.add()
    await stage.add(category="hijacked", reason="Announced by somebody else", ends_in_days=None)
    await stage.open(await pressed(stage))


@scene("status-gone")
async def gone(stage: Stage) -> None:
    """The listing ended before an operator decided, and another list has the address by now."""
    await stage.add(category="policy", reason="A range for dial-up lines")
    url = await pressed(stage)
    await stage.remove(category="policy")
    await stage.portal.sidecar.review.round()
    await stage.add("203.0.113.7", "webform", zone=WEB, reason="Contact forms filled in by bots")
    await stage.open(url)


@scene("status-refused")
async def refused(stage: Stage) -> None:
    """New evidence came while the request waited: the rule, and the way on."""
    await stage.add(days=1)
    await stage.delisted(3)
    link = await stage.link()
    url = stage.page.url
    await stage.open(link)
    await stage.press("Delist IP")
    stage.portal.clock.at += DAY_S + 60
    await stage.remove()
    await stage.add(days=0, reason="Seen again by trap 7")
    await stage.open(link)
    await stage.press("Delist IP")
    await stage.open(url)


@scene("status-relisted")
async def relisted(stage: Stage) -> None:
    """Removed, and listed again since."""
    await stage.add()
    url = await pressed(stage)
    stage.portal.clock.at += DAY_S
    await stage.add(days=0, reason="Seen again by trap 7")
    await stage.write(requests.move, 1, State.RELISTED, actor="dns", now=stage.portal.clock.at)
    await stage.open(url)


@scene("limited", 429)
async def limited(stage: Stage) -> None:
    """More was asked for than the limits allow: until when, and why there are limits."""
    await stage.add()
    for _ in range(stage.portal.house.config.portal.limits.mailbox_per_hour):
        await stage.portal.ask(LISTED, SENDER)
    await stage.ask()


@scene("not-found", 404)
async def missing(stage: Stage) -> None:
    """No such page."""
    await stage.open("/nowhere")


@scene("no-such-request", 405)
async def method(stage: Stage) -> None:
    """A form sent to a page that takes none."""
    await stage.open("/")
    await stage.page.evaluate(
        "form => form.action = '/policy'", await stage.page.query_selector("form[method=post]")
    )
    await stage.page.locator("input[name=email]").fill(SENDER)
    await stage.page.locator("input[name=ip]").fill(LISTED)
    await stage.press("Submit")


@scene("too-large", 413)
async def too_large(stage: Stage) -> None:
    """A form that holds more than ours does."""
    await stage.open("/")
    await stage.page.locator("input[name=email]").fill(SENDER)
    await stage.page.evaluate(
        "field => { field.removeAttribute('maxlength'); field.value = '7'.repeat(200000) }",
        await stage.page.query_selector("input[name=ip]"),
    )
    await stage.press("Submit")


@scene("not-now", 503, write_wait_s=0.2)
async def unavailable(stage: Stage) -> None:
    """Another program holds the database: nothing was changed."""
    await stage.add()
    await stage.open(f"/?ip={LISTED}")
    await stage.page.locator("input[name=email]").fill(SENDER)
    with stage.locked():
        await stage.press("Submit")


@scene("forbidden", 403)
async def forbidden(stage: Stage) -> None:
    """A form that another site's page sent here."""
    url = stage.portal.house.portal_url
    await stage.page.set_content(f'<form method="post" action="{url}/"><button>Go</button></form>')
    async with stage.page.expect_navigation():
        await stage.page.get_by_role("button").click()
