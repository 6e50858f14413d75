"""`requests`: what blocked senders ask for, and what an operator decides about it."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import click

from dnsbl.cli import options, report
from dnsbl.cli.petition import LIST_HEADERS, as_json, as_text, request_json, row
from dnsbl.cli.verb import Verb
from dnsbl.config import Config, load
from dnsbl.delist import dossier, ruling, sight
from dnsbl.delist.conclusion import Concluded
from dnsbl.delist.ruling import REASON_CHARS_MAX, NoRequestError, Ruling
from dnsbl.store import request_items
from dnsbl.store import requests as store
from dnsbl.store.database import Database
from dnsbl.store.request_states import DECIDABLE, State
from dnsbl.store.requests import masked

LIMIT_DEFAULT: Final = 100

_request_id = click.argument("request_id", metavar="ID", type=options.Whole(1, options.ID_MAX))
_all_option = click.option(
    "--all", "waiting_too", is_flag=True,
    help="Also about listings that only have to wait for a time.",
)  # fmt: skip
_seen_option = click.option(
    "--seen", metavar="MARK",
    help="Only if what lists the address is still what `show` printed with that mark.",
)  # fmt: skip
_force_option = click.option(
    "--force", is_flag=True, help="Also where a listing changed after the request came to review."
)
_mailbox_option = click.option(
    "--mailbox", "unmasked", is_flag=True, help="Show mailboxes whole: a…@b.example without it."
)


@click.group("requests", short_help="See delist requests, and decide about them.")
def requests() -> None:
    """See what blocked senders ask for at the portal, and decide about it.

    What an operator decides is served by the DNS server within milliseconds,
    and told to the sender by mail.
    """


@requests.command(
    "list",
    short_help="Print requests, those that wait for somebody unless told.",
    cls=Verb,
    examples=("dnsbl requests list", "dnsbl requests list --state delisted --limit 20"),
)
@click.option("--state", "states", type=click.Choice([*map(str, State), "any"]), multiple=True,
              metavar="STATE", help="In this state; may be given several times, any: in each.  "
              f"[default: {', '.join(DECIDABLE)}]")  # fmt: skip
@click.option("--limit", type=options.Whole(1, 10_000), default=LIMIT_DEFAULT, metavar="N",
              show_default=True, help="At most so many, the newest.")  # fmt: skip
@_mailbox_option
@options.config_option
@options.output_option
def list_requests(
    states: tuple[str, ...],
    limit: int,
    unmasked: bool,  # noqa: FBT001  # click's way
    config_file: Path,
    output: report.Output,
) -> None:
    """Print delist requests, the newest first: those in review, and those that wait."""
    config = load(config_file)
    wanted = list(State) if "any" in states else [State(state) for state in states]
    with options.reader(config) as database, database.snapshot():
        found = [
            (request, request_items.of_request(database, request.id))
            for request in store.browse(database, wanted or DECIDABLE, None, limit)
        ]
    if output == "json":
        report.print_json([request_json(one, items, unmasked=unmasked) for one, items in found])
    else:
        rows = [row(one, items, unmasked=unmasked) for one, items in found]
        click.echo(report.table(LIST_HEADERS, rows))


@requests.command(
    "show",
    short_help="All that is known of a request and its address.",
    cls=Verb,
    examples=("dnsbl requests show 17",),
)
@_request_id
@_mailbox_option
@options.config_option
@options.output_option
def show(
    request_id: int,
    unmasked: bool,  # noqa: FBT001  # click's way
    config_file: Path,
    output: report.Output,
) -> None:
    """Print all that is known of a request, and of the address that it is about.

    What lists the address, with the evidence; what was decided, and by which
    rule; how its mails fared; what happened to it, and to the address before.
    The mark is for --seen of approve and refuse: they decide only about this.
    """
    config = load(config_file)
    now = int(time.time())
    with options.reader(config) as database:
        found = dossier.read(database, config, request_id, now)
    if found is None:
        raise NoRequestError(f"there is no request {request_id}")
    if output == "json":
        report.print_json(as_json(found, unmasked=unmasked))
    else:
        click.echo(as_text(found, unmasked=unmasked))


@requests.command(
    "approve",
    short_help="Take off what a request in review asks for.",
    cls=Verb,
    examples=(
        "dnsbl requests approve 17",
        "dnsbl requests approve 17 --seen 9f86d081884c7d65 --reason 'Thank you.'",
    ),
)
@_request_id
@click.option("--reason", type=options.Prose(REASON_CHARS_MAX), default="", metavar="TEXT",
              help=f"For the sender, at most {REASON_CHARS_MAX} characters.")  # fmt: skip
@_all_option
@_seen_option
@_force_option
@options.wait_option
@options.config_option
@options.output_option
def approve(
    request_id: int,
    reason: str,
    waiting_too: bool,  # noqa: FBT001  # click's way
    seen: str | None,
    force: bool,  # noqa: FBT001  # the same
    wait_s: int,
    config_file: Path,
    output: report.Output,
) -> None:
    """Take off what a request asks for and an operator decides about, at once.

    Its sender is told by mail. A network is never taken off for one address:
    the address is excluded from it.
    """
    _decide(
        config_file,
        request_id,
        Ruling(approves=True, reason=reason.strip(), waiting_too=waiting_too),
        _Sight(seen, force),
        wait_s,
        output,
    )


@requests.command(
    "refuse",
    short_help="Leave listed what a request in review asks for.",
    cls=Verb,
    examples=("dnsbl requests refuse 17 --reason 'Dynamic addresses stay listed.'",),
)
@_request_id
@click.option("--reason", type=options.Prose(REASON_CHARS_MAX), required=True, metavar="TEXT",
              help=f"For the sender, at most {REASON_CHARS_MAX} characters.")  # fmt: skip
@_all_option
@_seen_option
@_force_option
@options.wait_option
@options.config_option
@options.output_option
def refuse(
    request_id: int,
    reason: str,
    waiting_too: bool,  # noqa: FBT001  # click's way
    seen: str | None,
    force: bool,  # noqa: FBT001  # the same
    wait_s: int,
    config_file: Path,
    output: report.Output,
) -> None:
    """Leave listed what a request asks for, and tell its sender why by mail."""
    if not reason.strip():
        raise click.UsageError("--reason: the sender is told why; say it in a sentence")
    _decide(
        config_file,
        request_id,
        Ruling(approves=False, reason=reason.strip(), waiting_too=waiting_too),
        _Sight(seen, force),
        wait_s,
        output,
    )


@dataclass(frozen=True, slots=True)
class _Sight:
    """What the operator saw, by the mark of `show`; `force`: rules whatever there is now."""

    mark: str | None
    force: bool

    def check(self, database: Database, config: Config, request_id: int, now: int) -> None:
        """Raises UnseenError."""
        if self.force:
            return
        if self.mark is None:
            sight.check_unchanged(database, config, request_id, now)
        else:
            sight.check_seen(database, config, request_id, sight.read_mark(self.mark), now)


def _decide(
    config_file: Path, request_id: int, ruled: Ruling, seen: _Sight, wait_s: int,
    output: report.Output,
) -> None:  # fmt: skip
    if seen.force and seen.mark is not None:
        raise click.UsageError("--force goes without --seen")
    config = load(config_file)
    now = int(time.time())
    with options.writer(config, wait_s) as database, database.transaction():
        seen.check(database, config, request_id, now)
        concluded = ruling.rule(database, config, request_id, ruled, actor=options.actor(), now=now)
    if output == "json":
        report.print_json(request_json(concluded.request, concluded.items, unmasked=False))
    else:
        report.say(_sentence(concluded))


def _sentence(concluded: Concluded) -> str:
    request = concluded.request
    return (
        f"request {request.id} for {request.address} is {request.state} ({request.note}); "
        f"{masked(request.mailbox)} is told by mail"
    )
