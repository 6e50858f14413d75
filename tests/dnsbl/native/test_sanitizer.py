"""Under `make sanitize`: that what is tested is what was instrumented."""

from __future__ import annotations

import ctypes
import importlib
import os
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[3]
MODULES = sorted(source.stem for source in (PROJECT / "dnsbl" / "native").glob("*.pyx"))

pytestmark = pytest.mark.skipif(
    "DNSBL_SANITIZED" not in os.environ, reason="make sanitize runs this"
)


def test_the_runtimes_are_loaded() -> None:
    """Before anything else, so that every allocation is theirs."""
    program = ctypes.CDLL(None)

    assert hasattr(program, "__asan_init")
    assert hasattr(program, "__ubsan_handle_shift_out_of_bounds")
    assert os.environ["PYTHONMALLOC"] == "malloc"


@pytest.mark.parametrize("name", MODULES)
def test_every_module_is_instrumented(name: str) -> None:
    """And is the one that was built beside these tests, not the one that is installed."""
    file = importlib.import_module(f"dnsbl.native.{name}").__file__
    assert file is not None
    octets = Path(file).read_bytes()

    assert Path(file).parent == PROJECT / "dnsbl" / "native"
    assert b"__asan_report_" in octets
    assert b"__ubsan_handle_" in octets
