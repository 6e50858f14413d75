"""The command `dnsbl` itself: its verbs, and how each ends.

Every error is one line on standard error that begins with ``dnsbl:``. Exit
codes: 0 done, 1 not found or refused, 2 wrong usage or configuration.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any, NoReturn

import click

from dnsbl.cli.exclusion import exclude
from dnsbl.cli.feed import import_feed
from dnsbl.cli.health import check
from dnsbl.cli.inventory import list_entries
from dnsbl.cli.listing import add, remove
from dnsbl.cli.lookup import show
from dnsbl.cli.question import query
from dnsbl.cli.report import complain
from dnsbl.cli.serve import dns, portal, serve
from dnsbl.config import ConfigError
from dnsbl.errors import DnsblError
from dnsbl.network import NetworkError

EXIT_REFUSED = 1
EXIT_USAGE = 2


class Commands(click.Group):
    """A click group whose errors are one line each, and whose verbs stand in our own order."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  # click's
        """The verbs as they were added, not by the alphabet."""
        return list(self.commands)

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,  # noqa: FBT001, FBT002  # click's signature
        **extra: Any,  # noqa: ANN401  # the same
    ) -> Any:  # noqa: ANN401  # the same
        """Runs one command line, to its exit code."""
        if not standalone_mode:
            return super().main(args, prog_name, complete_var, standalone_mode, **extra)
        try:
            status = super().main(args, prog_name, complete_var, False, **extra)  # noqa: FBT003
        except (click.ClickException, click.Abort, DnsblError, OSError) as error:
            status = reported(error)
        sys.exit(status if isinstance(status, int) else 0)


def reported(error: Exception) -> int:
    """Says what went wrong; the exit code that goes with it."""
    match error:
        case click.exceptions.NoArgsIsHelpError():
            error.show()
            return EXIT_USAGE
        case click.UsageError():
            command = error.ctx.command_path if error.ctx else "dnsbl"
            complain(f"{error.format_message().rstrip('.')} (see `{command} --help`)")
            return EXIT_USAGE
        case click.ClickException():
            complain(error.format_message())
            return error.exit_code
        case click.Abort():
            complain("interrupted")
        case OSError():  # what was to be read or printed cannot be, as on a full disk
            complain(f"{error.filename or 'input or output'}: {error.strerror or error}")
        case _:
            complain(str(error))
    return EXIT_USAGE if isinstance(error, ConfigError | NetworkError) else EXIT_REFUSED


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="dnsbl", message="%(prog)s %(version)s")
def commands() -> None:
    """Runs and works a DNS blocklist: serves it, lists, delists, inspects.

    Exit codes: 0 done, 1 not found or refused, 2 wrong usage or configuration.
    """


for _command in (
    serve, dns, portal, add, remove, exclude, import_feed, show, list_entries, query, check,
):  # fmt: skip
    commands.add_command(_command)


def main() -> NoReturn:
    """The console script."""
    for stream in (sys.stdout, sys.stderr):
        # A locale without some character is no reason to fail.
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    commands.main(prog_name="dnsbl")
    raise AssertionError("click exits")
