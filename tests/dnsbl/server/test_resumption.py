"""What a new DNS process goes on with of the one before."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from dnsbl.server.resumption import resume_key_counts
from dnsbl.zone.zones import Zones

KEYS = {
    "holders": [],
    "rejected": [{"cause": "unknown", "count": 3}],
}


def test_counts_of_keys_go_on(zones: Zones, tmp_path: Path) -> None:
    """Those of each zone that is still served; others' are nobody's."""
    file = tmp_path / "dns.json"
    file.write_text(json.dumps({"zones": {"bl.example": {"keys": KEYS}, "x": {"keys": KEYS}}}))

    resume_key_counts(file, zones)

    assert [zone.keys.document() for zone in zones] == [KEYS]


@pytest.mark.parametrize(
    "text",
    ["", "{", "7", "[]", "{}", '{"zones": 7}', '{"zones": {"bl.example": 7}}',
     '{"zones": {"bl.example": {"keys": 7}}}', '{"zones": {"bl.example": {}}}', "\xff",
     "[" * 100_000],
)  # fmt: skip
def test_a_file_that_says_nothing_of_keys_stops_nothing(
    zones: Zones, tmp_path: Path, text: str
) -> None:
    """Nor does one that is damaged, or of another version."""
    file = tmp_path / "dns.json"
    file.write_bytes(text.encode("latin-1"))

    resume_key_counts(file, zones)

    assert [zone.keys.document() for zone in zones] == [{"holders": [], "rejected": []}]


def test_no_file_stops_nothing(zones: Zones, tmp_path: Path) -> None:
    """A first start."""
    resume_key_counts(tmp_path / "dns.json", zones)
    resume_key_counts(tmp_path, zones)

    assert [zone.keys.document() for zone in zones] == [{"holders": [], "rejected": []}]
