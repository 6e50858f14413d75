"""Keyed access, end to end: the commands make and revoke keys, dig asks with them."""

from __future__ import annotations

import json
import re
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from house import ZONE_TEXT, House
from running import Running, run_dnsbl

WAIT_S = 30  # generous: a failure still ends, and a loaded machine is slow

Serve = Callable[..., Running]


@dataclass(frozen=True)
class Asker:
    """Somebody with dig."""

    house: House

    def ask(self, name: str, qtype: str = "A") -> tuple[str, list[str], str]:
        """The status, the answers, and all that dig shows; status "" where nothing was said."""
        done = subprocess.run(
            ["dig", "+tries=1", "+timeout=2", "@127.0.0.1", "-p", str(self.house.dns_port),
             f"{name}.bl.example", qtype],
            capture_output=True, text=True, timeout=30, check=False,
        )  # fmt: skip
        status = re.search(r"status: (\w+)", done.stdout)
        answers = re.findall(rf"^[^;\s]+\s+\d+\s+IN\s+{qtype}\s+(.*)$", done.stdout, re.MULTILINE)
        return status[1] if status else "", answers, done.stdout

    def until(self, name: str, status: str) -> float:
        """Asks until that is the status; how many seconds that took."""
        begun = time.monotonic()
        while time.monotonic() - begun < WAIT_S:
            if self.ask(name)[0] == status:
                return time.monotonic() - begun
        raise AssertionError(f"{name}: never {status}")

    def key(self, *arguments: str) -> Any:  # noqa: ANN401  # JSON
        """What `dnsbl key` prints."""
        done = run_dnsbl(self.house.file, "key", *arguments, "-o", "json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)


@pytest.fixture
def asker(house: House, tool: Callable[[str], str]) -> Asker:
    """Somebody with dig; 192.0.2.7 is listed in the house's zone."""
    tool("dig")
    assert run_dnsbl(house.file, "add", "192.0.2.7").returncode == 0
    return Asker(house)


def configure(house: House, **values: str) -> None:
    """Writes the zone file with those [keys]."""
    lines = "".join(f'{name} = "{value}"\n' for name, value in values.items())
    house.write_zone(ZONE_TEXT.replace("[category", f"[keys]\n{lines}[category", 1))


def test_a_key_opens_a_zone_that_requires_one(house: House, serve: Serve, asker: Asker) -> None:
    """Made, used in any case, and revoked while the server runs; the zone's own names need none."""
    configure(house, mode="required")
    running = serve(house.file, "dns")
    key = asker.key("add", "acme")["key"]
    asker.until(f"2.0.0.127.{key}", "NOERROR")

    for spelt in (key, key.upper()):
        assert asker.ask(f"7.2.0.192.{spelt}")[:2] == ("NOERROR", ["127.0.0.2"])
        assert asker.ask(f"8.2.0.192.{spelt}")[:2] == ("NXDOMAIN", [])
        for above in ("2.0.192", "192", "1.2.3"):
            assert asker.ask(f"{above}.{spelt}")[:2] == ("NOERROR", [])
        assert asker.ask(spelt)[:2] == ("NOERROR", [])
    [text] = asker.ask(f"7.2.0.192.{key}", "TXT")[1]
    assert "banned sending IP [192.0.2.7]" in text
    status, _, shown = asker.ask("7.2.0.192")
    assert status == "REFUSED"
    assert re.search(r"EDE: 18 \(Prohibited\).*this zone is asked with a key", shown)
    assert asker.ask("192")[0] == "REFUSED"
    assert asker.ask("7.2.0.192." + "a" * 26)[0] == "REFUSED"
    assert asker.ask("ns1")[0] == "NOERROR"

    asker.key("revoke", "acme")
    took_s = asker.until(f"7.2.0.192.{key}", "REFUSED")
    assert "this key was revoked" in asker.ask(f"7.2.0.192.{key}")[2]
    assert took_s < WAIT_S
    assert not any(key in json.dumps(event) for event in running.events)


@pytest.mark.parametrize(
    ("action", "status"), [("refuse", "REFUSED"), ("ignore", ""), ("empty", "NXDOMAIN")]
)
def test_bad_keys_and_spent_quotas_get_what_the_zone_file_says(
    house: House, serve: Serve, asker: Asker, action: str, status: str
) -> None:
    """Never a listing; whoever asks without a key is answered where keys are optional."""
    configure(house, mode="optional", unknown=action, over_quota=action)
    serve(house.file, "dns")
    key = asker.key("add", "acme", "--quota", "2")["key"]
    asker.until(key, "NOERROR")

    statuses = [asker.ask(f"7.2.0.192.{key}")[0] for _ in range(3)]

    assert statuses == ["NOERROR", "NOERROR", status]
    assert asker.ask(f"2.0.192.{key}")[0] == "NOERROR"
    assert asker.ask("7.2.0.192." + "a" * 26)[:2] == (status, [])
    assert asker.ask("7.2.0.192")[:2] == ("NOERROR", ["127.0.0.2"])


def test_a_quota_outlives_the_process(house: House, serve: Serve, asker: Asker) -> None:
    """Killed and started again, the server knows what was spent; so does `dnsbl key list`."""
    configure(house, mode="optional")
    running = serve(house.file, "dns")
    key = asker.key("add", "acme", "--quota", "2")["key"]
    asker.until(key, "NOERROR")
    assert asker.ask(f"7.2.0.192.{key}")[0] == "NOERROR"
    assert asker.ask(f"7.2.0.192.{key}")[0] == "NOERROR"
    begun = time.monotonic()
    while asker.key("list")[0]["queries_today"] < 2:
        assert time.monotonic() - begun < WAIT_S

    running.kill()
    serve(house.file, "dns")

    assert asker.ask(f"7.2.0.192.{key}")[0] == "REFUSED"
    assert asker.key("change", "acme", "--quota", "3")[0]["quota_per_day"] == 3
    asker.until(f"7.2.0.192.{key}", "NOERROR")
    assert asker.ask(f"7.2.0.192.{key}")[0] == "REFUSED"
