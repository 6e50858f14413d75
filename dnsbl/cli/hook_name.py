"""The hook that a command names, and the line that it leaves in the audit."""

from __future__ import annotations

import click

from dnsbl.cli import options
from dnsbl.config import Config, HookConfig
from dnsbl.errors import DnsblError
from dnsbl.store import audit
from dnsbl.store import hooks as hook_states
from dnsbl.store.audit import Act
from dnsbl.store.database import Database


class NoHookError(DnsblError):
    """A hook, or a delivery of one, that is not there."""


def name_argument(function: options.F) -> options.F:
    """`NAME`, passed as `name`."""
    return click.argument("name", metavar="NAME")(function)


def configured(config: Config, name: str) -> HookConfig:
    """The hook of that name. Raises NoHookError."""
    found = next((hook for hook in config.hooks if hook.name == name), None)
    if found is None:
        raise NoHookError(_none(config, name))
    return found


def check_known(config: Config, database: Database, name: str) -> None:
    """Raises NoHookError for the name of a hook that never was."""
    if name not in {hook.name for hook in config.hooks} | hook_states.states(database).keys():
        raise NoHookError(_none(config, name))


def record(database: Database, act: str, name: str, now: int, note: str = "") -> None:
    """Notes what the command did to a hook."""
    audit.record(database, [Act(now, options.actor(), act, note=f"{name}{note}")])


def _none(config: Config, name: str) -> str:
    names = ", ".join(hook.name for hook in config.hooks) or "none at all"
    return f"there is no hook {name} in {config.file.name}; there is {names}"
