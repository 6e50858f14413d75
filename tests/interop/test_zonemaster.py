"""Zonemaster, by which registries judge a delegation, finds nothing wrong with ours.

It asks from the root down, as anybody would. Some of its tests are left out: those of
addresses, since ours are for documentation alone (RFC 5737); those of DNSSEC, since the zone is not
signed; and the one that looks up whose networks these are.
"""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from internet import KINDS, NAMESERVERS, ROOT, Internet, Plan

TESTS = (
    "Basic", "Connectivity/connectivity01", "Connectivity/connectivity02", "Consistency",
    "Delegation", "Nameserver", "Syntax", "Zone",
)  # fmt: skip
HINTS = f". 3600 NS a.root.\na.root. 3600 A {ROOT}\n"


def complaints(made: Internet, origin: str) -> list[str]:
    """What is worse than a remark."""
    made.namespace.write("/etc/zonemaster.hints", HINTS)
    output = made.namespace.run(
        "zonemaster-cli", origin, "--hints", "/etc/zonemaster.hints", "--no-ipv6",
        "--level", "WARNING", "--json", *(f"--test={name}" for name in TESTS),
    )  # fmt: skip
    return [f"{each['level']} {each['tag']} {each['args']}" for each in json.loads(output)]


@pytest.mark.parametrize("origin", list(KINDS))
@pytest.mark.parametrize("nameservers", [NAMESERVERS, ("ns1.{origin}", "ns2.{origin}")])
def test_zonemaster_finds_no_fault(
    internet: Callable[..., Internet],
    tool: Callable[[str], str],
    origin: str,
    nameservers: tuple[str, str],
) -> None:
    """Not a warning for any kind of list, be its name servers of another zone or its own hosts."""
    tool("zonemaster-cli")
    first, second = (name.format(origin=origin) for name in nameservers)
    made = internet(Plan((origin,), ttl_s=300, negative_ttl_s=60, nameservers=(first, second)))

    assert complaints(made, origin) == []
