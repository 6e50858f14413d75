"""[keys] of a zone file."""

from __future__ import annotations

from pathlib import Path

import pytest

from dnsbl.config import ConfigError
from dnsbl.config.keys import KeysConfig, may_be_key, read_keys
from dnsbl.config.toml import Table


def read(tmp_path: Path, text: str, origin: str = "bl.example") -> KeysConfig:
    """The table [keys] of a file."""
    file = tmp_path / "bl.example.toml"
    file.write_text(text)
    return read_keys(Table.read(file).table("keys"), origin)


def test_keys_are_off_unless_told(tmp_path: Path) -> None:
    """And what is rejected is refused."""
    assert read(tmp_path, "") == KeysConfig("off", "refuse", "refuse")


def test_every_key_is_read(tmp_path: Path) -> None:
    """Mode and both actions."""
    text = '[keys]\nmode = "required"\nunknown = "ignore"\nover_quota = "empty"'

    assert read(tmp_path, text) == KeysConfig("required", "ignore", "empty")


@pytest.mark.parametrize(
    ("text", "said"),
    [('mode = "on"', 'keys.mode: expected one of "off", "optional", "required"'),
     ('unknown = "pass"', 'keys.unknown: expected one of "refuse", "ignore", "empty"'),
     ("over_quota = 7", "keys.over_quota: expected one of"),
     ('modes = "off"', "keys.modes: is not a known key; did you mean keys.mode?")],
)  # fmt: skip
def test_a_mistake_names_the_key_and_what_was_expected(
    tmp_path: Path, text: str, said: str
) -> None:
    """As everywhere in these files."""
    with pytest.raises(ConfigError) as refused:
        read(tmp_path, f"[keys]\n{text}")

    assert said in str(refused.value)


def test_an_origin_leaves_room_for_an_address_and_a_key(tmp_path: Path) -> None:
    """A name has 255 octets; without keys a longer origin is fine."""
    longest = ".".join(["a" * 53] * 3)  # 161 characters
    text = '[keys]\nmode = "optional"'

    assert read(tmp_path, text, f"{longest}b").mode == "optional"
    assert read(tmp_path, "", f"{longest}bc").mode == "off"
    with pytest.raises(ConfigError, match="no room for a reversed IPv6 address and a key"):
        read(tmp_path, text, f"{longest}bc")


@pytest.mark.parametrize("label", [b"a" * 26, b"A" * 25 + b"7", b"2" * 25 + b"x"])
def test_a_key_is_26_letters_and_digits(label: bytes) -> None:
    """In any case."""
    assert may_be_key(label)


@pytest.mark.parametrize("label", [b"", b"a" * 25, b"a" * 27, b"2" * 26, b"a" * 25 + b"1"])
def test_other_labels_are_no_keys(label: bytes) -> None:
    """Neither by their length nor their alphabet, nor one of digits alone."""
    assert not may_be_key(label)
