"""Processor time and memory as /proc has them."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.accounting import Cpu, cpu, memory


@pytest.fixture
def proc(tmp_path: Path) -> Path:
    """A process 7 of two threads, whose name is awkward."""
    for thread, spent in ((7, 3_000_000), (8, 1_000_000)):
        folder = tmp_path / "7" / "task" / str(thread)
        folder.mkdir(parents=True)
        (folder / "schedstat").write_text(f"{spent} 5 6\n")
    fields = ["S", *map(str, range(1, 11)), "25", "75", *["0"] * 30]
    (tmp_path / "7" / "stat").write_text(f"7 (a) b) {' '.join(fields)}\n")
    (tmp_path / "7" / "status").write_text("Name:\tx\nVmHWM:\t 4096 kB\nVmRSS:\t 2048 kB\n")
    return tmp_path


def test_a_process_is_all_of_its_threads(proc: Path) -> None:
    """The scheduler's nanoseconds are added up; user and system are in clock ticks."""
    used = cpu(7, proc)

    assert used.total_us == 4000
    assert used.system_us == 3 * used.user_us > 0


def test_cost_of_a_query() -> None:
    """The exact total is shared out as the clock tick saw user and system."""
    used = Cpu(5000, 400, 700).since(Cpu(1000, 300, 400), queries=1000)

    assert used == Cpu(4.0, 1.0, 3.0)


def test_cost_of_what_no_tick_saw() -> None:
    """A process that no clock tick met has no user part."""
    assert Cpu(50, 0, 0).since(Cpu(0, 0, 0), queries=10) == Cpu(5.0, 0.0, 5.0)


def test_memory_of_a_process(proc: Path) -> None:
    """Now, and at most."""
    held = memory(7, proc)

    assert (held.resident_mb, held.peak_mb) == (2.0, 4.0)
