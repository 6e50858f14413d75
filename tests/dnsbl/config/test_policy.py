"""[policy] of a zone file, and of its categories."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from house import ZONE_TEXT

from dnsbl.config import ConfigError, ZoneConfig
from dnsbl.config.policy import PolicyConfig
from dnsbl.config.zonefile import read_zone

HEAD, _, CATEGORY = ZONE_TEXT.partition("[category")
TWO_CATEGORIES = f"""[category{CATEGORY}
[category.bots]
answer = "127.0.0.3"
text = "$"
"""
ALL_KEYS = """
proof = 2
proof_rises = false
relapse = false
second_within_s = 1
second_wait_s = 2
third_within_s = 3
third_wait_s = 4
then = "refuse"
newer_evidence = "ignore"
"""
BY_DEFAULT = PolicyConfig(proof_rises=True)
ALL_READ = PolicyConfig(2, False, False, 1, 2, 3, 4, "refuse", "ignore")  # noqa: FBT003  # in order


def read(tmp_path: Path, zone: str = "", bots: str = "", *, provable: bool = True) -> ZoneConfig:
    """A zone with the categories spam and bots, and [policy] of the zone and of bots."""
    file = tmp_path / "bl.example.toml"
    file.write_text(f"{HEAD}\n[policy]\n{zone}\n{TWO_CATEGORIES}\n[category.bots.policy]\n{bots}\n")
    return read_zone(file, "http://portal.example", provable=provable)


def policies(zone: ZoneConfig) -> list[PolicyConfig]:
    """Of spam and of bots."""
    return [category.policy for category in zone.categories]


def refusal(tmp_path: Path, zone: str = "", bots: str = "", *, provable: bool = True) -> str:
    """What is said of them, after the file's name."""
    with pytest.raises(ConfigError) as refused:
        read(tmp_path, zone, bots, provable=provable)
    return str(refused.value).removeprefix(f"{tmp_path}/bl.example.toml: ")


def test_no_line_is_needed(tmp_path: Path) -> None:
    """A day after the first relapse, a week after the second, then an operator; any mailbox."""
    assert policies(read(tmp_path)) == [BY_DEFAULT, BY_DEFAULT]


def test_every_key_is_read(tmp_path: Path) -> None:
    """In the zone and in a category alike."""
    assert policies(read(tmp_path, ALL_KEYS)) == [ALL_READ, ALL_READ]
    assert policies(read(tmp_path, bots=ALL_KEYS)) == [BY_DEFAULT, ALL_READ]


def test_a_category_says_only_what_differs(tmp_path: Path) -> None:
    """The rest is as the zone has it."""
    spam, bots = policies(read(tmp_path, ALL_KEYS, 'proof = 0\nthen = "review"'))

    assert spam == ALL_READ
    assert bots == replace(ALL_READ, proof=0, then="review")


@pytest.mark.parametrize(("zone", "bots"), [("proof = 1", ""), ("", "proof = 1")])
def test_proof_needs_a_resolver(tmp_path: Path, zone: str, bots: str) -> None:
    """Without one nobody could prove anything, and the start says so."""
    said = refusal(tmp_path, zone, bots, provable=False)

    assert said.startswith(
        f"{'policy' if zone else 'category.bots.policy'}.proof: expected 0 where"
    )
    assert "[resolver] servers" in said


def test_without_a_resolver_the_level_does_not_rise(tmp_path: Path) -> None:
    """What cannot be proven is not asked for."""
    read_policies = policies(read(tmp_path, "proof_rises = true", provable=False))

    assert [policy.proof_rises for policy in read_policies] == [False, False]


@pytest.mark.parametrize(
    ("zone", "bots", "said"),
    [
        ("proof = 4", "", "policy.proof: expected a whole number from 0 to 3, got 4"),
        ("", 'then = "never"', 'category.bots.policy.then: expected one of "review", "refuse"'),
        ('newer_evidence = "review"', "", "policy.newer_evidence: expected one of"),
        ("third_within_s = 7776001", "", "policy.third_within_s: expected a whole number of sec"),
        ("relapse = 1", "", "policy.relapse: expected true or false"),
        ("prof = 1", "", "policy.prof: is not a known key; did you mean policy.proof?"),
        (
            "second_wait_s = 604801",
            "",
            "policy.third_wait_s: expected no less than second_wait_s, which is 604801, got 604800",
        ),
        (
            "second_within_s = 7",
            "third_within_s = 6",
            "category.bots.policy.third_within_s: expected no less than second_within_s, which",
        ),
    ],
)
def test_a_mistake_names_the_key_and_what_was_expected(
    tmp_path: Path, zone: str, bots: str, said: str
) -> None:
    """Windows and waits that would treat whoever relapses more often better are mistakes too."""
    assert said in refusal(tmp_path, zone, bots)
