"""One sidecar per data directory: two of them would send every mail twice."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import Final

from dnsbl.errors import DnsblError

LOCK_NAME: Final = "portal.lock"


class LockedError(DnsblError):
    """Another sidecar works on this data directory, or the lock file cannot be made."""


class Lock:
    """A lock that the kernel lets go of when the process ends, however it ends."""

    def __init__(self, directory: Path) -> None:
        self._path = directory / LOCK_NAME
        self._descriptor: int | None = None

    def take(self) -> None:
        """Raises LockedError where another process holds it."""
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise LockedError(f"{self._path}: cannot be made: {error.strerror}") from None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            holder = os.read(descriptor, 20).decode("ascii", "replace").strip() or "unknown"
            os.close(descriptor)
            raise LockedError(
                f"{self._path}: another portal (process {holder}) works on this data directory; "
                "stop it first, or give this one a directory of its own"
            ) from None
        os.ftruncate(descriptor, 0)
        os.write(descriptor, f"{os.getpid()}\n".encode())
        self._descriptor = descriptor

    def release(self) -> None:
        """The file stays: who opened it meanwhile locks the very same one."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
