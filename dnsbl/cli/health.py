"""`check`: configuration, zones, data, mail, and the ports, each with a finding."""

from __future__ import annotations

import collections
import ipaddress
import itertools
import os
import shutil
import ssl
import stat
import tempfile
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import click

from dnsbl.cli import options, ports, report
from dnsbl.cli.finding import Finding, State
from dnsbl.cli.verb import Verb
from dnsbl.config import Config, SmtpConfig, ZoneConfig, load
from dnsbl.errors import DnsblError
from dnsbl.store import database, exclusions, listings
from dnsbl.store.database import Database, DatabaseMissingError, StoreError

FREE_OCTETS_LEAST: Final = 256 << 20  # an import's log and a copy of the database still fit
INVALID_ROWS_SHOWN_MAX: Final = 5


class CheckFailedError(DnsblError):
    """A check that found an error."""


def examine(config: Config) -> Iterator[Finding]:
    """Every finding, in the order in which an operator would mend things."""
    yield Finding("configuration", "ok", str(config.file))
    for zone in config.zones:
        yield zone_finding(zone)
    yield folder_finding("data directory", config.data.directory)
    yield from database_findings(config)
    yield from mail_findings(config)
    yield from ports.findings(config)


def zone_finding(zone: ZoneConfig) -> Finding:
    """A zone's categories; two with one answer cannot be told apart (RFC 5782 §2.3)."""
    subject = f"zone {zone.origin}"
    answers = collections.Counter(category.answer for category in zone.categories)
    answer, times = answers.most_common(1)[0]
    if times > 1:
        same = ", ".join(item.name for item in zone.categories if item.answer == answer)
        detail = f"{same} all answer {answer}; mail servers cannot tell them apart"
        return Finding(subject, "warning", detail)
    shown = ", ".join(f"{item.name} {item.answer}" for item in zone.categories)
    return Finding(subject, "ok", shown)


def folder_finding(subject: str, folder: Path) -> Finding:
    """Whether a folder may be written, and has room; whether it may be made where missing."""
    if not folder.exists():
        parent = next(each for each in folder.parents if each.exists())
        if os.access(parent, os.W_OK | os.X_OK):
            return Finding(subject, "ok", f"{folder} does not exist yet; it is made when needed")
        return Finding(subject, "error", f"{folder} does not exist, and {parent} is not writable")
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


def database_findings(config: Config) -> Iterator[Finding]:
    """The file, its schema, its integrity, and the rows that cannot be served."""
    path = config.data.database
    try:
        with options.reader(config) as opened:
            problems = database.integrity_problems(opened)
            if problems:
                yield Finding("database", "error", f"{path}: {problems[0]}")
                return
            yield Finding("database", "ok", f"{path} is sound")
            yield rows_finding(config, opened)
    except DatabaseMissingError as error:
        if path.exists():
            yield Finding("database", "error", str(error))
        else:
            detail = f"{path} does not exist yet; it is made when needed"
            yield Finding("database", "ok", detail)
    except StoreError as error:
        yield Finding("database", "error", str(error))


def rows_finding(config: Config, opened: Database) -> Finding:
    """How many listings there are, and which rows the server has to skip."""
    known = [(zone.origin, category.name) for zone in config.zones for category in zone.categories]
    invalid = itertools.chain(
        listings.invalid(opened, known), exclusions.invalid_exclusions(opened, known)
    )
    first = list(itertools.islice(invalid, INVALID_ROWS_SHOWN_MAX))
    total = len(first) + sum(1 for _ in invalid)
    if total:
        more = f"; and {total - len(first)} more" if total > len(first) else ""
        detail = f"{total} not served: {'; '.join(first)}{more}"
        return Finding("database rows", "warning", detail)
    listed = sum(listings.count(opened).values())
    return Finding("database rows", "ok", f"{listed} listings, all of them served")


def mail_findings(config: Config) -> Iterator[Finding]:
    """What the transport needs, before a mail is due."""
    if config.mail.transport == "file":
        finding = folder_finding("mail", config.data.outbox)
        detail = f"{finding.detail}; mails are files there, none is sent"
        yield Finding("mail", finding.state, detail)
        return
    smtp = config.mail.smtp
    yield Finding("mail", "ok", f"by SMTP to {smtp.host} port {smtp.port}, {smtp.security}")
    if smtp.password_file is not None:
        yield password_finding(smtp.password_file)
    if smtp.ca_file is not None:
        yield certificates_finding(smtp)
    if _is_loopback(config.portal.public_url):
        detail = f"portal.public_url is {config.portal.public_url}; the links of mails lead nowhere"
        yield Finding("mail links", "warning", detail)


def password_finding(file: Path) -> Finding:
    """Whether the password can be read, by us and by nobody else."""
    subject = "mail password"
    try:
        mode = file.stat().st_mode
        text = file.read_text()
    except OSError as error:
        return Finding(subject, "error", f"{file} cannot be read: {error.strerror}")
    except UnicodeDecodeError:
        return Finding(subject, "error", f"{file} is not text")
    if not text.strip():
        return Finding(subject, "error", f"{file} is empty")
    if mode & (stat.S_IRWXO | stat.S_IWGRP):
        return Finding(subject, "warning", f"{file} is open to other users; chmod 600 closes it")
    return Finding(subject, "ok", f"{file} can be read")


def certificates_finding(smtp: SmtpConfig) -> Finding:
    """Whether the file of certificates to trust can be used."""
    try:
        ssl.create_default_context(cafile=smtp.ca_file)
    except OSError as error:  # ssl.SSLError is one
        detail = f"{smtp.ca_file} cannot be used: {error.strerror or error}"
        return Finding("mail certificates", "error", detail)
    return Finding("mail certificates", "ok", f"{smtp.ca_file} can be used")


def _is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


@click.command(
    short_help="Examine configuration, data, mail and ports.",
    cls=Verb,
    examples=(
        "dnsbl check",
        "dnsbl check -o json",
    ),
)
@options.config_option
@options.output_option
def check(config_file: Path, output: report.Output) -> None:
    """Examine configuration, zones, database, mail settings and ports.

    Changes nothing. Where the server runs, it is asked for the test entries of
    RFC 5782. The exit code is 0 without errors, warnings or not, 1 with errors,
    2 where the configuration cannot be used.
    """
    config = load(config_file)
    found = list(examine(config))
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
