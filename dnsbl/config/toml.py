"""Reading one TOML table strictly: every key is known, every value of its type and in its bounds.

A wrong file is reported with its name, the key, what stands there and what was
expected; the first mistake ends the reading.
"""

from __future__ import annotations

import difflib
import json
import re
import tomllib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from dnsbl.errors import DnsblError

CONFIG_FILE_BYTES_MAX = 1 << 20  # a configuration of a mebibyte is a mistake
SHOWN_CHARS_MAX = 60  # of a value or a key, so that an error is one line of a terminal

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+", re.ASCII)

T = TypeVar("T")


class ConfigError(DnsblError):
    """A configuration file that cannot be used as it stands."""


class Table:
    """A TOML table whose keys are taken one by one; `finish` refuses what was not asked for.

    ``name`` is that of the table as an error shows it, empty for the top one.
    """

    def __init__(self, file: Path, values: dict[str, object], name: str = "") -> None:
        self.file = file
        self._values = values
        self.name = name
        self._asked: list[str] = []

    @classmethod
    def read(cls, file: Path) -> Table:
        """The top table of a file. Raises ConfigError where it is missing or not TOML."""
        try:
            with file.open("rb") as stream:
                text = stream.read(CONFIG_FILE_BYTES_MAX + 1)
        except OSError as error:
            raise ConfigError(f"{file}: cannot be read: {error.strerror}") from None
        if len(text) > CONFIG_FILE_BYTES_MAX:
            raise ConfigError(f"{file}: is larger than {CONFIG_FILE_BYTES_MAX} bytes")
        try:
            return cls(file, tomllib.loads(text.decode()))
        # ValueError: not UTF-8, not TOML, or a number of thousands of digits
        except (ValueError, RecursionError) as error:
            raise ConfigError(f"{file}: is not TOML: {error}") from None

    def key_name(self, key: str) -> str:
        """The key with the tables that it stands in, as an error names it."""
        shown = key if _BARE_KEY.fullmatch(key) else json.dumps(key)
        return f"{self.name}.{_cut(shown)}" if self.name else _cut(shown)

    def refuse(self, key: str, expected: str) -> ConfigError:
        """The error for a value that is not what was expected."""
        shown = _shown(self._values[key]) if key in self._values else "nothing"
        return ConfigError(f"{self.file}: {self.key_name(key)}: expected {expected}, got {shown}")

    def _take(self, key: str, default: T | None, kind: type[T], expected: str) -> T:
        self._asked.append(key)
        if key not in self._values:
            if default is None:
                raise ConfigError(
                    f"{self.file}: {self.key_name(key)}: is missing; expected {expected}"
                )
            return default
        value = self._values[key]
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            raise self.refuse(key, expected)
        return value

    def text(
        self, key: str, default: str | None = None, expected: str = "a text", chars_max: int = 1000
    ) -> str:
        """A text without control characters."""
        value = self._take(key, default, str, expected)
        if len(value) > chars_max or not (value == "" or value.isprintable()):
            raise self.refuse(key, f"{expected} of at most {chars_max} printable characters")
        return value

    def choice(self, key: str, default: str | None, choices: Sequence[str]) -> str:
        """One of a few words."""
        expected = "one of " + ", ".join(f'"{choice}"' for choice in choices)
        value = self._take(key, default, str, expected)
        if value not in choices:
            raise self.refuse(key, expected)
        return value

    def flag(self, key: str, *, default: bool) -> bool:
        """Yes or no."""
        return self._take(key, default, bool, "true or false")

    def whole(self, key: str, default: int | None, unit: str, least: int, most: int) -> int:
        """A whole number of a unit ("" where it has none), within bounds."""
        expected = f"a whole number{f' of {unit}' if unit else ''} from {least} to {most}"
        value = self._take(key, default, int, expected)
        if not least <= value <= most:
            raise self.refuse(key, expected)
        return value

    def texts(self, key: str, default: Sequence[str] | None, expected: str) -> tuple[str, ...]:
        """A list of texts."""
        value: list[object] = self._take(
            key, None if default is None else list(default), list, expected
        )
        words = tuple(item for item in value if isinstance(item, str))
        if len(words) != len(value):
            raise self.refuse(key, expected)
        return words

    def parsed(self, key: str, default: str | None, expected: str, parse: Callable[[str], T]) -> T:
        """A text that a function makes something of; its ValueError or DnsblError says why not."""
        value = self.text(key, default, expected)
        try:
            return parse(value)
        except (ValueError, DnsblError) as error:
            raise ConfigError(
                f"{self.file}: {self.key_name(key)}: expected {expected}, "
                f"got {_shown(value)}: {error}"
            ) from None

    def parsed_each(
        self, key: str, default: Sequence[str] | None, expected: str, parse: Callable[[str], T]
    ) -> tuple[T, ...]:
        """A list of such texts."""
        made: list[T] = []
        for value in self.texts(key, default, expected):
            try:
                made.append(parse(value))
            except (ValueError, DnsblError) as error:
                raise ConfigError(
                    f"{self.file}: {self.key_name(key)}: expected {expected}, "
                    f"got {_shown(value)}: {error}"
                ) from None
        return tuple(made)

    def table(self, key: str) -> Table:
        """A table inside this one, empty where it is left out."""
        value: dict[str, object] = self._take(key, {}, dict, f"a table [{self.key_name(key)}]")
        return Table(self.file, value, self.key_name(key))

    def tables(self, key: str) -> dict[str, Table]:
        """The named tables inside one, as in [category.spam]."""
        inner = self.table(key)
        return {name: inner.table(name) for name in inner._values}  # noqa: SLF001  # its own kind

    def keys(self) -> tuple[str, ...]:
        """The keys that stand there, where any may."""
        return tuple(self._values)

    def finish(self) -> None:
        """Refuses the first key that nothing asked for, and names the likeliest one meant."""
        for key in self._values:
            if key not in self._asked:
                near = difflib.get_close_matches(key, self._asked, n=1, cutoff=0.6)
                meant = f"did you mean {self.key_name(near[0])}?" if near else self._known()
                raise ConfigError(f"{self.file}: {self.key_name(key)}: is not a known key; {meant}")

    def _known(self) -> str:
        return "known here: " + ", ".join(self._asked)


def _shown(value: object) -> str:
    try:
        return _cut(repr(value))
    except ValueError:  # Python prints no number of thousands of digits
        return "a huge number"


def _cut(text: str) -> str:
    return text if len(text) <= SHOWN_CHARS_MAX else f"{text[:SHOWN_CHARS_MAX]}…"
