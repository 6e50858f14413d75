"""Which of two twins serves: the compiled radix and answer path where they can be loaded.

The two are the same to whoever uses them; tests run on both.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final, Protocol

from dnsbl import native
from dnsbl.config import ZoneConfig
from dnsbl.verdict import Entry
from dnsbl.zone import names as pure_names
from dnsbl.zone import radix as pure

_compiled: Callable[[Iterable[str]], AnyRadix] | None = None
_compiled_names: Callable[[Iterable[str]], AnyRadix] | None = None
_give_back: Callable[[], None] | None = None
_missing = f"{native.PURE_VARIABLE} asks for it"
if native.wanted:
    try:  # all of it: each part is optional to set-up
        for _part in ("answer", "drain", "gate", "image", "ratelimit"):
            importlib.import_module(f"dnsbl.native.{_part}")
        from dnsbl.native.holder import give_back as _give_back
        from dnsbl.native.names import Names as _CompiledNames
        from dnsbl.native.radix import Radix as _Compiled
    except ImportError as error:  # no compiler at set-up, or another Python since
        _missing = str(error)
    else:
        _compiled, _compiled_names, _missing = _Compiled, _CompiledNames, ""

COMPILED: Final = _compiled is not None
MISSING: Final = _missing  # why Python serves; empty where it does not


class AnyRadix(Protocol):
    """What `dnsbl.zone.radix.Radix` and `dnsbl.zone.names.Names` promise, whichever twin it is.

    A subject is a Network or a Name, whichever of the two the structure holds.
    """

    @property
    def categories(self) -> tuple[str, ...]:
        """The categories it knows."""

    def put(self, entry: Entry) -> None:
        """Adds an entry, or replaces it."""

    def discard(self, subject: Any, /, category: str, *, excludes: bool) -> bool:  # noqa: ANN401
        """Removes an entry; whether there was one."""

    def covering(self, subject: Any, /) -> list[Entry]:  # noqa: ANN401  # the class says why
        """The entries whose subject covers this one, in the order in which they decide."""

    def listed_below(self, subject: Any, /) -> bool:  # noqa: ANN401  # the same
        """Whether there is any listing of this network or inside it, or of a name below it."""

    def drop_expired(self, now: float, limit: int) -> int:
        """Takes out what has expired; how many."""

    def take(
        self,
        chunks: Iterable[bytes],
        *,
        excludes: bool,
        now: float,
        odd: Callable[[bytes], None],
    ) -> None:
        """Adds rows of the database."""

    def __len__(self) -> int: ...

    def __iter__(self) -> Iterator[Entry]:
        """Every entry; TypeError of a compiled table of names, which has only their hashes."""


def new_radix(categories: Iterable[str]) -> AnyRadix:
    """An empty radix of the twin that serves."""
    return pure.Radix(categories) if _compiled is None else _compiled(categories)


def new_names(categories: Iterable[str]) -> AnyRadix:
    """An empty table of names of the twin that serves."""
    return pure_names.Names(categories) if _compiled_names is None else _compiled_names(categories)


def give_back() -> None:
    """Gives the system back what a load left unused, where the compiled twin knows how."""
    if _give_back is not None:
        _give_back()


def new_store(config: ZoneConfig) -> AnyRadix:
    """What holds the listings of such a zone, empty, of the twin that serves."""
    new = new_names if config.lists == "names" else new_radix
    return new(category.name for category in config.categories)
