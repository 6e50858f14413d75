"""Setting up structlog for a process: JSON lines for programs, colours for a person."""

from __future__ import annotations

import logging
import sys

import structlog

from dnsbl.config.settings import LogConfig

# Without the values of local variables: mail addresses and tokens are among them.
_TRACEBACKS = structlog.processors.ExceptionRenderer(
    structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
)


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
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=False,
    )
