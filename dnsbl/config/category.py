"""A category of a zone: why something is listed, and how that is said."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import Final, Literal, cast

from dnsbl.config.policy import POLICY_DEFAULT, PolicyConfig, read_policy
from dnsbl.config.toml import ConfigError, Table

Delist = Literal["self", "review", "never"]

# What is asked about takes up to so many characters wherever `$` stands; the text still has to fit
# into an answer of 1232 bytes beside its question.
TEXT_OCTETS_MAX: Final = 1000
ADDRESS_CHARS_MAX: Final = 39
NAME_CHARS_MAX: Final = 251  # RFC 1035 §2.3.4, and an origin of at least one character
GRACE_S_DEFAULT: Final = 7 * 86_400
GRACE_S_MAX: Final = 366 * 86_400

# Answers by which large lists say that a client may not ask, or that something is wrong: whoever
# takes any answer for a listing has refused all mail for them.
ERROR_ANSWERS: Final = ipaddress.IPv4Network("127.255.255.0/24")

_CATEGORY_NAME = re.compile(r"[a-z][a-z0-9_-]{0,31}", re.ASCII)
_PLACEHOLDER = re.compile(r"\{[^{}]*\}?|\}")


@dataclass(frozen=True, slots=True)
class CategoryConfig:
    """Why something is listed: its A value, its TXT template, and how it may be delisted.

    ``answer`` is in 127.0.0.0/8, but none that means something else. In ``text``,
    ``$`` stands for the address or name asked about; ``{portal}`` is already
    replaced. ``grace_s`` is how long a delisted address stays out of reach of
    imports, and how long an exclusion out of a listed network holds, in seconds.
    ``policy`` is what a request meets
    where ``delist`` is "self".
    """

    name: str
    answer: ipaddress.IPv4Address
    text: str
    delist: Delist
    grace_s: int
    policy: PolicyConfig = POLICY_DEFAULT


def _parse_answer(text: str) -> ipaddress.IPv4Address:
    address = ipaddress.IPv4Address(text)
    # RFC 5782 §2.3: answers are in 127.0.0.0/8; §5: 127.0.0.1 is the address never listed
    if not address.is_loopback:
        raise ValueError("it lies outside 127.0.0.0/8; mail servers expect answers inside it")
    if str(address) == "127.0.0.1":
        raise ValueError("127.0.0.1 is the test address that is never listed (RFC 5782 §5)")
    if str(address) == "127.0.0.0":
        raise ValueError("127.0.0.0 is the network's own address, which mail servers do not expect")
    if address in ERROR_ANSWERS:
        raise ValueError(
            f"it lies in {ERROR_ANSWERS}, by which lists report errors; mail servers do not take "
            "it for a listing, or refuse all mail for it"
        )
    return address


@dataclass(frozen=True, slots=True)
class Setting:
    """What a zone says of all of its categories.

    ``public_url`` is what ``{portal}`` stands for, ``subject_chars_max`` how
    long what ``$`` stands for can be. Nobody asks to be taken off a list of the
    good: ``delistable`` is false for those.
    """

    public_url: str
    subject_chars_max: int
    delistable: bool


def expand_text(template: str, setting: Setting) -> str:
    """A TXT template with ``{portal}`` replaced. Raises ValueError with what was expected."""
    for found in _PLACEHOLDER.findall(template):
        if found != "{portal}":
            raise ValueError(f"no braces but {{portal}}; {found!r} is not known")
    text = template.replace("{portal}", setting.public_url)
    longest = len(text.encode()) + text.count("$") * (setting.subject_chars_max - 1)
    if not text or longest > TEXT_OCTETS_MAX:
        raise ValueError(f"1 to {TEXT_OCTETS_MAX} octets once $ and {{portal}} are replaced")
    return text


def _read_text(table: Table, setting: Setting) -> str:
    template = table.text("text", chars_max=TEXT_OCTETS_MAX, expected="a text for the TXT record")
    try:
        return expand_text(template, setting)
    except ValueError as error:
        raise table.refuse("text", str(error)) from None


def read_category(
    name: str, table: Table, setting: Setting, policy: PolicyConfig, *, provable: bool
) -> CategoryConfig:
    """One table such as [category.spam]. Raises ConfigError.

    ``policy`` is the zone's; ``provable`` as `read_policy` has it.
    """
    if not _CATEGORY_NAME.fullmatch(name):
        raise ConfigError(
            f"{table.file}: {table.name}: a category's name has 1 to 32 lower-case letters, "
            "digits, hyphens or underscores, and begins with a letter"
        )
    ways = ("self", "review", "never") if setting.delistable else ("never",)
    category = CategoryConfig(
        name=name,
        answer=table.parsed("answer", None, "an address in 127.0.0.0/8", _parse_answer),
        text=_read_text(table, setting),
        delist=cast("Delist", table.choice("delist", ways[0], ways)),
        grace_s=table.whole("grace_s", GRACE_S_DEFAULT, "seconds", 0, GRACE_S_MAX),
        policy=read_policy(table.table("policy"), policy, provable=provable),
    )
    table.finish()
    return category
