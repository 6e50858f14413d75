"""The queue and a request's page: everything is seen, and decided once."""

from __future__ import annotations

import asyncio
import functools
import re

import petitions
import pytest
from house import House
from operators import QUEUE, Operator, operator
from petitions import ADDRESS, ASK_AN_OPERATOR, MAILBOX, ZONE
from portal import START, Clock, Portal
from structlog.typing import EventDict

from api.operator.queue import PAGE_ROWS
from dnsbl.delist import ruling
from dnsbl.delist.decision import Decision, Outcome
from dnsbl.delist.ruling import Ruling
from dnsbl.store import audit, forgetting, hooks, outbox, request_items, requests
from dnsbl.store.audit import Act
from dnsbl.store.database import Database
from dnsbl.store.outbox import Mail
from dnsbl.store.request_states import State

HOUR_S = 3600
WAITS = Decision(Outcome.DEFER, "relapse", until=START + HOUR_S)
BY_HOOK = Decision(Outcome.REVIEW, "hook:reputation", "Please wait.", "score 17")


async def in_review(
    portal: Portal, address: str = ADDRESS, decisions: dict[tuple[str, str], Decision] | None = None
) -> int:
    """A request that waits for an operator; its number."""
    make = functools.partial(
        petitions.in_review, config=portal.house.config, now=portal.clock.at, address=address,
        decisions=decisions,
    )  # fmt: skip
    return await portal.sidecar.truth.write(make)


async def state(portal: Portal, request_id: int) -> State:
    """Where a request stands."""
    found = await portal.sidecar.truth.read(requests.get, request_id)
    assert found is not None
    return found.state


async def trail(portal: Portal, request_id: int) -> list[Act]:
    """What happened to it, the newest first."""
    return await portal.sidecar.truth.read(audit.of_request, request_id, 100)


async def decision_mails(portal: Portal, request_id: int) -> list[Mail]:
    """The mails that tell of rulings."""
    mails = await portal.sidecar.truth.read(outbox.all_of_request, request_id)
    return [mail for mail in mails if mail.kind == "decision_mail"]


def addresses(text: str) -> list[str]:
    """The requests of a queue, in its order."""
    return re.findall(rf'href="{QUEUE}/\d+">([0-9.]+)</a>', text)


async def test_the_queue_has_what_waits_for_an_operator(portal: Portal) -> None:
    """Who waits longest comes first; what only waits and what is done have trays of their own."""
    await in_review(portal, "203.0.113.1")
    await in_review(portal, "203.0.113.2")
    await in_review(portal, "203.0.113.3", {(ZONE, "spam"): WAITS})
    done = await in_review(portal, "203.0.113.4")
    someone = await operator(portal)
    await someone.press(f"{QUEUE}/{done}", "Approve")

    queue, waiting, everything = [
        await someone.fetch(f"{QUEUE}{query}") for query in ("", "?show=cooldown", "?show=recent")
    ]

    assert addresses(queue.text) == ["203.0.113.1", "203.0.113.2"]
    assert addresses(waiting.text) == ["203.0.113.3"]
    assert addresses(everything.text) == [f"203.0.113.{n}" for n in (4, 3, 2, 1)]
    assert 'To decide <span class="quiet">(2)</span>' in queue.text
    assert 'Waiting <span class="quiet">(1)</span>' in queue.text
    assert MAILBOX not in queue.text
    assert "p…@sender.example" in queue.text


@pytest.mark.parametrize("show", ["review", "recent"])
async def test_a_long_queue_is_paged(portal: Portal, show: str) -> None:
    """Page by page, each request once."""
    count = 2 * PAGE_ROWS + 1

    def fill(database: Database) -> None:
        for host in range(count):
            petitions.in_review(
                database, portal.house.config, now=START, address=f"203.0.113.{host}"
            )

    await portal.sidecar.truth.write(fill)
    someone = await operator(portal)
    seen: list[str] = []
    path: str | None = f"{QUEUE}?show={show}"
    pages = 0
    while path:
        page = await someone.fetch(path)
        seen += addresses(page.text)
        pages += 1
        found = re.search(r'rel="next" href="([^"]+)"', page.text)
        path = found[1].replace("&amp;", "&") if found else None

    expected = [f"203.0.113.{host}" for host in range(count)]
    assert pages == 3
    assert seen == (expected if show == "review" else expected[::-1])


@pytest.mark.parametrize("query", ["?show=nonsense", "?from=x", "?from=-1", f"?from={'9' * 30}"])
async def test_a_queue_at_no_place_begins_at_its_start(portal: Portal, query: str) -> None:
    """Whatever the address says."""
    await in_review(portal)
    someone = await operator(portal)

    assert addresses((await someone.fetch(f"{QUEUE}{query}")).text) == [ADDRESS]


async def test_an_empty_queue_says_so(portal: Portal) -> None:
    """And shows no table."""
    page = await (await operator(portal)).fetch(QUEUE)

    assert "Nothing is waiting for you." in page.text
    assert "<table" not in page.text


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ("", "you decide in its place"),
        ('on_error = "accept"', "requests are decided without it"),
        ('on_error = "refuse"', "nothing of its lists is taken off"),
        ("dry_run = true", "counts for nothing"),
    ],
)
async def test_a_hook_that_is_off_is_told_above_the_queue(
    house: House, clock: Clock, more: str, words: str
) -> None:
    """What counts in its place, and how it is switched on; of those that decide alone."""
    house.write_config(
        f'[hooks.risk]\non = "decide"\nprogram = ["/bin/true"]\n{more}\n'
        '[hooks.crm]\non = "notify"\nprogram = ["/bin/true"]\n'
    )
    async with Portal(house, clock) as portal:
        someone = await operator(portal)
        before = await someone.fetch(QUEUE)
        for name in ("risk", "crm"):
            await portal.sidecar.truth.write(hooks.disable, name, "410 <Gone>", START)
        after = await someone.fetch(QUEUE)

    assert "hooks enable" not in before.text
    assert "<b>risk</b>" in after.text
    assert "Note: 410 &lt;Gone&gt;" in after.text
    assert words in after.text
    assert "dnsbl hooks enable risk" in after.text
    assert "crm" not in after.text


async def test_a_request_shows_all_that_is_known(portal: Portal) -> None:
    """Listings with evidence, decisions with their rules and notes, mails, history, others."""
    earlier = await in_review(portal)
    someone = await operator(portal)
    await someone.press(f"{QUEUE}/{earlier}", "Approve", reason="Good luck.")
    decisions = {(ZONE, "policy"): BY_HOOK, (ZONE, "spam"): WAITS}
    request_id = await in_review(portal, decisions=decisions)

    page = await someone.fetch(f"{QUEUE}/{request_id}")

    assert page.status == 200
    for words in (
        "spam trap", "trap 7", "Received: from …", "hook:reputation", "Please wait.", "score 17",
        "the address was removed before, and listed again", "Has to wait until", "250 OK",
        "ruling.approved", "operator:anna", "Earlier delistings", "request.review",
        "198.51.100.77/32", f'href="{QUEUE}/{earlier}"', "Dynamic address space [203.0.113.7]",
    ):  # fmt: skip
        assert words in page.text, words
    assert page.has_button("Approve")
    assert page.has_button("Refuse")
    assert MAILBOX not in page.text
    assert MAILBOX in (await someone.fetch(f"{QUEUE}/{request_id}?mailbox=1")).text


async def test_who_asked_long_ago_is_not_known_any_more(portal: Portal) -> None:
    """The page says so, in its language, and offers no more of it."""
    request_id = await in_review(portal)
    someone = await operator(portal)
    await someone.press(f"{QUEUE}/{request_id}", "Refuse", reason="No.")
    assert await portal.sidecar.truth.write(forgetting.forget, 1, portal.clock.at + 9) == 1

    page = await someone.fetch(f"{QUEUE}/{request_id}?mailbox=1")

    assert page.status == 200
    assert page.text.count("<dd>forgotten</dd>") == 2  # its mailbox, and from where
    assert "show all of it" not in page.text
    assert "sender.example" not in page.text


async def test_what_a_stranger_wrote_is_text(portal: Portal) -> None:
    """Neither a listing's evidence nor a mailbox brings markup onto an operator's page."""

    def attack(database: Database) -> int:
        request_id = petitions.in_review(
            database, portal.house.config, now=START, mailbox='"<b>x</b>"@sender.example'
        )
        database.change("UPDATE listings SET evidence = '<script>alert(1)</script>'")
        return request_id

    request_id = await portal.sidecar.truth.write(attack)
    page = await (await operator(portal)).fetch(f"{QUEUE}/{request_id}?mailbox=1")

    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page.text
    assert "<script" not in page.text
    assert "<b>x</b>" not in page.text


async def test_approving_takes_off_and_tells_the_sender(
    portal: Portal, log: list[EventDict]
) -> None:
    """At once, with the operator's name in the audit, and one mail queued."""
    request_id = await in_review(portal)
    someone = await operator(portal)

    pressed = await someone.press(f"{QUEUE}/{request_id}", "Approve", reason="  Thank\r\nyou. ")
    page = await someone.fetch(pressed.location)

    acts = {act.act: act for act in await trail(portal, request_id)}
    assert (pressed.status, pressed.location) == (303, f"{QUEUE}/{request_id}?done=approved")
    assert await portal.listed() == []
    assert await state(portal, request_id) is State.DELISTED
    assert (acts["ruling.approved"].actor, acts["ruling.approved"].note) == (
        "operator:anna", "Thank you.",
    )  # fmt: skip
    assert acts["listing.removed"].actor == acts["request.delisted"].actor == "operator:anna"
    assert len(await decision_mails(portal, request_id)) == 1
    assert "Approved. The sender is told by mail." in page.text
    assert "Approved by <b>operator:anna</b>" in page.text
    assert not page.has_button("Approve")
    assert {
        "event": "request_decided", "request_id": request_id, "address": ADDRESS,
        "operator": "anna", "ruling": "approved", "state": "delisted", "log_level": "info",
    } in log  # fmt: skip


async def test_refusing_leaves_it_listed(portal: Portal) -> None:
    """With a reason, which the sender is told."""
    request_id = await in_review(portal)
    someone = await operator(portal)

    pressed = await someone.press(f"{QUEUE}/{request_id}", "Refuse", reason="It still sends spam.")

    [item] = await portal.sidecar.truth.read(request_items.of_request, request_id)
    assert pressed.location == f"{QUEUE}/{request_id}?done=refused"
    assert await portal.listed() == [f"{ADDRESS} policy"]
    assert await state(portal, request_id) is State.REFUSED
    assert (item.rule, item.reason) == ("operator", "It still sends spam.")
    assert len(await decision_mails(portal, request_id)) == 1


@pytest.mark.parametrize(
    ("button", "reason", "sentence"),
    [
        ("Refuse", " \n", "The sender is told why: enter a reason."),
        ("Refuse", "x" * 501, "The reason is longer than 500 characters."),
        ("Approve", "x" * 501, "The reason is longer than 500 characters."),
    ],
)
async def test_a_reason_that_will_not_do_is_asked_for_again(
    portal: Portal, button: str, reason: str, sentence: str
) -> None:
    """Nothing is changed, and what was typed is still there."""
    request_id = await in_review(portal)
    someone = await operator(portal)
    before = await trail(portal, request_id)

    page = await someone.press(f"{QUEUE}/{request_id}", button, reason=reason)

    assert page.status == 422
    assert sentence in page.text
    assert page.text.count(reason.strip()) > 0
    assert await trail(portal, request_id) == before


async def test_what_only_waits_is_left_alone_unless_the_box_is_ticked(portal: Portal) -> None:
    """The one is decided, the other goes on waiting; then it can be decided by itself."""
    decisions = {(ZONE, "policy"): ASK_AN_OPERATOR, (ZONE, "spam"): WAITS}
    request_id = await in_review(portal, decisions=decisions)
    someone = await operator(portal)
    path = f"{QUEUE}/{request_id}"

    await someone.press(path, "Approve", waiting_too="")
    between = await state(portal, request_id), await portal.listed()
    await someone.press(path, "Approve")

    assert between == (State.COOLDOWN, [f"{ADDRESS} spam"])
    assert await state(portal, request_id) is State.DELISTED
    assert len(await decision_mails(portal, request_id)) == 2


async def test_the_box_decides_about_all_of_it(portal: Portal) -> None:
    """In one go."""
    decisions = {(ZONE, "policy"): ASK_AN_OPERATOR, (ZONE, "spam"): WAITS}
    request_id = await in_review(portal, decisions=decisions)
    someone = await operator(portal)

    await someone.press(f"{QUEUE}/{request_id}", "Refuse", reason="No.", waiting_too="1")

    assert await state(portal, request_id) is State.REFUSED
    assert await portal.listed() == [f"{ADDRESS} policy", f"{ADDRESS} spam"]


async def test_the_second_of_two_operators_is_told_of_the_first(portal: Portal) -> None:
    """Both had the page open: one ruling holds; who is later sees whose, and changes nothing."""
    request_id = await in_review(portal)
    anna, bob = await operator(portal, "anna"), await operator(portal, "bob")
    path = f"{QUEUE}/{request_id}"
    form = (await bob.fetch(path)).form("Refuse")
    await anna.press(path, "Approve", reason="Mended.")
    before = await trail(portal, request_id)

    page = await bob.fetch(form.action, form.fields | {"reason": "No."})

    assert page.status == 409
    assert "your ruling came too late" in page.text
    assert "Approved by <b>operator:anna</b>" in page.text
    assert "Mended." in page.text
    assert not page.has_button("Refuse")
    assert await trail(portal, request_id) == before
    assert len(await decision_mails(portal, request_id)) == 1


async def test_ten_rulings_at_once_are_one(portal: Portal) -> None:
    """Whichever is first; the sender hears of it once."""
    request_id = await in_review(portal)
    someone = await operator(portal)
    page = await someone.fetch(f"{QUEUE}/{request_id}")
    forms = [page.form("Approve"), page.form("Refuse")] * 5

    pages = await asyncio.gather(
        *(someone.fetch(form.action, form.fields | {"reason": "So be it."}) for form in forms)
    )

    assert sorted(page.status for page in pages) == [303] + [409] * 9
    acts = [act.act for act in await trail(portal, request_id)]
    assert len([act for act in acts if act.startswith("ruling.")]) == 1
    assert len(await decision_mails(portal, request_id)) == 1


async def test_the_command_line_and_the_page_know_of_each_other(portal: Portal) -> None:
    """A ruling by `dnsbl requests` shows on the page, by whom."""
    request_id = await in_review(portal)

    await portal.sidecar.truth.write(
        ruling.rule, portal.house.config, request_id, Ruling(approves=False, reason="No."),
        actor="cli:root", now=START,
    )  # fmt: skip
    page = await (await operator(portal)).fetch(f"{QUEUE}/{request_id}")

    assert "Refused by <b>cli:root</b>" in page.text
    assert not page.has_button("Approve")


async def test_a_listing_that_went_away_is_no_error(portal: Portal) -> None:
    """The form was open, the listing expired: the request ends as delisted."""
    request_id = await in_review(portal)
    someone = await operator(portal)
    form = (await someone.fetch(f"{QUEUE}/{request_id}")).form("Approve")

    await portal.sidecar.truth.write(lambda database: database.change("DELETE FROM listings"))
    page = await someone.fetch(form.action, form.fields)

    assert page.status in (303, 409)  # the review may have noticed by itself
    assert await state(portal, request_id) is State.DELISTED


async def test_nobody_rules_about_what_the_page_did_not_show(portal: Portal) -> None:
    """Seen again while the form was open: the ruling waits for who has read that, word for word."""
    request_id = await in_review(portal)
    someone = await operator(portal)
    path = f"{QUEUE}/{request_id}"
    form = (await someone.fetch(path)).form("Approve")
    at = portal.clock.at + 1
    seen_again = Act(at, "cli:root", "listing.changed", ZONE, f"{ADDRESS}/32", "policy")

    await portal.sidecar.truth.write(audit.record, [seen_again])
    page = await someone.fetch(form.action, form.fields | {"reason": "All is well."})

    assert (page.status, await state(portal, request_id)) == (409, State.REVIEW)
    assert "your ruling came too late" in page.text
    assert ">All is well.</textarea>" in page.text
    again = page.form("Approve")
    assert (await someone.fetch(again.action, again.fields)).status == 303
    assert await state(portal, request_id) is State.DELISTED


async def forged(someone: Operator, request_id: int) -> list[tuple[dict[str, str], dict[str, str]]]:
    """Fields and headers of forms that are not the page's own."""
    good = (await someone.fetch(f"{QUEUE}/{request_id}")).form("Approve").fields
    other = (await someone.fetch(QUEUE)).form("Log out").fields
    return [
        (good, {"Sec-Fetch-Site": "cross-site"}),
        (good, {"Sec-Fetch-Site": "same-site"}),
        (good, {"Origin": "https://evil.example"}),
        (good, {"Origin": "null"}),
        ({}, {}),
        (other, {}),
        (good | {"form_token": "1.x"}, {}),
    ]


async def test_a_form_of_another_site_or_page_decides_nothing(portal: Portal) -> None:
    """By its origin, by its token, by its session, and by a cookie that is not sent along."""
    request_id, second = await in_review(portal), await in_review(portal, "203.0.113.8")
    anna, bob = await operator(portal, "anna"), await operator(portal, "bob")
    action = f"{QUEUE}/{request_id}/approve"
    attempts = await forged(anna, request_id)
    for_second = (await anna.fetch(f"{QUEUE}/{second}")).form("Approve").fields
    of_bob = (await bob.fetch(f"{QUEUE}/{request_id}")).form("Approve").fields

    pages = [await anna.fetch(action, fields, headers) for fields, headers in attempts]
    pages.append(await anna.fetch(action, for_second))
    pages.append(await anna.fetch(action, of_bob))
    pages.append(await portal.fetch(action, of_bob))  # without a cookie, as SameSite has it
    stale = (await anna.fetch(f"{QUEUE}/{request_id}")).form("Approve").fields
    portal.clock.at += 7 * HOUR_S
    pages.append(await anna.fetch(action, stale))

    assert [page.status for page in pages] == [403] * len(pages)
    assert await state(portal, request_id) is State.REVIEW
    assert await portal.listed() == [f"{ADDRESS} policy", "203.0.113.8 policy"]


async def test_get_decides_nothing(portal: Portal) -> None:
    """Whatever prefetches links."""
    request_id = await in_review(portal)
    someone = await operator(portal)

    page = await someone.fetch(f"{QUEUE}/{request_id}/approve")

    assert page.status == 405
    assert await state(portal, request_id) is State.REVIEW


@pytest.mark.parametrize("number", ["99", "0", "x", "1e3", "9" * 19, "%00"])
async def test_a_request_that_is_not_there_is_a_missing_page(portal: Portal, number: str) -> None:
    """To look at and to decide about."""
    await in_review(portal)
    someone = await operator(portal)

    assert (await someone.fetch(f"{QUEUE}/{number}")).status == 404


async def test_the_pages_speak_the_operators_language(portal: Portal) -> None:
    """And carry it through forms and links."""
    request_id = await in_review(portal)
    someone = await operator(portal)

    page = await someone.fetch(f"{QUEUE}/{request_id}?lang=it")

    assert '<html lang="it">' in page.text
    assert "La Sua decisione" in page.text
    assert page.has_button("Approva")
    actions = [form.action for form in page.forms]
    assert all(action.endswith("?lang=it") for action in actions)
    assert f'href="{QUEUE}?lang=it"' in page.text
