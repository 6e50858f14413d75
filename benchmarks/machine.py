"""What the figures were measured on, and with which versions."""

from __future__ import annotations

import datetime as dt
import os
import platform
import re
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from benchmarks.programs import PROJECT, program


def _said(*command: str) -> str:
    """What a command says, on whichever of its outputs."""
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    return done.stdout + done.stderr


def _first(pattern: str, text: str) -> str:
    found = re.search(pattern, text, re.MULTILINE)
    return found[1].strip() if found else "unknown"


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "none"


def _git(*arguments: str) -> str:
    return _said("git", "-C", str(PROJECT), *arguments).strip()


def _radix() -> str:
    from dnsbl.zone.twin import COMPILED  # noqa: PLC0415  # where it stands may change

    return "compiled" if COMPILED else "pure Python"


def about() -> dict[str, str]:
    """A table's worth of facts."""
    memory_kb = int(_first(r"^MemTotal:\s+(\d+)", Path("/proc/meminfo").read_text()))
    changed = ", with changes" if _git("status", "--porcelain", "--", "dnsbl") else ""
    system = Path("/etc/os-release")
    return {
        "date": dt.datetime.now(dt.UTC).strftime("%Y-%m-%d"),
        "processor": _first(r"^model name\s*:(.*)$", Path("/proc/cpuinfo").read_text()),
        "processors": str(os.cpu_count()),
        "memory": f"{memory_kb / 1024**2:.0f} GiB",
        "system": _first(r'^PRETTY_NAME="(.*)"', system.read_text() if system.exists() else ""),
        "kernel": platform.release().split("-")[0],
        "Python": platform.python_version(),
        "uvloop": _version("uvloop"),
        "dnsbl": f"{_version('dnsbl')} ({_git('rev-parse', '--short', 'HEAD')}{changed})",
        "answer path": _radix(),
        "rbldnsd": _first(r"version (\S+ \(.*?\)|\S+)", _said(program("rbldnsd"), "-h")),
        "dnsperf": _first(r"Version (\S+)", _said(program("dnsperf"), "-h")),
        "C compiler": _first(r"^(.+)$", _said(program("cc"), "--version")),
    }
