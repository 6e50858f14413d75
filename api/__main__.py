"""`python -m api --config FILE`: runs the sidecar until a signal, or its supervisor's end."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import signal
import sys
from pathlib import Path
from typing import Final

import structlog

from api import descriptors
from api.sidecar import Sidecar
from dnsbl import output
from dnsbl.config import Config, default_file, load, log
from dnsbl.errors import DnsblError

WRONG: Final = 2  # exit status: wrong configuration, or the database or the port cannot be had

# A supervisor sets it, holds the other end of standard input, and reads standard output.
SUPERVISED_VARIABLE: Final = "DNSBL_SUPERVISED"


class SupervisionError(DnsblError):
    """Standard input is not what a supervisor provides."""


async def serve(config: Config, *, supervised: bool) -> None:
    """Runs until SIGTERM, SIGINT, or the end of standard input where supervised."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    if supervised:
        _follow_supervisor(loop, stop)
    async with Sidecar(config):
        structlog.get_logger().info(
            "ready",
            component="portal",
            listen=str(config.portal.listen),
            public_url=config.portal.public_url,
            mail=config.mail.transport,
        )
        if supervised:
            with contextlib.suppress(BrokenPipeError):  # its end is noticed on standard input
                sys.stdout.write("ready\n")
                sys.stdout.flush()
        await stop.wait()
        structlog.get_logger().info("stopping", component="portal")
    structlog.get_logger().info("stopped", component="portal")


def _follow_supervisor(loop: asyncio.AbstractEventLoop, stop: asyncio.Event) -> None:
    """Stops when the other end of standard input is closed, as it is when the supervisor dies."""
    descriptor = sys.stdin.fileno()

    def read() -> None:
        if not os.read(descriptor, 4096):
            loop.remove_reader(descriptor)
            stop.set()

    try:
        loop.add_reader(descriptor, read)
    except PermissionError:  # epoll watches no regular file
        raise SupervisionError(
            f"{SUPERVISED_VARIABLE} is set, but standard input is not a pipe"
        ) from None


def main() -> int:
    """The exit status: 0 after a clean stop, 2 with one line on standard error."""
    try:
        return _main()
    finally:
        output.finish(sys.stdout)
        output.finish(sys.stderr)


def _main() -> int:
    parser = argparse.ArgumentParser(prog="python -m api", description="The delist portal.")
    parser.add_argument("--config", type=Path, default=default_file(), metavar="FILE")
    arguments = parser.parse_args()
    try:
        config = load(arguments.config)
        log.configure(config.log)
        descriptors.allow(config.portal.connections_max)
        asyncio.run(serve(config, supervised=os.environ.get(SUPERVISED_VARIABLE) == "1"))
    except DnsblError as error:
        with contextlib.suppress(OSError):
            sys.stderr.write(f"dnsbl: {error}\n")  # as the other commands say it
        return WRONG
    return 0


if __name__ == "__main__":
    sys.exit(main())
