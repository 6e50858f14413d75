"""File descriptors: each connection takes one, and the database and the mail need some too."""

from __future__ import annotations

import contextlib
import resource
from typing import Final

_RESERVED: Final = 128  # for the database's files, mail, hooks, resolvers, and what Python opens


def allow(connections: int) -> None:
    """Lets the process open that many connections besides the rest, as far as the system permits.

    Shells and service managers give 1,024 descriptors to programs that did not
    ask, and permit far more to those that do.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = connections + _RESERVED
    if hard != resource.RLIM_INFINITY:
        wanted = min(wanted, hard)
    if soft not in (resource.RLIM_INFINITY, wanted) and soft < wanted:
        with contextlib.suppress(OSError, ValueError):  # then `connections_within` says fewer
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def connections_within(wanted: int) -> int:
    """How many of the wanted connections the process's limit leaves room for; at least one."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return wanted
    return max(1, min(wanted, soft - _RESERVED))
