"""Setting up structlog for a process: JSON lines for programs, colours for a person."""

from __future__ import annotations

import contextlib
import logging
import sys

import structlog

from dnsbl.config.settings import LogConfig

# Without the values of local variables: mail addresses and tokens are among them.
_TRACEBACKS = structlog.processors.ExceptionRenderer(
    structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
)


class EventLog(structlog.WriteLogger):
    """Writes events for as long as they are taken.

    A disk that is full, or a program that read them and is gone, costs the
    events and nothing more: whoever logs goes on.
    """

    def msg(self, message: str) -> None:
        """Writes one event, or passes over one that cannot be written."""
        with contextlib.suppress(OSError):
            super().msg(message)

    log = debug = info = warning = error = critical = msg


def configure(log: LogConfig) -> None:
    """Events go to standard error, as JSON lines unless a person watches a terminal."""
    people = log.format == "console" or (log.format == "auto" and sys.stderr.isatty())
    render: list[structlog.typing.Processor]
    if people:
        render = [structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)]
    else:
        render = [_TRACEBACKS, structlog.processors.JSONRenderer()]
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *render,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(
            logging.getLevelNamesMapping()[log.level.upper()]
        ),
        logger_factory=lambda *_: EventLog(sys.stderr),
        cache_logger_on_first_use=False,
    )
