"""What the HTTP server has to say, without what visitors wrote.

aiohttp logs a malformed request with its bytes, and those may hold a token. Here
it becomes an event that says what kind of mistake it was, and nothing else.
"""

from __future__ import annotations

import logging
from typing import Final

import structlog
from aiohttp.http_exceptions import HttpProcessingError

_NAME: Final = "api.http"


class _Discreet(logging.Handler):
    """Turns records into events; of an exception only its kind is told."""

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        kind = type(error).__name__ if error is not None else ""
        if isinstance(error, HttpProcessingError):
            structlog.get_logger().info("http_malformed", kind=kind)
        elif isinstance(error, ConnectionError):
            pass  # who hangs up while an answer is written is no trouble of ours
        elif record.levelno >= logging.ERROR:
            structlog.get_logger().error("http_failed", kind=kind)


def logger() -> logging.Logger:
    """The logger to give to aiohttp's server."""
    found = logging.getLogger(_NAME)
    found.propagate = False
    found.setLevel(logging.WARNING)
    if not found.handlers:
        found.addHandler(_Discreet())
    return found
