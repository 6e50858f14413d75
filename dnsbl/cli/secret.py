"""What `key` and `token` do alike: a secret has a name, is shown once, and is kept as a hash."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Protocol, TypeVar

import click

from dnsbl.cli import options, report
from dnsbl.errors import DnsblError


class NotShownError(DnsblError):
    """A secret that nobody has seen, or would see."""


class Revocable(Protocol):
    """A secret, as far as it may have been revoked."""

    @property
    def revoked_at(self) -> int | None:
        """When, in Unix seconds; None while it was not."""


S = TypeVar("S")
R = TypeVar("R", bound=Revocable)


class NameType(click.ParamType[str]):
    """The name that a secret has."""

    name = "name"

    def __init__(self, parse: Callable[[str], str]) -> None:
        self._parse = parse

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The name itself."""
        try:
            return self._parse(value)
        except DnsblError as error:
            self.fail(str(error), param, ctx)


class NameOrSecretType(NameType):
    """The name that a secret has, or a secret itself that was found somewhere.

    `secret` gives what has the form of one as it is to be looked for, and None for all else.
    """

    def __init__(self, parse: Callable[[str], str], secret: Callable[[str], str | None]) -> None:
        super().__init__(parse)
        self._secret = secret

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The name, or the secret."""
        secret = self._secret(value)
        return super().convert(value, param, ctx) if secret is None else secret


def revoked_option(function: options.F) -> options.F:
    """`--revoked`, passed as `revoked_too`."""
    return click.option(
        "--revoked", "revoked_too", is_flag=True, help="Those that were revoked as well."
    )(function)


def shown(secrets: Iterable[R], *, revoked_too: bool) -> list[R]:
    """Those that a list shows."""
    return [one for one in secrets if revoked_too or one.revoked_at is None]


def revoked_cell(secret: Revocable) -> str:
    """When it was revoked, for a table; empty while it is good."""
    return "" if secret.revoked_at is None else report.moment(secret.revoked_at)


def until(expires_at: int | None) -> str:
    """As a sentence goes on: ", until 2027-01-01T00:00:00Z"; empty for never."""
    return "" if expires_at is None else f", until {report.moment(expires_at)}"


def require_output() -> None:
    """Before a secret is made. Raises NotShownError where standard output is closed."""
    if sys.stdout is None:  # closed before the process began; what is printed is lost unsaid
        raise NotShownError("standard output is closed: nothing is made, as it could not be shown")


@contextlib.contextmanager
def shown_once(what: str, undo: str) -> Iterator[None]:
    """Prints a secret in the block. Raises NotShownError where that cannot be: it exists by then.

    It is committed before it is shown: a slow reader must not keep other writers waiting.
    """
    try:
        yield
    except OSError as error:
        raise NotShownError(
            f"{what} is made, but could not be shown: {error.strerror}; `{undo}` revokes it"
        ) from None


def print_changed(
    secrets: Sequence[S],
    output: report.Output,
    *,
    json: Callable[[S], object],
    sentence: Callable[[S], str],
) -> None:
    """What became of each."""
    if output == "json":
        report.print_json([json(one) for one in secrets])
    else:
        for one in secrets:
            report.say(sentence(one))
