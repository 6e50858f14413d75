"""The turn that the kernel gives a thread that answers: an ordinary one, or before all others.

On a machine that has more to do than processors, an ordinary thread waits for
its turn, for milliseconds; an answer takes microseconds. A thread of real-time
priority answers at once and then sleeps. Threads and processes that it starts
are ordinary ones again, so that neither the sidecar nor a bulk import is ahead
of anybody.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from typing import Final

import structlog

from dnsbl.config import Priority

# The lowest of the real-time priorities is ahead of all that have none, and behind the kernel's own
# threads. Linux leaves 5 % of the time to others whatever such a thread does (sched(7)).
REALTIME_PRIORITY: Final = 1


@contextlib.contextmanager
def prioritised(priority: Priority) -> Iterator[bool]:
    """Inside the block, the thread that entered it has that priority; gives whether it has.

    Where the system or its operator does not allow it, a warning is logged, and
    the thread stays an ordinary one.
    """
    if priority == "normal":
        yield True
        return
    try:
        before = os.sched_getscheduler(0), os.sched_getparam(0)
        # 0 is the calling thread.
        os.sched_setscheduler(
            0, os.SCHED_FIFO | os.SCHED_RESET_ON_FORK, os.sched_param(REALTIME_PRIORITY)
        )
    except (AttributeError, OSError) as error:  # not on every platform
        reason = error.strerror if isinstance(error, OSError) else "not on this system"
        structlog.get_logger().warning("priority_refused", priority=priority, error=reason)
        yield False
        return
    try:
        yield True
    finally:
        with contextlib.suppress(OSError):  # without CAP_SYS_NICE none gives up the reset on fork
            os.sched_setscheduler(0, before[0] | os.SCHED_RESET_ON_FORK, before[1])
