"""[keys] of a zone file: whether clients ask with a key, and what those get who may not."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias, cast, get_args

from dnsbl.config.domain import NAME_OCTETS_MAX, REVERSED_IPV6_OCTETS
from dnsbl.config.toml import ConfigError, Table

KeyMode: TypeAlias = Literal["off", "optional", "required"]
KeyAction: TypeAlias = Literal["refuse", "ignore", "empty"]

KEY_CHARS: Final = 26  # of 5 bits each; one label
KEY_ALPHABET: Final = "abcdefghijklmnopqrstuvwxyz234567"  # RFC 4648 §6: none looks like another

_KEY = re.compile(rb"[A-Za-z2-7]{%d}" % KEY_CHARS)


@dataclass(frozen=True, slots=True)
class KeysConfig:
    """Keyed access to a zone.

    With ``mode`` "optional" a question may bear a key, with "required" it must.
    ``unknown`` is what becomes of one whose key is unknown, revoked, expired, or
    missing where it must not be; ``over_quota`` of one beyond the quota of its
    key. "empty" answers as if nothing were listed.
    """

    mode: KeyMode = "off"
    unknown: KeyAction = "refuse"
    over_quota: KeyAction = "refuse"


NO_KEYS: Final = KeysConfig()


def may_be_key(label: bytes) -> bool:
    """Whether a label has the form of a key, in any case of its letters.

    None that has is an octet, a nibble or a number: it is never part of an address.
    """
    return _KEY.fullmatch(label) is not None and not label.isdigit()


def read_keys(table: Table, origin: str) -> KeysConfig:
    """The table [keys] of the zone of that origin. Raises ConfigError."""
    actions = get_args(KeyAction)
    keys = KeysConfig(
        mode=cast("KeyMode", table.choice("mode", "off", get_args(KeyMode))),
        unknown=cast("KeyAction", table.choice("unknown", "refuse", actions)),
        over_quota=cast("KeyAction", table.choice("over_quota", "refuse", actions)),
    )
    table.finish()
    octets = len(origin) + 2 + REVERSED_IPV6_OCTETS + KEY_CHARS + 1
    if keys.mode != "off" and octets > NAME_OCTETS_MAX:
        raise ConfigError(
            f'{table.file}: {table.key_name("mode")}: expected "off", since {origin} leaves no '
            "room for a reversed IPv6 address and a key before it"
        )
    return keys
