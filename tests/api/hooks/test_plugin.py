"""Hooks that are Python objects: what they are given, and what becomes of whatever they do."""

from __future__ import annotations

import asyncio
import gc
import importlib.metadata
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pluggy
import pytest
from structlog.typing import EventDict

from api.hooks.calls import CALLS_MAX
from api.hooks.message import Message, Reply
from api.hooks.plugin import PluginError, PluginTransport
from api.hooks.spec import Event
from api.hooks.transport import open_transport
from dnsbl.config import HookConfig, PluginTarget
from dnsbl.config.hooks import HookRole

impl = pluggy.HookimplMarker("dnsbl")

MESSAGE = Message(
    "msg_1", 1_800_000_000, b'{"type":"listing.added","timestamp":"","data":{"zone":"z"}}', 2
)
DONE = Reply("done")

Opened = Callable[..., PluginTransport]


@pytest.fixture
def opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> Opened:
    """A hook whose object is this one, in a module of its own."""
    name = f"plugin_{abs(hash(request.node.name))}"
    monkeypatch.syspath_prepend(tmp_path)

    def opened(
        implementation: object, *, on: HookRole = "notify", timeout_s: int = 15
    ) -> PluginTransport:
        (tmp_path / f"{name}.py").write_text("made = None\n")
        module = importlib.import_module(name)
        monkeypatch.setattr(module, "made", implementation)
        target = PluginTarget(f"{name}:made")
        return PluginTransport(HookConfig("mine", on, target, timeout_s=timeout_s), target)

    return opened


async def test_it_is_told_of_an_event(opened: Opened) -> None:
    """With all that the JSON of other transports has, in a thread of its own."""
    told: list[tuple[Event, str]] = []

    class Taking:
        @impl
        def dnsbl_notify(self, event: Event) -> None:
            told.append((event, threading.current_thread().name))

    assert await opened(Taking).send(MESSAGE) == DONE
    ((event, thread),) = told
    assert event == Event("msg_1", "listing.added", 1_800_000_000, 2, {"zone": "z"})
    assert thread == "hook-mine"


async def test_a_coroutine_runs_on_the_loop(opened: Opened) -> None:
    """A plugin that awaits does so beside the portal's own work."""
    loops: list[object] = []

    class Awaiting:
        @impl
        async def dnsbl_notify(self, event: Event) -> None:
            await asyncio.sleep(0)
            loops.append((asyncio.get_running_loop(), event.kind))

    assert await opened(Awaiting()).send(MESSAGE) == DONE
    assert loops == [(asyncio.get_running_loop(), "listing.added")]


class Raising:
    """Raises what it is told to, in one way or the other."""

    def __init__(self, error: BaseException) -> None:
        self.error = error

    @impl
    def dnsbl_notify(self) -> None:
        raise self.error


class RaisingLater(Raising):
    """The same, of a coroutine."""

    @impl
    async def dnsbl_notify(self) -> None:
        await asyncio.sleep(0)
        raise self.error


@pytest.mark.parametrize("kind", [Raising, RaisingLater])
@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ValueError("no\nway"), "raised ValueError: no way"),
        (SystemExit(3), "raised BrokenCallError: SystemExit: 3"),
        (KeyboardInterrupt(), "raised BrokenCallError: KeyboardInterrupt:"),
        (TimeoutError("slow"), "raised TimeoutError: slow"),
        (asyncio.CancelledError(), ""),
        (MemoryError(), "raised MemoryError:"),
        (RecursionError("deep"), "raised RecursionError: deep"),
    ],
)
async def test_an_exception_is_a_failure(
    opened: Opened, kind: type[Raising], error: BaseException, said: str
) -> None:
    """Whatever it is: it ends neither the portal nor its event loop, and one line tells it."""
    reply = await opened(kind(error)).send(MESSAGE)

    assert reply.kind == "failed"
    assert reply.detail.startswith(said)
    assert reply.detail.isprintable()


async def test_stop_iteration_is_a_failure_too(opened: Opened) -> None:
    """No future may hold that one."""
    assert (await opened(Raising(StopIteration())).send(MESSAGE)).kind == "failed"


async def test_a_call_that_hangs_is_left_to_itself(opened: Opened) -> None:
    """At the end of its time the reply is there, and the loop ran all the while."""
    release = threading.Event()

    class Hanging:
        @impl
        def dnsbl_notify(self) -> None:
            release.wait(60)

    hook = opened(Hanging(), timeout_s=1)
    sending = asyncio.create_task(hook.send(MESSAGE))
    turns = 0
    while not sending.done():
        await asyncio.sleep(0.01)
        turns += 1
    release.set()

    assert await sending == Reply("failed", "did not return within 1 s")
    assert turns > 5


async def test_calls_that_hang_do_not_pile_up(opened: Opened) -> None:
    """Only so many threads hang; once they return, the plugin is called again."""
    release = threading.Event()
    calls: list[int] = []

    class Hanging:
        @impl
        def dnsbl_notify(self) -> None:
            calls.append(1)
            release.wait(60)

    hook = opened(Hanging(), timeout_s=1)
    replies = await asyncio.gather(*(hook.send(MESSAGE) for _ in range(CALLS_MAX + 4)))
    called = len(calls)
    release.set()
    again = await hook.send(MESSAGE)

    assert {reply.detail for reply in replies} == {"did not return within 1 s"}
    assert called == CALLS_MAX
    assert again == DONE


async def test_a_hanging_thread_is_a_daemon(opened: Opened) -> None:
    """The end of the process does not wait for it."""
    release = threading.Event()

    class Hanging:
        @impl
        def dnsbl_notify(self) -> None:
            release.wait(60)

    await opened(Hanging(), timeout_s=0).send(MESSAGE)
    await asyncio.sleep(0)
    hanging = [thread for thread in threading.enumerate() if thread.name == "hook-mine"]
    daemons = [thread.daemon for thread in hanging]
    release.set()

    assert False not in daemons


async def test_a_coroutine_that_will_not_be_cancelled_delays_nobody(opened: Opened) -> None:
    """It is asked to end, and not waited for."""
    release = asyncio.Event()

    class Stubborn:
        @impl
        async def dnsbl_notify(self) -> None:
            while not release.is_set():
                try:
                    await release.wait()
                except asyncio.CancelledError:
                    continue

    begun = time.monotonic()
    reply = await opened(Stubborn(), timeout_s=1).send(MESSAGE)
    took_s = time.monotonic() - begun
    release.set()

    assert reply == Reply("failed", "did not return within 1 s")
    assert took_s < 10


async def test_what_a_left_call_raises_is_nobodys_business(
    opened: Opened, caplog: pytest.LogCaptureFixture
) -> None:
    """An exception that comes too late is not complained about in the log."""
    release = asyncio.Event()
    ended = asyncio.Event()

    class Late:
        @impl
        async def dnsbl_notify(self) -> None:
            try:
                await release.wait()
            except asyncio.CancelledError:
                raise ValueError("late") from None
            finally:
                ended.set()

    await opened(Late(), timeout_s=1).send(MESSAGE)
    async with asyncio.timeout(30):
        await ended.wait()
    await asyncio.sleep(0)
    gc.collect()

    assert caplog.messages == []


@pytest.mark.parametrize(
    ("implementation", "said"),
    [
        (object(), "does not implement dnsbl_notify"),
        (None, "does not implement dnsbl_notify"),
        (lambda: None, "does not implement dnsbl_notify"),
        (type("Deciding", (), {"dnsbl_decide": impl(lambda self, case: None)})(),  # noqa: ARG005
         "does not implement dnsbl_notify"),
        (type("Misspelt", (), {"dnsbl_notfy": impl(lambda self, event: None)})(),  # noqa: ARG005
         "is no plugin for dnsbl: unknown hook 'dnsbl_notfy'"),
        (type("Wanting", (), {"dnsbl_notify": impl(lambda self, happening: None)})(),  # noqa: ARG005
         "is no plugin for dnsbl: Plugin 'mine' for hook 'dnsbl_notify'"),
        (type("Broken", (), {"__init__": lambda self: 1 / 0}),  # noqa: ARG005
         "cannot be loaded: ZeroDivisionError: division by zero"),
        (type("Nosy", (), {"__getattribute__": lambda self, name: 1 / 0}),  # noqa: ARG005
         "is no plugin for dnsbl: "),
    ],
)  # fmt: skip
async def test_what_is_no_plugin_fails_each_time(
    opened: Opened, implementation: object, said: str
) -> None:
    """It implements nothing, misspells it, or breaks when it is made: the reply says so."""
    hook = opened(implementation)

    replies = [await hook.send(MESSAGE), await hook.send(MESSAGE)]

    assert {reply.kind for reply in replies} == {"failed"}
    assert said in replies[1].detail


@pytest.mark.parametrize(
    ("plugin", "said"),
    [
        ("no_such_module:made", "cannot be loaded: ModuleNotFoundError: No module named"),
        ("api.hooks:made", "cannot be loaded: AttributeError: module 'api.hooks' has no"),
        ("no-such-entry", "is no entry point, or several, of the group dnsbl.hooks"),
    ],
)
async def test_what_cannot_be_loaded_is_told_at_once(
    plugin: str, said: str, log: list[EventDict]
) -> None:
    """The log has it at the start; whoever uses the hook hears it as well."""
    hook = open_transport(HookConfig("mine", "notify", PluginTarget(plugin)))

    reply = await hook.send(MESSAGE)

    assert reply.kind == "failed"
    assert said in reply.detail
    assert [(event["event"], event["hook"]) for event in log] == [("hook_unusable", "mine")]


async def test_a_module_that_wants_to_exit_does_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a module does when it is imported is its own failure."""
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "exiting_plugin.py").write_text("raise SystemExit(1)\n")
    hook = PluginTransport(
        HookConfig("mine", "notify", PluginTarget("exiting_plugin:made")),
        PluginTarget("exiting_plugin:made"),
    )

    assert "cannot be loaded: SystemExit: 1" in (await hook.send(MESSAGE)).detail


async def test_an_entry_point_is_found_by_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a package that is installed declares it, in the group dnsbl.hooks."""
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "acme_plugin.py").write_text(
        "import pluggy\nimpl = pluggy.HookimplMarker('dnsbl')\ntold = []\n"
        "class Hook:\n    @impl\n    def dnsbl_notify(self, event):\n        told.append(event)\n"
    )
    information = tmp_path / "acme-1.0.dist-info"
    information.mkdir()
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: acme\nVersion: 1.0\n")
    (information / "entry_points.txt").write_text("[dnsbl.hooks]\nacme = acme_plugin:Hook\n")
    importlib.invalidate_caches()
    hook = open_transport(HookConfig("mine", "notify", PluginTarget("acme")))

    assert await hook.send(MESSAGE) == DONE
    assert [event.kind for event in sys.modules["acme_plugin"].told] == ["listing.added"]


async def test_deciding_raises_what_went_wrong(opened: Opened) -> None:
    """Whoever asks for a decision gets an error with a sentence."""

    class Deciding:
        @impl
        def dnsbl_decide(self, case: object) -> object:
            raise LookupError(str(case))

    hook = opened(Deciding(), on="decide")

    with pytest.raises(PluginError, match="raised LookupError: a case"):
        await hook.decide("a case")  # type: ignore[arg-type]
