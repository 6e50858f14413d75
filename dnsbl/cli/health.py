"""`check`: configuration, zones, data, and all the rest that has a finding."""

from __future__ import annotations

import collections
import itertools
import os
import shlex
import shutil
import stat
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Final

import click

from dnsbl import native
from dnsbl.cli import (
    alive,
    hook_backlog,
    hook_health,
    mail_health,
    options,
    ports,
    proxy_health,
    report,
    resolver_health,
    zone_health,
)
from dnsbl.cli.finding import Finding, State
from dnsbl.cli.verb import Verb
from dnsbl.config import Config, DnsConfig, load
from dnsbl.errors import DnsblError
from dnsbl.server.workers import cpu_count, worker_count
from dnsbl.store import exclusions, listings
from dnsbl.store.database import Database, DatabaseMissingError, StoreError
from dnsbl.store.integrity import integrity_problems
from dnsbl.zone.twin import COMPILED, MISSING

FREE_OCTETS_LEAST: Final = 256 << 20  # an import's log and a copy of the database still fit
PROBLEMS_SHOWN_MAX: Final = 5


class CheckFailedError(DnsblError):
    """A check that found an error."""


def examine(config: Config) -> Iterator[Finding]:
    """Every finding, in the order in which an operator would mend things."""
    yield Finding("configuration", "ok", str(config.file))
    yield from zone_health.findings(config.zones)
    folder = config.data.directory
    yield kept_private(folder_finding("data directory", folder), folder, shlex.quote(str(folder)))
    yield from database_findings(config)
    yield from mail_findings(config)
    yield from proxy_health.findings(config.portal)
    yield from resolver_health.findings(config.resolver)
    if config.dns.query_log.file is not None:
        yield query_log_finding(config.dns.query_log.file)
    yield from hook_health.findings(config)
    yield path_finding()
    yield workers_finding(config.dns)
    yield from ports.findings(config)


def folder_finding(subject: str, folder: Path) -> Finding:
    """Whether a folder may be written, and has room; whether it may be made where missing."""
    if not os.path.exists(folder):  # noqa: PTH110  # Path.exists raises where nothing may be seen
        return _unmade(subject, folder)
    try:
        with tempfile.TemporaryFile(dir=folder) as trial:
            trial.write(b"trial")
            trial.flush()
    except OSError as error:
        return Finding(subject, "error", f"{folder} cannot be written: {error.strerror}")
    free = shutil.disk_usage(folder).free
    if free < FREE_OCTETS_LEAST:
        return Finding(subject, "warning", f"{folder} has only {free >> 20} MiB free")
    return Finding(subject, "ok", f"{folder} is writable, {free >> 30} GiB free")


def query_log_finding(file: Path) -> Finding:
    """Whether the query log can be written; its folder is not made where it is missing."""
    if not os.path.isdir(file.parent):  # noqa: PTH112  # as above
        return Finding("query log", "error", f"{file.parent} is no folder; make it")
    if os.path.exists(file) and not os.access(file, os.W_OK):  # noqa: PTH110  # as above
        return Finding("query log", "error", f"{file} cannot be written")
    return folder_finding("query log", file.parent)


def _unmade(subject: str, folder: Path) -> Finding:
    """Whether a folder can be made; told by making another in its place, and taking that away."""
    parent = next(each for each in folder.parents if os.path.exists(each))  # noqa: PTH110  # as above
    try:
        Path(tempfile.mkdtemp(dir=parent)).rmdir()
    except OSError as error:
        detail = f"{folder} cannot be made: no folder can be in {parent} ({error.strerror})"
        return Finding(subject, "error", detail)
    return Finding(subject, "ok", f"{folder} does not exist yet; it is made when needed")


def kept_private(finding: Finding, path: Path, operand: str) -> Finding:
    """The finding; where all is well, but other users can get at the path, a warning in its place.

    Mailboxes are in there. `operand` names the files to be closed as a shell takes it.
    """
    if finding.state != "ok" or not path.exists() or not path.stat().st_mode & stat.S_IRWXO:
        return finding
    detail = f"{finding.detail}, but open to other users; `chmod o-rwx {operand}` closes it"
    return replace(finding, state="warning", detail=detail)


def database_findings(config: Config) -> Iterator[Finding]:
    """The file, its schema, its integrity, and the rows that cannot be served."""
    path = config.data.database
    try:
        with options.reader(config) as opened:
            # The log beside the file, and the log's index, hold the same rows.
            yield kept_private(integrity_finding(opened), path, f"{shlex.quote(str(path))}*")
            yield rows_finding(config, opened)
            yield from hook_backlog.findings(config, opened)
    except DatabaseMissingError as error:
        yield missing_finding(config, error)
    except StoreError as error:
        yield Finding("database", "error", str(error))


def missing_finding(config: Config, error: DatabaseMissingError) -> Finding:
    """A database that does not exist is well before the first start, and only then."""
    path = config.data.database
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        if not ports.is_served(config):
            detail = f"{path} does not exist yet; it is made when needed"
            return Finding("database", "ok", detail)
        detail = (
            f"{path} does not exist, and yet a server answers: it does so from memory, or has "
            "another file; restore the file before that server is stopped"
        )
        return Finding("database", "error", detail)
    except OSError:
        pass
    return Finding("database", "error", str(error))


def integrity_finding(opened: Database) -> Finding:
    """What SQLite finds wrong with the file."""
    try:
        problems = integrity_problems(opened)
    except StoreError as error:
        return Finding("database", "error", str(error))
    if problems:
        return Finding("database", "error", f"{opened.path}: {_first_of(problems, len(problems))}")
    return Finding("database", "ok", f"{opened.path} is sound")


def rows_finding(config: Config, opened: Database) -> Finding:
    """How many listings there are, and which rows the server has to skip."""
    known = [(zone.origin, category.name) for zone in config.zones for category in zone.categories]
    of_names = {zone.origin for zone in config.zones if zone.lists == "names"}
    invalid = itertools.chain(
        listings.invalid(opened, known, of_names),
        exclusions.invalid_exclusions(opened, known, of_names),
    )
    try:
        first = list(itertools.islice(invalid, PROBLEMS_SHOWN_MAX))
        total = len(first) + sum(1 for _ in invalid)
        listed = sum(listings.count(opened).values())
    except StoreError as error:
        return Finding("database rows", "error", str(error))
    if total:
        detail = f"{total} not served: {_first_of(first, total)}"
        return Finding("database rows", "warning", detail)
    return Finding("database rows", "ok", f"{listed} listings, all of them served")


def _first_of(sentences: Sequence[str], total: int) -> str:
    """The first of so many sentences as one, and how many more there are."""
    shown = sentences[:PROBLEMS_SHOWN_MAX]
    more = f"; and {total - len(shown)} more" if total > len(shown) else ""
    return f"{'; '.join(shown)}{more}"


def mail_findings(config: Config) -> Iterator[Finding]:
    """What the transport needs, before a mail is due."""
    if config.mail.transport == "file":
        finding = folder_finding("mail", config.data.outbox)
        detail = f"{finding.detail}; mails are files there, none is sent"
        yield Finding("mail", finding.state, detail)
        return
    yield from mail_health.findings(config)


def path_finding() -> Finding:
    """Which of the two twins a server of this installation would answer with."""
    subject = "answer path"
    if COMPILED:
        return Finding(subject, "ok", "compiled, in this installation")
    slower = "pure Python, at many times the CPU and memory"
    if not native.wanted:
        return Finding(subject, "warning", f"{slower}, since {MISSING}")
    remedy = "with a C compiler and the headers of Python, `make clean setup` builds the other"
    return Finding(subject, "warning", f"{slower} ({MISSING}); {remedy}")


def workers_finding(dns: DnsConfig) -> Finding:
    """How many threads answer, and whether they have CPUs to do it on."""
    subject = "dns workers"
    workers, cpus = worker_count(dns), cpu_count()
    if workers < dns.workers:
        detail = f"dns.workers is {dns.workers}; on this system one thread answers"
        return Finding(subject, "warning", detail)
    here = "1 CPU" if cpus == 1 else f"{cpus} CPUs"
    if workers > cpus:
        detail = f"{workers} threads answer, on {here} only; dns.workers = 0 makes one for each"
        return Finding(subject, "warning", detail)
    answer = "1 thread answers" if workers == 1 else f"{workers} threads answer"
    return Finding(subject, "ok", f"{answer}, on {here}")


@click.command(
    short_help="Examine configuration, data, mail and ports.",
    cls=Verb,
    examples=(
        "dnsbl check",
        "dnsbl check -o json",
        "dnsbl check --alive serve",
    ),
)
@click.option("--alive", "command", type=click.Choice(alive.COMMANDS),
              help="Only whether what that command runs answers, whatever it answers.")  # fmt: skip
@options.config_option
@options.output_option
def check(command: alive.Command | None, config_file: Path, output: report.Output) -> None:
    """Examine configuration, zones, database, mail settings, hooks and ports.

    Changes nothing, and sends no mail. Where the server runs, it is asked for
    the test entries of RFC 5782; each server of [resolver] is asked one question.
    The exit code is 0 without errors, warnings or not, 1 with errors, 2 where the
    configuration cannot be used. --alive is for containers and watchdogs: only
    whether DNS and the portal answer, whatever they say.
    """
    config = load(config_file)
    found = list(examine(config) if command is None else alive.findings(config, command))
    count: collections.Counter[State] = collections.Counter(item.state for item in found)
    if output == "json":
        report.print_json(
            {
                "errors": count["error"],
                "warnings": count["warning"],
                "checks": [asdict(item) for item in found],
            }
        )
    else:
        rows = [(item.subject, item.state, item.detail) for item in found]
        click.echo(report.table(("check", "state", "detail"), rows, chars_max=None))
    if count["error"]:
        word = "error" if count["error"] == 1 else "errors"
        raise CheckFailedError(f"{count['error']} {word} found")
