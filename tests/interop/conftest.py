"""The product as its users meet it: real processes, real sockets, real tools."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from running import Running, run_dnsbl

Serve = Callable[..., Running]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Starts `dnsbl serve` and waits until it is ready; all are stopped at the end."""
    started: list[Running] = []

    def start(config_file: Path, command: str = "serve") -> Running:
        running = Running(config_file, command)
        started.append(running)
        running.wait_for("ready")
        return running

    yield start
    for running in started:
        if running.process.poll() is None:
            running.stop()


@pytest.fixture
def dnsbl() -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs a command of the operator's, given the configuration and its words."""
    return run_dnsbl


@pytest.fixture
def tool() -> Callable[[str], str]:
    """Finds a program of Debian's; where it is missing, a laptop skips the test and CI fails."""

    def find(name: str) -> str:
        path = shutil.which(name)
        if path is None and os.environ.get("CI"):
            pytest.fail(f"{name} is missing; .ci/run installs it")
        if path is None:
            pytest.skip(f"{name} is not installed")
        return path

    return find
