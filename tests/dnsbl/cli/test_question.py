"""`query`."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import click.testing
import dns.rcode
import pytest
from house import ZONE_TEXT, House
from oracle import Oracle

from dnsbl.cli import commands
from dnsbl.cli.question import nearby
from dnsbl.config import Endpoint

NAME = "1.2.0.192.bl.example"


@pytest.fixture
def ask(run: Callable[..., Any], oracle: Oracle) -> Callable[..., click.testing.Result]:
    """Runs `query` against the oracle."""

    def ask(*arguments: str) -> click.testing.Result:
        result: click.testing.Result = run(
            "query", *arguments, "--server", f"127.0.0.1:{oracle.port}"
        )
        return result

    return ask


def test_a_listed_address_is_exit_code_0_with_its_answers(
    ask: Callable[..., Any],
    oracle: Oracle,
) -> None:
    """A first, then TXT of the same name; answers, texts, TTL, rcode and time are shown."""
    oracle.has(NAME, "A", "127.0.0.2", "127.0.0.10", ttl_s=123)
    oracle.has(NAME, "TXT", '"listed for " "spam"', '"and policy"')

    result = ask("192.0.2.1")

    first, *rest = result.stdout.splitlines()
    assert (result.exit_code, result.stderr) == (0, "")
    assert first.startswith(f"{NAME}  listed  (NOERROR, TTL 123 s, ")
    assert first.endswith(" ms)")
    assert sorted(rest) == [
        "  A    127.0.0.10", "  A    127.0.0.2", "  TXT  and policy", "  TXT  listed for spam",
    ]  # fmt: skip
    assert oracle.asked == [(f"{NAME}.", "A", "udp"), (f"{NAME}.", "TXT", "udp")]


def test_query_prints_json(ask: Callable[..., Any], oracle: Oracle) -> None:
    """The shape that docs/commands.md describes."""
    oracle.has(NAME, "A", "127.0.0.2")
    oracle.has(NAME, "TXT", '"spam"')

    found = json.loads(ask("192.0.2.1", "-o", "json").stdout)

    assert found["replies"][0].pop("ms") >= 0
    assert found == {
        "server": f"127.0.0.1:{oracle.port}",
        "listed": True,
        "replies": [
            {"zone": "bl.example", "reputation": "bad", "name": NAME, "listed": True,
             "rcode": "NOERROR", "answers": ["127.0.0.2"], "texts": ["spam"], "ttl_s": 300,
             "fault": None, "extended_error": None},
        ],
    }  # fmt: skip


def test_an_unlisted_address_is_exit_code_1(
    ask: Callable[..., Any],
    oracle: Oracle,
) -> None:
    """NXDOMAIN with its TTL, no question for TXT, and a reason on standard error."""
    result = ask("192.0.2.1")

    assert result.exit_code == 1
    assert result.stdout.startswith(f"{NAME}  not listed  (NXDOMAIN, TTL 60 s, ")
    assert result.stderr == "dnsbl: 192.0.2.1 is not listed\n"
    assert oracle.asked == [(f"{NAME}.", "A", "udp")]


def test_no_data_is_not_listed(ask: Callable[..., Any], oracle: Oracle) -> None:
    """A name that exists without an A record lists nothing."""
    oracle.has(NAME, "TXT", '"x"')

    assert ask("192.0.2.1").exit_code == 1


@pytest.mark.parametrize(
    ("target", "name"),
    [
        ("2001:db8::1", f"1.{'0.' * 23}8.b.d.0.1.0.0.2.bl.example"),
        ("::ffff:192.0.2.1", NAME),
        (NAME, NAME),
        (f"{NAME.upper()}.", NAME.upper()),
        ("bl.example", "bl.example"),
    ],
)
def test_addresses_are_reversed_and_names_are_not(
    ask: Callable[..., Any],
    oracle: Oracle,
    target: str,
    name: str,
) -> None:
    """32 nibbles for IPv6; a name in the zone as it stands."""
    ask(target)

    assert oracle.asked[0][0] == f"{name}."


def test_a_truncated_answer_is_asked_again_by_tcp(
    ask: Callable[..., Any],
    oracle: Oracle,
) -> None:
    """As a resolver does (RFC 7766 §5)."""
    oracle.truncates = True
    oracle.has(NAME, "A", "127.0.0.2")

    assert ask("192.0.2.1").exit_code == 0
    assert [way for _, _, way in oracle.asked] == ["udp", "tcp"] * 2


def test_tcp_asks_by_tcp_alone(ask: Callable[..., Any], oracle: Oracle) -> None:
    """No datagram is sent."""
    oracle.has(NAME, "A", "127.0.0.2")

    assert ask("192.0.2.1", "--tcp").exit_code == 0
    assert [way for _, _, way in oracle.asked] == ["tcp", "tcp"]


def test_every_zone_is_asked_and_one_that_lists_is_enough(
    ask: Callable[..., Any],
    oracle: Oracle,
    house: House,
) -> None:
    """All zones of the configuration, or the one that --zone names."""
    house.write_zone(ZONE_TEXT.replace("bl.example", "dul.example"), "dul.example")
    oracle.has("1.2.0.192.dul.example", "A", "127.0.0.2")

    both = ask("192.0.2.1")
    one = ask("192.0.2.1", "--zone", "bl.example")

    assert both.exit_code == 0
    assert [line.split("  ")[1] for line in both.stdout.splitlines()[:2]] == [
        "not listed",
        "listed",
    ]
    assert one.exit_code == 1


def test_a_server_and_a_zone_need_no_configuration(oracle: Oracle) -> None:
    """Anybody's list can be asked from anywhere."""
    oracle.has("2.0.0.127.list.test", "A", "127.0.0.2")
    arguments = ["query", "127.0.0.2", "--zone", "list.test", "--config", "/nowhere/dnsbl.toml"]

    result = click.testing.CliRunner().invoke(
        commands, [*arguments, "--server", f"127.0.0.1:{oracle.port}"]
    )

    assert result.exit_code == 0


def test_the_first_address_of_dns_listen_is_asked_unless_told(
    run: Callable[..., Any],
    oracle: Oracle,
    house: House,
) -> None:
    """A server that listens everywhere is asked over loopback."""
    oracle.has(NAME, "A", "127.0.0.2")
    house.file.write_text(house.file.read_text().replace(str(house.dns_port), str(oracle.port)))
    house.file.write_text(
        house.file.read_text().replace(f"127.0.0.1:{oracle.port}", f"0.0.0.0:{oracle.port}")
    )

    found = run("query", "192.0.2.1", "-o", "json")

    assert json.loads(found.stdout)["server"] == f"127.0.0.1:{oracle.port}"
    assert found.exit_code == 0
    assert nearby(Endpoint("::", 53)) == Endpoint("::1", 53)


def test_a_server_on_all_addresses_is_asked_over_loopback(
    run: Callable[..., Any], oracle: Oracle
) -> None:
    """What stands in dns.listen may be copied after --server."""
    oracle.has(NAME, "A", "127.0.0.2")

    found = run("query", "192.0.2.1", "--server", f"0.0.0.0:{oracle.port}", "-o", "json")

    assert json.loads(found.stdout)["server"] == f"127.0.0.1:{oracle.port}"
    assert found.exit_code == 0


def test_silence_is_exit_code_2(ask: Callable[..., Any], oracle: Oracle) -> None:
    """A server that says nothing within the time has not said "not listed"."""
    oracle.silent = True

    result = ask("192.0.2.1", "--timeout", "0.05")

    assert result.exit_code == 2
    assert result.stderr == (
        f"dnsbl: bl.example: 127.0.0.1:{oracle.port}: no answer within 0.05 s\n"
    )
    assert "no verdict" in result.stdout


def test_a_connection_that_ends_without_an_answer_is_exit_code_2(
    ask: Callable[..., Any], oracle: Oracle
) -> None:
    """As of a server whose access list ignores us."""
    oracle.silent = True

    result = ask("192.0.2.1", "--tcp")

    assert result.exit_code == 2
    assert "the server ends the connection without an answer" in result.stderr


def test_a_closed_port_is_exit_code_2_at_once(run: Callable[..., Any], house: House) -> None:
    """UDP and TCP alike tell that nobody is there, long before the time is up."""
    server = ("--server", f"127.0.0.1:{house.dns_port}", "--timeout", "60")

    udp = run("query", "192.0.2.1", *server)
    tcp = run("query", "192.0.2.1", *server, "--tcp")

    assert (udp.exit_code, tcp.exit_code) == (2, 2)
    assert "cannot be reached: Connection refused" in udp.stderr
    assert "cannot be reached: Connection refused" in tcp.stderr


@pytest.mark.parametrize("rcode", [dns.rcode.SERVFAIL, dns.rcode.REFUSED, dns.rcode.NOTIMP])
def test_an_error_code_is_no_verdict(
    ask: Callable[..., Any],
    oracle: Oracle,
    rcode: dns.rcode.Rcode,
) -> None:
    """A refused client has not been told "not listed"."""
    oracle.rcode = rcode

    result = ask("192.0.2.1")

    assert result.exit_code == 2
    assert f"the server answers {dns.rcode.to_text(rcode)}" in result.stderr


def test_an_answer_outside_127_is_no_verdict(
    ask: Callable[..., Any],
    oracle: Oracle,
) -> None:
    """A domain that was sold answers everything; mail servers must not believe it (RFC 6471)."""
    oracle.has(NAME, "A", "203.0.113.80")

    result = ask("192.0.2.1", "-o", "json")

    assert result.exit_code == 2
    assert json.loads(result.stdout)["listed"] is False
    assert "answers 203.0.113.80, outside 127.0.0.0/8" in result.stderr


def test_garbage_is_no_verdict(ask: Callable[..., Any], oracle: Oracle) -> None:
    """Octets that are no DNS message are said to be so."""
    oracle.garbage = True

    result = ask("192.0.2.1", "--tcp")

    assert result.exit_code == 2
    assert "the answer makes no sense" in result.stderr


def test_a_text_that_a_terminal_would_act_on_is_escaped(
    ask: Callable[..., Any],
    oracle: Oracle,
) -> None:
    """Other people's lists say what they like."""
    oracle.has(NAME, "A", "127.0.0.2")
    oracle.has(NAME, "TXT", '"\\027[2J\\255"')

    assert "  TXT  \\x1b[2J\\xff" in ask("192.0.2.1").stdout.splitlines()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("192.0.2.0/24",), "one address is needed here"),
        (("192.0.2",), "is not an IPv4 or IPv6 address"),
        (("1:2",), "is not an IPv4 or IPv6 address"),
        (("",), "is not an IPv4 or IPv6 address"),
        (("a..b",), "neither an address nor a name"),
        (("x" * 64,), "neither an address nor a name"),
        (("foo.bar",), "foo.bar is a name, and bl.example lists addresses (see"),
        (("localhost",), "localhost is a name, and bl.example lists addresses (see"),
        (("*.foo.bar",), "'*.foo.bar' is a wildcard; one name is needed here"),
        (("foo bar",), "neither an address nor a name"),
        (("192.0.2.1", "--server", "localhost"), "is not an address with a port"),
        (("192.0.2.1", "--server", "127.0.0.1:0"), "is not an address with a port"),
        (("192.0.2.1", "--timeout", "0"), "0.05<=x<=60"),
        (("192.0.2.1", "--zone", "other.example"), "the zones are: bl.example"),
        ((), "Missing argument"),
    ],
)
def test_query_refuses_wrong_usage(
    run: Callable[..., Any], arguments: tuple[str, ...], sentence: str
) -> None:
    """One line on standard error and exit code 2."""
    result = run("query", *arguments)

    assert result.exit_code == 2
    assert sentence in result.stderr
    assert result.stderr.count("\n") == 1
