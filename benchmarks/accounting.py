"""What a process used, by the kernel's own accounting: processor time and memory."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

US_PER_TICK: Final = 1_000_000 / os.sysconf("SC_CLK_TCK")
NS_PER_US: Final = 1000
KB_PER_MB: Final = 1024
_UTIME, _STIME = 11, 12  # places in /proc/PID/stat after the name, proc_pid_stat(5)


@dataclass(frozen=True, slots=True)
class Cpu:
    """Processor time in microseconds.

    The total is the scheduler's, exact to the nanosecond. Its parts are shared
    out by the kernel's clock tick, which looks at what runs a few hundred times
    a second: they need seconds to be right.
    """

    total_us: float
    user_us: float
    system_us: float

    def since(self, before: Cpu, queries: int) -> Cpu:
        """What was used since then for each of so many queries."""
        total = self.total_us - before.total_us
        user, system = self.user_us - before.user_us, self.system_us - before.system_us
        share = user / (user + system) if user + system else 0.0
        return Cpu(total / queries, total * share / queries, total * (1 - share) / queries)


def cpu(pid: int, proc: Path = Path("/proc")) -> Cpu:
    """What a process has used so far, in all its threads."""
    total_ns = sum(
        int(file.read_text().split()[0]) for file in (proc / str(pid)).glob("task/*/schedstat")
    )
    fields = (proc / str(pid) / "stat").read_text().rpartition(")")[2].split()
    user, system = (int(fields[place]) * US_PER_TICK for place in (_UTIME, _STIME))
    return Cpu(total_ns / NS_PER_US, user, system)


@dataclass(frozen=True, slots=True)
class Memory:
    """Resident memory in MB (of 2^20 octets): now, and the most there has been."""

    resident_mb: float
    peak_mb: float


def memory(pid: int, proc: Path = Path("/proc")) -> Memory:
    """What a process keeps in memory."""
    text = (proc / str(pid) / "status").read_text()

    def megabytes(name: str) -> float:
        found = re.search(rf"^{name}:\s+(\d+) kB$", text, re.MULTILINE)
        assert found is not None, f"no {name} for process {pid}"
        return int(found[1]) / KB_PER_MB

    return Memory(megabytes("VmRSS"), megabytes("VmHWM"))
