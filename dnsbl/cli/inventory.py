"""`list`: listings or exclusions, as many as there are."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable, Generator, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

import click

from dnsbl.cli import options, report
from dnsbl.cli.entry import (
    EXCLUSION_HEADERS,
    LISTING_HEADERS,
    exclusion_json,
    exclusion_row,
    listing_json,
    listing_row,
)
from dnsbl.cli.scope import Narrowing, narrowed
from dnsbl.cli.verb import Verb
from dnsbl.config import load
from dnsbl.errors import DnsblError
from dnsbl.store.database import Database
from dnsbl.store.exclusions import Exclusion, browse_exclusions
from dnsbl.store.listings import Listing, browse
from dnsbl.verdict import EVERY_CATEGORY

TABLE_ROWS_MAX: Final = 1000  # a table is laid out in memory, and no person reads more

T = TypeVar("T")


@dataclass(slots=True)
class LeftOut:
    """How many rows were passed over that another client wrote and that name nothing."""

    rows: int = 0

    def note(self, _fault: DnsblError) -> None:
        """Counts one; `check` says what is wrong with it."""
        self.rows += 1

    def __str__(self) -> str:
        """As a warning has it."""
        rows = "1 row cannot" if self.rows == 1 else f"{self.rows} rows cannot"
        return f"left out: {rows} be served; `dnsbl check` says why"


@click.command(
    "list",
    short_help="Print listings, or exclusions.",
    cls=Verb,
    examples=(
        "dnsbl list --zone bl.example --limit 20",
        "dnsbl list -o json",
        "dnsbl list --exclusions",
    ),
)
@click.option("--zone", metavar="ZONE", help="Of this zone only.  [default: all]")
@click.option("--category", metavar="CATEGORY", help="Of this category only.  [default: all]")
@click.option("--limit", type=options.Whole(1, options.ROWS_MAX), metavar="N",
              help=f"At most so many.  [default: {TABLE_ROWS_MAX} in a table, all in JSON]",
              )  # fmt: skip
@click.option("--exclusions", "excluded", is_flag=True, help="Exclusions instead of listings.")
@options.config_option
@options.output_option
def list_entries(
    zone: str | None,
    category: str | None,
    limit: int | None,
    excluded: bool,  # noqa: FBT001  # click's way
    config_file: Path,
    output: report.Output,
) -> None:
    """Print listings, or exclusions, ordered by zone and by the text of network or name.

    JSON is one array, an element a line, written row by row: any number fits.
    """
    config = load(config_file)
    with options.reader(config) as database:
        keep_to = narrowed(config, database, zone, category)
        left_out = LeftOut()
        if excluded:
            with contextlib.closing(_exclusions(database, keep_to, left_out)) as exclusions:
                _print(exclusions, limit, output, EXCLUSION_HEADERS, exclusion_row, exclusion_json)
        else:
            with contextlib.closing(_listings(database, keep_to, left_out)) as listings:
                _print(listings, limit, output, LISTING_HEADERS, listing_row, listing_json)
        if left_out.rows:
            report.warn(str(left_out))


def _listings(
    database: Database, keep_to: Narrowing, left_out: LeftOut
) -> Generator[Listing, None, None]:
    yield from browse(database, keep_to.zone, keep_to.category, on_invalid=left_out.note)


def _exclusions(
    database: Database, keep_to: Narrowing, left_out: LeftOut
) -> Generator[Exclusion, None, None]:
    """Exclusions that hold for the category, those of every category among them."""
    for exclusion in browse_exclusions(database, keep_to.zone, on_invalid=left_out.note):
        if exclusion.category == EVERY_CATEGORY or keep_to.category in (None, exclusion.category):
            yield exclusion


def _print(
    found: Iterable[T],
    limit: int | None,
    output: report.Output,
    headers: Sequence[str],
    row: Callable[[T], tuple[str, ...]],
    shape: Callable[[T], dict[str, object]],
) -> None:
    if output == "json":
        report.print_json_array(shape(item) for item in itertools.islice(found, limit))
        return
    most = limit or TABLE_ROWS_MAX
    rows = [row(item) for item in itertools.islice(found, most + 1)]
    click.echo(report.table(headers, rows[:most]))
    if len(rows) > most:
        report.warn(f"there are more than these {most}; --limit N or -o json shows them")
