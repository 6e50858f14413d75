"""`dnsbl hooks test` from end to end: the command queues, the portal sends, the command prints."""

from __future__ import annotations

import asyncio
import subprocess

import pytest
from house import House
from portal import Clock, Portal
from running import run_dnsbl

TAKES = "#!/bin/sh\ncat > told.json\n"
DECIDES = """\
#!/bin/sh
grep -q '"request_id":0' && echo '{"decision": "refuse", "reason": "not today", "note": "rule 7"}'
"""
BREAKS = "#!/bin/sh\necho no such table >&2\nexit 1\n"


def program(house: House, role: str, text: str) -> None:
    """A hook that is such a shell script."""
    file = house.folder / "hook"
    file.write_text(text)
    file.chmod(0o755)
    # A machine under load starts programs slowly.
    house.write_config(f'[hooks.crm]\non = "{role}"\nprogram = ["hook"]\ntimeout_s = 10\n')


async def tried(house: House, clock: Clock) -> subprocess.CompletedProcess[str]:
    """What the command says while a portal runs."""
    async with Portal(house, clock):
        return await asyncio.to_thread(run_dnsbl, house.file, "hooks", "test", "crm")


@pytest.mark.parametrize("text", [TAKES])
async def test_a_hook_that_is_told_takes_it(house: House, clock: Clock, text: str) -> None:
    """Exit code 0."""
    program(house, "notify", text)
    result = await tried(house, clock)

    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.startswith("crm took it")


async def test_a_hook_that_decides_says_what_it_would(house: House, clock: Clock) -> None:
    """With its reason and its note."""
    program(house, "decide", DECIDES)
    result = await tried(house, clock)

    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout == "crm took it: refuse, reason: not today, note: rule 7\n"


@pytest.mark.parametrize("role", ["notify", "decide"])
async def test_a_hook_that_breaks_is_tried_once(house: House, clock: Clock, role: str) -> None:
    """Exit code 1, and what it said; no schedule begins."""
    program(house, role, "#!/nowhere\n" if role == "decide" else BREAKS)
    result = await tried(house, clock)
    shown = await asyncio.to_thread(run_dnsbl, house.file, "hooks", "deliveries", "crm")

    assert result.returncode == 1
    assert result.stderr.startswith("dnsbl: crm did not take it: ")
    assert " dead " in shown.stdout
