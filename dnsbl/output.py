"""The end of standard output and standard error, which hold back a little of what is written."""

from __future__ import annotations

import contextlib
import os
from typing import TextIO


def finish(stream: TextIO | None) -> OSError | None:
    """Writes what a stream still holds; the error where that cannot be, as on a full disk.

    What could not be written is lost then. Left where it is, Python would try it
    again at the end, and make of a clean end a traceback and exit code 120.
    """
    if stream is None:  # closed before the process began
        return None
    try:
        stream.flush()
    except OSError as error:
        with contextlib.suppress(OSError):  # a stream that has no descriptor
            descriptor = stream.fileno()
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, descriptor)
            os.close(nowhere)
        return error
    return None
