"""Two implementations, one test-suite: what the twins are called, and that both are there.

Where there is no compiler the compiled twins are skipped, and where ``DNSBL_PURE=1`` says so; in CI
that has a compiler they must have been built.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import shutil
from collections.abc import Callable, Iterable
from types import ModuleType

import pytest

from dnsbl import native
from dnsbl.server.counters import Counters
from dnsbl.server.respond import Responder
from dnsbl.zone.fast import fast_paths
from dnsbl.zone.twin import AnyRadix
from dnsbl.zone.zones import Zones

RADIXES = ("pure", "compiled")
SERVERS = RADIXES


def compiled(name: str) -> ModuleType:
    """The compiled module of that name; skips the test where it was not built, or not wanted."""
    if not native.wanted:
        pytest.skip("the compiled twin is not wanted")
    if importlib.util.find_spec(f"dnsbl.native.{name}") is None:
        assert not (os.environ.get("CI") and shutil.which("cc")), "was not built, with a compiler"
        pytest.skip("no compiled twin was built")
    module = importlib.import_module(
        f"dnsbl.native.{name}"
    )  # one that cannot be loaded is a failure
    assert module.__file__ is not None
    assert module.__file__.endswith(".so")
    return module


def radix(twin: str) -> Callable[[Iterable[str]], AnyRadix]:
    """The constructor of a twin of the radix."""
    module = (
        compiled("radix") if twin == "compiled" else importlib.import_module("dnsbl.zone.radix")
    )
    made: Callable[[Iterable[str]], AnyRadix] = module.Radix
    return made


def names(twin: str) -> Callable[[Iterable[str]], AnyRadix]:
    """The constructor of a twin of the table of names."""
    module = (
        compiled("names") if twin == "compiled" else importlib.import_module("dnsbl.zone.names")
    )
    made: Callable[[Iterable[str]], AnyRadix] = module.Names
    return made


def responders(twin: str, zones: Zones, count: int) -> list[Responder]:
    """So many that answer out of the same zones, each with a compiled path of its own or none."""
    if twin == "pure":
        return [Responder(zones, Counters()) for _ in range(count)]
    compiled("drain")
    paths = fast_paths(zones, count)
    assert None not in paths
    return [Responder(zones, Counters(), fast=fast) for fast in paths]


def responder(twin: str, zones: Zones) -> Responder:
    """One alone."""
    (one,) = responders(twin, zones, 1)
    return one
