"""`bounce`: reads a mail that came back, as a mail server pipes it, and marks whose it is."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import BinaryIO, Final

import click

from dnsbl.bounce_address import SECRET_NAME, bounced_mail
from dnsbl.cli import options, report
from dnsbl.cli.verb import Verb
from dnsbl.config import Config, ConfigError, load
from dnsbl.delivery_status import MESSAGE_OCTETS_MAX, read_header, read_message, recipients
from dnsbl.delivery_status import report as read_report
from dnsbl.store import bounces, keys
from dnsbl.store.bounces import Noted
from dnsbl.store.database import StoreError

_DRAINED_OCTETS: Final = 1 << 16  # at a time

_SAID: Final = {
    Noted.FAILED: "it was not delivered",
    Noted.KEPT: "noted",
    Noted.KNOWN: "known already",
    Noted.PASSED_OVER: "not noted, since so many came before",
    Noted.GONE: "it is not in the database any more",
}


@click.command(
    "bounce",
    cls=Verb,
    short_help="Take a mail that came back, on standard input.",
    examples=("dnsbl bounce --recipient bounces+7-abcdefghijklmnop@bl.example < bounce.eml",),
)
@click.option(
    "--recipient", multiple=True, metavar="ADDRESS",
    help="Whom the mail came to; without it, its headers Delivered-To, X-Original-To, Envelope-To "
    "and To say so. May be given several times.",
)  # fmt: skip
@options.wait_option
@options.config_option
def bounce(recipient: tuple[str, ...], wait_s: int, config_file: Path) -> int:
    """Take a mail that came back, on standard input, as a mail server pipes it.

    Its first mebibyte is read. A delivery status (RFC 3464) that says that one
    of our mails failed is shown on the status page of its request; anything else
    that comes to a bounce address of ours is noted. Nothing is ever answered.

    Exit codes are those of sysexits.h, for the mail server: 0 done, 65 not for
    us (EX_DATAERR), 75 try again later (EX_TEMPFAIL).
    """
    octets = _read(sys.stdin.buffer)
    try:
        return _taken(load(config_file), octets, recipient, wait_s)
    except (ConfigError, StoreError) as error:
        # What the operator mends is mended for this mail too: the mail server keeps it until then
        report.complain(str(error))
        return os.EX_TEMPFAIL


def _taken(config: Config, octets: bytes, given: tuple[str, ...], wait_s: int) -> int:
    """Takes a message; the exit code."""
    if not config.mail.bounces:
        raise ConfigError(f"{config.file}: mail.bounces: is missing; bounces have no address")
    with options.writer(config, wait_s) as database:
        secret = keys.get_or_create(database, SECRET_NAME)
        # The mark first, out of the header: who cannot know one does not have us read the rest
        addresses = given or tuple(recipients(read_header(octets)))
        found = (bounced_mail(each, config.mail.bounces, secret) for each in addresses)
        mail_id = next((each for each in found if each is not None), None)
        if mail_id is None:
            report.complain(
                "the mail is for no bounce address of ours"
                + ("" if given else "; --recipient may name the one that it came to")
            )
            return os.EX_DATAERR
        told = read_report(read_message(octets))
        noted = bounces.note(database, mail_id, told, now=int(time.time()))
    report.say(f"mail {mail_id}: {told.action.value}; {_SAID[noted]}")
    return os.EX_OK


def _read(stream: BinaryIO) -> bytes:
    """The first mebibyte; the rest is taken too, so that no mail server meets a broken pipe."""
    octets = stream.read(MESSAGE_OCTETS_MAX)
    while stream.read(_DRAINED_OCTETS):
        pass
    return octets
