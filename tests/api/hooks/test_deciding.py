"""Decisions: the policy and the hooks of a configuration together, and what holds of them."""

from __future__ import annotations

import asyncio
import importlib
import json
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from aiohttp import web
from cases import NOW, made
from house import House
from hypothesis import given, settings
from hypothesis import strategies as st
from structlog.typing import EventDict

from api.dns_status import DnsStatus
from api.hooks.deciding import Deciding
from api.hooks.message import MISTAKE
from api.metrics import Metrics
from api.truth import Truth
from dnsbl.delist.case import Case, Key
from dnsbl.delist.decision import Decision, Outcome, strictest
from dnsbl.network import parse
from dnsbl.store import audit, hooks
from dnsbl.store.audit import Act
from dnsbl.store.database import StoreError

SPAM: Key = ("bl.example", "spam")
PLAIN = made(delistings=(), proven=3)  # one that the policy lets go

Decide = Callable[..., Awaitable[Decision]]

PLUGIN = """\
import pluggy
from dnsbl.delist.decision import Decision, Outcome
impl = pluggy.HookimplMarker("dnsbl")
seen = []
class Refusing:
    @impl
    def dnsbl_decide(self, case):
        seen.append(case)
        return Decision(Outcome.REFUSE, "mine", "no, by plugin", "private")
class Silent:
    @impl
    async def dnsbl_decide(self, case):
        seen.append(case)
class Wrong:
    @impl
    def dnsbl_decide(self):
        return "refuse"
class Twice(Refusing):
    @impl
    def dnsbl_notify(self):
        raise AssertionError
"""


@pytest.fixture
async def truth(house: House) -> AsyncIterator[Truth]:
    """The house's database."""
    truth = Truth(house.config.data.database)
    await truth.open()
    yield truth
    await truth.close()


@pytest.fixture
def metrics() -> Metrics:
    """Counters of this test."""
    return Metrics()


@pytest.fixture
async def decided(
    house: House, truth: Truth, metrics: Metrics
) -> AsyncIterator[Callable[..., Awaitable[dict[Key, Decision]]]]:
    """What comes of cases, with hooks of this configuration."""
    opened: list[Deciding] = []

    async def decided(hooks: str, *cases: Case) -> dict[Key, Decision]:
        house.write_config(hooks)
        opened.append(Deciding(house.config, truth, metrics))
        return await opened[-1].decide(cases or (PLAIN,))

    yield decided
    for deciding in opened:
        await deciding.close()


Decided = Callable[..., Awaitable[dict[Key, Decision]]]


def script(house: House, name: str, lines: str, more: str = "") -> str:
    """The configuration of a hook that is a script of these lines."""
    file = house.folder / f"{name}.sh"
    file.write_text(f"#!/bin/sh\n{lines}\n")
    file.chmod(0o700)
    return f'[hooks.{name}]\non = "decide"\nprogram = ["{name}.sh"]\n{more}\n'


@pytest.fixture
def plugin(house: House, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """The configuration of a hook that is one of the plugins above."""
    monkeypatch.syspath_prepend(house.folder)
    monkeypatch.delitem(sys.modules, "deciding_plugin", raising=False)
    (house.folder / "deciding_plugin.py").write_text(PLUGIN)

    def plugin(kind: str, more: str = "") -> str:
        return f'[hooks.py]\non = "decide"\nplugin = "deciding_plugin:{kind}"\n{more}\n'

    return plugin


def seen() -> list[Case]:
    """The cases that the plugin was given."""
    found: list[Case] = importlib.import_module("deciding_plugin").seen
    return found


async def test_without_hooks_the_policy_decides(decided: Decided) -> None:
    """What it lets go, goes; what it wants an operator for, waits."""
    assert (await decided("")).keys() == {SPAM}
    assert (await decided(""))[SPAM].outcome is Outcome.ACCEPT


@pytest.mark.parametrize("on_error", ["accept", "review", "refuse"])
async def test_the_policy_cannot_be_overruled(
    house: House, decided: Decided, on_error: str
) -> None:
    """A hook that consents takes nothing off that the policy refuses; nor is it asked then."""
    house.write_zone(
        (house.folder / "zones" / "bl.example.toml")
        .read_text()
        .replace('delist = "self"', 'delist = "never"')
    )
    hook = script(house, "yes", f"touch {house.folder}/asked", f'on_error = "{on_error}"')

    decision = (await decided(hook))[SPAM]

    assert (decision.outcome, decision.rule) == (Outcome.REFUSE, "never")
    assert not (house.folder / "asked").exists()


@pytest.mark.parametrize(
    ("first", "second", "outcome", "rule"),
    [
        ("accept", "accept", Outcome.ACCEPT, "policy"),
        ("accept", "review", Outcome.REVIEW, "hook:second"),
        ("review", "accept", Outcome.REVIEW, "hook:first"),
        ("refuse", "review", Outcome.REFUSE, "hook:first"),
        ("review", "refuse", Outcome.REFUSE, "hook:second"),
        ("refuse", "refuse", Outcome.REFUSE, "hook:first"),
    ],
)
async def test_the_strictest_holds(
    house: House, decided: Decided, first: str, second: str, outcome: Outcome, rule: str
) -> None:
    """Of several hooks and the policy, with its own reason; of equals the first."""
    hooks = "".join(
        script(house, name, f'echo \'{{"decision":"{said}","reason":"by {name}"}}\'')
        for name, said in (("first", first), ("second", second))
    )

    decision = (await decided(hooks))[SPAM]

    assert (decision.outcome, decision.rule) == (outcome, rule)
    assert decision.reason == (f"by {rule[5:]}" if rule.startswith("hook:") else "")


async def test_a_mistake_of_ours_is_no_answer(
    house: House, decided: Decided, monkeypatch: pytest.MonkeyPatch, log: list[EventDict]
) -> None:
    """No thread to be had, say: whoever pressed goes to an operator, and sees no error page."""

    async def broken(*_: object) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr("api.hooks.program.ProgramTransport.send", broken)

    decision = (await decided(script(house, "mine", "exit 0")))[SPAM]

    assert decision == Decision(Outcome.REVIEW, "hook:mine", note=MISTAKE)
    assert "hook_crashed" in {one["event"] for one in log}


async def test_of_deferrals_the_longest_holds(house: House, decided: Decided) -> None:
    """Who has to wait for both has waited for each."""
    hooks = "".join(
        script(house, name, f'echo \'{{"decision":"defer","until":{NOW + wait}}}\'')
        for name, wait in (("short", 60), ("long", 600), ("middle", 300))
    )

    assert (await decided(hooks))[SPAM] == Decision(Outcome.DEFER, "hook:long", "", "", NOW + 600)


@pytest.mark.parametrize(
    ("lines", "decision"),
    [
        ("exit 0", Decision(Outcome.ACCEPT, "policy")),
        ("exit 75", Decision(Outcome.DEFER, "hook:mine", until=NOW + 3_600)),
        ("exit 1", Decision(Outcome.REFUSE, "hook:mine")),
        ('echo \'{"reason":"why"}\'; exit 1', Decision(Outcome.REFUSE, "hook:mine", "why")),
        ("grep -q 203.0.113.7 || exit 1", Decision(Outcome.ACCEPT, "policy")),
    ],
)
async def test_a_program_decides(
    house: House, decided: Decided, lines: str, decision: Decision
) -> None:
    """By its exit status, and what it says beside."""
    assert (await decided(script(house, "mine", lines)))[SPAM] == decision


@pytest.mark.parametrize(
    ("on_error", "outcome"),
    [("", Outcome.REVIEW), ('on_error = "review"', Outcome.REVIEW),
     ('on_error = "accept"', Outcome.ACCEPT), ('on_error = "refuse"', Outcome.REFUSE)],
)  # fmt: skip
@pytest.mark.parametrize(
    ("lines", "note"),
    [
        ("kill -9 $$", "was ended by signal 9"),
        ("exec sleep 1000", "ran longer than 1 s; killed"),
        ("echo yes", "exit status 0: expected a JSON object as its answer"),
        ("echo '{}'", "its answer has no decision; expected one of"),
        ("yes", "wrote more than 65536 octets; killed"),
    ],
)
async def test_an_error_counts_as_configured(
    house: House,
    decided: Decided,
    log: list[EventDict],
    lines: str,
    note: str,
    on_error: str,
    outcome: Outcome,
) -> None:
    """By default an operator looks; the sender is told no detail, the operator and the log are."""
    hook = script(house, "mine", lines, f"timeout_s = 1\n{on_error}")

    decision = (await decided(hook))[SPAM]

    assert decision.outcome is outcome
    if outcome is not Outcome.ACCEPT:
        assert (decision.rule, decision.reason) == ("hook:mine", "")
        assert decision.note.startswith(note)
    (event,) = [event for event in log if event["event"] == "hook_failed"]
    assert event["detail"].startswith(note)
    assert (event["hook"], event["counted_as"]) == ("mine", outcome.name.lower())


@asynccontextmanager
async def web_hook(
    house: House, handle: Callable[[web.Request], Awaitable[web.Response]], more: str = ""
) -> AsyncIterator[str]:
    """The configuration of a hook that is a web server, while that runs."""
    application = web.Application()
    application.router.add_post("/", handle)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    (house.folder / "secret").write_text("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    try:
        yield (
            f'[hooks.web]\non = "decide"\nurl = "http://127.0.0.1:{runner.addresses[0][1]}/"\n'
            f'secret_files = ["secret"]\nallow_private = true\n{more}\n'
        )
    finally:
        await runner.cleanup()


async def test_a_web_server_decides(house: House, decided: Decided) -> None:
    """It is asked by a signed message, and answers in JSON; a page of a proxy is no consent."""
    asked: list[dict[str, object]] = []
    answers = ['{"decision":"refuse","reason":"ask abuse@"}', "<html>", ""]

    async def handle(request: web.Request) -> web.Response:
        asked.append(await request.json())
        return web.Response(text=answers[len(asked) - 1])

    async with web_hook(house, handle) as hook:
        said = [(await decided(hook))[SPAM] for _ in answers]

    assert [decision.outcome for decision in said] == [
        Outcome.REFUSE, Outcome.REVIEW, Outcome.REVIEW,
    ]  # fmt: skip
    assert said[0] == Decision(Outcome.REFUSE, "hook:web", "ask abuse@")
    assert asked[0]["type"] == "delist.decide"
    assert "postmaster" not in json.dumps(asked)


class Retired:
    """A web server that wants no more, until it is `back`."""

    def __init__(self) -> None:
        self.asked = 0
        self.back = False

    async def handle(self, _: web.Request) -> web.Response:
        self.asked += 1
        return web.json_response({"decision": "accept"}) if self.back else web.Response(status=410)


@pytest.mark.parametrize(
    ("on_error", "outcome"),
    [("review", Outcome.REVIEW), ("refuse", Outcome.REFUSE), ("accept", Outcome.ACCEPT)],
)
async def test_a_hook_that_is_gone_is_asked_no_more(
    house: House, decided: Decided, truth: Truth, metrics: Metrics, log: list[EventDict],
    on_error: str, outcome: Outcome,
) -> None:  # fmt: skip
    """410 switches it off, with a line in the audit; then its on_error counts, loudly."""
    server = Retired()
    async with web_hook(house, server.handle, f'on_error = "{on_error}"') as hook:
        first = (await decided(hook, PLAIN, made(delistings=(), proven=3, request_id=8)))[SPAM]
        asked = server.asked
        second = (await decided(hook))[SPAM]

    state = (await truth.read(hooks.states))["web"]
    acts = await truth.read(lambda database: database.rows("SELECT actor, act, note FROM audit"))
    assert [first.outcome, second.outcome] == [outcome, outcome]
    assert server.asked == asked
    assert outcome is Outcome.ACCEPT or second.note == f"it is off: {state.disabled_why}"
    assert state.disabled_at == PLAIN.now
    assert [tuple(act) for act in acts] == [
        ("hooks", "hook.disabled", f"web: {state.disabled_why}")
    ]
    assert "410" in state.disabled_why
    [switched] = [event for event in log if event["event"] == "hook_disabled"]
    assert (switched["log_level"], switched["counted_as"]) == ("error", on_error)
    assert (log[-1]["event"], log[-1]["log_level"], log[-1]["counted_as"]) == (
        "hook_off", "warning", on_error,
    )  # fmt: skip
    text = metrics.render(None, DnsStatus()).decode()
    assert 'dnsbl_hook_decisions_total{hook="web",outcome="off"} 1.0' in text


async def test_a_hook_that_is_enabled_is_asked_again(
    house: House, decided: Decided, truth: Truth
) -> None:
    """From the next press on, without a new start of the portal."""
    server = Retired()
    async with web_hook(house, server.handle) as hook:
        await decided(hook)
        server.back = True
        off = (await decided(hook))[SPAM]
        await truth.write(hooks.enable, "web", PLAIN.now)
        on = (await decided(hook))[SPAM]

    assert (off.outcome, on.outcome) == (Outcome.REVIEW, Outcome.ACCEPT)
    assert server.asked == 2


async def test_a_hook_that_cannot_be_switched_off_is_asked_once_more(
    house: House, decided: Decided, truth: Truth, monkeypatch: pytest.MonkeyPatch,
    log: list[EventDict],
) -> None:  # fmt: skip
    """The database may be busy; the press is decided all the same."""
    server = Retired()

    async def write(*_: object) -> None:
        raise StoreError("the disk is full")

    async with web_hook(house, server.handle) as hook:
        with monkeypatch.context() as patched:
            patched.setattr(truth, "write", write)
            first = (await decided(hook))[SPAM]
        event = log[-1]["event"]
        await decided(hook)

    assert first.outcome is Outcome.REVIEW
    assert event == "hook_not_disabled"
    assert server.asked == 2


async def test_a_plugin_decides(decided: Decided, plugin: Callable[..., str]) -> None:
    """It is given the case, without the mailbox unless it may know that; the rule is its name."""
    decision = (await decided(plugin("Refusing")))[SPAM]
    await decided(plugin("Refusing", "mailbox = true"))

    assert decision == Decision(Outcome.REFUSE, "hook:py", "no, by plugin", "private")
    assert [case.mailbox for case in seen()] == ["", PLAIN.mailbox]
    assert seen()[1] == PLAIN


async def test_a_plugin_may_have_no_opinion(
    decided: Decided, plugin: Callable[..., str], log: list[EventDict]
) -> None:
    """None is no decision, and the others hold; an await is awaited."""
    assert (await decided(plugin("Silent")))[SPAM].outcome is Outcome.ACCEPT
    assert [(event["event"], event["outcome"]) for event in log] == [("hook_decided", "none")]


@pytest.mark.parametrize("kind", ["Wrong", "Missing"])
async def test_a_plugin_that_is_wrong_counts_as_an_error(
    decided: Decided, plugin: Callable[..., str], kind: str
) -> None:
    """It returns what is no decision, or is not there."""
    assert (await decided(plugin(kind)))[SPAM].outcome is Outcome.REVIEW
    assert (await decided(plugin(kind, 'on_error = "accept"')))[SPAM].outcome is Outcome.ACCEPT


async def test_hooks_are_asked_at_once(house: House, decided: Decided) -> None:
    """Each waits until all of them run: one after the other they would wait in vain."""
    names = ["a", "b", "c", "d"]
    lines = (
        "touch $DNSBL_HOOK.$$\n".replace("touch ", f"touch {house.folder}/run.")
        + f"while [ $(ls {house.folder} | grep -c '^run[.]') -lt 4 ]; do sleep 0.01; done"
    )
    four = "".join(script(house, name, lines, "timeout_s = 10") for name in names)

    assert (await decided(four))[SPAM].outcome is Outcome.ACCEPT


async def test_hooks_are_asked_about_their_own(house: House, decided: Decided) -> None:
    """Each listing has a decision of its own; a hook is asked about its zones and categories."""
    house.write_zone(
        (house.folder / "zones" / "bl.example.toml").read_text()
        + '[category.bots]\nanswer = "127.0.0.4"\ntext = "$"\n'
    )
    hooks = script(house, "spam", "exit 1", 'categories = ["spam"]') + script(
        house, "bots", 'echo \'{"decision":"review"}\'', 'zones = ["bl.example"]\n'
        'categories = ["bots"]',
    )  # fmt: skip

    decisions = await decided(hooks, PLAIN, made(category="bots", delistings=()))

    assert {key[1]: (item.outcome, item.rule) for key, item in decisions.items()} == {
        "spam": (Outcome.REFUSE, "hook:spam"),
        "bots": (Outcome.REVIEW, "hook:bots"),
    }


async def test_one_that_hangs_takes_no_longer_than_its_time(house: House, decided: Decided) -> None:
    """The visitor waits for the slowest hook's time, not for the sum of them."""
    hooks = "".join(
        script(house, name, "exec sleep 1000", "timeout_s = 1") for name in ("a", "b", "c", "d")
    )

    begun = time.monotonic()
    decision = (await decided(hooks))[SPAM]

    assert (decision.outcome, decision.rule) == (Outcome.REVIEW, "hook:a")
    assert 0.9 < time.monotonic() - begun < 3.5


async def test_a_dry_run_decides_nothing(
    house: House, decided: Decided, truth: Truth, log: list[EventDict]
) -> None:
    """What it would have decided stands in the audit and the log, and nowhere else."""
    hook = script(
        house, "trial", 'echo \'{"decision":"refuse","reason":"spam","note":"again"}\'',
        "dry_run = true",
    )  # fmt: skip

    decision = (await decided(hook))[SPAM]

    assert decision.outcome is Outcome.ACCEPT
    assert await truth.read(audit.trail, parse(PLAIN.address), 10) == [
        Act(NOW, "hook:trial", "hook.dry_run", "bl.example", "203.0.113.7/32", "spam", 7,
            "would have decided: refuse; spam; again")
    ]  # fmt: skip
    (event,) = [event for event in log if event["event"] == "hook_decided"]
    assert (event["outcome"], event["dry_run"]) == ("refuse", True)


async def test_a_dry_run_that_fails_decides_nothing_either(
    house: House, decided: Decided, truth: Truth
) -> None:
    """What its error would have counted as is noted in the same way."""
    hook = script(house, "trial", "kill -9 $$", 'dry_run = true\non_error = "refuse"')

    assert (await decided(hook))[SPAM].outcome is Outcome.ACCEPT
    (act,) = await truth.read(audit.trail, parse(PLAIN.address), 10)
    assert act.note.startswith("would have decided: refuse; was ended by signal 9")


async def test_a_dry_run_stops_nothing_where_it_cannot_be_noted(
    house: House,
    decided: Decided,
    truth: Truth,
    monkeypatch: pytest.MonkeyPatch,
    log: list[EventDict],
) -> None:
    """The database may be busy; what is decided without the hook is decided all the same."""

    async def write(*_: object) -> None:
        raise StoreError("the disk is full")

    monkeypatch.setattr(truth, "write", write)

    decision = (await decided(script(house, "trial", "exit 1", "dry_run = true")))[SPAM]

    assert decision.outcome is Outcome.ACCEPT
    assert log[-1]["event"] == "hook_dry_run_not_noted"


async def test_nothing_private_is_logged(
    decided: Decided, plugin: Callable[..., str], log: list[EventDict]
) -> None:
    """Neither the mailbox nor the private note."""
    await decided(plugin("Refusing", "mailbox = true"))

    assert log
    assert "postmaster" not in str(log)
    assert "private" not in str(log)


async def test_decisions_are_counted(house: House, decided: Decided, metrics: Metrics) -> None:
    """By hook and outcome, errors among them, with the time that they took."""
    await decided(script(house, "no", "exit 1") + script(house, "broken", "kill -9 $$"))

    text = metrics.render(None, DnsStatus()).decode()
    assert 'dnsbl_hook_decisions_total{hook="no",outcome="refuse"} 1.0' in text
    assert 'dnsbl_hook_decisions_total{hook="broken",outcome="error"} 1.0' in text
    assert 'dnsbl_hook_decision_seconds_count{hook="no"} 1.0' in text


async def test_those_that_are_told_are_not_asked(house: House, decided: Decided) -> None:
    """A hook of notifications has no say."""
    hook = script(house, "told", f"touch {house.folder}/asked\nexit 1")

    decision = (await decided(hook.replace("decide", "notify")))[SPAM]

    assert decision.outcome is Outcome.ACCEPT
    assert not (house.folder / "asked").exists()


async def test_many_cases_are_asked_at_once(house: House, decided: Decided) -> None:
    """Twenty decisions of one hook neither mix nor get lost."""
    cases = [made(category="spam", delistings=(), request_id=number) for number in range(20)]
    hook = script(house, "mine", "cat > /dev/null; exit 0", "timeout_s = 10")

    house.write_config(hook)
    said = await asyncio.gather(*(decided(hook, case) for case in cases))

    assert {decision[SPAM].outcome for decision in said} == {Outcome.ACCEPT}


async def test_asking_again_meanwhile_waits_for_the_same_answer(
    house: House, truth: Truth, metrics: Metrics
) -> None:
    """Fifty presses of a button run a program once; the next press runs it anew."""
    house.write_config(script(house, "mine", f"echo x >> {house.folder}/runs; sleep 0.3; exit 1"))
    deciding = Deciding(house.config, truth, metrics)

    said = await asyncio.gather(*(deciding.decide([PLAIN]) for _ in range(50)))
    other = await asyncio.gather(
        deciding.decide([PLAIN]), deciding.decide([made(delistings=(), request_id=8)])
    )
    await deciding.close()

    assert {decided[SPAM].outcome for decided in [*said, *other]} == {Outcome.REFUSE}
    assert (house.folder / "runs").read_text().split() == ["x", "x", "x"]


async def test_one_who_gives_up_takes_nothing_from_the_others(
    house: House, truth: Truth, metrics: Metrics
) -> None:
    """A visitor who closes the browser does not end the question that another waits for."""
    house.write_config(script(house, "mine", "sleep 0.3; exit 1"))
    deciding = Deciding(house.config, truth, metrics)
    first = asyncio.create_task(deciding.decide([PLAIN]))
    second = asyncio.create_task(deciding.decide([PLAIN]))
    await asyncio.sleep(0)

    first.cancel()

    assert (await second)[SPAM].outcome is Outcome.REFUSE
    await deciding.close()


async def test_closing_gives_up_on_what_is_under_way(
    house: House, truth: Truth, metrics: Metrics
) -> None:
    """The end of the portal waits for no hook, and whoever asked is told at once."""
    house.write_config(script(house, "mine", "exec sleep 1000", "timeout_s = 10"))
    deciding = Deciding(house.config, truth, metrics)
    asking = asyncio.create_task(deciding.decide([PLAIN]))
    await asyncio.sleep(0)

    begun = time.monotonic()
    await deciding.close()

    with pytest.raises(asyncio.CancelledError):
        await asking
    assert time.monotonic() - begun < 5


@settings(max_examples=200)
@given(st.lists(st.sampled_from(list(Outcome)), max_size=6), st.sampled_from(list(Outcome)))
def test_one_hook_more_never_makes_it_laxer(others: list[Outcome], more: Outcome) -> None:
    """Whatever the others say: what is added can but stop a delisting."""

    def holds(outcomes: list[Outcome]) -> Decision:
        return strictest(
            Decision(outcome, "x", until=NOW + 1 if outcome is Outcome.DEFER else None)
            for outcome in outcomes
        )

    assert holds([*others, more]).outcome == max(holds(others).outcome, more)
