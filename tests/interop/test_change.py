"""A change made by anybody, by any means, is what DNS says a moment later."""

from __future__ import annotations

import re
import sqlite3
import subprocess
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import dns.message
import dns.query
import dns.rcode
import visitor
from house import House
from mailserver import link_in_file
from running import Running

SHOWS_S = 30  # far more than it takes; benchmarks/propagation.py says how long it takes


def rcode(house: House, question: str) -> dns.rcode.Rcode:
    """What DNS says of a name below the zone just now."""
    query = dns.message.make_query(f"{question}.bl.example", "A")
    return dns.query.udp(query, "127.0.0.1", port=house.dns_port, timeout=10).rcode()


def becomes(house: House, question: str, expected: dns.rcode.Rcode) -> bool:
    """Whether DNS comes to say so."""
    deadline = time.monotonic() + SHOWS_S
    while time.monotonic() < deadline:
        if rcode(house, question) == expected:
            return True
    return False


def test_every_writer_is_followed(
    house: House,
    serve: Callable[..., Running],
    dnsbl: Callable[..., subprocess.CompletedProcess[str]],
) -> None:
    """The command line, the sqlite3 module and the portal: each one's change shows in DNS."""
    serve(house.file)

    assert dnsbl(house.file, "add", "203.0.113.1").returncode == 0
    assert becomes(house, "1.113.0.203", dns.rcode.NOERROR)
    with closing(sqlite3.connect(house.config.data.database)) as other, other:
        other.execute(
            "INSERT INTO listings (zone, network, category) VALUES (?, ?, ?)",
            ("bl.example", "2001:db8::7/128", "spam"),
        )
        other.execute("DELETE FROM listings WHERE network = '203.0.113.1/32'")
    six = ".".join(reversed("20010db8000000000000000000000007"))
    assert becomes(house, six, dns.rcode.NOERROR)
    assert becomes(house, "1.113.0.203", dns.rcode.NXDOMAIN)
    answer = visitor.request(house.portal_url, "2001:db8::7", "postmaster@sender.example")
    assert answer.status == 303
    visitor.press(link_in_file(house.config.data.outbox))
    assert becomes(house, six, dns.rcode.NXDOMAIN)
    assert dnsbl(house.file, "add", "2001:db8::7").returncode == 0
    assert becomes(house, six, dns.rcode.NOERROR)


def test_a_bad_row_of_another_client_harms_nothing(
    house: House, serve: Callable[..., Running]
) -> None:
    """A network with host bits, an unknown zone: logged and passed over; the next row is served."""
    running = serve(house.file)
    with closing(sqlite3.connect(house.config.data.database)) as other, other:
        for zone, network in (
            ("bl.example", "203.0.113.9/24"),
            ("elsewhere.example", "203.0.113.9/32"),
            ("bl.example", "203.0.113.10/32"),
        ):
            other.execute("INSERT INTO listings (zone, network, category) VALUES (?, ?, 'spam')",
                          (zone, network))  # fmt: skip

    assert becomes(house, "10.113.0.203", dns.rcode.NOERROR)
    assert rcode(house, "9.113.0.203") == dns.rcode.NXDOMAIN
    assert running.wait_for("row_skipped")


def test_answers_go_on_while_the_database_is_locked_or_ruined(
    house: House,
    serve: Callable[..., Running],
    dnsbl: Callable[..., subprocess.CompletedProcess[str]],
) -> None:
    """A writer that holds its lock, then a file of rubbish: DNS answers from memory."""
    running = serve(house.file)
    assert dnsbl(house.file, "add", "203.0.113.3").returncode == 0
    assert becomes(house, "3.113.0.203", dns.rcode.NOERROR)
    database = house.config.data.database

    with closing(sqlite3.connect(database, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        assert rcode(house, "3.113.0.203") == dns.rcode.NOERROR
        other.execute("ROLLBACK")
    for file in database.parent.glob(f"{database.name}*"):
        file.unlink()
    database.write_bytes(b"rubbish, not a database" * 1000)

    assert running.wait_for("database_unreadable")
    assert rcode(house, "3.113.0.203") == dns.rcode.NOERROR
    assert rcode(house, "4.113.0.203") == dns.rcode.NXDOMAIN


def test_portal_and_dns_turn_to_a_restored_copy(
    house: House,
    serve: Callable[..., Running],
    dnsbl: Callable[..., subprocess.CompletedProcess[str]],
) -> None:
    """A copy put in the file's place: both tell what it lists, and a delisting changes it."""
    serve(house.file)
    database = house.config.data.database
    assert dnsbl(house.file, "add", "203.0.113.3").returncode == 0
    copy = database.with_name("copy")
    with closing(sqlite3.connect(database)) as source, closing(sqlite3.connect(copy)) as target:
        source.backup(target)
    assert dnsbl(house.file, "add", "203.0.113.4").returncode == 0
    assert becomes(house, "4.113.0.203", dns.rcode.NOERROR)

    for file in database.parent.glob(f"{database.name}*"):
        file.unlink()
    copy.replace(database)

    assert "Not listed" in visitor.fetch(f"{house.portal_url}/?ip=203.0.113.4").text
    assert becomes(house, "4.113.0.203", dns.rcode.NXDOMAIN)
    assert rcode(house, "3.113.0.203") == dns.rcode.NOERROR
    answer = visitor.request(house.portal_url, "203.0.113.3", "postmaster@sender.example")
    assert answer.status == 303
    assert "Delisted" in visitor.press(link_in_file(house.config.data.outbox)).text
    assert becomes(house, "3.113.0.203", dns.rcode.NXDOMAIN)


def test_every_metric_is_documented(house: House, serve: Callable[..., Running]) -> None:
    """What the portal offers to Prometheus is what docs/operation.md names, no more and no less."""
    serve(house.file)
    assert rcode(house, "2.0.0.127") == dns.rcode.NOERROR
    deadline = time.monotonic() + SHOWS_S
    offered: set[str] = set()
    while "dnsbl_dns_replies_total" not in offered and time.monotonic() < deadline:
        text = visitor.fetch(f"{house.portal_url}/metrics").text
        offered = set(re.findall(r"^# HELP (\w+) ", text, re.MULTILINE))

    operation = Path(__file__).parent.parent.parent / "docs" / "operation.md"
    table = operation.read_text().split("## Metrics")[1]
    assert set(re.findall(r"^\| `(dnsbl_\w+)", table, re.MULTILINE)) == offered
