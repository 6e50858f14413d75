"""The product as its users meet it: real processes, real sockets, real tools."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

import pytest
from internet import EMPTY, KINDS, Internet, Plan
from keyed import ZONE_CONFIG, Keyed
from namespaces import namespace
from resolvers import unbound
from running import PROGRAM, Running, run_dnsbl

PLAN = Plan()
Serve = Callable[..., Running]

# Exim cannot be installed beside Postfix; .ci/run unpacks it there.
UNPACKED = Path(__file__).parent.parent.parent / "build" / "exim" / "usr" / "sbin"


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Starts `dnsbl serve` and waits until it is ready; all are stopped at the end."""
    started: list[Running] = []

    def start(
        config_file: Path, command: str = "serve", program: Sequence[str] = PROGRAM
    ) -> Running:
        running = Running(config_file, command, program)
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


@pytest.fixture(scope="session")
def tool() -> Callable[[str], str]:
    """Finds a program of Debian's; where it is missing, a laptop skips the test and CI fails."""

    def find(name: str) -> str:
        path = shutil.which(name, path=f"{os.environ['PATH']}{os.pathsep}{UNPACKED}")
        if path is None and os.environ.get("CI"):
            pytest.fail(f"{name} is missing; .ci/run installs it")
        if path is None:
            pytest.skip(f"{name} is not installed")
        return path

    return find


@pytest.fixture(scope="module")
def internet(
    tmp_path_factory: pytest.TempPathFactory, tool: Callable[[str], str]
) -> Iterator[Callable[..., Internet]]:
    """Makes a small internet."""
    for program in ("unshare", "nsenter", "ip", "named", "dnssec-keygen"):
        tool(program)
    with ExitStack() as stack:

        def make(plan: Plan = PLAN) -> Internet:
            folder = tmp_path_factory.mktemp("internet")
            made = stack.enter_context(namespace(folder / "mounts", EMPTY))
            internet = Internet(made, folder, plan)
            stack.callback(internet.close)
            return internet

        yield make


@pytest.fixture(scope="module")
def site(internet: Callable[..., Internet], tool: Callable[[str], str]) -> Callable[[], Internet]:
    """Makes an internet where mail servers find an Unbound that was told of the lists."""

    def make() -> Internet:
        tool("unbound")
        made = internet(Plan(origins=tuple(KINDS), hidden=True))
        unbound(made, told=True)
        made.until_answered("mx.example", "A")
        return made

    return make


@pytest.fixture
def keyed(internet: Callable[..., Internet], tool: Callable[[str], str]) -> Keyed:
    """An internet whose list wants a key, with an Unbound that was told of the list."""
    tool("unbound")
    made = internet(Plan(hidden=True, zone_config=ZONE_CONFIG))
    unbound(made, told=True)
    made.until_answered("mx.example", "A")
    return Keyed(made)
