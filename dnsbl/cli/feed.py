"""`import`: what a feed lists, all in one transaction."""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Final

import click

from dnsbl.cli import options, report
from dnsbl.cli.scope import chosen_category, chosen_zone
from dnsbl.cli.verb import Verb
from dnsbl.config import load
from dnsbl.errors import DnsblError
from dnsbl.formats.lookalike import HEAD_OCTETS, lookalike
from dnsbl.formats.plain import BadLine, Line, read
from dnsbl.network import NotListableError, check_listable
from dnsbl.store import audit, listings
from dnsbl.store.audit import Act
from dnsbl.store.database import Database
from dnsbl.store.listings import Listing

BAD_LINES_SHOWN_MAX: Final = 20
SPOOL_OCTETS_IN_MEMORY: Final = 16 << 20

_STDIN_NAME: Final = "stdin"


class ImportRefusedError(DnsblError):
    """An import that was stopped; nothing of it was kept."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What every listing of an import has in common, and what is refused; times in Unix seconds."""

    zone: str
    category: str
    reason: str
    source: str
    listed_at: int
    expires_at: int | None
    strict: bool
    force: bool


@dataclass(slots=True)
class Tally:
    """What became of a feed's lines so far; the first bad ones are kept to be shown."""

    file: str
    read: int = 0
    changed: int = 0
    in_grace: int = 0
    bad: int = 0
    bad_lines: list[str] = field(default_factory=list)

    def note_bad(self, line: BadLine) -> None:
        """Counts a bad line, and keeps it if it is among the first."""
        self.bad += 1
        if len(self.bad_lines) < BAD_LINES_SHOWN_MAX:
            self.bad_lines.append(self.place(line))

    def place(self, line: BadLine) -> str:
        """The line as file:line with its fault."""
        return f"{self.file}:{line.number}: {line.fault}"

    @property
    def unchanged(self) -> int:
        """Lines that found their listing as they would have it."""
        return self.read - self.changed - self.in_grace

    def __str__(self) -> str:
        """The numbers, for people and for the audit."""
        return (
            f"{self.file}: {self.read} read, {self.changed} added or changed, "
            f"{self.unchanged} already there, {self.in_grace} in grace after a delisting, "
            f"{self.bad} bad lines"
        )


def wanted(feed: IO[bytes], terms: Terms, tally: Tally) -> Iterator[Listing]:
    """A listing for each good line. Raises ImportRefusedError at a bad one, where strict."""
    for line in read(feed):
        bad = line if isinstance(line, BadLine) else _unlistable(line, force=terms.force)
        if bad is None:
            assert isinstance(line, Line)
            yield Listing(
                terms.zone, line.network, terms.category, terms.reason, terms.source,
                listed_at=terms.listed_at, expires_at=terms.expires_at,
            )  # fmt: skip
        elif terms.strict:
            raise ImportRefusedError(f"{tally.place(bad)}; nothing was imported")
        else:
            tally.note_bad(bad)


def _unlistable(line: Line, *, force: bool) -> BadLine | None:
    try:
        check_listable(line.network, force=force)
    except NotListableError as error:
        return BadLine(line.number, str(error))
    return None


def bring_in(database: Database, feed: IO[bytes], terms: Terms, tally: Tally) -> Iterator[int]:
    """Imports a feed inside the caller's transaction; yields how many octets of it are done."""
    for batch in listings.add_many(database, wanted(feed, terms, tally)):
        tally.read += batch.read
        tally.changed += batch.changed
        tally.in_grace += batch.in_grace
        yield feed.tell()


@contextlib.contextmanager
def at_hand(stream: IO[bytes]) -> Iterator[tuple[IO[bytes], int]]:
    """The feed as a file with its size in octets.

    A pipe is read to its end first: nobody else's write has to wait, inside
    our transaction, for a slow download.
    """
    try:
        status = os.fstat(stream.fileno())
    except OSError:  # a stream in memory has no descriptor
        status = None
    if status and stat.S_ISREG(status.st_mode):
        yield stream, status.st_size
        return
    with tempfile.SpooledTemporaryFile(SPOOL_OCTETS_IN_MEMORY) as spool:
        shutil.copyfileobj(stream, spool)
        size = spool.tell()
        spool.seek(0)
        yield spool, size


@click.command(
    "import",
    short_help="List what a feed names.",
    cls=Verb,
    examples=(
        'dnsbl import drop.txt --category policy --for 2d --reason "on DROP"',
        "curl -s https://feeds.example/list | dnsbl import - --source feeds.example",
    ),
)
@click.argument(
    "file", metavar="FILE", type=click.Path(exists=True, dir_okay=False, allow_dash=True)
)
@click.option("--format", "_format", type=click.Choice(["auto", "plain"]), default="auto",
              show_default=True, help="plain: one address or network a line.")  # fmt: skip
@click.option("--zone", metavar="ZONE", help="Needed where there are several.")
@click.option("--category", metavar="CATEGORY", help="Needed where the zone has several.")
@options.for_option("until it is removed")
@click.option("--reason", type=options.Prose(options.REASON_CHARS_MAX), default="",
              help="Why; shown to whoever asks for removal.")  # fmt: skip
@click.option("--source", type=options.Prose(options.SOURCE_CHARS_MAX),
              help="Who found it.  [default: the file's name]")  # fmt: skip
@click.option("--strict", is_flag=True, help="Stop at a bad line; nothing is imported then.")
@click.option("--force", is_flag=True, help="List private or reserved space too.")
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

    Comments begin with # or ;, columns after a space, a tab or a comma are
    passed over. Bad lines are reported and skipped; the exit code is 0 all the
    same, but 1 for a file without any good line: it is no feed. It is one
    transaction: stopped at any moment, nothing has changed. An address that
    was delisted lately is passed over while its grace lasts.
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
        chosen.origin, into.name, reason, source, now, options.expiry(now, for_s), strict, force
    )
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
    try:
        with database.transaction(), bar:
            for done in bring_in(database, feed, terms, tally):
                bar.update(done - bar.pos)
            if tally.read == 0:
                raise ImportRefusedError(_nothing(feed, tally))
            line = Act(
                terms.listed_at, options.actor(), "listings.imported", terms.zone,
                category=terms.category, note=str(tally),
            )  # fmt: skip
            audit.record(database, [line])
    except KeyboardInterrupt:
        raise ImportRefusedError("interrupted; nothing was imported") from None


def _nothing(feed: IO[bytes], tally: Tally) -> str:
    """Why nothing was imported.

    A download that failed must not pass for a feed: the listings would run out unnoticed.
    """
    if not tally.bad:
        return f"{tally.file} names nothing: it is empty, or all comments; nothing was imported"
    feed.seek(0)
    guess = lookalike(feed.read(HEAD_OCTETS))
    told = guess or f"the first of its bad lines: {tally.bad_lines[0]}"
    return f"no line of {tally.file} is an address or network to list; nothing was imported; {told}"


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
        "bad": tally.bad,
        "bad_lines": tally.bad_lines,
        "seconds": seconds,
    }
