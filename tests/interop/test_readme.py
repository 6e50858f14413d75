"""What the README has a newcomer type, typed in a folder such as theirs, block by block."""

from __future__ import annotations

import html
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import dns.message
import dns.query
import pytest
import visitor
from house import free_port
from running import Running

PROJECT = Path(__file__).parent.parent.parent
README = (PROJECT / "README.md").read_text()
WAIT_S = 60
MAILBOX = "postmaster@sender.example"


def section(heading: str) -> str:
    """What stands below a heading."""
    return README.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]


def block(heading: str) -> str:
    """The commands below a heading."""
    return re.findall(r"^```\n(.*?)^```$", section(heading), re.DOTALL | re.MULTILINE)[0]


class Newcomer:
    """Sits in a clone that was set up, with a server that `make run` started."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.dns_port, self.portal_port = free_port(), free_port()
        for name in ("zones", "tests/data"):
            shutil.copytree(PROJECT / name, folder / name)
        # As the README says of ports that are taken: that of the portal stands there twice
        text = (PROJECT / "dnsbl.toml").read_text()
        assert (text.count(":5300"), text.count(":8053")) == (1, 2)
        text = text.replace(":5300", f":{self.dns_port}").replace(":8053", f":{self.portal_port}")
        (folder / "dnsbl.toml").write_text(text)
        (folder / ".venv").symlink_to(sys.prefix)

    def type(self, commands: str) -> str:
        """What a shell in that folder prints; every command ends well, or it is a failure."""
        done = subprocess.run(
            ["bash", "-e"], input=commands, cwd=self.folder, capture_output=True, text=True,
            timeout=240, check=False,
        )  # fmt: skip
        assert done.returncode == 0, f"{commands}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def local(self, text: str) -> str:
        """What the README says, on the ports of here."""
        return text.replace(":8053", f":{self.portal_port}")

    def txt(self, name: str) -> str:
        """The TXT record of a name of bl.example."""
        query = dns.message.make_query(f"{name}.bl.example", "TXT")
        reply = dns.query.udp(query, "127.0.0.1", port=self.dns_port, timeout=WAIT_S)
        return reply.answer[0].to_text()


@pytest.fixture(scope="module")
def newcomer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Newcomer]:
    """With a server of their own, as `make run` starts it."""
    made = Newcomer(tmp_path_factory.mktemp("clone"))
    [recipe] = re.findall(r"^run: setup\n\t\$\(BIN\)/dnsbl serve (.*)$",
                          (PROJECT / "Makefile").read_text(), re.MULTILINE)  # fmt: skip
    assert recipe == "--config dnsbl.toml --first-steps"
    running = Running(made.folder / "dnsbl.toml")
    try:
        running.wait_for("ready")
        yield made
    finally:
        running.stop()


@pytest.fixture(scope="module")
def listed(newcomer: Newcomer) -> tuple[str, ...]:
    """What the commands of "A first listing" print, one by one; each is typed once."""
    first, *commands = block("A first listing").splitlines()
    assert first.startswith("export PATH=")
    return tuple(newcomer.type(f"{first}\n{command}\n") for command in commands)


def test_a_first_listing(newcomer: Newcomer, listed: tuple[str, ...]) -> None:
    """The address is listed in DNS for its reason, and the feed has as many as the README says."""
    added, asked, shown, imported = listed

    assert "203.0.113.7" in added
    assert re.search(
        r"^7\.113\.0\.203\.bl\.example +listed\b.*\n +A +127\.0\.0\.2$", asked, re.MULTILINE
    )
    assert "spam trap, 3 messages" in shown
    [promised] = re.findall(r"dnsbl import .*# ([\d,]+) addresses", block("A first listing"))
    assert f"{promised.replace(',', '')} read" in imported
    # The feed holds nothing of the documentation networks: only the first one put it there.
    assert "203.0.113.7" in newcomer.txt("7.113.0.203")


@pytest.mark.usefixtures("listed")
def test_a_first_delisting(newcomer: Newcomer) -> None:
    """From the address that the TXT record names, by the mail's link, to a zone without it."""
    steps = section("A first delisting")
    [start] = re.findall(r"Open <([^>]+)>, the address that the TXT record names", steps)
    start = newcomer.local(start)
    assert start in newcomer.txt("7.113.0.203")

    assert re.findall(r"[Pp]ress \*\*([^*]+)\*\*", steps) == ["Submit", "Delist IP"]
    portal = newcomer.local("http://127.0.0.1:8053")
    asked = visitor.request(portal, "203.0.113.7", MAILBOX)
    assert (asked.status, bool(asked.location)) == (303, True), asked.text

    [find_link] = re.findall(r"newest of them: `([^`]+)`", steps)
    waiting = f"until ls data/outbox/*.eml >/dev/null 2>&1; do sleep 0.1; done\n{find_link}\n"
    link = newcomer.type(waiting).strip()
    assert re.fullmatch(newcomer.local(r"http://127\.0\.0\.1:8053/confirm/[\w-]+"), link)

    pressed = visitor.press(link)
    if pressed.location:
        pressed = visitor.fetch(portal + pressed.location)
    assert pressed.status == 200
    said = " ".join(html.unescape(re.sub(r"<[^>]+>", " ", pressed.text)).split())
    assert re.search(r"We asked the list itself, bl\.example, over DNS: no longer listed", said), (
        said
    )
    setup = block("A first listing").splitlines()[0]
    asked_again = newcomer.type(f"{setup}\ndnsbl query 203.0.113.7 || test $? = 1\n")
    assert re.search(r"^7\.113\.0\.203\.bl\.example +not listed\b", asked_again), asked_again


def test_the_line_for_postfix_is_one_that_postfix_takes(
    tmp_path: Path, tool: Callable[[str], str]
) -> None:
    """It reads it as it stands, without a warning; test_postfix.py rejects mail by it."""
    tool("postconf")
    [line] = block("For a mail server").splitlines()
    name, _, value = line.replace("… ", "permit_mynetworks, ").partition(" = ")
    (tmp_path / "main.cf").write_text(f"compatibility_level = 3.6\n{name} = {value}\n")
    (tmp_path / "master.cf").touch()

    done = subprocess.run(
        ["postconf", "-c", tmp_path, name], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"{name} = permit_mynetworks, reject_rbl_client bl.example=127.0.0.2\n"
