"""[hooks.NAME] of dnsbl.toml: whom the portal asks before a delisting, and whom it tells after."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, TypeAlias, cast, get_args
from urllib.parse import urlsplit

from dnsbl.config.destination import is_public
from dnsbl.config.toml import ConfigError, Table
from dnsbl.config.zonefile import ZoneConfig

HookRole: TypeAlias = Literal["decide", "notify"]
HookOnError: TypeAlias = Literal["review", "accept", "refuse"]

# What hooks are told of. "hook.test" goes to the one hook that an operator tries out.
EVENT_KINDS: Final = (
    "delist.requested", "delist.mail_sent", "delist.mail_failed", "delist.confirmed",
    "delist.completed", "delist.refused", "delist.review_needed", "delist.cancelled",
    "listing.added", "listing.removed", "listing.expired", "listing.relisted",
    "exclusion.added", "exclusion.removed",
)  # fmt: skip
TEST_EVENT: Final = "hook.test"

HOOKS_MAX: Final = 32
SECRETS_MAX: Final = 8  # the one in use, the one before it, and whoever is slow
PROGRAM_WORDS_MAX: Final = 64
URL_CHARS_MAX: Final = 500
TIMEOUT_S_MAX: Final = 60
# A visitor waits for decisions. DELISTING.md gives them two seconds.
DECIDE_TIMEOUT_S_DEFAULT: Final = 2
DECIDE_TIMEOUT_S_MAX: Final = 10
NOTIFY_TIMEOUT_S_DEFAULT: Final = 15

_HOOK_NAME = re.compile(r"[a-z][a-z0-9_-]{0,31}", re.ASCII)
_OBJECT = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*", re.ASCII)
_ENTRY_POINT = re.compile(r"[A-Za-z0-9_][\w.-]{0,63}", re.ASCII)


@dataclass(frozen=True, slots=True)
class HttpTarget:
    """A web server that takes signed messages. Each secret file signs; addresses are public."""

    url: str
    secret_files: tuple[Path, ...]
    allow_private: bool = False


@dataclass(frozen=True, slots=True)
class ProgramTarget:
    """A program with its arguments, run for each message, without a shell."""

    program: Path
    arguments: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PluginTarget:
    """A Python object, `package.module:object`, or an entry point of the group `dnsbl.hooks`."""

    plugin: str


@dataclass(frozen=True, slots=True)
class HookConfig:
    """Something of the operator's that decides about delistings, or is told what happened.

    Empty ``zones`` and ``categories`` mean all. ``events`` are kinds, or patterns
    such as `delist.*`, of one that is told. ``on_error`` is what counts as the
    decision of one that gave none. ``timeout_s`` is for one message.
    """

    name: str
    on: HookRole
    target: HttpTarget | ProgramTarget | PluginTarget
    events: tuple[str, ...] = ("*",)
    zones: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    mailbox: bool = False
    timeout_s: int = NOTIFY_TIMEOUT_S_DEFAULT
    on_error: HookOnError = "review"
    dry_run: bool = False

    def covers(self, zone: str, category: str) -> bool:
        """Whether the hook is for listings there. What is of no zone or category, "", is for all.

        A request as a whole is of no zone, for instance.
        """
        return (not zone or not self.zones or zone in self.zones) and (
            not category or not self.categories or category in self.categories
        )

    def wants(self, kind: str, zone: str = "", category: str = "") -> bool:
        """Whether the hook is told of an event of that kind there."""
        return (
            self.on == "notify"
            and any(fnmatch.fnmatchcase(kind, pattern) for pattern in self.events)
            and self.covers(zone, category)
        )


def read_hooks(table: Table, zones: Sequence[ZoneConfig]) -> tuple[HookConfig, ...]:
    """The tables [hooks.NAME], in the order of the file. Raises ConfigError."""
    names = table.keys()
    if len(names) > HOOKS_MAX:
        raise ConfigError(f"{table.file}: {table.name}: expected at most {HOOKS_MAX} hooks")
    return tuple(_read_hook(name, table.table(name), zones) for name in names)


def _read_hook(name: str, table: Table, zones: Sequence[ZoneConfig]) -> HookConfig:
    if not _HOOK_NAME.fullmatch(name):
        raise ConfigError(
            f"{table.file}: {table.name}: a hook's name has 1 to 32 lower-case letters, "
            "digits, hyphens or underscores, and begins with a letter"
        )
    role = cast("HookRole", table.choice("on", None, get_args(HookRole)))
    target = _read_target(table)
    chosen = _read_zones(table, zones)
    default_s = DECIDE_TIMEOUT_S_DEFAULT if role == "decide" else NOTIFY_TIMEOUT_S_DEFAULT
    hook = HookConfig(
        name=name,
        on=role,
        target=target,
        events=_read_events(table),
        zones=chosen,
        categories=_read_categories(table, zones, chosen),
        mailbox=table.flag("mailbox", default=False),
        timeout_s=table.whole("timeout_s", default_s, "seconds", 1, TIMEOUT_S_MAX),
        on_error=cast("HookOnError", table.choice("on_error", "review", get_args(HookOnError))),
        dry_run=table.flag("dry_run", default=False),
    )
    table.finish()
    if role == "decide" and hook.timeout_s > DECIDE_TIMEOUT_S_MAX:
        raise table.refuse(
            "timeout_s", f"at most {DECIDE_TIMEOUT_S_MAX} seconds, since a visitor waits for it"
        )
    if role == "decide":
        _only(table, ("events",), 'on = "notify"; a hook that decides is asked at each delisting')
    else:
        _only(table, ("on_error", "dry_run"), 'on = "decide"; nothing waits for one that is told')
    return hook


def _only(table: Table, keys: Collection[str], with_what: str) -> None:
    """Refuses keys that say nothing beside the others of their hook."""
    for key in keys:
        if key in table.keys():  # noqa: SIM118  # it is no dict
            raise ConfigError(f"{table.file}: {table.key_name(key)}: goes with {with_what}")


def _read_target(table: Table) -> HttpTarget | ProgramTarget | PluginTarget:
    """Exactly one of the three; all their keys are asked for, so that each is a known one."""
    folder = table.file.parent
    expected = "a web address that begins with https://"
    url = table.parsed("url", "", expected, _parse_url)
    secret_files = table.texts("secret_files", [], "a list of files with a secret each")
    allow_private = table.flag("allow_private", default=False)
    expected = "a program and its arguments, each a text"
    program = table.parsed_each("program", [], expected, _parse_word)
    expected = "package.module:object, or the name of an entry point of the group dnsbl.hooks"
    plugin = table.parsed("plugin", "", expected, _parse_plugin)
    given = [key for key in ("url", "program", "plugin") if key in table.keys()]  # noqa: SIM118
    if len(given) != 1:
        raise ConfigError(
            f"{table.file}: {table.name}: expected one of url, program and plugin, "
            f"got {' and '.join(given) or 'none'}"
        )
    if given != ["url"]:
        _only(table, ("secret_files", "allow_private"), "url")
    match given[0]:
        case "program":
            if not program or not program[0] or len(program) > PROGRAM_WORDS_MAX:
                expected = f"a program and its arguments, 1 to {PROGRAM_WORDS_MAX} texts"
                raise table.refuse("program", expected)
            return ProgramTarget(folder / program[0], program[1:])
        case "plugin":
            if not plugin:
                raise table.refuse("plugin", expected)
            return PluginTarget(plugin)
    if not url or (url.startswith("http:") and not allow_private):
        expected = "a web address that begins with https://, or allow_private = true with it"
        raise table.refuse("url", expected)
    if not allow_private and _is_literal_private(url):
        raise table.refuse("url", "a public address, or allow_private = true with it")
    if not 1 <= len(secret_files) <= SECRETS_MAX or not all(secret_files):
        expected = f"a list of 1 to {SECRETS_MAX} files, with a secret that signs in each"
        raise table.refuse("secret_files", expected)
    return HttpTarget(url, tuple(folder / file for file in secret_files), allow_private)


def _parse_url(text: str) -> str:
    if not text:
        return ""
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("it does not begin with https:// and a host")
    if not text.isascii() or not text.isprintable() or " " in text or len(text) > URL_CHARS_MAX:
        raise ValueError(f"it has other than ASCII, a space, or over {URL_CHARS_MAX} characters")
    if "@" in parts.netloc or parts.fragment:
        raise ValueError("it has a user name or a #fragment; signatures show who sends")
    if parts.port == 0:  # a port beyond 65535 is a ValueError already
        raise ValueError("the port is not from 1 to 65535")
    return text


def _is_literal_private(url: str) -> bool:
    """Whether its host is an address that is not public. What names lead to shows later."""
    try:
        return not is_public(urlsplit(url).hostname or "")
    except ValueError:
        return False


def _parse_word(text: str) -> str:
    if "\0" in text:
        raise ValueError("it has a NUL")
    return text


def _parse_plugin(text: str) -> str:
    if text and not (_OBJECT.fullmatch(text) or _ENTRY_POINT.fullmatch(text)):
        raise ValueError("it is neither")
    return text


def _read_events(table: Table) -> tuple[str, ...]:
    def event(pattern: str) -> str:
        if not re.fullmatch(r"[a-z_.*]{1,40}", pattern):
            raise ValueError("it has other than lower-case letters, dots, underscores and stars")
        if not fnmatch.filter(EVENT_KINDS, pattern):
            raise ValueError(f"nothing is called that; there are {', '.join(EVENT_KINDS)}")
        return pattern

    expected = 'a list of events such as "delist.*" or "listing.added"'
    events = table.parsed_each("events", ["*"], expected, event)
    if not events:
        raise table.refuse("events", f"{expected}, one or more")
    return events


def _read_zones(table: Table, zones: Sequence[ZoneConfig]) -> tuple[str, ...]:
    origins = [zone.origin for zone in zones]

    def origin(text: str) -> str:
        if text not in origins:
            raise ValueError(f"there is no such zone; there are {', '.join(origins)}")
        return text

    return table.parsed_each("zones", [], "a list of zones' origins", origin)


def _read_categories(
    table: Table, zones: Sequence[ZoneConfig], chosen: tuple[str, ...]
) -> tuple[str, ...]:
    """Categories of the chosen zones, or of any."""
    names = sorted(
        {
            category.name
            for zone in zones
            if not chosen or zone.origin in chosen
            for category in zone.categories
        }
    )

    def category(text: str) -> str:
        if text not in names:
            raise ValueError(f"none of its zones has it; there are {', '.join(names)}")
        return text

    return table.parsed_each("categories", [], "a list of categories", category)
