"""The command `dnsbl` itself: its verbs, and how each ends.

Every error is one line on standard error that begins with ``dnsbl:``. Exit
codes: 0 done, 1 not found or refused, 2 wrong usage or configuration.
"""

from __future__ import annotations

import difflib
import os
import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, Final, NoReturn

import click

from dnsbl import output
from dnsbl.cli.report import complain
from dnsbl.config import ConfigError
from dnsbl.errors import DnsblError
from dnsbl.network import NetworkError

EXIT_REFUSED = 1
EXIT_USAGE = 2
ALIKE_LEAST: Final = 0.7  # "lsit" is meant for list; "export" for nothing that there is

# Each verb's module and name in it, in the order in which the help shows them. A module is imported
# when its verb is called: to list an address, nothing is needed of what serves.
VERBS: Final = {
    "serve": ("serve", "serve"),
    "dns": ("serve", "dns"),
    "portal": ("serve", "portal"),
    "add": ("listing", "add"),
    "remove": ("listing", "remove"),
    "exclude": ("exclusion", "exclude"),
    "import": ("feed", "import_feed"),
    "show": ("lookup", "show"),
    "list": ("inventory", "list_entries"),
    "query": ("question", "query"),
    "top": ("top", "top"),
    "key": ("key", "key"),
    "hooks": ("hooks", "hooks"),
    "bounce": ("bounce", "bounce"),
    "requests": ("requests", "requests"),
    "suppressions": ("suppressions", "suppressions"),
    "token": ("token", "token"),
    "check": ("health", "check"),
}

# Those of them that are groups, with their own verbs.
GROUPS: Final[Mapping[str, tuple[str, ...]]] = {
    "key": ("add", "list", "change", "revoke"),
    "hooks": ("list", "test", "deliveries", "replay", "enable", "disable"),
    "requests": ("list", "show", "approve", "refuse"),
    "suppressions": ("list", "show", "add", "remove"),
    "token": ("create", "list", "revoke"),
}


class Commands(click.Group):
    """A click group whose errors are one line each, and whose verbs are imported when needed."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  # click's
        """The verbs in our own order, not by the alphabet."""
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002  # click's
        """The verb of that name, or None."""
        if cmd_name not in VERBS:
            return None
        module, name = VERBS[cmd_name]
        verb = getattr(import_module(f"dnsbl.cli.{module}"), name)
        assert isinstance(verb, click.Command)
        return verb

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The verb that a command line begins with. click would guess among those imported."""
        name = args[0]
        if name not in VERBS and not name.startswith("-"):
            meant = difflib.get_close_matches(name, VERBS, 1, ALIKE_LEAST)
            ctx.fail(f"No such command {name!r}" + "".join(f"; did you mean {n}?" for n in meant))
        return super().resolve_command(ctx, args)

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
        if (lost := output.finish(sys.stdout)) is not None and not status:
            status = reported(lost)
        output.finish(sys.stderr)
        sys.exit(status if isinstance(status, int) else 0)


def reported(error: Exception) -> int:
    """Says what went wrong; the exit code that goes with it."""
    match error:
        case click.exceptions.NoArgsIsHelpError():
            error.show()
            return EXIT_USAGE
        case click.UsageError():
            command = error.ctx.command_path if error.ctx else "dnsbl"
            # click sets a line for each choice of an option that is missing
            message = error.format_message().replace("\n\t", " ").rstrip(".")
            complain(f"{message} (see `{command} --help`)")
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
@click.option("--config", "config_file", type=click.Path(path_type=Path), metavar="FILE",
              help="The configuration file; one given after the command counts more.")  # fmt: skip
@click.version_option(package_name="dnsbl", message="%(prog)s %(version)s")
@click.pass_context
def commands(context: click.Context, config_file: Path | None) -> None:
    """Runs and works a DNS blocklist: serves it, lists, delists, inspects.

    Exit codes: 0 done, 1 not found or refused, 2 wrong usage or configuration.
    """
    if config_file is not None:
        given = {"config_file": config_file}
        groups = {group: dict.fromkeys(verbs, given) for group, verbs in GROUPS.items()}
        context.default_map = dict.fromkeys(VERBS, given) | groups


def main() -> NoReturn:
    """The console script."""
    # structlog loads rich where that happens to be installed, for tracebacks of a kind that we do
    # not print. Six megabytes: an import of it fails from now on.
    sys.modules.setdefault("rich", None)  # type: ignore[arg-type]
    if sys.stdin is None:  # closed before the process began: as good as empty
        sys.stdin = open(os.devnull)  # noqa: PTH123, SIM115  # a device, open until the end
    for stream in (sys.stdout, sys.stderr):
        # A locale without some character is no reason to fail.
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    commands.main(prog_name="dnsbl")
    raise AssertionError("click exits")
