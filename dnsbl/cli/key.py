"""`key`: the keys that clients ask with, `4.3.2.1.KEY.bl.example`."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import click

from dnsbl.cli import options, report, secret
from dnsbl.cli.scope import Narrowing, chosen_zone, narrowed
from dnsbl.cli.verb import Verb
from dnsbl.config import ZoneConfig, load
from dnsbl.config.keys import may_be_key
from dnsbl.errors import DnsblError
from dnsbl.server.resumption import told_rings
from dnsbl.store import access_keys, audit
from dnsbl.store.access_keys import QUOTA_MAX, AccessKey, parse_holder
from dnsbl.store.audit import Act
from dnsbl.store.database import Database
from dnsbl.zone.keys import key_id

_HEADERS: Final = ("zone", "holder", "a day", "today", "made at", "expires at", "revoked at")


class NoKeyError(DnsblError):
    """A key that is not there."""


_HOLDER: Final = secret.NameType(parse_holder)
# A key is looked for in lower case.
_HOLDER_OR_KEY: Final = secret.NameOrSecretType(
    parse_holder,
    lambda text: text.lower() if may_be_key(text.encode(errors="replace")) else None,
)


@dataclass(frozen=True, slots=True)
class Used:
    """A key, and how often it was asked with today, as far as the DNS server has told."""

    key: AccessKey
    today: int

    def row(self) -> tuple[str, ...]:
        """The cells under _HEADERS."""
        key = self.key
        return (
            key.zone, key.holder, _quota(key), str(self.today), report.moment(key.created_at),
            report.moment(key.expires_at),
            secret.revoked_cell(key),
        )  # fmt: skip

    def json(self) -> dict[str, object]:
        """The shape that docs/commands.md describes."""
        return _json(self.key) | {"queries_today": self.today}


def _json(key: AccessKey) -> dict[str, object]:
    return {
        "zone": key.zone,
        "holder": key.holder,
        "id": key_id(key.key_hash),
        "quota_per_day": key.quota_per_day,
        "created_at": key.created_at,
        "expires_at": key.expires_at,
        "revoked_at": key.revoked_at,
    }


def _quota(key: AccessKey) -> str:
    return "no limit" if key.quota_per_day is None else str(key.quota_per_day)


def _terms(key: AccessKey) -> str:
    """As a sentence goes on: "1000 queries a day, until 2027-01-01T00:00:00Z"."""
    quota = "as many queries as it likes"
    if key.quota_per_day is not None:
        quota = f"{key.quota_per_day} {'query' if key.quota_per_day == 1 else 'queries'} a day"
    return quota + secret.until(key.expires_at)


def _record(database: Database, act: str, key: AccessKey, now: int, note: str = "") -> None:
    audit.record(database, [Act(now, options.actor(), act, key.zone, note=f"{key.holder}{note}")])


@click.group("key", short_help="Make, list, change and revoke keys that clients ask with.")
def key() -> None:
    """Work the keys that clients ask with: 4.3.2.1.KEY.bl.example.

    The zone file says whether a zone is asked with keys ([keys] mode). Each
    change is heeded by the DNS server within 100 ms.
    """


_quota_option = click.option(
    "--quota", type=options.Whole(1, QUOTA_MAX), metavar="N",
    help="So many queries in a UTC day.  [default: no limit]",
)  # fmt: skip


@key.command(
    "add",
    short_help="Make a key, and show it this once.",
    cls=Verb,
    examples=("dnsbl key add acme --quota 100000 --for 52w",),
)
@click.argument("holder", type=_HOLDER)
@click.option("--zone", metavar="ZONE", help="Needed where there are several.")
@_quota_option
@options.for_option("until it is revoked")
@options.wait_option
@options.config_option
@options.output_option
def add(
    holder: str,
    zone: str | None,
    quota: int | None,
    for_s: int | None,
    wait_s: int,
    config_file: Path,
    output: report.Output,
) -> None:
    """Make a key with which HOLDER may ask a zone, and show it, this once.

    Only its hash is kept. HOLDER is a name of your own choosing, by which the
    key is counted, changed and revoked: 1 to 64 of a-z, 0-9, dot, - and _. One
    good key of a zone each.
    """
    config = load(config_file)
    chosen = chosen_zone(config, zone)
    now = int(time.time())
    secret.require_output()
    text = access_keys.new_key()
    hashed = access_keys.key_hash(text.encode())
    assert hashed is not None
    made = AccessKey(hashed, chosen.origin, holder, quota, now, options.expiry(now, for_s))
    with options.writer(config, wait_s) as database, database.transaction():
        access_keys.add(database, made)
        _record(database, "key.added", made, now, f", {_terms(made)}")
    with secret.shown_once(
        f"the key of {holder} for {made.zone}", f"dnsbl key revoke {holder} --zone {made.zone}"
    ):
        if output == "json":
            asked = f"{text}.{made.zone}"
            report.print_json(_json(made) | {"key": text, "ask": asked})
        else:
            _show(chosen, made, text)
    if chosen.keys.mode == "off":
        report.warn(f'{made.zone} is not asked with keys: keys.mode is "off" in its zone file')


def _show(zone: ZoneConfig, made: AccessKey, text: str) -> None:
    """The key, and how to ask with it."""
    subject, asked, test = ("1.2.3.4", "4.3.2.1", "2.0.0.127")
    if zone.lists == "names":
        subject, asked, test = ("example.com", "example.com", "TEST")
    report.say(f"{made.holder} may ask {made.zone}, {_terms(made)}, with this key, shown once:")
    report.say("")
    report.say(f"  {text}")
    report.say("")
    report.say(f"In a mail server, the list is now {text}.{made.zone}")
    report.say(f"For {subject} it asks for {asked}.{text}.{made.zone}")
    report.say(f"To try it: dig {test}.{text}.{made.zone}")


@key.command(
    "list",
    short_help="Print the keys, but for themselves.",
    cls=Verb,
    examples=("dnsbl key list --zone bl.example",),
)
@click.option("--zone", metavar="ZONE", help="Of this zone only.  [default: all]")
@secret.revoked_option
@options.config_option
@options.output_option
def list_keys(
    zone: str | None,
    revoked_too: bool,  # noqa: FBT001  # click's way
    config_file: Path,
    output: report.Output,
) -> None:
    """Print who may ask with keys, and how often each asked today (UTC).

    The keys themselves are nowhere to be had.
    """
    config = load(config_file)
    with options.reader(config) as database:
        keep_to = narrowed(config, database, zone, None)
        keys = secret.shown(access_keys.browse(database, keep_to.zone), revoked_too=revoked_too)
    rings = told_rings(config.data.dns_status, {one.zone for one in keys})
    now = time.time()
    used = [Used(one, rings[one.zone].spent(one.key_hash, now)) for one in keys]
    if output == "json":
        report.print_json([one.json() for one in used])
    else:
        click.echo(report.table(_HEADERS, [one.row() for one in used]))


@key.command(
    "change",
    short_help="Give a key another quota, or another end.",
    cls=Verb,
    examples=("dnsbl key change acme --quota 200000", "dnsbl key change acme --for 2w"),
)
@click.argument("holder", type=_HOLDER)
@click.option("--zone", metavar="ZONE", help="Of this zone only.  [default: all]")
@_quota_option
@click.option("--no-quota", is_flag=True, help="No limit of queries any more.")
@options.for_option("as it was")
@click.option("--no-end", is_flag=True, help="Good until it is revoked.")
@options.wait_option
@options.config_option
@options.output_option
def change(
    holder: str,
    zone: str | None,
    quota: int | None,
    no_quota: bool,  # noqa: FBT001  # click's way
    for_s: int | None,
    no_end: bool,  # noqa: FBT001  # the same
    wait_s: int,
    config_file: Path,
    output: report.Output,
) -> None:
    """Give the keys of HOLDER another quota, or another end, from now on.

    The keys themselves stay, and what was asked with them today still counts.
    """
    if (quota is not None) + no_quota > 1 or (for_s is not None) + no_end > 1:
        raise click.UsageError("--quota goes without --no-quota, and --for without --no-end")
    if quota is None and for_s is None and not no_quota and not no_end:
        raise click.UsageError("nothing to change; see --quota, --no-quota, --for and --no-end")
    config = load(config_file)
    now = int(time.time())
    changed: list[AccessKey] = []
    with options.writer(config, wait_s) as database:
        keep_to = narrowed(config, database, zone, None)
        with database.transaction():
            for one in _keys_of(database, holder, keep_to):
                new = one
                if no_quota or quota is not None:
                    new = replace(new, quota_per_day=quota)
                if no_end or for_s is not None:
                    new = replace(new, expires_at=options.expiry(now, for_s))
                if access_keys.change(database, one.key_hash, new.quota_per_day, new.expires_at):
                    _record(database, "key.changed", new, now, f", {_terms(new)}")
                changed.append(new)
    secret.print_changed(
        changed, output, json=_json,
        sentence=lambda one: f"{one.holder} may ask {one.zone}, {_terms(one)}",
    )  # fmt: skip
    if not changed:
        raise NoKeyError(_none(holder, 1, keep_to))


@key.command(
    "revoke",
    short_help="Make keys of no use, for good.",
    cls=Verb,
    examples=("dnsbl key revoke acme",),
)
@click.argument("holders", metavar="HOLDER|KEY...", nargs=-1, required=True, type=_HOLDER_OR_KEY)
@click.option("--zone", metavar="ZONE", help="Of this zone only.  [default: all]")
@options.wait_option
@options.config_option
@options.output_option
def revoke(
    holders: tuple[str, ...],
    zone: str | None,
    wait_s: int,
    config_file: Path,
    output: report.Output,
) -> None:
    """Make the keys of holders, or one key itself, of no use, for good.

    The exit code is 1 where there is none, and the others are revoked all the same.
    """
    config = load(config_file)
    now = int(time.time())
    revoked: list[AccessKey] = []
    missing: list[str] = []
    with options.writer(config, wait_s) as database:
        keep_to = narrowed(config, database, zone, None)
        with database.transaction():
            for number, holder in enumerate(holders, 1):
                found = list(_keys_of(database, holder, keep_to))
                for one in found:
                    access_keys.revoke(database, one.key_hash, now)
                    _record(database, "key.revoked", one, now)
                    revoked.append(replace(one, revoked_at=now))
                if not found:
                    missing.append(_none(holder, number, keep_to))
    secret.print_changed(
        revoked, output, json=_json,
        sentence=lambda one: f"the key of {one.holder} for {one.zone} is revoked",
    )  # fmt: skip
    report.refuse(missing, NoKeyError)


def _keys_of(database: Database, holder: str, keep_to: Narrowing) -> Iterable[AccessKey]:
    """The good keys of a holder, or the one that is that key."""
    hashed = access_keys.key_hash(holder.encode())
    if hashed is None:
        return access_keys.of_holder(database, holder, keep_to.zone)
    one = access_keys.find_by_hash(database, hashed)
    wanted = one is not None and one.revoked_at is None and keep_to.holds(one.zone, "")
    return [one] if one is not None and wanted else []


def _none(holder: str, number: int, keep_to: Narrowing) -> str:
    """That there is no such key. Lines on standard error are kept: a key is in none of them."""
    if may_be_key(holder.encode()):
        return f"argument {number} is a key, but none that is good{keep_to}"
    return f"{holder} has no good key{keep_to}"
