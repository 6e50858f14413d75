"""The options and arguments that several commands share, and what becomes of their texts."""

from __future__ import annotations

import contextlib
import ipaddress
import math
import os
import pwd
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from dnsbl.cli.duration import Duration
from dnsbl.config import Config, Endpoint, default_file
from dnsbl.config.dns import parse_endpoint
from dnsbl.config.resolver import DNS_PORT
from dnsbl.errors import DnsblError
from dnsbl.name import Name
from dnsbl.network import Network
from dnsbl.store.database import BUSY_TIMEOUT_S, Database, open_reader, open_writer
from dnsbl.subject import Subject, parse

F = TypeVar("F", bound=Callable[..., Any])

ID_MAX = 2**63 - 1  # of a row, as SQLite has it
ROWS_MAX = 1_000_000_000  # that a table or an array is asked for

# As the constraints of the tables have it.
REASON_CHARS_MAX = 1000
SOURCE_CHARS_MAX = 255
EVIDENCE_CHARS_MAX = 10_000

_NAME_CHARS_MAX = 200  # of a user, in the audit


class SubjectType(click.ParamType[Subject]):
    """An address, a network or a name; or, where `one` is set, one address or one name."""

    name = "subject"

    def __init__(self, *, one: bool = False) -> None:
        self._one = one

    def convert(
        self, value: str | Network | Name, param: click.Parameter | None, ctx: click.Context | None
    ) -> Subject:
        """The network or the name of a text."""
        if isinstance(value, Network | Name):
            return value
        try:
            subject = parse(value)
        except DnsblError as error:
            self.fail(str(error), param, ctx)
        if self._one and isinstance(subject, Network) and not subject.is_address:
            self.fail(f"{value!r} is a network; one address is needed here", param, ctx)
        if self._one and isinstance(subject, Name) and not subject.is_exact:
            self.fail(f"{value!r} is a wildcard; one name is needed here", param, ctx)
        return subject


class EndpointType(click.ParamType[Endpoint]):
    """An address with a port, or without: 53 then."""

    name = "server"

    def convert(
        self, value: str | Endpoint, param: click.Parameter | None, ctx: click.Context | None
    ) -> Endpoint:
        """The endpoint of a text."""
        if isinstance(value, Endpoint):
            return value
        try:
            return Endpoint(str(ipaddress.ip_address(value)), DNS_PORT)
        except ValueError:
            pass
        try:
            return parse_endpoint(value)
        except ValueError as error:
            self.fail(f"{value!r} is not an address with a port: {error}", param, ctx)


class Whole(click.IntRange):
    """A whole number within bounds."""

    name = "whole number"  # what click says that a text is not


class Real(click.FloatRange):
    """A number within bounds."""

    name = "number"  # the same

    def convert(
        self,
        value: Any,  # noqa: ANN401  # click's
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> float:
        """The number of a text."""
        number = float(super().convert(value, param, ctx))
        if math.isnan(number):  # which no bound keeps out
            self.fail(f"{value!r} is not a valid {self.name}", param, ctx)
        return number


class Prose(click.ParamType[str]):
    """A text for the database: within its bound, without control characters but line ends."""

    name = "text"

    def __init__(self, chars_max: int) -> None:
        self._chars_max = chars_max

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The text itself."""
        if len(value) > self._chars_max:
            self.fail(f"the text is longer than {self._chars_max} characters", param, ctx)
        if not all(char.isprintable() or char in "\n\t" for char in value):
            self.fail("the text holds control characters, or bytes that are no text", param, ctx)
        return value


def config_option(function: F) -> F:
    """`--config FILE`, passed as `config_file`."""
    return click.option(
        "--config",
        "config_file",
        type=click.Path(path_type=Path),
        default=default_file,
        metavar="FILE",
        help="The configuration file.  [default: $DNSBL_CONFIG, or dnsbl.toml]",
    )(function)


def output_option(function: F) -> F:
    """`-o/--output`, passed as `output`."""
    return click.option(
        "-o",
        "--output",
        type=click.Choice(["table", "json"]),
        default="table",
        show_default=True,
        help="Text for people, or JSON for programs.",
    )(function)


def wait_option(function: F) -> F:
    """`--wait`, passed as `wait_s`."""
    return click.option(
        "--wait",
        "wait_s",
        type=Duration(),
        default=int(BUSY_TIMEOUT_S),
        metavar="DURATION",
        help=f"How long to wait while another program writes.  [default: {BUSY_TIMEOUT_S:.0f}s]",
    )(function)


def for_option(default: str) -> Callable[[F], F]:
    """`--for`, passed as `for_s`, seconds or None."""
    return click.option(
        "--for",
        "for_s",
        type=Duration(),
        metavar="DURATION",
        help=f"How long it holds: 45s, 30m, 12h, 7d, 2w; at most ten years.  [default: {default}]",
    )


def expiry(now: int, for_s: int | None) -> int | None:
    """When something ends that holds for so long from now, in Unix seconds; None for never."""
    return None if for_s is None else now + for_s


def actor() -> str:
    """Who gives the command, for the audit: the user that the process runs as."""
    name = str(os.getuid())
    with contextlib.suppress(KeyError):  # a container's user may have no name
        name = pwd.getpwuid(os.getuid()).pw_name
    return f"cli:{name[:_NAME_CHARS_MAX]}"


def writer(config: Config, wait_s: int) -> contextlib.closing[Database]:
    """The database for writing, for a `with`."""
    return contextlib.closing(open_writer(config.data.database, wait_s))


def reader(config: Config) -> contextlib.closing[Database]:
    """The database read-only, for a `with`."""
    return contextlib.closing(open_reader(config.data.database))
