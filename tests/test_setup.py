"""Set-up with and without a compiler."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).parent.parent


def build(into: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """What set-up does with the extensions, into a folder of its own, without a compiler."""
    return subprocess.run(
        [sys.executable, "setup.py", "build_ext", "--build-lib", str(into / "lib"),
         "--build-temp", str(into / "temp")],
        cwd=PROJECT,
        env=os.environ | {"CC": str(into / "no-such-compiler")} | environment,
        capture_output=True,
        text=True,
        check=False,
    )  # fmt: skip


@pytest.mark.long(12)
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="nothing is compiled elsewhere")
def test_set_up_goes_on_without_a_compiler(tmp_path: Path) -> None:
    """It says what could not be built, and ends well."""
    done = build(tmp_path)

    assert done.returncode == 0, done.stderr
    assert "dnsbl.native.radix" in done.stderr
    assert list(tmp_path.glob("lib/**/*.so")) == []


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="nothing is compiled elsewhere")
def test_sanitizers_are_never_left_out(tmp_path: Path) -> None:
    """Where they are what is asked for, it is an error that nothing could be built."""
    assert build(tmp_path, DNSBL_SANITIZE="1").returncode != 0
