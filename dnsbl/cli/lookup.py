"""`show`: everything known of an address or a name."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

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
from dnsbl.cli.knowledge import Known, Verdict, known, subject_text
from dnsbl.cli.scope import check_fits_any
from dnsbl.cli.verb import Verb
from dnsbl.config import load
from dnsbl.name import Name
from dnsbl.store import requests
from dnsbl.subject import Subject
from dnsbl.verdict import Entry


def as_json(found: Known, now: int) -> dict[str, object]:
    """The stable shape that docs/commands.md describes; times in Unix seconds."""
    is_name = isinstance(found.subject, Name)
    text = subject_text(found.subject)
    return {
        "address": None if is_name else text,
        "name": text if is_name else None,
        "at": now,
        "listed": found.listed,
        "verdicts": [
            {
                "zone": verdict.zone,
                "reputation": verdict.reputation,
                "category": verdict.category.name,
                "listed": verdict.listed,
                "answer": str(verdict.category.answer) if verdict.listed else None,
                "delist": verdict.category.delist,
                "built_in": verdict.built_in,
                "decided_by": _entry_json(verdict.entry),
            }
            for verdict in found.verdicts
        ],
        "listings": [listing_json(item) for item in found.listings],
        "exclusions": [exclusion_json(item) for item in found.exclusions],
        "requests": [
            {
                "id": item.id,
                "mailbox": requests.masked(item.mailbox),
                "state": str(item.state),
                "note": item.note,
                "created_at": item.created_at,
                "state_at": item.state_at,
                "expires_at": item.expires_at,
            }
            for item in found.requests
        ],
        "history": [
            {
                "at": event.at,
                "source": event.source,
                "what": event.what,
                "zone": event.zone,
                "network": event.network,
                "category": event.category,
                "actor": event.actor,
                "note": event.note,
            }
            for event in found.history
        ],
    }


def _entry_json(entry: Entry | None) -> dict[str, object] | None:
    if entry is None:
        return None
    return {
        "kind": "exclusion" if entry.excludes else "listing",
        "network": str(entry.network),
        "expires_at": entry.expires_at,
    }


def as_text(found: Known, now: int) -> str:
    """The same for people: a sentence, then a table for whatever there is."""
    parts = [f"{subject_text(found.subject)} is {_saying(found)}."]

    def part(title: str, headers: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        if rows:
            parts.append(f"{title}\n{report.table(headers, rows)}")

    part(
        "Verdicts",
        ("zone", "category", "verdict", "answer", "decided by"),
        [
            (
                verdict.zone, verdict.category.name, _said(verdict),
                str(verdict.category.answer) if verdict.listed else "", _decider(verdict),
            )
            for verdict in found.verdicts
        ],
    )  # fmt: skip
    part(
        "Listings that cover it",
        (*LISTING_HEADERS, "evidence", "text"),
        [
            (*_marked(listing_row(item), item.entry, now), item.evidence, item.text)
            for item in found.listings
        ],
    )
    part(
        "Exclusions that cover it",
        EXCLUSION_HEADERS,
        [_marked(exclusion_row(item), item.entry, now) for item in found.exclusions],
    )
    part(
        "Delist requests, the newest first",
        ("id", "mailbox", "state", "since", "asked at", "valid until", "note"),
        [
            (
                str(item.id), requests.masked(item.mailbox), str(item.state),
                report.moment(item.state_at), report.moment(item.created_at),
                report.moment(item.expires_at), item.note,
            )
            for item in found.requests
        ],
    )  # fmt: skip
    part(
        "History, the newest first",
        ("at", "what", "zone", "network", "category", "by", "note"),
        [
            (
                report.moment(event.at), event.what, event.zone, event.network, event.category,
                event.actor or event.source, event.note,
            )
            for event in found.history
        ],
    )  # fmt: skip
    return "\n\n".join(parts)


def _saying(found: Known) -> str:
    """The verdicts in a word."""
    if found.listed:
        return "listed"
    return "listed as good" if any(item.listed for item in found.verdicts) else "not listed"


def _said(verdict: Verdict) -> str:
    if not verdict.listed:
        return "not listed"
    return "listed as good" if verdict.reputation == "good" else "listed"


def _decider(verdict: Verdict) -> str:
    if verdict.built_in:
        return "built-in test entry (RFC 5782 §5)"
    if verdict.entry is None:
        return "nothing covers it"
    kind = "exclusion" if verdict.entry.excludes else "listing"
    return f"{kind} of {verdict.entry.network}"


def _marked(row: tuple[str, ...], entry: Entry, now: int) -> tuple[str, ...]:
    """The row, whose last cell is its end, with a mark if that has passed."""
    return row if entry.live(now) else (*row[:-1], f"{row[-1]} (expired)")


@click.command(
    short_help="Everything known of an address or a name.",
    cls=Verb,
    examples=(
        "dnsbl show 192.0.2.1",
        "dnsbl show 2001:db8::1 -o json",
        "dnsbl show www.example.com",
    ),
)
@click.argument("subject", metavar="ADDRESS|NAME", type=options.SubjectType(one=True))
@options.config_option
@options.output_option
def show(subject: Subject, config_file: Path, output: report.Output) -> None:
    """Everything known of an address or a name, from the database.

    The verdict of each zone and category and the entry that decides it, the
    listings and exclusions that cover it, delist requests, history.
    The exit code is 0 whether it is listed or not; `dnsbl query` tells by its
    exit code.
    """
    config = load(config_file)
    check_fits_any(config.zones, subject)
    now = int(time.time())
    with options.reader(config) as database:
        found = known(config, database, subject, now)
    if output == "json":
        report.print_json(as_json(found, now))
    else:
        click.echo(as_text(found, now))
