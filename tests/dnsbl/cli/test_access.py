"""`check` and `query` where an access list keeps this machine from asking; `check --alive`."""

from __future__ import annotations

import errno
import json
import re
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from house import ZONE_TEXT, House
from running import Running

from dnsbl.cli import ports

OPERATION = (Path(__file__).parents[3] / "docs" / "operation.md").read_text()

NAMES = ZONE_TEXT.replace("[category", 'lists = "names"\n[category')
GOOD = ZONE_TEXT.replace("[category", 'reputation = "good"\n[category').replace(
    'delist = "self"\n', ""
)
KEYS = ZONE_TEXT + '[keys]\nmode = "required"\n'


def closed(action: str) -> str:
    """A table's lines that keep loopback out."""
    return f'default = "pass"\n{action} = ["127.0.0.0/8"]\n'


@contextmanager
def serving(house: House, command: str = "dns") -> Iterator[Running]:
    """A server of the house's."""
    running = Running(house.file, command)
    try:
        running.wait_for("ready")
        yield running
    finally:
        assert running.stop() == 0


def dns_checks(result: Any) -> list[tuple[str, str]]:  # noqa: ANN401  # click's
    """State and detail of what `check` found of the DNS ports."""
    return [
        (item["state"], item["detail"])
        for item in json.loads(result.stdout)["checks"]
        if item["subject"].startswith("dns 127.")
    ]


@pytest.mark.parametrize("action", ["refuse", "ignore", "empty"])
@pytest.mark.parametrize("where", ["server", "zone"])
def test_check_warns_where_an_access_list_keeps_it_out(
    house: House, run: Callable[..., Any], action: str, where: str
) -> None:
    """Over UDP and TCP; it names the list and what it does, and is no error."""
    if where == "server":
        house.write_config(f"[dns.access]\n{closed(action)}")
        named = r"\[dns\.access\]"
    else:
        house.write_zone(f"{ZONE_TEXT}[access]\n{closed(action)}")
        named = r"\[access\] of bl\.example"
    says = {
        "refuse": "is refused",
        "ignore": "is ignored",
        "empty": "is told that nothing is listed",
    }[action]
    with serving(house):
        result = run("check", "-o", "json")
        asked = run("query", "127.0.0.2", "--timeout", "0.3")

    found = dns_checks(result)
    assert result.exit_code == 0, found
    assert [state for state, _ in found] == ["warning", "warning"]
    for _, detail in found:
        assert re.match(f"not tried: 127.0.0.1, .* {says} by {named}; ", detail), detail
    assert asked.exit_code == (1 if action == "empty" else 2)
    if action == "refuse":
        assert "REFUSED (Prohibited): its access list does not let this machine" in asked.stderr


def test_check_says_that_a_server_has_an_older_list(house: House, run: Callable[..., Any]) -> None:
    """Where the configuration lets this machine ask, and the running server does not."""
    house.write_config(f"[dns.access]\n{closed('refuse')}")
    with serving(house):
        house.write_config()
        found = dns_checks(run("check", "-o", "json"))
        for file in house.config.data.directory.glob("listings.sqlite3*"):
            file.unlink()
        bereft = run("check", "-o", "json").stdout

    assert [state for state, _ in found] == ["warning", "warning"]
    assert all("lets 127.0.0.1 ask: restart the server" in detail for _, detail in found)
    assert "does not exist, and yet a server answers" in bereft


def test_query_says_why_it_is_refused(house: House, run: Callable[..., Any]) -> None:
    """With the number of RFC 8914 in JSON, and the server's own text where it has one."""
    house.write_zone(KEYS)
    with serving(house):
        result = run("query", "127.0.0.2", "-o", "json")

    [reply] = json.loads(result.stdout)["replies"]
    assert (result.exit_code, reply["rcode"], reply["extended_error"]) == (2, "REFUSED", 18)
    assert re.match("the server answers REFUSED: .*key", reply["fault"])


def test_the_documented_access_list_lets_this_machine_ask(
    house: House, run: Callable[..., Any]
) -> None:
    """The block of "Who may ask" goes with `check`, `query` and the portal."""
    block = re.search(r"(?ms)^## Who may ask.*?^```toml\n(.*?)^```", OPERATION)
    assert block is not None
    house.write_config(block[1])
    with serving(house):
        result = run("check", "-o", "json")
        asked = run("query", "127.0.0.2")

    assert [state for state, _ in dns_checks(result)] == ["ok", "ok"]
    assert (result.exit_code, asked.exit_code) == (0, 0)


@pytest.mark.parametrize(
    ("zone", "more"),
    [
        (ZONE_TEXT, ""), (NAMES, ""), (GOOD, ""), (KEYS, ""),
        *(
            (f"{ZONE_TEXT}[access]\n{closed(action)}", "")
            for action in ("refuse", "ignore", "empty")
        ),
        *((ZONE_TEXT, f"[dns.access]\n{closed(action)}") for action in ("refuse", "ignore")),
    ],
    ids=[
        "open", "names", "good", "keys", "refused", "ignored", "empty", "all refused",
        "all ignored",
    ],
)  # fmt: skip
def test_a_server_is_alive_whatever_it_serves(
    house: House, run: Callable[..., Any], zone: str, more: str
) -> None:
    """A container's health is not what its zone lists, nor to whom."""
    house.write_zone(zone)
    house.write_config(more)
    with serving(house):
        alive = run("check", "--alive", "dns")
    gone = run("check", "--alive", "dns")

    assert alive.exit_code == 0, alive.stdout
    assert gone.exit_code == 1
    assert "does not answer" in gone.stdout


def test_both_processes_have_to_be_alive(house: House, run: Callable[..., Any]) -> None:
    """With `serve` DNS and the portal; with the name of one of them that one alone."""
    with serving(house):
        found = {
            command: run("check", "--alive", command) for command in ("serve", "dns", "portal")
        }
    with serving(house, "serve"):
        both = run("check", "--alive", "serve")

    assert {name: done.exit_code for name, done in found.items()} == {
        "serve": 1, "dns": 0, "portal": 1,
    }  # fmt: skip
    assert both.exit_code == 0, both.stdout


def test_a_server_that_hangs_is_not_alive(house: House, run: Callable[..., Any]) -> None:
    """A port that is taken and silent, and a status file that grew old, are no sign of life."""
    house.write_config(f"[dns.access]\n{closed('ignore')}")
    status = house.config.data.dns_status
    status.parent.mkdir()
    status.write_text('{"state": "serving", "written_at": 1790000000.0}')
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp,
        socket.socket(socket.AF_INET, socket.SOCK_STREAM) as tcp,
    ):
        for each in (udp, tcp):
            each.bind(("127.0.0.1", house.dns_port))
        tcp.listen()
        hung = run("check", "--alive", "dns")
        status.write_text("[]")
        odd = run("check", "--alive", "dns")

    assert (hung.exit_code, odd.exit_code) == (1, 1)


def test_a_served_port_that_this_user_may_not_have_is_asked(
    house: House, run: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Below 1024 the kernel says EACCES before it says that the port is in use."""
    monkeypatch.setattr(ports, "_bind_fault", lambda *_: errno.EACCES)
    with serving(house):
        served = dns_checks(run("check", "-o", "json"))
    free = dns_checks(run("check", "-o", "json"))

    assert served == [("ok", "answers the test entries")] * 2
    assert [state for state, _ in free] == ["error", "error"]
    assert all("ports below 1024 need a privilege" in detail for _, detail in free)
