"""What an operator sees of a server at work, after real digs: metrics, query log, `dnsbl top`."""

from __future__ import annotations

import json
import re
import subprocess
import time
from collections.abc import Callable
from typing import Any

import pytest
import visitor
from house import ZONE_TEXT, House
from running import PROGRAM, Running, run_dnsbl

WAIT_S = 30  # generous: a failure still ends, and a loaded machine is slow

# Those of a second category in the house's zone.
POLICY = '[category.policy]\nanswer = "127.0.0.10"\ntext = "No mail from [$]"\ndelist = "never"\n'
LOG = '[dns.query_log]\nfile = "queries.jsonl"\nclient_prefix_ipv4 = 8\n'
KEY = "abcdefghijklmnopqrstuvwxy2"

Serve = Callable[..., Running]
Dig = Callable[..., None]


@pytest.fixture
def dig(house: House, tool: Callable[[str], str]) -> Dig:
    """Asks one question of the house's zone, and waits for the reply."""
    program = tool("dig")

    def ask(name: str, rdtype: str = "A", *options: str) -> None:
        done = subprocess.run(
            [program, "@127.0.0.1", "-p", str(house.dns_port), name, rdtype, "+tries=1", *options],
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=WAIT_S, check=True,
        )  # fmt: skip
        assert "status:" in done.stdout

    return ask


@pytest.fixture(params=["1", "2"])
def listed(house: House, request: pytest.FixtureRequest) -> House:
    """A house of one worker, or two; 192.0.2.7 is listed in both categories, with a query log."""
    house.write_zone(ZONE_TEXT + POLICY)
    house.write_config(LOG)
    house.file.write_text(
        house.file.read_text().replace("[dns]", f"[dns]\nworkers = {request.param}")
    )
    for category in ("spam", "policy"):
        assert run_dnsbl(house.file, "add", "192.0.2.7", "--category", category).returncode == 0
    return house


def ask_all(dig: Dig) -> None:
    """Nine questions: three that list, over UDP and TCP."""
    dig("7.2.0.192.BL.example")
    dig("7.2.0.192.bl.example", "TXT")
    dig("7.2.0.192.bl.example", "A", "+tcp")
    dig("7.2.0.192.bl.example", "MX")
    dig("8.2.0.192.bl.example")
    dig("8.2.0.192.bl.example", "TXT")
    dig("bl.example", "SOA")
    dig("example.net")
    dig(f"7.2.0.192.{KEY}.bl.example", "A", "+tcp")


def lines(house: House, count: int) -> list[dict[str, Any]]:
    """The query log once it has so many lines."""
    path = house.folder / "queries.jsonl"
    until = time.monotonic() + WAIT_S
    while time.monotonic() < until:
        if path.exists() and path.read_bytes().count(b"\n") >= count:
            break
        time.sleep(0.02)
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_every_query_is_logged(listed: House, serve: Serve, dig: Dig) -> None:
    """With its outcome; the client is cut as the configuration says, and no key is told."""
    serve(listed.file, "dns")

    ask_all(dig)

    seen = lines(listed, 9)
    assert len(seen) == 9
    assert sorted(
        (line["transport"], line["name"], line["type"], line["rcode"], line["zone"], line["listed"])
        for line in seen
    ) == sorted(
        [
            ("udp", "7.2.0.192.bl.example", "A", "NOERROR", "bl.example", ["spam", "policy"]),
            ("udp", "7.2.0.192.bl.example", "TXT", "NOERROR", "bl.example", ["spam", "policy"]),
            ("tcp", "7.2.0.192.bl.example", "A", "NOERROR", "bl.example", ["spam", "policy"]),
            ("udp", "7.2.0.192.bl.example", "MX", "NOERROR", "bl.example", []),
            ("udp", "8.2.0.192.bl.example", "A", "NXDOMAIN", "bl.example", []),
            ("udp", "8.2.0.192.bl.example", "TXT", "NXDOMAIN", "bl.example", []),
            ("udp", "bl.example", "SOA", "NOERROR", "bl.example", []),
            ("udp", "example.net", "A", "REFUSED", "", []),
            ("tcp", "7.2.0.192.KEY.bl.example", "A", "NXDOMAIN", "bl.example", []),
        ]
    )
    assert {line["client"] for line in seen} == {"127.0.0.0/8"}
    assert {line["sample"] for line in seen} == {1}
    assert min(line["octets"] for line in seen) > 12
    assert KEY not in (listed.folder / "queries.jsonl").read_text().lower()


def test_a_rotated_log_goes_on(listed: House, serve: Serve, dig: Dig) -> None:
    """Renamed while the server runs: the next line is in a new file."""
    running = serve(listed.file, "dns")
    dig("7.2.0.192.bl.example")
    assert len(lines(listed, 1)) == 1

    (listed.folder / "queries.jsonl").rename(listed.folder / "queries.1")
    dig("8.2.0.192.bl.example")

    assert [line["rcode"] for line in lines(listed, 1)] == ["NXDOMAIN"]
    assert running.stop() == 0


def test_metrics_tell_zones_and_categories(listed: House, serve: Serve, dig: Dig) -> None:
    """The same counts as of the nine questions, whichever thread and path answered."""
    serve(listed.file)
    ask_all(dig)
    wanted = {
        'replies_total{qtype="A",rcode="NOERROR",transport="udp",zone="bl.example"}': 1.0,
        'replies_total{qtype="A",rcode="NOERROR",transport="tcp",zone="bl.example"}': 1.0,
        'replies_total{qtype="A",rcode="NXDOMAIN",transport="udp",zone="bl.example"}': 1.0,
        'replies_total{qtype="A",rcode="REFUSED",transport="udp",zone=""}': 1.0,
        'hits_total{zone="bl.example"}': 3.0,
        'listed_total{category="spam",zone="bl.example"}': 3.0,
        'listed_total{category="policy",zone="bl.example"}': 3.0,
        'query_log_total{result="written"}': 9.0,
        'query_log_total{result="lost"}': 0.0,
    }

    until = time.monotonic() + WAIT_S
    seen: dict[str, float] = {}
    while time.monotonic() < until and not wanted.items() <= seen.items():
        text = visitor.fetch(f"{listed.portal_url}/metrics").text
        found = re.findall(r"^dnsbl_dns_(\S+) (\S+)$", text, re.MULTILINE)
        seen = {name: float(value) for name, value in found}

    assert {name: seen.get(name) for name in wanted} == wanted


def test_top_tells_what_was_asked(listed: House, serve: Serve, dig: Dig) -> None:
    """While it watches: exact paces, the listed address, and the client."""
    serve(listed.file, "dns")
    command = ["top", "--once", "--interval", "3", "-o", "json"]
    with subprocess.Popen(
        [*PROGRAM, *command, "--config", str(listed.file)],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True,
    ) as top:  # fmt: skip
        # The counters rise whether anybody watches or not; the tops are of what is asked meanwhile.
        until = time.monotonic() + WAIT_S
        while top.poll() is None and time.monotonic() < until:
            dig("7.2.0.192.bl.example")
            dig("8.2.0.192.bl.example")
        out, _ = top.communicate()

    seen = json.loads(out)
    assert top.returncode == 0
    assert seen["replies_per_s"] > 0
    assert 0.4 <= seen["hit_rate"] <= 0.6
    assert set(seen["rcodes"]) == {"NOERROR", "NXDOMAIN"}
    assert set(seen["categories"]["bl.example"]) == {"spam", "policy"}
    assert [(each["subject"], each["zone"]) for each in seen["top_listed"]] == [
        ("192.0.2.7", "bl.example")
    ]
    assert seen["top_listed"][0]["categories"] == ["spam", "policy"]
    assert [each["client"] for each in seen["top_clients"]] == ["127.0.0.0/8"]
    assert len(seen["workers"]) == listed.config.dns.workers
