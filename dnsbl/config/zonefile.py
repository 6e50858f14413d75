"""zones/<origin>.toml → frozen dataclasses: what a zone is and how its categories answer."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, cast

from dnsbl.config.access import EVERYBODY, AccessConfig, read_access
from dnsbl.config.apex import NO_RECORDS, ApexConfig, HostConfig, read_apex, read_hosts
from dnsbl.config.category import (
    ADDRESS_CHARS_MAX,
    NAME_CHARS_MAX,
    CategoryConfig,
    Setting,
    read_category,
)
from dnsbl.config.domain import (
    is_host_label,
    parse_hostmaster,
    parse_hostname,
    parse_nameserver,
    parse_origin,
)
from dnsbl.config.keys import NO_KEYS, KeysConfig, read_keys
from dnsbl.config.policy import INHERITED_BY_ZONES, read_policy
from dnsbl.config.toml import ConfigError, Table

Lists = Literal["addresses", "names"]
Reputation = Literal["bad", "good"]

DAY_S: Final = 86_400
TTL_S_MAX: Final = 7 * DAY_S  # RFC 5782 §4: TTLs suit the rate of change
NAMESERVERS_MAX: Final = 32  # all of them fit into one answer over TCP, whatever their names
CATEGORIES_MAX: Final = 64  # answers are a union: more would not fit one datagram
INCLUDED_MAX: Final = 32


@dataclass(frozen=True, slots=True)
class ZoneConfig:
    """An origin that is served. Names are in lower case and without the last dot; times in s.

    ``lists`` is what is asked about: reversed addresses (RFC 5782 §2.1) or names
    (§3). A zone of ``reputation`` "good" is an allow-list. ``include`` are
    origins whose listings answer here too, beside the zone's own categories, of
    which it then may have none. ``access`` and ``keys`` say who may ask.
    """

    origin: str
    nameservers: tuple[str, ...]
    hostmaster: str
    ttl_s: int
    negative_ttl_s: int
    categories: tuple[CategoryConfig, ...]
    lists: Lists = "addresses"
    reputation: Reputation = "bad"
    include: tuple[str, ...] = ()
    apex: ApexConfig = NO_RECORDS
    hosts: tuple[HostConfig, ...] = ()
    access: AccessConfig = EVERYBODY
    keys: KeysConfig = NO_KEYS

    def category(self, name: str) -> CategoryConfig | None:
        """The category of that name, or None."""
        return next((category for category in self.categories if category.name == name), None)


def read_zone(file: Path, public_url: str, *, provable: bool) -> ZoneConfig:
    """One zone file. ``provable``: there is a resolver. Raises ConfigError."""
    table = Table.read(file)
    origin = table.parsed("origin", None, "a domain name such as bl.example", parse_origin)
    if file.name != f"{origin}.toml":
        raise ConfigError(f"{file}: origin: a zone file bears its origin's name, {origin}.toml")
    lists = cast("Lists", table.choice("lists", "addresses", ("addresses", "names")))
    reputation = cast("Reputation", table.choice("reputation", "bad", ("bad", "good")))
    setting = Setting(
        public_url,
        subject_chars_max=ADDRESS_CHARS_MAX if lists == "addresses" else NAME_CHARS_MAX,
        delistable=reputation == "bad",
    )
    policy = read_policy(table.table("policy"), INHERITED_BY_ZONES, provable=provable)
    zone = ZoneConfig(
        origin=origin,
        nameservers=_read_nameservers(table, origin),
        hostmaster=table.parsed("hostmaster", None, "an e-mail address", parse_hostmaster),
        ttl_s=table.whole("ttl_s", 300, "seconds", 1, TTL_S_MAX),
        negative_ttl_s=table.whole("negative_ttl_s", 60, "seconds", 1, TTL_S_MAX),
        categories=tuple(
            read_category(name, inner, setting, policy, provable=provable)
            for name, inner in table.tables("category").items()
        ),
        lists=lists,
        reputation=reputation,
        include=_read_include(table, origin),
        apex=read_apex(table.table("apex")),
        hosts=read_hosts(table.table("hosts"), origin),
        access=read_access(table.table("access")),
        keys=read_keys(table.table("keys"), origin),
    )
    least = 0 if zone.include else 1
    if not least <= len(zone.categories) <= CATEGORIES_MAX:
        raise ConfigError(
            f"{file}: category: a zone has 1 to {CATEGORIES_MAX} tables such as [category.spam], "
            "or includes other zones"
        )
    table.finish()
    return zone


def _read_nameservers(table: Table, origin: str) -> tuple[str, ...]:
    names = table.parsed_each(
        "nameservers", None, "a list of one or more host names", parse_nameserver
    )
    # RFC 2182 §5 wants several; a first trial has one. None would break resolvers.
    # RFC 2181 §5: none twice in a set of records.
    if not 1 <= len(names) <= NAMESERVERS_MAX or len(set(names)) != len(names):
        raise table.refuse(
            "nameservers", f"a list of one or more host names, {NAMESERVERS_MAX} at most, each once"
        )
    for name in names:
        if name.endswith(f".{origin}") and not is_host_label(name, origin):
            raise ConfigError(
                f"{table.file}: nameservers: {name}: expected a label before {origin} of two or "
                "more characters that are not all digits (RFC 5782 §2.3)"
            )
    return names


def _read_include(table: Table, origin: str) -> tuple[str, ...]:
    expected = "a list of other zones' origins"
    include = table.parsed_each("include", [], expected, parse_hostname)
    if len(include) > INCLUDED_MAX or len(set(include)) != len(include) or origin in include:
        raise table.refuse("include", f"{expected}, {INCLUDED_MAX} at most, each once")
    return include
