"""zones/<origin>.toml → frozen dataclasses: what a zone is and how its categories answer."""

from __future__ import annotations

import ipaddress
import itertools
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, cast

from dnsbl.config.toml import ConfigError, Table

Delist = Literal["self", "review", "never"]

LABEL_OCTETS_MAX = 63  # RFC 1035 §2.3.4
NAME_OCTETS_MAX = 255  # RFC 1035 §2.3.4, on the wire
LOCAL_PART_OCTETS_MAX = 64  # RFC 5321 §4.5.3.1.1
REVERSED_IPV6_OCTETS = 64  # RFC 5782 §2.4: 32 labels of one nibble, each with its length

# An address asked about takes up to 39 characters wherever `$` stands; the text still has to fit
# into an answer of 1232 bytes beside its question.
TEXT_OCTETS_MAX = 1000
ADDRESS_CHARS_MAX = 39

DAY_S: Final = 86_400
TTL_S_MAX = 7 * DAY_S  # RFC 5782 §4: TTLs suit the rate of change
NAMESERVERS_MAX = 32  # all of them fit into one answer over TCP, whatever their names
CATEGORIES_MAX = 64  # answers are a union: more would not fit one datagram

_HOSTNAME_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?", re.ASCII)
# RFC 5321 §4.1.2: atoms between dots; a quoted local part is not worth its trouble
_DOT_STRING = re.compile(r"[\w!#$%&'*+/=?^`{|}~-]+(?:\.[\w!#$%&'*+/=?^`{|}~-]+)*", re.ASCII)
_CATEGORY_NAME = re.compile(r"[a-z][a-z0-9_-]{0,31}", re.ASCII)
_PLACEHOLDER = re.compile(r"\{[^{}]*\}?|\}")


@dataclass(frozen=True, slots=True)
class CategoryConfig:
    """Why something is listed: its A value, its TXT template, and how it may be delisted.

    ``answer`` is in 127.0.0.0/8. In ``text``, ``$`` stands for the address
    asked about; ``{portal}`` is already replaced. ``grace_s`` is how long a
    delisted address stays out of reach of imports, and how long an exclusion
    out of a listed network holds, in seconds.
    """

    name: str
    answer: ipaddress.IPv4Address
    text: str
    delist: Delist
    grace_s: int


@dataclass(frozen=True, slots=True)
class ZoneConfig:
    """An origin that is served. Names are in lower case and without the last dot; times in s."""

    origin: str
    nameservers: tuple[str, ...]
    hostmaster: str
    ttl_s: int
    negative_ttl_s: int
    categories: tuple[CategoryConfig, ...]

    def category(self, name: str) -> CategoryConfig | None:
        """The category of that name, or None."""
        return next((category for category in self.categories if category.name == name), None)


def parse_hostname(text: str) -> str:
    """A domain name in lower case without the last dot. Raises ValueError with a reason."""
    if not text.isascii():  # and "K" (Kelvin) would become a "k"
        raise ValueError("it is not in ASCII; write an international name in its xn-- form")
    name = text.removesuffix(".").lower()
    labels = name.split(".")
    for label in labels:
        if len(label) > LABEL_OCTETS_MAX or not _HOSTNAME_LABEL.fullmatch(label):
            raise ValueError(
                f"the label {label!r} is not 1 to {LABEL_OCTETS_MAX} letters, digits, "
                "hyphens or underscores"
            )
    if sum(len(label) + 1 for label in labels) + 1 > NAME_OCTETS_MAX:
        raise ValueError(f"the name takes more than {NAME_OCTETS_MAX} octets")
    return name


def parse_origin(text: str) -> str:
    """A zone's origin: a domain name that leaves room for a reversed IPv6 address."""
    name = parse_hostname(text)
    if len(name) + 2 + REVERSED_IPV6_OCTETS > NAME_OCTETS_MAX:
        raise ValueError("the name leaves no room for a reversed IPv6 address before it")
    return name


def _parse_nameserver(text: str) -> str:
    name = parse_hostname(text)
    if name.rpartition(".")[2].isdigit():  # RFC 1123 §2.1 tells addresses from names by that
        raise ValueError("it is an address; an NS record holds a name")
    return name


def parse_mailbox(text: str) -> str:
    """An e-mail address as a configuration names it: local part, @, domain name.

    The domain in lower case without the last dot, as `parse_hostname` gives it.
    """
    local, at, domain = text.rpartition("@")
    if not at or len(local) > LOCAL_PART_OCTETS_MAX or not _DOT_STRING.fullmatch(local):
        raise ValueError("it is not of the form name@domain")
    return f"{local}@{parse_hostname(domain)}"


def _parse_hostmaster(text: str) -> str:
    mailbox = parse_mailbox(text)
    # RFC 1035 §8: in SOA the local part is one label
    if len(mailbox.rpartition("@")[0]) > LABEL_OCTETS_MAX:
        raise ValueError(f"what stands before the @ takes more than {LABEL_OCTETS_MAX} octets")
    if len(mailbox) + 2 > NAME_OCTETS_MAX:
        raise ValueError(f"as a name in SOA it takes more than {NAME_OCTETS_MAX} octets")
    return mailbox


def _parse_answer(text: str) -> ipaddress.IPv4Address:
    address = ipaddress.IPv4Address(text)
    # RFC 5782 §2.3: answers are in 127.0.0.0/8; §5: 127.0.0.1 is the address never listed
    if not address.is_loopback:
        raise ValueError("it lies outside 127.0.0.0/8; mail servers expect answers inside it")
    if str(address) == "127.0.0.1":
        raise ValueError("127.0.0.1 is the test address that is never listed (RFC 5782 §5)")
    return address


def _read_text(table: Table, public_url: str) -> str:
    template = table.text("text", chars_max=TEXT_OCTETS_MAX, expected="a text for the TXT record")
    for found in _PLACEHOLDER.findall(template):
        if found != "{portal}":
            raise table.refuse("text", f"no braces but {{portal}}; {found!r} is not known")
    text = template.replace("{portal}", public_url)
    longest = len(text.encode()) + text.count("$") * (ADDRESS_CHARS_MAX - 1)
    if not text or longest > TEXT_OCTETS_MAX:
        raise table.refuse(
            "text", f"1 to {TEXT_OCTETS_MAX} octets once $ and {{portal}} are replaced"
        )
    return text


def _read_category(name: str, table: Table, public_url: str) -> CategoryConfig:
    if not _CATEGORY_NAME.fullmatch(name):
        raise ConfigError(
            f"{table.file}: {table.name}: a category's name has 1 to 32 lower-case letters, "
            "digits, hyphens or underscores, and begins with a letter"
        )
    category = CategoryConfig(
        name=name,
        answer=table.parsed("answer", None, "an address in 127.0.0.0/8", _parse_answer),
        text=_read_text(table, public_url),
        delist=cast("Delist", table.choice("delist", "self", ("self", "review", "never"))),
        grace_s=table.whole("grace_s", 7 * DAY_S, "seconds", 0, 366 * DAY_S),
    )
    table.finish()
    return category


def read_zone(file: Path, public_url: str) -> ZoneConfig:
    """One zone file. Raises ConfigError."""
    table = Table.read(file)
    origin = table.parsed("origin", None, "a domain name such as bl.example", parse_origin)
    if file.name != f"{origin}.toml":
        raise ConfigError(f"{file}: origin: a zone file bears its origin's name, {origin}.toml")
    categories = tuple(
        _read_category(name, inner, public_url) for name, inner in table.tables("category").items()
    )
    if not 1 <= len(categories) <= CATEGORIES_MAX:
        raise ConfigError(
            f"{file}: category: a zone has 1 to {CATEGORIES_MAX} tables such as [category.spam]"
        )
    zone = ZoneConfig(
        origin=origin,
        nameservers=table.parsed_each(
            "nameservers", None, "a list of one or more host names", _parse_nameserver
        ),
        hostmaster=table.parsed("hostmaster", None, "an e-mail address", _parse_hostmaster),
        ttl_s=table.whole("ttl_s", 300, "seconds", 1, TTL_S_MAX),
        negative_ttl_s=table.whole("negative_ttl_s", 60, "seconds", 1, TTL_S_MAX),
        categories=categories,
    )
    # RFC 2182 §5 wants several; a first trial has one. None would break resolvers.
    # RFC 2181 §5: none twice in a set of records.
    names = len(zone.nameservers)
    if not 1 <= names <= NAMESERVERS_MAX or len(set(zone.nameservers)) != names:
        raise table.refuse(
            "nameservers", f"a list of one or more host names, {NAMESERVERS_MAX} at most, each once"
        )
    table.finish()
    return zone


def read_zones(folder: Path, public_url: str) -> tuple[ZoneConfig, ...]:
    """All zones of a folder, by origin. Raises ConfigError where there is none, or two overlap."""
    try:
        # An editor's own files begin with a dot.
        files = sorted(
            file for file in folder.iterdir() if file.suffix == ".toml" and file.name[0] != "."
        )
    except OSError as error:
        raise ConfigError(
            f"{folder}: the folder of zone files cannot be read: {error.strerror}"
        ) from None
    if not files:
        raise ConfigError(f"{folder}: holds no zone file; one is named like bl.example.toml")
    zones = tuple(read_zone(file, public_url) for file in files)
    for one, other in itertools.permutations(zones, 2):
        if one.origin.endswith(f".{other.origin}"):
            raise ConfigError(
                f"{folder}: {one.origin}.toml and {other.origin}.toml overlap: "
                f"{one.origin} lies inside {other.origin}"
            )
    return zones
