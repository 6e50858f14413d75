"""Two implementations, one test-suite: what the twins are called, and that both are there.

Where there is no compiler the compiled twins are skipped; in CI that has one,
they must have been built.
"""

from __future__ import annotations

import importlib
import os
import shutil
from collections.abc import Callable, Iterable
from types import ModuleType

import pytest

from dnsbl.zone.twin import AnyRadix

RADIXES = ("pure", "compiled")


def compiled(name: str) -> ModuleType:
    """The compiled module of that name; skips the test where it was not built."""
    try:
        module = importlib.import_module(f"dnsbl.native.{name}")
    except ImportError:
        assert not (os.environ.get("CI") and shutil.which("cc")), "was not built, with a compiler"
        pytest.skip("no compiled twin was built")
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
