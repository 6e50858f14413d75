"""Under `make sanitize`: that what is tested is what was instrumented."""

from __future__ import annotations

import ctypes
import importlib
import os
import subprocess
import sys
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


HELD_TO_THE_END = """
import threading
from dnsbl.native.radix import Radix
from dnsbl.network import parse
from dnsbl.verdict import Entry

def hold():
    radix = Radix(["spam"])
    for text in ("192.0.2.0/24", "192.0.2.1/32", "2001:db8::/48"):
        radix.put(Entry(parse(text), "spam", excludes=False, expires_at=None))
    held.set()
    threading.Event().wait()

held = threading.Event()
threading.Thread(target=hold, daemon=True).start()
held.wait()
"""


def test_what_is_in_use_at_the_end_is_no_leak() -> None:
    """A thread that still has a radix when the process ends has not lost it."""
    ended = subprocess.run(
        [sys.executable, "-c", HELD_TO_THE_END], cwd=PROJECT, check=False, timeout=60
    )

    assert ended.returncode == 0
