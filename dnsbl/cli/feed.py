"""`import`: what a feed lists, all in one transaction."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import IO, Final

import click

from dnsbl.cli import intake, options, report
from dnsbl.cli.intake import ImportRefusedError, Tally, Terms, at_hand
from dnsbl.cli.scope import chosen_category, chosen_zone
from dnsbl.cli.verb import Verb
from dnsbl.config import load
from dnsbl.formats.lookalike import HEAD_OCTETS, lookalike
from dnsbl.store import audit
from dnsbl.store.audit import Act
from dnsbl.store.database import Database

_STDIN_NAME: Final = "stdin"


@click.command(
    "import",
    short_help="List what a feed names.",
    cls=Verb,
    examples=(
        'dnsbl import drop.txt --category policy --for 2d --reason "on DROP"',
        "curl -s https://feeds.example/list | dnsbl import - --source feeds.example",
        "dnsbl import domains.txt --zone names.example --for 2d",
    ),
)
@click.argument(
    "file", metavar="FILE", type=click.Path(exists=True, dir_okay=False, allow_dash=True)
)
@click.option("--format", "_format", type=click.Choice(["auto", "plain"]), default="auto",
              show_default=True, help="plain: one address, network or name a line.")  # fmt: skip
@click.option("--zone", metavar="ZONE", help="Needed where there are several.")
@click.option("--category", metavar="CATEGORY", help="Needed where the zone has several.")
@options.for_option("until it is removed")
@click.option("--reason", type=options.Prose(options.REASON_CHARS_MAX), default="",
              help="Why; shown to whoever asks for removal.")  # fmt: skip
@click.option("--source", type=options.Prose(options.SOURCE_CHARS_MAX),
              help="Who found it.  [default: the file's name]")  # fmt: skip
@click.option("--strict", is_flag=True, help="Stop at a bad line; nothing is imported then.")
@click.option("--force", is_flag=True,
              help="List private or reserved space, or all below a top-level domain, too.",
              )  # fmt: skip
@options.wait_option
@options.config_option
@options.output_option
def import_feed(
    file: str,
    _format: str,
    zone: str | None,
    category: str | None,
    for_s: int | None,
    reason: str,
    source: str | None,
    strict: bool,  # noqa: FBT001  # click's way
    force: bool,  # noqa: FBT001  # click's way
    wait_s: int,
    config_file: Path,
    output: report.Output,
) -> None:
    """List what a feed names: one address or network a line, - is standard input.

    In a zone of names, one name a line: example.com, *.example.com for those
    below it, .example.com for both. What has a ! before it is excluded. Comments
    begin with # or ;, columns after a space, a tab or a comma are passed over. Bad
    lines are reported and skipped; the exit code is 0 all the same, but 1 for a
    file without any good line: it is no feed. It is 1 too for one that gives the
    lines below another value than the category's (:127.0.0.10:). It is one
    transaction: stopped at any moment, nothing has changed. An address that was
    delisted lately is passed over while its grace lasts.
    """
    config = load(config_file)
    chosen = chosen_zone(config, zone)
    into = chosen_category(chosen, category)
    started = time.monotonic()
    now = int(time.time())
    name = _STDIN_NAME if file == "-" else report.printable(file)
    if source is None:
        source = Path(name).name[: options.SOURCE_CHARS_MAX]
    terms = Terms(
        chosen.origin, into.name, into.answer, reason, source, now, options.expiry(now, for_s),
        strict, force, chosen.lists,
    )  # fmt: skip
    tally = Tally(name)
    with (
        click.open_file(file, "rb") as stream,
        at_hand(stream) as (feed, octets),
        options.writer(config, wait_s) as database,
    ):
        _import(database, feed, octets, terms, tally)
    for sentence in tally.bad_lines:
        report.complain(sentence)
    if tally.bad > len(tally.bad_lines):
        report.complain(f"{tally.bad - len(tally.bad_lines)} more bad lines are not shown")
    seconds = round(time.monotonic() - started, 3)
    if output == "json":
        report.print_json(_shape(tally, terms, seconds))
    else:
        report.say(f"{tally}; {seconds:.1f} s")


def _import(database: Database, feed: IO[bytes], octets: int, terms: Terms, tally: Tally) -> None:
    """The one transaction, with a bar on a terminal."""
    bar = click.progressbar(
        length=octets, label=Path(tally.file).name, file=sys.stderr, hidden=not sys.stderr.isatty()
    )

    def show(done: int) -> None:
        bar.update(max(0, done - bar.pos))

    try:
        with bar:
            harvest = None
            if intake.names_many(feed, octets, terms, tally.file):
                harvest = intake.gather(feed, terms, tally, show)
            with database.transaction():
                if harvest is None:
                    intake.bring_in(database, feed, terms, tally, show)
                else:
                    intake.bring_in_bulk(database, harvest, octets, terms, tally, show)
                if tally.read == tally.excluded == 0:
                    raise ImportRefusedError(_nothing(feed, terms, tally))
                line = Act(
                    terms.listed_at, options.actor(), "listings.imported", terms.zone,
                    category=terms.category, note=str(tally),
                )  # fmt: skip
                audit.record(database, [line])
    except KeyboardInterrupt:
        raise ImportRefusedError("interrupted; nothing was imported") from None


def _nothing(feed: IO[bytes], terms: Terms, tally: Tally) -> str:
    """Why nothing was imported.

    A download that failed must not pass for a feed: the listings would run out unnoticed.
    """
    if not tally.bad:
        return f"{tally.file} names nothing: it is empty, or all comments; nothing was imported"
    feed.seek(0)
    guess = lookalike(feed.read(HEAD_OCTETS))
    told = guess or f"the first of its bad lines: {tally.bad_lines[0]}"
    kind = "a name" if terms.lists == "names" else "an address or network"
    return f"no line of {tally.file} is {kind} to list; nothing was imported; {told}"


def _shape(tally: Tally, terms: Terms, seconds: float) -> dict[str, object]:
    """The summary as JSON; docs/commands.md describes it."""
    return {
        "file": tally.file,
        "zone": terms.zone,
        "category": terms.category,
        "read": tally.read,
        "changed": tally.changed,
        "unchanged": tally.unchanged,
        "in_grace": tally.in_grace,
        "excluded": tally.excluded,
        "bad": tally.bad,
        "bad_lines": tally.bad_lines,
        "seconds": seconds,
    }
