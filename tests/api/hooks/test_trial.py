"""`dnsbl hooks test` from end to end: the command queues, the portal sends, the command prints."""

from __future__ import annotations

import asyncio
import json
import subprocess
import threading

import pytest
from house import House
from portal import PATIENCE_S, START, Clock, Portal
from running import run_dnsbl

from api.hooks.deciding import Adviser
from api.hooks.message import Message, Reply
from api.hooks.trial import Trial
from dnsbl.config import HookConfig
from dnsbl.delist.case import Case

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


async def test_a_plugin_that_is_slow_to_load_holds_up_nobody(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is loaded for the trial in a thread: the portal's pages go on meanwhile."""
    loaded = threading.Event()

    def load(_: HookConfig) -> Adviser:
        assert loaded.wait(PATIENCE_S), "the event loop was held up"
        return Silent()

    monkeypatch.setattr("api.hooks.trial.open_adviser", load)
    program(house, "decide", DECIDES)
    (hook,) = house.config.hooks
    body = json.dumps({"data": {"test": True, "zone": "bl.example", "category": "spam"}})

    trial = asyncio.create_task(Trial(hook, lambda: START).send(Message("x", START, body.encode())))
    await asyncio.sleep(0)  # it has begun
    loaded.set()

    assert await trial == Reply("done", "no opinion")


class Silent:
    """A hook that has no opinion."""

    async def ask(self, _: Case) -> None:
        """Says nothing."""

    async def close(self) -> None:
        """Holds nothing."""
