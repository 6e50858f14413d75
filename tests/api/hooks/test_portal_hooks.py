"""Hooks and the whole portal: what a sender sees of them, and what goes on while they think."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable

import pytest
from house import House
from mailserver import link_in_file
from portal import LISTED, PATIENCE_S, SENDER, START, Clock, Portal
from structlog.typing import EventDict

from dnsbl.store import request_items
from dnsbl.store.request_items import ItemOutcome
from dnsbl.store.request_states import State

Configure = Callable[..., None]

BOTS = '[category.bots]\nanswer = "127.0.0.4"\ntext = "$"\n'


@pytest.fixture
def configure(house: House) -> Configure:
    """Makes a hook that decides of these lines of /bin/sh."""

    def configure(lines: str, more: str = "", name: str = "mine") -> None:
        file = house.folder / f"{name}.sh"
        file.write_text(f"#!/bin/sh\n{lines}\n")
        file.chmod(0o700)
        house.write_config(f'[hooks.{name}]\non = "decide"\nprogram = ["{name}.sh"]\n{more}\n')

    return configure


def saying(**answer: object) -> str:
    """A line that answers so."""
    return f"cat > /dev/null; cat <<'E'\n{json.dumps(answer)}\nE"


def words(page: str) -> str:
    """What a page says, without its markup."""
    return " ".join(re.sub(r"<[^>]+>", " ", page).split())


async def comes_true(said: Callable[[], bool]) -> None:
    """Returns once it is so."""
    async with asyncio.timeout(PATIENCE_S):
        while not said():  # noqa: ASYNC110  # nothing tells of a program's files
            await asyncio.sleep(0.01)


async def test_a_refusal_says_why(house: House, clock: Clock, configure: Configure) -> None:
    """The sender reads the hook's reason, as text; the note is for operators."""
    configure(saying(decision="refuse", reason="Ask <b>abuse@</b> & wait", note="4711-private"))
    async with Portal(house, clock) as portal:
        status = await portal.asked()
        await portal.delivered()
        page = await portal.press(link_in_file(house.config.data.outbox))
        shown = await portal.fetch(status)
        items = await portal.sidecar.truth.read(request_items.of_request, 1)

        assert (page.status, await portal.state()) == (200, State.REFUSED)
        assert await portal.listed() == [f"{LISTED} spam"]
    for text in (page.text, shown.text):
        assert "Ask &lt;b&gt;abuse@&lt;/b&gt; &amp; wait" in text
        assert "4711-private" not in text
    (item,) = items
    assert (item.outcome, item.rule, item.note) == (
        ItemOutcome.REFUSED, "hook:mine", "4711-private",
    )  # fmt: skip


async def test_consent_delists(house: House, clock: Clock, configure: Configure) -> None:
    """A hook that has nothing against it stands in nobody's way."""
    configure("exit 0")
    async with Portal(house, clock) as portal:
        await portal.add(LISTED)
        page = await portal.press(await portal.link(LISTED))

        assert (page.status, await portal.state()) == (200, State.DELISTED)
        assert await portal.listed() == []


async def test_a_deferral_holds_until_its_time(
    house: House, clock: Clock, configure: Configure
) -> None:
    """The page says when; pressed too early nothing happens; later the hook is asked anew."""
    configure(
        f"if [ -e {house.folder}/mended ]; then exit 0; fi\n"
        + saying(decision="defer", until=START + 3_600, reason="Let it cool.")
    )
    async with Portal(house, clock) as portal:
        await portal.add(LISTED)
        confirm = await portal.link(LISTED)
        first = await portal.press(confirm)
        state = await portal.state()
        early = await portal.fetch(confirm)
        (house.folder / "mended").touch()
        clock.at = START + 3_600
        late = await portal.press(confirm)

        assert state is State.COOLDOWN
        assert "Let it cool." in first.text
        assert not early.has_button("Delist IP")
        assert (late.status, await portal.state()) == (200, State.DELISTED)
        assert await portal.listed() == []


async def test_a_hook_that_breaks_hands_it_to_an_operator(
    house: House, clock: Clock, configure: Configure, log: list[EventDict]
) -> None:
    """The sender learns that a person looks at it, and nothing of what broke."""
    configure("echo Traceback secrets >&2; kill -9 $$")
    async with Portal(house, clock) as portal:
        await portal.add(LISTED)
        page = await portal.press(await portal.link(LISTED))
        (item,) = await portal.sidecar.truth.read(request_items.of_request, 1)

        assert await portal.state() is State.REVIEW
        assert await portal.listed() == [f"{LISTED} spam"]
    assert "signal" not in page.text
    assert "Traceback" not in page.text
    assert "operator" in words(page.text)
    assert item.note == "was ended by signal 9: Traceback secrets"
    (event,) = [event for event in log if event["event"] == "hook_failed"]
    assert event["counted_as"] == "review"


async def test_each_listing_has_its_own_decision(
    house: House, clock: Clock, configure: Configure
) -> None:
    """One goes, and the other stays, in one press."""
    house.write_zone((house.folder / "zones" / "bl.example.toml").read_text() + BOTS)
    configure("exit 1", 'categories = ["bots"]')
    async with Portal(house, clock) as portal:
        await portal.add(LISTED)
        await portal.add(LISTED, "bots")
        await portal.press(await portal.link(LISTED))

        assert await portal.listed() == [f"{LISTED} bots"]
        items = await portal.sidecar.truth.read(request_items.of_request, 1)
    assert {item.category: item.outcome for item in items} == {
        "spam": ItemOutcome.DELISTED,
        "bots": ItemOutcome.REFUSED,
    }


async def test_nothing_waits_for_a_hook_but_its_press(
    house: House, clock: Clock, configure: Configure
) -> None:
    """While one thinks, pages answer and others write: no transaction is open meanwhile."""
    configure(
        f"touch {house.folder}/asked; while [ ! -e {house.folder}/go ]; do sleep 0.01; done",
        "timeout_s = 10",
    )
    async with Portal(house, clock) as portal:
        await portal.add(LISTED)
        confirm = await portal.link(LISTED)
        pressing = asyncio.create_task(portal.press(confirm))
        await comes_true((house.folder / "asked").exists)

        looked = await portal.fetch(f"/?ip={LISTED}")
        await portal.add("192.0.2.1")
        other = await portal.ask("192.0.2.1", "another@sender.example")
        waiting = not pressing.done()
        (house.folder / "go").touch()

        assert (await pressing).status == 200
        assert (looked.status, other.status, waiting) == (200, 303, True)
        assert await portal.state() is State.DELISTED


async def test_presses_at_once_ask_once_and_delist_once(
    house: House, clock: Clock, configure: Configure
) -> None:
    """Whoever presses ten times gets one decision."""
    configure(f"echo x >> {house.folder}/runs; sleep 0.3")
    async with Portal(house, clock) as portal:
        await portal.add(LISTED)
        confirm = await portal.link(LISTED)
        form = (await portal.fetch(confirm)).form("Delist IP")
        fields = form.fields | form.buttons["Delist IP"]
        pages = await asyncio.gather(*(portal.fetch(confirm, fields) for _ in range(10)))

        assert {page.status for page in pages} == {200}
        assert await portal.state() is State.DELISTED
        acts = [act.act for act in await portal.trail(LISTED)]
    assert acts.count("listing.removed") == 1
    assert (house.folder / "runs").read_text().split() == ["x"]


async def test_the_end_of_the_portal_loses_nothing(
    house: House, clock: Clock, configure: Configure
) -> None:
    """A press that a hook still thinks about when the portal ends has not happened, and may again.

    The visitor waits no longer than a page gets to finish in.
    """
    configure(f"touch {house.folder}/asked; [ -e {house.folder}/go ] || exec sleep 1000",
              "timeout_s = 2")  # fmt: skip
    async with Portal(house, clock) as portal:
        await portal.add(LISTED)
        confirm = await portal.link(LISTED)
        pressing = asyncio.create_task(portal.press(confirm))
        await comes_true((house.folder / "asked").exists)
        pressing.cancel()
    (house.folder / "go").touch()
    async with Portal(house, clock) as portal:
        state = await portal.state()
        if state is not State.REVIEW:  # by the end of its time, as an error
            await portal.press(confirm)

        assert state in (State.MAIL_SENT, State.REVIEW)
        assert await portal.state() in (State.DELISTED, State.REVIEW)


async def test_a_dry_run_changes_nothing_for_the_sender(
    house: House, clock: Clock, configure: Configure
) -> None:
    """The audit of the address tells what it would have been."""
    configure(saying(decision="refuse", reason="never shown"), "dry_run = true")
    async with Portal(house, clock) as portal:
        await portal.add(LISTED)
        page = await portal.press(await portal.link(LISTED, SENDER))

        assert await portal.state() is State.DELISTED
        assert "never shown" not in page.text
        (dry,) = [act for act in await portal.trail(LISTED) if act.act == "hook.dry_run"]
    assert (dry.actor, dry.request_id) == ("hook:mine", 1)
    assert dry.note == "would have decided: refuse; never shown"
