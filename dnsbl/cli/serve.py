"""serve, dns, portal: the two processes, together or one each."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import click

from dnsbl.cli.options import config_option
from dnsbl.config import Config, default_file, load
from dnsbl.config.log import configure
from dnsbl.errors import DnsblError
from dnsbl.server.service import run, serve_all, serve_dns, sidecar_command

EXIT_CANNOT_SERVE = 2


class CannotServeError(click.ClickException):
    """What keeps the service from running: configuration, database, or a port."""

    exit_code = EXIT_CANNOT_SERVE


@click.command()
@config_option
@click.option("--first-steps", is_flag=True, help="Print, once ready, what to try next.")
def serve(config_file: Path, *, first_steps: bool) -> None:
    """Run the DNS server and, beside it, the delist portal.

    The portal is started again when it dies. Ends with 0 on SIGTERM or SIGINT.
    """
    config = _load(config_file)

    def on_ready() -> None:
        if first_steps:
            click.echo(first_steps_text(config))
            sys.stdout.flush()

    _run(lambda: serve_all(config, on_ready))


@click.command()
@config_option
def dns(config_file: Path) -> None:
    """Run the DNS server alone. Ends with 0 on SIGTERM or SIGINT."""
    config = _load(config_file)
    _run(lambda: serve_dns(config))


@click.command()
@config_option
def portal(config_file: Path) -> None:
    """Run the delist portal alone."""
    command = sidecar_command(_load(config_file))
    os.execv(command[0], command)  # noqa: S606  # this very interpreter


def first_steps_text(config: Config) -> str:
    """What to try once both processes answer, as commands to copy."""
    endpoint = config.dns.listen[0]
    zone = config.zones[0]
    command = _command_text()
    option = "" if config.file == default_file().absolute() else f" --config {config.file}"
    mails = (
        f"mails are written to {config.data.outbox}"
        if config.mail.transport == "file"
        else f"mails leave by {config.mail.smtp.host}, port {config.mail.smtp.port}"
    )
    return f"""
DNS answers on {", ".join(map(str, config.dns.listen))}; the portal is {config.portal.public_url}

Try, in another terminal:
  dig @{endpoint.address} -p {endpoint.port} 2.0.0.127.{zone.origin} A     # the test entry
  {command} add 192.0.2.1{option}
  dig @{endpoint.address} -p {endpoint.port} 1.2.0.192.{zone.origin} TXT
Then delist it: {config.portal.public_url}/?ip=192.0.2.1
({mails})
"""


def _command_text() -> str:
    """This program as a person would call it from here."""
    if shutil.which("dnsbl") is not None or Path(sys.argv[0]).name != "dnsbl":
        return "dnsbl"
    return os.path.relpath(sys.argv[0])


def _load(file: Path) -> Config:
    try:
        config = load(file)
    except DnsblError as error:
        raise CannotServeError(str(error)) from None
    configure(config.log)
    return config


def _run(service: Callable[[], Coroutine[Any, Any, None]]) -> None:
    try:
        run(service())
    except DnsblError as error:
        raise CannotServeError(str(error)) from None
