"""The way to a hook, whichever of the three it is."""

from __future__ import annotations

from typing import Protocol

import structlog

from api.hooks.http import HttpTransport
from api.hooks.message import Message, Reply
from api.hooks.plugin import PluginTransport
from api.hooks.program import ProgramTransport
from dnsbl.config import HookConfig, HttpTarget, PluginTarget, ProgramTarget


class Transport(Protocol):
    """One hook's way. Several messages may be under way at once."""

    async def send(self, message: Message) -> Reply:
        """Hands a message over and waits for the reply, for at most the hook's ``timeout_s``.

        Whatever a hook may do wrong is a Reply; nothing is raised for it.
        """

    async def close(self) -> None:
        """Lets go of what the way holds: connections, calls."""


def open_transport(hook: HookConfig) -> Transport:
    """The way to a hook, to be closed in the end. Nothing is sent yet; a plugin is loaded."""
    match hook.target:
        case HttpTarget() as target:
            return HttpTransport(hook, target)
        case ProgramTarget() as target:
            return ProgramTransport(hook, target)
        case PluginTarget() as target:
            return load_plugin(hook, target)


def load_plugin(hook: HookConfig, target: PluginTarget) -> PluginTransport:
    """The way to a plugin. One that cannot be loaded is told of, and fails whenever it is used."""
    transport = PluginTransport(hook, target)
    if transport.fault:
        structlog.get_logger().error("hook_unusable", hook=hook.name, detail=transport.fault)
    return transport
