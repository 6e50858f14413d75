"""The transport that writes files: what is in them is what a mailbox would hold."""

from __future__ import annotations

import asyncio
import email
import os
import sys
from pathlib import Path

from house import House
from portal import Clock, Portal

from dnsbl.store.request_states import State

BOUNCES_PAGE = Path(__file__).parents[3] / "docs" / "bounces.md"


async def test_a_file_keeps_the_envelopes_sender(house: House, clock: Clock) -> None:
    """As a delivered mail does (RFC 5321 §4.4), above all else of it."""
    async with Portal(house, clock) as portal:
        await portal.asked()
        await portal.delivered()

    (file,) = house.config.data.outbox.glob("*.eml")
    assert email.message_from_bytes(file.read_bytes()).items()[0] == (
        "Return-Path",
        f"<{house.config.mail.sender}>",
    )


async def test_a_bounce_can_be_tried_by_hand(house: House, clock: Clock) -> None:
    """As docs/bounces.md has it, word for word: a file's mail comes back, and the page says so."""
    house.write_config('[mail]\nbounces = "bounces@bl.example"')
    _, _, rest = BOUNCES_PAGE.read_text().partition("```sh\n")
    commands, _, _ = rest.partition("```")
    programs = Path(sys.executable).parent
    async with Portal(house, clock) as portal:
        path = await portal.asked()
        await portal.delivered()

        shell = await asyncio.create_subprocess_exec(
            "sh", "-euc", commands,
            cwd=house.folder, env=os.environ | {"PATH": f"{programs}:{os.environ['PATH']}"},
        )  # fmt: skip
        ended = await shell.wait()
        status = await portal.fetch(path)

        assert ended == 0
        assert await portal.state() is State.MAIL_FAILED
        assert "There is no such mailbox." in status.text
