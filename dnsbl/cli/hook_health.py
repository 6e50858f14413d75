"""What `check` finds about hooks: those that cannot work as they are configured.

Nothing is sent, run or looked up; `dnsbl hooks test` does that.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from dnsbl.cli.finding import Finding
from dnsbl.config import Config, HookConfig, HttpTarget, PluginTarget, ProgramTarget
from dnsbl.config.secret import SecretError, read_secret

ENTRY_POINTS: Final = "dnsbl.hooks"
INTERPRETER_OCTETS_MAX: Final = 256  # execve(2): a first line is no longer


def findings(config: Config) -> Iterator[Finding]:
    """One finding for each hook, the worst of it."""
    for hook in config.hooks:
        yield _finding(hook)


def _finding(hook: HookConfig) -> Finding:
    subject = f"hook {hook.name}"
    match hook.target:
        case HttpTarget() as target:
            return _http_finding(subject, target)
        case ProgramTarget() as target:
            return _program_finding(subject, target.program)
        case PluginTarget() as target:
            return _plugin_finding(subject, target.plugin)


def _http_finding(subject: str, target: HttpTarget) -> Finding:
    open_to_others: list[Path] = []
    for file in target.secret_files:
        try:
            read_secret(file)
            if file.stat().st_mode & (stat.S_IRWXO | stat.S_IWGRP):
                open_to_others.append(file)
        except SecretError as error:
            return Finding(subject, "error", f"messages cannot be signed: {error}")
        except OSError as error:
            return Finding(subject, "error", f"{file}: cannot be read: {error.strerror}")
    if open_to_others:
        detail = f"{open_to_others[0]} is open to other users; chmod 600 closes it"
        return Finding(subject, "warning", detail)
    return Finding(subject, "ok", f"by HTTP to {target.url}")


def _program_finding(subject: str, program: Path) -> Finding:
    try:
        mode = program.stat().st_mode
        with program.open("rb") as stream:
            first = stream.read(INTERPRETER_OCTETS_MAX)
    except PermissionError:
        first = b""  # one may be run that cannot be read; the next question tells
        mode = stat.S_IFREG
    except OSError as error:
        return Finding(subject, "error", f"{program} cannot be run: {error.strerror}")
    if not stat.S_ISREG(mode) or not os.access(program, os.X_OK):
        return Finding(subject, "error", f"{program} cannot be run; chmod +x makes it executable")
    words = first.partition(b"\n")[0].removeprefix(b"#!").split()
    if first.startswith(b"#!") and not (words and os.access(os.fsdecode(words[0]), os.X_OK)):
        detail = f"{program} cannot be run: its first line names no program that is there"
        return Finding(subject, "error", detail)
    if mode & stat.S_IWOTH:
        detail = f"{program} may be changed by other users; chmod o-w closes it"
        return Finding(subject, "warning", detail)
    return Finding(subject, "ok", f"runs {program}")


def _plugin_finding(subject: str, plugin: str) -> Finding:
    module, colon, _ = plugin.partition(":")
    if not colon:
        count = len(importlib.metadata.entry_points(group=ENTRY_POINTS, name=plugin))
        if count != 1:
            found = "several packages declare" if count else "no installed package declares"
            detail = f"{found} an entry point {plugin} of the group {ENTRY_POINTS}"
            return Finding(subject, "error", detail)
        return Finding(subject, "ok", f"is the entry point {plugin}")
    try:
        spec = importlib.util.find_spec(module)
    except Exception as error:  # noqa: BLE001  # it imports the packages around, which may do anything
        return Finding(subject, "error", f"{module} cannot be found: {error}")
    if spec is None:
        return Finding(subject, "error", f"there is no module {module}; is it installed here?")
    return Finding(subject, "ok", f"is {plugin}")
