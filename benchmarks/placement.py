"""Server and load on processors of their own.

Three threads, dnsperf's two and the server's, share the two processors of a
small machine. Left alone, the kernel now and then puts the server beside one of
them: it then waits its turn, finds many questions at once, and each costs it a
third less. Which happens is chance, and more than what servers differ by.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def apart(pid: int) -> Iterator[None]:
    """A process gets the last processor; this one, and what it starts meanwhile, all others.

    Nothing is moved where there is only one.
    """
    before = os.sched_getaffinity(0)
    *others, last = sorted(before)
    if not others:
        yield
        return
    for task in Path(f"/proc/{pid}/task").iterdir():
        os.sched_setaffinity(int(task.name), {last})
    os.sched_setaffinity(0, others)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)
