"""The keys that clients ask with: made once, kept as hashes, changed by whatever client."""

from __future__ import annotations

import hashlib
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnsbl.config.keys import KEY_ALPHABET, may_be_key
from dnsbl.network import IPV4, IPV6, Network
from dnsbl.store import access_keys
from dnsbl.store.access_keys import AccessKey, HolderError
from dnsbl.store.database import Database, InvalidRowError, open_writer

NOW = 1_800_000_000
ROW = "(key_hash, zone, holder) VALUES (zeroblob(32), 'x.example', 'x')"
ACME = AccessKey(hashlib.sha256(b"acme").digest(), "bl.example", "acme", 1000, NOW)


@pytest.fixture
def shell(database: Database) -> Iterator[sqlite3.Connection]:
    """Another client of the house's database."""
    with closing(sqlite3.connect(database.path, isolation_level=None)) as connection:
        yield connection


def test_a_new_key_is_one_label_of_130_bits() -> None:
    """26 of 32 letters and digits, in lower case, each different, and a key by its form."""
    keys = {access_keys.new_key() for _ in range(200)}

    assert len(keys) == 200
    assert all(re.fullmatch("[a-z2-7]{26}", key) for key in keys)
    assert all(may_be_key(key.encode()) for key in keys)
    assert {char for key in keys for char in key} == set(KEY_ALPHABET)


def test_the_hash_of_a_key_is_the_same_in_any_case() -> None:
    """Resolvers mix the case of what they ask (0x20)."""
    key = access_keys.new_key().encode()

    assert access_keys.key_hash(key) == hashlib.sha256(key).digest()
    assert access_keys.key_hash(key.upper()) == access_keys.key_hash(key)
    assert access_keys.key_hash(key.title()) == access_keys.key_hash(key)


@given(st.integers(0, 255) | st.integers(0, 2**32 - 1), st.integers(0, 2**128 - 1))
def test_no_label_of_an_address_is_a_key(bits: int, long: int) -> None:
    """Neither of its octets nor of its nibbles."""
    text = Network(IPV4, bits, 32).text.split(".") + list(Network(IPV6, long, 128).text)

    assert not any(may_be_key(label.encode()) for label in text)


@pytest.mark.parametrize(
    "label",
    [b"", b"a" * 25, b"a" * 27, b"2" * 26, b"a" * 25 + b"1", b"a" * 25 + b"0", b"a" * 25 + b"-",
     b"a" * 25 + b"\xc5", b"a" * 25 + b".", b"a" * 26 + b"\n", b"\0" * 26],
)  # fmt: skip
def test_what_is_no_key_by_its_form_is_never_hashed(label: bytes) -> None:
    """Length, alphabet, and not all digits."""
    assert not may_be_key(label)
    assert access_keys.key_hash(label) is None


def test_a_key_is_added_found_changed_and_revoked(database: Database) -> None:
    """All of its life; what changes nothing says so."""
    access_keys.add(database, ACME)
    found = access_keys.find(database, "bl.example", "acme")

    changed = [
        access_keys.change(database, ACME.key_hash, 5, NOW + 60),
        access_keys.change(database, ACME.key_hash, 5, NOW + 60),
        access_keys.change(database, ACME.key_hash, None, None),
    ]
    unlimited = access_keys.find(database, "bl.example", "acme")
    revoked = [
        access_keys.revoke(database, ACME.key_hash, NOW + 9),
        access_keys.revoke(database, ACME.key_hash, NOW + 10),
    ]

    assert found == ACME
    assert changed == [True, False, True]
    assert unlimited == replace(ACME, quota_per_day=None)
    assert revoked == [True, False]
    assert access_keys.find(database, "bl.example", "acme") is None
    assert access_keys.find_by_hash(database, ACME.key_hash) == replace(
        ACME, quota_per_day=None, revoked_at=NOW + 9
    )


def test_a_holder_has_one_good_key_of_a_zone(database: Database) -> None:
    """Another zone's is another; once it is revoked there may be a new one."""
    access_keys.add(database, ACME)
    access_keys.add(database, replace(ACME, key_hash=bytes(32), zone="dul.example"))
    second = replace(ACME, key_hash=b"\1" * 32)

    with pytest.raises(HolderError, match=r"acme has a key of bl\.example.*such as acme-2"):
        access_keys.add(database, second)
    access_keys.revoke(database, ACME.key_hash, NOW)
    access_keys.add(database, second)

    assert access_keys.find(database, "bl.example", "acme") == second


def test_keys_are_browsed_by_zone_and_holder_and_read_good_before_revoked(
    database: Database,
) -> None:
    """For people in order, for the ring as many as it takes."""
    old = replace(ACME, key_hash=b"\1" * 32, created_at=NOW - 9)
    zed = replace(ACME, key_hash=b"\2" * 32, holder="zed", created_at=NOW + 1)
    dul = replace(ACME, key_hash=b"\3" * 32, zone="dul.example")
    access_keys.add(database, old)
    access_keys.revoke(database, old.key_hash, NOW)
    old = replace(old, revoked_at=NOW)
    for key in (ACME, zed, dul):
        access_keys.add(database, key)

    assert list(access_keys.browse(database)) == [ACME, old, zed, dul]
    assert list(access_keys.browse(database, "dul.example")) == [dul]
    assert list(access_keys.of_zones(database, ["bl.example"])) == [zed, ACME, old]
    assert list(access_keys.of_zones(database, ["dul.example", "x.example"])) == [dul]
    assert list(access_keys.of_zones(database, [])) == []


@pytest.mark.parametrize(
    "sql",
    [
        f"INSERT INTO access_keys {ROW}",
        f"INSERT OR REPLACE INTO access_keys {ROW}",
        f"INSERT OR IGNORE INTO access_keys {ROW}",
        "UPDATE access_keys SET revoked_at = 1",
        "UPDATE access_keys SET quota_per_day = 1",
        "DELETE FROM access_keys",
    ],
)
def test_every_change_by_any_client_gives_another_version(
    database: Database, shell: sqlite3.Connection, sql: str
) -> None:
    """That is how it is noticed."""
    access_keys.add(database, ACME)
    before = access_keys.version(database)

    shell.execute(sql)

    assert access_keys.version(database) not in (None, before)


def test_a_version_that_is_gone_is_not_known(database: Database, shell: sqlite3.Connection) -> None:
    """And nobody takes two of those for the same."""
    shell.execute("DELETE FROM meta WHERE key = 'access_keys_version'")
    access_keys.add(database, ACME)

    assert access_keys.version(database) is None


def test_another_database_has_another_version(database: Database, tmp_path: Path) -> None:
    """Though as much was changed in it."""
    with closing(open_writer(tmp_path / "other.sqlite3")) as other:
        assert access_keys.version(other) != access_keys.version(database)


@pytest.mark.parametrize(
    ("column", "value"),
    [("key_hash", bytes(31)), ("zone", "Bl.example"), ("zone", "bl.example."), ("holder", ""),
     ("holder", "-x"), ("holder", "Acme"), ("holder", "a" * 65), ("holder", "a b"),
     ("quota_per_day", 0), ("quota_per_day", 10**12 + 1), ("created_at", NOW * 1000),
     ("expires_at", -1), ("revoked_at", NOW * 1000)],
)  # fmt: skip
def test_a_constraint_that_refuses_a_row_reads_as_a_sentence(
    database: Database, column: str, value: object
) -> None:
    """It names the column, and what was expected."""
    with pytest.raises(InvalidRowError, match=rf"{column}: expected .+"):
        access_keys.add(database, replace(ACME, **{column: value}))  # type: ignore[arg-type]


@pytest.mark.parametrize("text", ["acme", "a", "7", "mx1.acme.example", "a_b-c", "a" * 64])
def test_a_holder_has_a_plain_name(text: str) -> None:
    """As a command line and a metric take it."""
    assert access_keys.parse_holder(text) == text


@pytest.mark.parametrize("text", ["", "Acme", ".a", "-a", "a" * 65, "a@b", "é", "a\n"])
def test_other_names_of_holders_are_refused(text: str) -> None:
    """With what a name is made of."""
    with pytest.raises(HolderError, match="a holder's name is"):
        access_keys.parse_holder(text)


def test_a_holder_is_not_named_like_a_key() -> None:
    """So that a word of a command is either."""
    with pytest.raises(HolderError, match="form of a key"):
        access_keys.parse_holder(access_keys.new_key())
