"""A mail that is not to go looks like one that went, whatever happens to those that go."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Awaitable, Callable, Sequence

import pytest
from house import House
from mailserver import Mailbox, link
from portal import PATIENCE_S, START, Clock, Page, Portal

from api.mail.precedent import presumed
from api.mail.schedule import RETRY_AFTER_S
from dnsbl.store import audit, outbox, requests, suppressions
from dnsbl.store.outbox import Attempt, Mail
from dnsbl.store.requests import Request

QUIET = "petra@sender.example"  # wants no mail of ours any more
OTHER = "paula@sender.example"  # as long, and masked alike
STRANGER = "post@far.example"
DOWN = "down"

Trouble = Callable[[Mailbox], Awaitable[None]]


async def suppress(portal: Portal, mailbox: Mailbox) -> None:
    """As its owner did by "This was not me", while all was well."""
    await portal.add("203.0.113.99")
    await portal.ask("203.0.113.99", QUIET)
    page = await portal.press(
        link(await asyncio.to_thread(mailbox.wait_for, QUIET)), "This was not me"
    )
    assert page.status == 200
    assert await portal.sidecar.truth.read(
        suppressions.is_suppressed, suppressions.mailbox_hash(QUIET)
    )


async def tried(portal: Portal, request_id: int, attempts: int = 1) -> Mail:
    """The mail of a request, once so many attempts were noted."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            mail = await portal.sidecar.truth.read(outbox.of_request, request_id)
            if mail is not None and mail.attempts >= attempts:
                return mail


def alike(page: Page, address: str) -> str:
    """A page without what is one visit's own."""
    return re.sub(r"[A-Za-z0-9_-]{43}", "KEY", page.text.replace(address, "ADDRESS"))


def state(mail: Mail) -> tuple[object, ...]:
    """What a mail's row tells of its fate."""
    return mail.state, mail.attempts, mail.reply, mail.next_attempt_at, mail.done_at


def replying(reply: str) -> Trouble:
    """A relay that says so after the mail's end, to everybody."""

    async def begin(mailbox: Mailbox) -> None:
        mailbox.reply = lambda to: reply.format(to=to)

    return begin


def refusing_senders(reply: str) -> Trouble:
    """A relay that does not take our sender."""

    async def begin(mailbox: Mailbox) -> None:
        async def handle_mail(*_: object) -> str:
            return reply

        mailbox.handle_MAIL = handle_mail  # type: ignore[attr-defined]

    return begin


async def go_down(mailbox: Mailbox) -> None:
    """Nobody listens there any more."""
    await asyncio.to_thread(mailbox.stop)
    mailbox.stop = lambda: None  # type: ignore[method-assign]  # for who stops it after the test


TROUBLES = [
    pytest.param(replying("450 4.2.0 <{to}> Greylisted"), "queued", id="450"),
    pytest.param(replying("451 4.3.0 later"), "queued", id="451"),
    pytest.param(replying("450 try again"), "queued", id="450-plain"),
    pytest.param(replying("554 5.7.1 <{to}> Relay access denied"), "failed", id="554"),
    pytest.param(replying("550 relay not permitted"), "failed", id="550-relay"),
    pytest.param(refusing_senders("550 5.7.1 sender rejected"), "queued", id="550-sender"),
    pytest.param(go_down, "queued", id=DOWN),
]


@pytest.mark.parametrize(("begin", "fate"), TROUBLES)
@pytest.mark.parametrize("restarted", [False, True])
async def test_a_withheld_mail_fares_as_the_last_that_was_not(
    house: House, clock: Clock, mailbox: Mailbox, begin: Trouble, fate: str,
    restarted: bool,  # noqa: FBT001  # a parameter of the test
) -> None:  # fmt: skip
    """The same page to the octet, and the same next try, before a restart and after it."""
    async with Portal(house, clock) as portal:
        await suppress(portal, mailbox)
        await begin(mailbox)
        await portal.add("203.0.113.0/24")
        await portal.ask("203.0.113.1", STRANGER)
        await tried(portal, 2)
        paths = [(await portal.ask("203.0.113.2", OTHER)).location]
        mails = [await tried(portal, 3)]
        if not restarted:
            paths.append((await portal.ask("203.0.113.3", QUIET)).location)
            mails.append(await tried(portal, 4))
            pages = [await portal.fetch(path) for path in paths]
    if restarted:
        async with Portal(house, clock) as portal:
            paths.append((await portal.ask("203.0.113.3", QUIET)).location)
            mails.append(await tried(portal, 4))
            pages = [await portal.fetch(path) for path in paths]

    assert mails[0].state == fate
    assert state(mails[0]) == state(mails[1])
    assert alike(pages[0], "203.0.113.2") == alike(pages[1], "203.0.113.3")
    assert [page.headers.get("Refresh") for page in pages] == [pages[0].headers.get("Refresh")] * 2
    assert [to for to, _ in mailbox.mails].count(QUIET) == 1  # the one that its owner answered


@pytest.mark.parametrize(
    "begin", [pytest.param(go_down, id=DOWN), refusing_senders("451 4.3.0 later")]
)
async def test_a_withheld_mail_need_not_wait_for_another_to_know(
    house: House, clock: Clock, mailbox: Mailbox, begin: Trouble
) -> None:
    """Asked first, it meets a relay that is away all the same: it tries as far as it may."""
    async with Portal(house, clock) as portal:
        await suppress(portal, mailbox)
        await begin(mailbox)
        await portal.add("203.0.113.0/24")
        for number, sender in enumerate((QUIET, OTHER), start=2):
            await portal.ask(f"203.0.113.{number}", sender)
        quiet, other = [await tried(portal, number) for number in (2, 3)]

    assert quiet.state == "queued"
    assert state(quiet) == state(other)


async def test_a_withheld_mail_leaves_when_others_do(
    house: House, clock: Clock, mailbox: Mailbox
) -> None:
    """Deferred with them, by the same schedule, and taken with them."""
    async with Portal(house, clock) as portal:
        await suppress(portal, mailbox)
        await replying("451 4.3.0 later")(mailbox)
        await portal.add("203.0.113.0/24")
        for number, sender in enumerate((STRANGER, OTHER, QUIET), start=2):
            await portal.ask(f"203.0.113.{number}", sender)
            await tried(portal, number)
        portal.turn_to(START + RETRY_AFTER_S[0])
        for number in (2, 3, 4):
            await tried(portal, number, 2)
        mailbox.reply = lambda _: "250 2.0.0 ok"
        clock.at += RETRY_AFTER_S[1]
        portal.sidecar.delivery.wake()
        await portal.delivered()
        quiet = await tried(portal, 4, 3)
        states = await portal.sidecar.truth.read(requests.in_states)

    assert (quiet.state, quiet.attempts, quiet.reply[:3]) == ("sent", 3, "250")
    assert states["mail_sent"] == 3  # type: ignore[index]


async def test_a_withheld_mail_fails_when_others_have_no_time_left(
    house: House, clock: Clock, mailbox: Mailbox
) -> None:
    """It is tried as long as its request lives, and its request then says so."""
    async with Portal(house, clock) as portal:
        await suppress(portal, mailbox)
        await go_down(mailbox)
        await portal.add("203.0.113.0/24")
        for number, sender in enumerate((OTHER, QUIET), start=2):
            await portal.ask(f"203.0.113.{number}", sender)
        attempts = 1
        while (mail := await tried(portal, 2, attempts)).state == "queued":
            withheld = await tried(portal, 3, attempts)
            assert state(withheld) == state(mail)
            attempts += 1
            portal.turn_to(mail.next_attempt_at)
        withheld = await tried(portal, 3, attempts)
        ends = [await portal.sidecar.truth.read(requests.get, number) for number in (2, 3)]
        trails = [
            [act.act for act in await portal.sidecar.truth.read(audit.of_request, number, 99)]
            for number in (2, 3)
        ]

    assert state(withheld) == state(mail)
    assert [(end.state, end.note) for end in ends if end] == [("mail_failed", mail.reply)] * 2
    assert trails[0] == trails[1]


@pytest.mark.parametrize("reply", ["451 4.3.0 later", "554 5.7.1 no", "250 2.0.0 ok"])
async def test_a_withheld_mail_takes_as_long_as_others(
    house: House, clock: Clock, mailbox: Mailbox, reply: str
) -> None:
    """Whoever watches the status page sees it fare no sooner than others do."""

    async def wait(*_: object) -> str:
        await asyncio.sleep(0.7)  # a slow relay
        return reply

    took: list[float] = []
    async with Portal(house, clock) as portal:
        await suppress(portal, mailbox)
        mailbox.handle_DATA = wait  # type: ignore[method-assign]
        await portal.add("203.0.113.0/24")
        for number, sender in enumerate((STRANGER, OTHER, QUIET), start=2):
            began = time.monotonic()
            await portal.ask(f"203.0.113.{number}", sender)
            mail = await tried(portal, number)
            took.append(time.monotonic() - began)

    assert mail.reply[:3] == reply[:3]
    assert took[2] >= 0.7
    assert took[2] < 2 * took[1]


@pytest.mark.parametrize(
    "reply",
    ["550 5.1.1 <{to}> no such user", "550 no such user", "452 4.2.2 full",
     "451 4.4.1 cannot reach mx.far.example", "550 5.7.1 <{to}> not for you", "554 no",
     "450 4.7.1 <{to}> greylisted", "554 5.7.1 <{to}> relay access denied",
     "450 try again later", "451 Could not complete recipient verify callout", "451 4.3.0 busy",
     "421 4.3.0 busy"],
)  # fmt: skip
async def test_a_refusal_of_one_mailbox_is_not_told_of_a_withheld_mail(
    house: House, clock: Clock, mailbox: Mailbox, reply: str
) -> None:
    """Else whoever has a mailbox that is refused would learn by it who wants no mail."""
    async with Portal(house, clock) as portal:
        await suppress(portal, mailbox)
        await replying(reply)(mailbox)
        await portal.add("203.0.113.0/24")
        await portal.ask("203.0.113.2", STRANGER)
        await tried(portal, 2)
        await portal.ask("203.0.113.3", QUIET)
        quiet = await tried(portal, 3)

    assert (quiet.state, quiet.reply[:3]) == ("sent", "250")


def asked(mailbox: str) -> Request:
    """A request, of which its mailbox matters."""
    return Request(
        1, "192.0.2.1", mailbox, mailbox, "198.51.100.1/32", "en",
        requests.State.MAIL_QUEUED, "", START, START, START, None, None,
    )  # fmt: skip


def attempt(reply: str, state: outbox.MailState = "queued", domain: str = "far.example") -> Attempt:
    """How a mail of another fared, to a mailbox of a domain or below it."""
    return Attempt(state, reply, f"someone@mail.{domain}", domain)


def far_and_near(
    far: str, near: str, state: outbox.MailState = "queued", *, between: Sequence[Attempt] = ()
) -> list[Attempt]:
    """How mails to two domains fared."""
    return [attempt(far, state), *between, attempt(near, state, "near.example")]


@pytest.mark.parametrize(
    ("attempts", "reply"),
    [
        ([], None),
        ([attempt("250 ok", "sent"), attempt("451 4.3.0 later")], None),
        (far_and_near("451 4.3.0 a", "451 4.3.0 b", between=[attempt("452 4.2.2 full")]),
         "451 4.3.0 a"),
        (far_and_near("452 4.2.2 full", "452 4.2.2 full"), None),
        (far_and_near("450 4.2.0 <s…@mail.far.example> later", "450 4.2.0 b"),
         "450 4.2.0 <p…@sender.example> later"),
        (far_and_near("451 4.3.0 far.example is busy", "451 4.3.0 b"), None),
        *[([attempt(alone)], None)  # a recipient's server that is slow makes a relay say so
          for alone in ("450 try again later", "451 Could not complete recipient verify callout",
                        "451 4.3.0 a", "450 4.4.1 a", "450 4.2.0 a", "421 4.3.0 a",
                        "The mail server did not answer in time",
                        "The mail server closed the connection")],
        ([attempt("The mail server could not be reached")], None),  # the trial could reach it
        ([attempt("550 5.7.1 sender")], None),  # and name the sender
        (far_and_near("The mail server did not answer in time",
                      "The mail server did not answer in time"),
         "The mail server did not answer in time"),
        (far_and_near("The mail server did not answer in time",
                      "The mail server closed the connection"), None),
        (far_and_near("cancelled", "cancelled", "failed"), None),
        (far_and_near("451 4.3.0 no", "451 4.3.0 no", "failed", between=[attempt("", "failed")]),
         "451 4.3.0 no"),
        ([attempt("451 4.3.0 a"), attempt("451 4.3.0 b", domain="")], None),  # forgotten
        ([attempt("450 4.7.1 greylisted")], None),
        ([attempt("450 4.7.1 a"), attempt("450 4.7.1 b")], None),  # two mailboxes of one domain
        (far_and_near("450 4.7.1 a", "450 4.7.1 b"), "450 4.7.1 a"),
        (far_and_near("450 4.7.1 a", "550 5.1.1 b"), None),
        (far_and_near("550 5.1.1 a", "550 5.1.1 b", "failed"), None),  # two typing mistakes
        (far_and_near("554 5.7.1 a", "554 b", "failed"), "554 5.7.1 a"),
        (far_and_near("554 5.7.1 a", "554 5.7.1 near.example", "failed"), None),
        (far_and_near("554 5.7.1 a", "554 5.7.1 b", "failed", between=[attempt("250", "sent")]),
         None),
        (far_and_near("450 4.7.1 a", "450 4.7.1 b", between=[attempt("451 4.3.0 c")]),
         "450 4.7.1 a"),
        (far_and_near("450 4.7.1 a", "451 4.3.0 c"), None),
        ([attempt("552 5.3.4 too large", "failed")], None),
        (far_and_near("550 5.1.8 our sender", "550 5.1.8 b", "failed"), "550 5.1.8 our sender"),
    ],
)  # fmt: skip
def test_what_holds_for_all_mails_is_presumed(attempts: list[Attempt], reply: str | None) -> None:
    """The last outcome that is no matter of one mailbox, with the mailbox of the withheld mail."""
    outcome = presumed(attempts, asked(QUIET))

    assert (outcome and outcome.reply) == reply
