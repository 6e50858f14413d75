"""`suppressions`: the mailboxes that get no mail, since their owner said "this was not me"."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Final

import click

from dnsbl.cli import options, report
from dnsbl.cli.verb import Verb
from dnsbl.config import load
from dnsbl.errors import DnsblError
from dnsbl.store import audit
from dnsbl.store import suppressions as store
from dnsbl.store.audit import Act
from dnsbl.store.database import Database
from dnsbl.store.requests import masked
from dnsbl.store.suppressions import Suppression, mailbox_hash, mailbox_key

LIMIT_DEFAULT: Final = 100
MAILBOX_CHARS_MAX: Final = 254  # RFC 5321 §4.5.3.1.3: a path of 256 octets with its brackets

_HEADERS: Final = ("id", "since", "by request")
_ID_CHARS: Final = 16


class NotSuppressedError(DnsblError):
    """A mailbox that gets mail as any other."""


class MailboxType(click.ParamType[str]):
    """An e-mail address in ASCII. What is wrong with one is said without repeating it."""

    name = "mailbox"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The mailbox itself."""
        local, at, domain = value.strip().rpartition("@")
        if not local or not at or not domain or "@" in local or len(value) > MAILBOX_CHARS_MAX:
            self.fail("expected one e-mail address, such as postmaster@example.com", param, ctx)
        if not value.isascii() or not value.isprintable():
            self.fail("the address is not in ASCII; write its domain as xn--…", param, ctx)
        return value.strip()


_mailbox = click.argument("mailbox", metavar="MAILBOX", type=MailboxType())


@click.group("suppressions", short_help="See and change which mailboxes get no mail.")
def suppressions() -> None:
    """Work the mailboxes that get no mail, whoever asks for them at the portal.

    One is suppressed when its owner presses "This was not me" in a mail. Only
    hashes are kept, so that none can be listed; a mailbox counts without what
    follows a plus in it.
    """


@suppressions.command(
    "list",
    short_help="Print since when mailboxes get no mail, by hashes.",
    cls=Verb,
    examples=("dnsbl suppressions list --limit 20",),
)
@click.option("--limit", type=options.Whole(1, 10_000), default=LIMIT_DEFAULT, metavar="N",
              show_default=True, help="At most so many, the newest.")  # fmt: skip
@options.config_option
@options.output_option
def list_suppressions(limit: int, config_file: Path, output: report.Output) -> None:
    """Print since when mailboxes get no mail, the newest first, and by which request.

    The id is the beginning of the mailbox's hash, as `show` and the audit have it.
    """
    config = load(config_file)
    with options.reader(config) as database:
        found = store.browse(database, limit)
    if output == "json":
        report.print_json([_json(one) for one in found])
    else:
        click.echo(report.table(_HEADERS, [_row(one) for one in found]))


@suppressions.command(
    "show",
    short_help="Whether a mailbox gets mail.",
    cls=Verb,
    examples=("dnsbl suppressions show postmaster@example.com",),
)
@_mailbox
@options.config_option
@options.output_option
def show(mailbox: str, config_file: Path, output: report.Output) -> None:
    """Print since when a mailbox gets no mail. The exit code is 1 where it gets some."""
    config = load(config_file)
    with options.reader(config) as database:
        found = store.find(database, _hash(mailbox))
    if found is None:
        raise NotSuppressedError(_not_suppressed(mailbox))
    if output == "json":
        report.print_json(_json(found))
        return
    by = "an operator" if found.request_id is None else f"request {found.request_id}"
    report.say(f"{masked(mailbox)} gets no mail since {report.moment(found.at)}, by {by}")


@suppressions.command(
    "add",
    short_help="Send a mailbox no mail.",
    cls=Verb,
    examples=("dnsbl suppressions add postmaster@example.com",),
)
@_mailbox
@options.wait_option
@options.config_option
@options.output_option
def add(mailbox: str, wait_s: int, config_file: Path, output: report.Output) -> None:
    """Send a mailbox no mail from now on, as its owner's "This was not me" does."""
    config = load(config_file)
    now = int(time.time())
    hashed = _hash(mailbox)
    with options.writer(config, wait_s) as database, database.transaction():
        changed = store.suppress(database, hashed, None, now)
        if changed:
            _record(database, "suppression.added", hashed, None, now)
        found = store.find(database, hashed)
    assert found is not None
    if output == "json":
        report.print_json(_json(found) | {"changed": changed})
    else:
        already = "" if changed else f" already, since {report.moment(found.at)}"
        report.say(f"{masked(mailbox)} gets no mail{already}")


@suppressions.command(
    "remove",
    short_help="Send a mailbox mail again.",
    cls=Verb,
    examples=("dnsbl suppressions remove postmaster@example.com",),
)
@_mailbox
@options.wait_option
@options.config_option
@options.output_option
def remove(mailbox: str, wait_s: int, config_file: Path, output: report.Output) -> None:
    """Send a mailbox mail again, from the next one on: what was withheld stays here.

    The exit code is 1 where it was not suppressed.
    """
    config = load(config_file)
    now = int(time.time())
    hashed = _hash(mailbox)
    with options.writer(config, wait_s) as database, database.transaction():
        found = store.find(database, hashed)
        if found is None:
            raise NotSuppressedError(_not_suppressed(mailbox))
        store.lift(database, hashed)
        _record(database, "suppression.removed", hashed, found.request_id, now)
    if output == "json":
        report.print_json(_json(found))
    else:
        report.say(f"{masked(mailbox)} gets mail again; its owner may ask anew at the portal")


def _hash(mailbox: str) -> bytes:
    return mailbox_hash(mailbox_key(mailbox))


def _id(hashed: bytes) -> str:
    """Tells mailboxes apart; nobody is known by it."""
    return hashed.hex()[:_ID_CHARS]


def _row(one: Suppression) -> tuple[str, ...]:
    """The cells under _HEADERS."""
    return _id(one.mailbox_hash), report.moment(one.at), str(one.request_id or "")


def _json(one: Suppression) -> dict[str, object]:
    """The shape that docs/commands.md describes."""
    return {"id": _id(one.mailbox_hash), "at": one.at, "request_id": one.request_id}


def _not_suppressed(mailbox: str) -> str:
    return f"{masked(mailbox)} is not suppressed: it gets mail as any other"


def _record(database: Database, act: str, hashed: bytes, request_id: int | None, now: int) -> None:
    """The audit is kept for long: the mailbox is in none of its lines."""
    line = Act(now, options.actor(), act, request_id=request_id, note=f"mailbox {_id(hashed)}")
    audit.record(database, [line])
