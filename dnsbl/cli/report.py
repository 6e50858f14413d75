"""What the commands print: tables for people, JSON for programs.

Texts of the database come from anybody; none of their control characters, nor
those that turn the direction of writing, reaches a terminal as it is.
"""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Literal

import click

from dnsbl.errors import DnsblError

Output = Literal["table", "json"]

CELL_CHARS_MAX = 80  # longer texts are cut in tables; JSON has them whole


def printable(text: str) -> str:
    """The text with whatever a terminal would act on escaped, as in Python's source."""
    if text.isprintable():
        return text
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode() for char in text
    )


def complain(sentence: str) -> None:
    """One line on standard error, `dnsbl: …`; lost where that takes nothing."""
    with contextlib.suppress(OSError):
        click.echo(f"dnsbl: {printable(sentence)}", err=True)


def warn(sentence: str) -> None:
    """One line on standard error that changes no exit code."""
    complain(f"warning: {sentence}")


def refuse(sentences: Sequence[str], error: type[DnsblError]) -> None:
    """Complains of what could not be done, the others being done; the last is raised as the error.

    Nothing where there is nothing to complain of.
    """
    for sentence in sentences[:-1]:
        complain(sentence)
    if sentences:
        raise error(sentences[-1])


def say(sentence: str) -> None:
    """One line on standard output."""
    click.echo(printable(sentence))


def moment(seconds: int | None) -> str:
    """Unix seconds as UTC to the second, `2026-08-22T03:00:29Z`; "never" for none."""
    if seconds is None:
        return "never"
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def cell(text: str, chars_max: int | None) -> str:
    """A text as a table shows it: escaped, and cut where it is longer than that."""
    shown = printable(text)
    if chars_max is None or len(shown) <= chars_max:
        return shown
    return f"{shown[: chars_max - 1]}…"


def table(
    headers: Sequence[str],
    rows: Iterable[Sequence[str]],
    *,
    chars_max: int | None = CELL_CHARS_MAX,
) -> str:
    """A table for people. A cell is shown as it is written, never read as a number."""
    # Four megabytes, with what it imports: too much for a server that prints no tables.
    from tabulate import tabulate  # noqa: PLC0415

    cells = [[cell(text, chars_max) for text in row] for row in rows]
    return tabulate(cells, headers=headers, tablefmt="simple", disable_numparse=True)


def json_text(value: object) -> str:
    """One line of JSON in ASCII, so that no control character is in it as it is."""
    return json.dumps(value).replace("\x7f", "\\u007f")  # DEL is ASCII, and a control character


def print_json(value: object) -> None:
    """One JSON document on standard output."""
    click.echo(json_text(value))


def print_json_array(values: Iterable[object]) -> None:
    """One JSON array on standard output, an element a line, written while they come."""
    write = sys.stdout.write
    separator = "["
    for value in values:
        write(f"{separator}\n{json_text(value)}")
        separator = ","
    write("\n]\n" if separator == "," else "[]\n")
    sys.stdout.flush()
