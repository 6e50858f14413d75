"""The benchmarks themselves, on a list of a few hundred: whatever they need still fits together."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks import __main__ as run
from benchmarks import lists, probe, programs
from benchmarks.figures import Figures
from benchmarks.ports import free_port

TOOLS = ("cc", "dnsperf", "rbldnsd")


@pytest.fixture
def tools() -> None:
    """Skips where a peer or the load is not installed, but for CI."""
    for name in TOOLS:
        try:
            programs.program(name)
        except programs.MissingProgramError as error:
            if os.environ.get("CI"):
                raise
            pytest.skip(str(error))


@pytest.fixture
def echo(tools: None, tmp_path: Path) -> Iterator[int]:
    """A running echo's port."""
    del tools
    port = free_port()
    process = subprocess.Popen([programs.compiled("echo", tmp_path), str(port)])
    yield port
    process.terminate()
    assert process.wait(10) == 0


def test_the_probe_times_each_answer(echo: int, tmp_path: Path) -> None:
    """Against a server that answers all, none is lost, and all take longer than nothing."""
    question = b"\0\x0c" + bytes(12)
    (tmp_path / "questions").write_bytes(3 * question)
    time.sleep(0.1)  # the echo binds its port

    latency = probe.run(programs.compiled("probe", tmp_path), echo, tmp_path / "questions", 0.3)

    assert latency.lost == 0
    assert 0 < latency.median_us <= latency.p99_us


@pytest.fixture
def cache() -> Iterator[Path]:
    """A folder that rbldnsd can read under a user of its own, which root starts it as."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


@pytest.mark.long(12)
@pytest.mark.usefixtures("tools")
def test_a_run(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every peer is measured in every round, and every aim but that of a start from an image."""
    monkeypatch.setitem(lists.PLANS, "100k", lists.ListPlan("100k", 500))
    parts = "import,peers,start,commits,changes,added"
    chosen = run.options(
        ["--quick", "--seconds", "0.3", "--rounds", "1", "--only", parts, "--cache", str(cache)]
    )

    figures = run.measure(chosen)

    peers = [
        "echo", "echo, 2 workers", "rbldnsd ip4set", "rbldnsd ip4trie", "dnsbl", "dnsbl, 2 workers",
        "dnsbl, unpinned",
    ]  # fmt: skip
    assert peers == figures.peers("100k", "cpu_us")
    assert figures == Figures.load(cache / "figures.json")
    assert figures.spread("100k", "dnsbl", "importing_p99_us") is not None
    assert figures.spread("100k", "dnsbl", "commit_p99_ms") is not None
    assert figures.spread("100k", "dnsbl", "added_median_us") is not None


def test_a_missing_tool(monkeypatch: pytest.MonkeyPatch) -> None:
    """One sentence says which package to install."""
    monkeypatch.setattr(shutil, "which", lambda *_, **__: None)

    with pytest.raises(programs.MissingProgramError, match="Debian's package rbldnsd"):
        programs.program("rbldnsd")


def test_options() -> None:
    """Quick is the smallest list; all lists and parts otherwise; an unknown one ends with 2."""
    assert run.options(["--quick"]).lists == ["100k"]
    assert run.options([]).lists == ["100k", "1M", "10M", "policy"]
    assert run.options(["--only", "peers,start"]).only == ["peers", "start"]
    with pytest.raises(SystemExit) as ended:
        run.options(["--lists", "2M"])
    assert ended.value.code == 2
