"""A hook that is Python: an object of the operator's, called through pluggy.

What it may do wrong stays with it: an exception, a call that never returns, a
return value that is none. The one thing that nobody can guard against is a
coroutine that blocks the event loop.
"""

from __future__ import annotations

import asyncio
import functools
import importlib
import importlib.metadata
import inspect
import json
from collections.abc import Awaitable
from typing import Final, Literal

import pluggy

from api.hooks.calls import BrokenCallError, Calls
from api.hooks.message import Message, Reply, one_line
from api.hooks.spec import ENTRY_POINTS, PROJECT, Event, Hooks
from dnsbl.config import HookConfig, PluginTarget
from dnsbl.delist.case import Case
from dnsbl.errors import DnsblError

HookName = Literal["dnsbl_decide", "dnsbl_notify"]

_IMPLEMENTED: Final[dict[str, HookName]] = {"decide": "dnsbl_decide", "notify": "dnsbl_notify"}


class PluginError(DnsblError):
    """A plugin that cannot be loaded, broke, or was late."""


class Plugin:
    """An object behind pluggy. Raises PluginError where it implements nothing of what is wanted."""

    def __init__(self, name: str, implementation: object, wanted: HookName) -> None:
        self._manager = pluggy.PluginManager(PROJECT)
        self._manager.add_hookspecs(Hooks)
        try:
            self._manager.register(implementation, name)
            self._manager.check_pending()
        except Exception as error:  # pluggy looks at each attribute, which may do anything
            raise PluginError(f"is no plugin for dnsbl: {error}") from error
        if not getattr(self._manager.hook, wanted).get_hookimpls():
            raise PluginError(f"does not implement {wanted}")

    def decide(self, case: Case) -> list[object]:
        """What its implementations return, awaitables among it. Whatever they raise is raised."""
        returned: list[object] = self._manager.hook.dnsbl_decide(case=case)
        return returned

    def notify(self, event: Event) -> list[object]:
        """The same, of an event."""
        returned: list[object] = self._manager.hook.dnsbl_notify(event=event)
        return returned


class PluginTransport:
    """A configured plugin, loaded at once; what keeps it from being so is told at each use."""

    def __init__(self, hook: HookConfig, target: PluginTarget) -> None:
        self._timeout_s = hook.timeout_s
        self._calls = Calls(f"hook-{hook.name}")
        self._abandoned: set[asyncio.Task[object]] = set()
        self._plugin: Plugin | None = None
        self.fault = ""
        try:
            self._plugin = Plugin(hook.name, _load(target.plugin), _IMPLEMENTED[hook.on])
        except PluginError as error:
            self.fault = one_line(f"{target.plugin} {error}")

    async def decide(self, case: Case) -> list[object]:
        """What it returned for a case. Raises PluginError."""
        return await self._within(functools.partial(self._loaded().decide, case))

    async def send(self, message: Message) -> Reply:
        """Tells it of an event."""
        try:
            event = _event(message)
            await self._within(functools.partial(self._loaded().notify, event))
        except PluginError as error:
            return Reply("failed", one_line(str(error)))
        return Reply("done")

    async def close(self) -> None:
        """Gives up on what is still under way."""
        for task in self._abandoned:
            task.cancel()

    def _loaded(self) -> Plugin:
        if self._plugin is None:
            raise PluginError(self.fault)
        return self._plugin

    async def _within(self, call: functools.partial[list[object]]) -> list[object]:
        """Calls it in a thread, awaits what is to be awaited, both together within the time."""
        task: asyncio.Task[list[object]] = asyncio.create_task(self._called(call))
        try:
            # Not asyncio.timeout: a coroutine may ignore being cancelled.
            done, _ = await asyncio.wait({task}, timeout=self._timeout_s)
        except asyncio.CancelledError:
            self._abandon(task)
            raise
        if not done:
            self._abandon(task)
            raise PluginError(f"did not return within {self._timeout_s} s")
        try:
            return task.result()
        except asyncio.CancelledError:
            raise PluginError("cancelled itself") from None
        except Exception as error:
            raise PluginError(f"raised {type(error).__name__}: {error}") from error

    async def _called(self, call: functools.partial[list[object]]) -> list[object]:
        returned = await self._calls.run(call)
        return [await _kept(value) if inspect.isawaitable(value) else value for value in returned]

    def _abandon(self, task: asyncio.Task[list[object]]) -> None:
        task.cancel()
        self._abandoned.add(task)
        task.add_done_callback(self._forget)

    def _forget(self, task: asyncio.Task[list[object]]) -> None:
        self._abandoned.discard(task)
        if not task.cancelled():
            task.exception()  # taken note of, so that nobody complains that nobody did


async def _kept(awaitable: Awaitable[object]) -> object:
    """Awaits; what would end the process ends the call."""
    try:
        return await awaitable
    except (SystemExit, KeyboardInterrupt, GeneratorExit) as error:
        raise BrokenCallError(f"{type(error).__name__}: {error}") from None


def _event(message: Message) -> Event:
    payload = json.loads(message.body)
    return Event(message.uid, payload["type"], message.at, message.attempt, payload["data"])


def _load(name: str) -> object:
    """The object that a configuration names. Raises PluginError; importing may raise anything."""
    try:
        if ":" not in name:
            (entry,) = importlib.metadata.entry_points(group=ENTRY_POINTS, name=name)
            loaded: object = entry.load()
        else:
            module, _, attribute = name.partition(":")
            loaded = getattr(importlib.import_module(module), attribute)
        return loaded() if inspect.isclass(loaded) else loaded
    except ValueError:
        raise PluginError(f"is no entry point, or several, of the group {ENTRY_POINTS}") from None
    except (Exception, SystemExit) as error:
        raise PluginError(f"cannot be loaded: {type(error).__name__}: {error}") from error
