"""What RFC 5782 asks of every kind of list, and what users of rbldnsd ask for, of one server.

docs/reference/rfc.md maps all of it; here is what no other test promises by name.
"""

from __future__ import annotations

import json
import socket
import sqlite3
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any

import dns.flags
import dns.message
import dns.query
import dns.rcode
import pytest
from house import ZONE_TEXT, House, free_port
from running import Running, run_dnsbl

WAIT_S = 30  # generous: a failure still ends, and a loaded machine is slow

ADDRESSES = (
    ZONE_TEXT
    + """
[category.policy]
answer = "127.0.0.5"
text = "policy [$]"
delist = "never"
[apex]
a = ["192.0.2.80"]
aaaa = ["2001:db8::80"]
"""
)
SUBLIST = ZONE_TEXT.replace('"bl.example"', '"web.bl.example"').replace("127.0.0.2", "127.0.0.3")
NAMES = 'lists = "names"\n' + ZONE_TEXT.replace('"bl.example"', '"dom.example"')

KEYED = ZONE_TEXT.replace('"bl.example"', '"keyed.example"') + '[keys]\nmode = "required"\n'

# Other lists, by what they do with us.
CLOSED = {
    action: ZONE_TEXT.replace('"bl.example"', f'"{action}.example"')
    + f'[access]\n{action} = ["127.0.0.0/8"]\n'
    for action in ("refuse", "ignore", "empty")
}

MORE = """
[dns.rate_limit]
errors_per_s = 1
burst_s = 1
slip = 1
[dns.query_log]
file = "queries.jsonl"
only = "answered"
"""

Asked = dns.message.Message


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A server of two workers with a list, a sublist and a list of names; rates are limited."""
    made = House(tmp_path_factory.mktemp("house"), free_port(), free_port())
    made.write_zone(ADDRESSES)
    made.write_zone(SUBLIST, "web.bl.example")
    made.write_zone(NAMES, "dom.example")
    made.write_zone(KEYED, "keyed.example")
    for action, text in CLOSED.items():
        made.write_zone(text, f"{action}.example")
    made.write_config(MORE)
    made.file.write_text(made.file.read_text().replace("[dns]", "[dns]\nworkers = 2"))
    for words in (
        ("192.0.2.7", "--zone", "bl.example", "--category", "spam"),
        ("2001:db8::7", "--zone", "bl.example", "--category", "policy"),
        ("198.51.100.7", "--zone", "web.bl.example"),
    ):
        added = run_dnsbl(made.file, "add", *words)
        assert added.returncode == 0, added.stderr
    running = Running(made.file, "dns")
    running.wait_for("ready")
    yield made
    running.stop()


def ask(house: House, name: str, rdtype: str = "A", *, tcp: bool = False) -> Asked:
    """The reply to one question."""
    query = dns.message.make_query(name, rdtype, use_edns=0)
    send = dns.query.tcp if tcp else dns.query.udp
    return send(query, "127.0.0.1", WAIT_S, house.dns_port)


def values(reply: Asked) -> list[str]:
    """The records of the answer section, in short."""
    return sorted(record.to_text() for rrset in reply.answer for record in rrset)


def told(house: House, *words: str) -> Any:  # noqa: ANN401  # JSON
    """What a command says."""
    done = run_dnsbl(house.file, *words, "-o", "json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def wait(true: Callable[[], bool], otherwise: str) -> None:
    """Returns once something is true."""
    ends_at = time.monotonic() + WAIT_S
    while not true():
        assert time.monotonic() < ends_at, otherwise
        time.sleep(0.02)


def until(house: House, name: str, expected: list[str]) -> None:
    """Waits for an answer; fails if it does not come."""
    wait(lambda: values(ask(house, name)) == expected, name)


def test_a_sublist_answers_beside_its_list(house: House) -> None:
    """RFC 5782 §2.3: each by its own name, each with its own value."""
    assert values(ask(house, "7.100.51.198.web.bl.example")) == ["127.0.0.3"]
    assert ask(house, "7.100.51.198.bl.example").rcode() == dns.rcode.NXDOMAIN


def test_the_apex_has_the_addresses_of_the_website(house: House) -> None:
    """RFC 5782 §5: A and AAAA of the list's own name."""
    assert values(ask(house, "bl.example")) == ["192.0.2.80"]
    assert values(ask(house, "bl.example", "AAAA")) == ["2001:db8::80"]


def test_test_entries_of_every_kind_answer(house: House) -> None:
    """RFC 5782 §5: 127.0.0.2 and one for each value, the mapped ones, TEST; the others not."""
    mapped = f"0.0.0.0.0.f.7.f.f.f.f.{'0.' * 20}bl.example"
    listed = ["2.0.0.127.bl.example", "5.0.0.127.bl.example", f"2.{mapped}", "TEST.dom.example"]
    unlisted = ["1.0.0.127.bl.example", f"1.{mapped}", "INVALID.dom.example"]

    assert values(ask(house, listed[1])) == ["127.0.0.5"]
    assert all("127.0.0.2" in values(ask(house, name)) for name in (listed[0], *listed[2:]))
    assert all(values(ask(house, name, "TXT")) for name in listed)
    assert [ask(house, name).rcode() for name in unlisted] == [dns.rcode.NXDOMAIN] * len(unlisted)


def test_an_empty_list_lists_nobody(house: House) -> None:
    """RFC 6471 §3.4: a list that was emptied to be closed never lists the world."""
    names = ["7.2.0.192.dom.example", "example.com.dom.example", "com.dom.example"]

    assert [ask(house, name).rcode() for name in names] == [dns.rcode.NXDOMAIN] * len(names)
    assert values(ask(house, "test.dom.example")) == ["127.0.0.2"]


def test_a_zone_refuses_ignores_or_answers_empty(house: House) -> None:
    """Access lists of a zone: extended error 18 (RFC 8914 §4.19), no reply, nothing listed."""
    refused = ask(house, "2.0.0.127.refuse.example", tcp=True)
    assert refused.rcode() == dns.rcode.REFUSED
    assert [int(error.code) for error in refused.extended_errors()] == [18]

    empty = ask(house, "2.0.0.127.empty.example")
    assert empty.rcode() == dns.rcode.NXDOMAIN

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(WAIT_S)
        client.connect(("127.0.0.1", house.dns_port))
        ignored = dns.message.make_query("2.0.0.127.ignore.example", "A", id=1)
        heard = dns.message.make_query("2.0.0.127.bl.example", "A", id=2)
        client.send(ignored.to_wire())
        client.send(heard.to_wire())
        assert dns.message.from_wire(client.recv(4096)).id == heard.id


def test_no_name_above_a_listed_one_is_nxdomain(house: House) -> None:
    """spamhaus/rbldnsd#17: resolvers that minimise names reach what is listed."""
    labels = ["7", "2", "0", "192", "bl", "example"]

    above = [ask(house, ".".join(labels[cut:])) for cut in range(1, 4)]

    assert [reply.rcode() for reply in above] == [dns.rcode.NOERROR] * 3
    assert all(not reply.answer and reply.authority for reply in above)


@pytest.mark.parametrize("rdtype", ["CAA", "TYPE256", "TYPE1000", "TYPE65280"])
def test_types_of_250_and_more_are_answered(house: House, rdtype: str) -> None:
    """spamhaus/rbldnsd#24: no data with SOA, not NOTIMP, so that certificates are issued."""
    reply = ask(house, "bl.example", rdtype)

    assert reply.rcode() == dns.rcode.NOERROR
    assert not reply.answer
    assert reply.authority


def test_there_is_tcp_a_control_channel_and_misuse_is_limited(house: House) -> None:
    """spamhaus/rbldnsd#8, but for transfers: TCP; commands that act at once; floods cut short."""
    assert values(ask(house, "7.2.0.192.bl.example", tcp=True)) == ["127.0.0.2"]

    told(house, "add", "203.0.113.8", "--zone", "keyed.example", "--category", "spam")
    key = told(house, "key", "add", "acme", "--zone", "keyed.example")["key"]
    name = f"8.113.0.203.{key}.keyed.example"
    until(house, name, ["127.0.0.2"])
    told(house, "key", "revoke", "acme", "--zone", "keyed.example")
    wait(lambda: ask(house, name, tcp=True).rcode() == dns.rcode.REFUSED, "the key was not revoked")

    with ThreadPoolExecutor() as threads:
        watching = threads.submit(told, house, "top", "--once", "--interval", "2")
        while not watching.done():
            ask(house, "7.2.0.192.bl.example", tcp=True)
    seen = watching.result()
    assert seen["zone_hits"]["bl.example"] > 0
    assert [each["subject"] for each in seen["top_listed"]] == ["192.0.2.7"]

    flood = [ask(house, "none-of-ours.example") for _ in range(20)]

    assert {reply.rcode() for reply in flood} == {dns.rcode.REFUSED}
    assert any(reply.flags & dns.flags.TC for reply in flood)


@pytest.mark.parametrize("tcp", [False, True], ids=["udp", "tcp"])
def test_the_query_log_has_no_nxdomain_lines(house: House, *, tcp: bool) -> None:
    """spamhaus/rbldnsd#32: with `only = "answered"`, all but those are written."""
    transport = "tcp" if tcp else "udp"
    expected = {
        "8.2.0.192.bl.example": "NXDOMAIN",
        "2.0.192.bl.example": "NOERROR",  # and no data
        "none.of.ours.example": "REFUSED",
        "7.2.0.192.bl.example": "NOERROR",
    }
    answered = {name for name, rcode in expected.items() if rcode != "NXDOMAIN"}
    log = house.folder / "queries.jsonl"

    def written() -> list[dict[str, Any]]:
        whole = log.read_text() if log.exists() else ""
        lines = [json.loads(line) for line in whole.splitlines()]
        return [line for line in lines if line["transport"] == transport]

    for name, rcode in expected.items():
        assert dns.rcode.to_text(ask(house, name, tcp=tcp).rcode()) == rcode
    wait(lambda: answered <= {line["name"] for line in written()}, "not all was written")

    lines = {line["name"]: line for line in written()}
    assert "NXDOMAIN" not in {line["rcode"] for line in written()}
    assert "8.2.0.192.bl.example" not in lines
    assert {name: lines[name]["rcode"] for name in answered} == {
        name: expected[name] for name in answered
    }
    assert [name for name in answered if lines[name]["listed"]] == ["7.2.0.192.bl.example"]


def test_additions_and_removals_need_no_reload(house: House) -> None:
    """rspamd/rbldnsd `-U`: both, kept in the database, answered within moments."""
    name = "9.113.0.203.bl.example"

    run_dnsbl(house.file, "add", "203.0.113.9", "--zone", "bl.example", "--category", "spam")
    until(house, name, ["127.0.0.2"])
    run_dnsbl(house.file, "remove", "203.0.113.9")
    until(house, name, [])


def test_a_set_is_purged_at_once(house: House) -> None:
    """RFC 6471 §3.7, §3.9: one statement takes a feed away, and nothing else."""
    numbers = range(1, 51)
    feed = house.folder / "feed.txt"
    feed.write_text("".join(f"203.0.113.{number}\n" for number in numbers))
    words = ("import", str(feed), "--zone", "web.bl.example", "--category", "spam")
    imported = run_dnsbl(house.file, *words)
    assert imported.returncode == 0, imported.stderr
    names = [f"{number}.113.0.203.web.bl.example" for number in numbers]
    for name in names:
        until(house, name, ["127.0.0.3"])

    with closing(sqlite3.connect(house.config.data.database, timeout=WAIT_S)) as database, database:
        database.execute(
            "DELETE FROM listings WHERE zone = 'web.bl.example' AND network LIKE '203.0.113.%'"
        )

    for name in names:
        until(house, name, [])
    assert values(ask(house, "7.100.51.198.web.bl.example")) == ["127.0.0.3"]


def test_soa_and_ns_are_there(house: House) -> None:
    """smck83/expurgate#7: without them public resolvers say SERVFAIL."""
    assert values(ask(house, "bl.example", "NS")) == ["ns1.bl.example."]
    (soa,) = values(ask(house, "bl.example", "SOA"))
    assert soa.startswith("ns1.bl.example. hostmaster.bl.example.")


def told_by_file(house: House) -> dict[str, Any]:
    """What the server says of itself."""
    found: dict[str, Any] = json.loads(house.config.data.dns_status.read_text())
    return found


def test_there_are_rate_limits_several_cores_and_metrics(house: House) -> None:
    """rspamd/rbldnsd#1, #2 and its README: floods slip to TCP, two workers answer, all is told."""
    for number in range(60):  # each from a port of its own, by which the kernel spreads them
        ask(house, f"{number}.2.0.192.bl.example")
        ask(house, "none-of-ours.example")

    def counted() -> dict[str, Any]:
        found: dict[str, Any] = told_by_file(house)["counters"]
        return found

    wait(
        lambda: counted()["slipped"] and all(each["count"] for each in counted()["worker_replies"]),
        "one worker has not answered, or no reply was over the limit",
    )
    assert [each["worker"] for each in counted()["worker_replies"]] == [1, 2]
    zones = {reply["zone"] for reply in counted()["replies"]}
    assert {"bl.example", ""} <= zones
