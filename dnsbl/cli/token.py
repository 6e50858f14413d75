"""`token`: what operators log in with."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import Final

import click

from dnsbl.cli import options, report, secret
from dnsbl.cli.verb import Verb
from dnsbl.config import Config, load
from dnsbl.errors import DnsblError
from dnsbl.store import api_tokens, audit
from dnsbl.store.api_tokens import ApiToken, Scope, may_be_token, parse_name
from dnsbl.store.audit import Act
from dnsbl.store.database import Database

# `read` and `write` are kept for an HTTP API, which there is not yet: nothing would heed them.
OFFERED: Final[tuple[Scope, ...]] = ("review",)

_HEADERS: Final = ("name", "scopes", "made at", "expires at", "last used at", "revoked at")


class NoTokenError(DnsblError):
    """A token that is not there."""


_NAME_OR_TOKEN: Final = secret.NameOrSecretType(
    parse_name, lambda text: text if may_be_token(text) else None
)


def _scopes_text(token: ApiToken) -> str:
    return ", ".join(sorted(token.scopes))


def _row(token: ApiToken) -> tuple[str, ...]:
    """The cells under _HEADERS."""
    return (
        token.name, _scopes_text(token), report.moment(token.created_at),
        report.moment(token.expires_at), report.moment(token.last_used_at),
        secret.revoked_cell(token),
    )  # fmt: skip


def _json(token: ApiToken) -> dict[str, object]:
    """The shape that docs/commands.md describes."""
    return {
        "id": token.id,
        "name": token.name,
        "scopes": sorted(token.scopes),
        "created_at": token.created_at,
        "expires_at": token.expires_at,
        "revoked_at": token.revoked_at,
        "last_used_at": token.last_used_at,
    }


def _record(database: Database, act: str, token: ApiToken, now: int, note: str = "") -> None:
    audit.record(database, [Act(now, options.actor(), act, note=f"{token.name}{note}")])


@click.group("token", short_help="Make, list and revoke tokens of operators.")
def token() -> None:
    """Work the tokens that operators log in with at /operator/login.

    What a token is good for is its scopes. There is one, `review`: to see
    requests and to decide about them.
    """


@token.command(
    "create",
    short_help="Make a token, and show it this once.",
    cls=Verb,
    examples=("dnsbl token create anna --scope review --for 90d",),
)
@click.argument("name", type=secret.NameType(parse_name))
@click.option("--scope", "scopes", type=click.Choice(OFFERED), multiple=True, required=True,
              help="What it is good for.")  # fmt: skip
@options.for_option("until it is revoked")
@options.wait_option
@options.config_option
@options.output_option
def create(
    name: str,
    scopes: tuple[str, ...],
    for_s: int | None,
    wait_s: int,
    config_file: Path,
    output: report.Output,
) -> None:
    """Make a token, and show it, this once.

    Only its hash is kept. NAME says whose it is, in the audit too: 1 to 64 of
    a-z, 0-9, dot, - and _. A name is given once, and to no other token later.
    """
    config = load(config_file)
    now = int(time.time())
    secret.require_output()
    text = api_tokens.new_token()
    with options.writer(config, wait_s) as database, database.transaction():
        made = api_tokens.add(
            database, name, api_tokens.token_hash(text), frozenset(scopes),
            now=now, expires_at=options.expiry(now, for_s),
        )  # fmt: skip
        _record(database, "token.created", made, now, f", for {_scopes_text(made)}")
    with secret.shown_once(f"the token {name}", f"dnsbl token revoke {name}"):
        if output == "json":
            report.print_json(_json(made) | {"token": text})
        else:
            _show(config, made, text)


def _show(config: Config, made: ApiToken, text: str) -> None:
    """The token, and what to do with it."""
    end = secret.until(made.expires_at)
    report.say(f"{made.name} may {_scopes_text(made)}{end}, with this token, shown once:")
    report.say("")
    report.say(f"  {text}")
    if "review" in made.scopes:
        report.say("")
        report.say(f"To log in with it: {config.portal.public_url}/operator/login")


@token.command(
    "list",
    short_help="Print the tokens, but for themselves.",
    cls=Verb,
    examples=("dnsbl token list",),
)
@secret.revoked_option
@options.config_option
@options.output_option
def list_tokens(
    revoked_too: bool,  # noqa: FBT001  # click's way
    config_file: Path,
    output: report.Output,
) -> None:
    """Print whose tokens there are, what for, and when each was last used.

    The tokens themselves are nowhere to be had.
    """
    config = load(config_file)
    with options.reader(config) as database:
        found = secret.shown(api_tokens.browse(database), revoked_too=revoked_too)
    if output == "json":
        report.print_json([_json(one) for one in found])
    else:
        click.echo(report.table(_HEADERS, [_row(one) for one in found]))


@token.command(
    "revoke",
    short_help="Make tokens of no use, for good.",
    cls=Verb,
    examples=("dnsbl token revoke anna",),
)
@click.argument("names", metavar="NAME|TOKEN...", nargs=-1, required=True, type=_NAME_OR_TOKEN)
@options.wait_option
@options.config_option
@options.output_option
def revoke(names: tuple[str, ...], wait_s: int, config_file: Path, output: report.Output) -> None:
    """Make tokens of no use, for good, and end every session that was begun with them.

    By name, or a token itself that was found somewhere. The exit code is 1
    where there is none, and the others are revoked all the same.
    """
    config = load(config_file)
    now = int(time.time())
    revoked: list[ApiToken] = []
    missing: list[str] = []
    with options.writer(config, wait_s) as database, database.transaction():
        for number, name in enumerate(names, 1):
            found = _find(database, name)
            if found is None or not api_tokens.revoke(database, found.id, now):
                missing.append(_none(name, number))
                continue
            _record(database, "token.revoked", found, now)
            revoked.append(replace(found, revoked_at=now))
    secret.print_changed(
        revoked, output, json=_json, sentence=lambda one: f"the token {one.name} is revoked"
    )
    report.refuse(missing, NoTokenError)


def _find(database: Database, name: str) -> ApiToken | None:
    if may_be_token(name):
        return api_tokens.find_by_hash(database, api_tokens.token_hash(name))
    return api_tokens.find(database, name)


def _none(name: str, number: int) -> str:
    """That there is no such token. Standard error is kept: a token is in none of its lines."""
    if may_be_token(name):
        return f"argument {number} is a token, but none that is good"
    return f"there is no token {name} that is not revoked"
