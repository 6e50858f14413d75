"""The guide to hooks is true: its commands, configurations and examples are what is run here."""

from __future__ import annotations

import json
import logging
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from cases import NOW, made
from hooked import Hooked, notified
from house import House, free_port
from portal import Clock

from api.hooks.deciding import Deciding
from api.hooks.message import Message, Reply
from api.hooks.question import question, read_answer
from api.hooks.transport import open_transport
from api.metrics import Metrics
from api.truth import Truth
from dnsbl.config.hooks import EVENT_KINDS
from dnsbl.delist.case import Case
from dnsbl.delist.decision import Decision, Outcome

DOCS = Path(__file__).parents[3] / "docs" / "hooks"
GUIDE = (DOCS / "README.md").read_text()
FOLDER = "/etc/dnsbl"  # where the guide has the configuration
DATA_FOLDER = "/var/lib/dnsbl"  # and where the service may write
PORT = "8080"  # where it has the receiver
PATIENCE_S = 60

EVENT = Message(
    "msg_1", NOW,
    b'{"type":"delist.completed","data":{"subject":"203.0.113.7/32","reason":"mended"}}',
)  # fmt: skip


def section(heading: str) -> str:
    """What stands below a heading."""
    return re.split(rf"(?m)^##+ {re.escape(heading)}$", GUIDE)[1].split("\n## ")[0]


def block(heading: str, language: str) -> str:
    """The first code of a language below a heading."""
    return re.findall(rf"(?ms)^```{language}\n(.*?)^```", section(heading))[0]


def keys(heading: str) -> list[str]:
    """What the first cells of the last table below a heading name."""
    table = section(heading).rpartition("|---|")[2].partition("\n\n")[0]
    cells = [line.split(" | ")[0] for line in table.splitlines() if line.startswith("| `")]
    return [key for cell in cells for key in re.findall(r"`([^`]+)`", cell)]


class Operator:
    """Somebody who follows the guide, in a folder of their own."""

    def __init__(self, house: House, examples: Path) -> None:
        self.house = house
        self.examples = examples
        self.port = str(free_port())

    def heeding(self, text: str) -> str:
        """The guide's text, for this folder and port."""
        for folder in (FOLDER, DATA_FOLDER):
            text = text.replace(folder, str(self.house.folder))
        return text.replace(PORT, self.port).replace("chgrp dnsbl", f"chgrp {os.getgid()}")

    def configure(self, heading: str) -> None:
        """Takes over the configuration below a heading."""
        self.house.write_config(self.heeding(block(heading, "toml")))

    def run(self, command: str) -> None:
        """Runs a command in the folder of the examples."""
        subprocess.run(
            ["/bin/sh", "-ec", self.heeding(command)],
            cwd=self.examples, check=True, capture_output=True,
        )  # fmt: skip

    async def decide(self, *cases: Case) -> list[Decision]:
        """What the configured hooks make of cases."""
        truth = Truth(self.house.config.data.database)
        await truth.open()
        deciding = Deciding(self.house.config, truth, Metrics())
        decided = [(await deciding.decide([case]))[case.key] for case in cases]
        await deciding.close()
        await truth.close()
        return decided

    async def tell(self, name: str, *messages: Message) -> list[Reply]:
        """What a configured hook replies to messages."""
        (hook,) = (hook for hook in self.house.config.hooks if hook.name == name)
        transport = open_transport(hook)
        replies = [await transport.send(message) for message in messages]
        await transport.close()
        return replies


@pytest.fixture
def operator(house: House, tmp_path: Path) -> Operator:
    """Has the examples in a folder."""
    examples = tmp_path / "examples"
    shutil.copytree(DOCS / "examples", examples)
    return Operator(house, examples)


@pytest.fixture
def receiver(operator: Operator) -> Iterator[subprocess.Popen[str]]:
    """The receiver, with its secret, as the guide starts it."""
    install, *secret, start = block("By HTTP", "sh").splitlines()
    assert install == "pip install standardwebhooks"  # it is, for the tests
    operator.run("\n".join(secret))
    assert start.startswith("python ")
    process = subprocess.Popen(
        [sys.executable, *operator.heeding(start).split()[1:]],
        cwd=operator.examples, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    give_up_at = time.monotonic() + PATIENCE_S
    while True:
        try:
            socket.create_connection(("127.0.0.1", int(operator.port)), 1).close()
        except ConnectionRefusedError:
            assert process.poll() is None, "the receiver ended"
            assert time.monotonic() < give_up_at
            time.sleep(0.02)
        else:
            break
    yield process
    process.kill()
    process.communicate()


@pytest.mark.usefixtures("receiver")
async def test_the_receiver_decides(operator: Operator) -> None:
    """Who comes for the third time is looked at; the first time it is no matter."""
    operator.configure("By HTTP")

    first, third = await operator.decide(
        made(delistings=()), made(delistings=(NOW - 8_000_000, NOW - 8_000_001))
    )

    assert first.outcome is Outcome.ACCEPT
    assert third == Decision(
        Outcome.REVIEW, "hook:approval",
        "This address was delisted before; an operator looks at it.", "2 delistings in 90 days",
    )  # fmt: skip


async def test_the_receiver_is_told_once(
    operator: Operator, receiver: subprocess.Popen[str]
) -> None:
    """A message that comes twice is taken note of once."""
    operator.configure("By HTTP")
    other = Message("msg_2", NOW, EVENT.body.replace(b"mended", b"again"))

    replies = await operator.tell("news", EVENT, EVENT, other)

    assert {reply.detail for reply in replies} == {"HTTP 204 No Content"}
    assert receiver.stdout
    assert [receiver.stdout.readline() for _ in range(2)] == [
        "delist.completed 203.0.113.7/32 mended\n",
        "delist.completed 203.0.113.7/32 again\n",
    ]


@pytest.mark.usefixtures("receiver")
async def test_the_receiver_believes_nobody_else(operator: Operator) -> None:
    """A message of somebody who has not the secret is refused."""
    operator.configure("By HTTP")
    (operator.house.folder / "receiver.secret").write_text(f"whsec_{'A' * 32}")

    assert [reply.detail for reply in await operator.tell("news", EVENT)] == [
        "HTTP 401 Unauthorized"
    ]


async def test_the_program_holds_what_its_file_names(operator: Operator) -> None:
    """As installed by the guide's commands."""
    operator.run(block("By a program", "sh"))
    operator.configure("By a program")

    held, free = await operator.decide(
        made(delistings=()), made(address="192.0.2.1", network="192.0.2.1/32", delistings=())
    )

    assert held == Decision(
        Outcome.REFUSE, "hook:hold", "This network is being looked into.",
        "held by 203.0.113.0/24",
    )  # fmt: skip
    assert free.outcome is Outcome.ACCEPT


async def test_the_program_refuses_nobody_for_a_slip_in_its_file(operator: Operator) -> None:
    """A line that is no network is an error, which an operator sees, and no refusal."""
    operator.run(block("By a program", "sh"))
    operator.configure("By a program")
    with (operator.house.folder / "hold.txt").open("a") as file:
        file.write("203.0.113.7/24 host bits\n")

    (undecided,) = await operator.decide(made(delistings=()))

    assert undecided.outcome is Outcome.REVIEW
    assert "has host bits set" in undecided.note


async def test_the_program_writes_down_what_it_is_told(operator: Operator) -> None:
    """A line for each message; where it cannot write, it wants to be told later."""
    operator.run(block("By a program", "sh"))
    operator.configure("By a program")
    record = operator.house.folder / "record.jsonl"

    taken = await operator.tell("record", EVENT)
    written = record.read_text()
    record.unlink()
    record.mkdir()
    later = await operator.tell("record", EVENT)

    assert taken == [Reply("done", "exit status 0")]
    assert json.loads(written) == {"id": "msg_1", **json.loads(EVENT.body)}
    assert written.count("\n") == 1
    assert [reply.kind for reply in later] == ["later"]
    assert "Is a directory" in later[0].detail


@pytest.fixture
def installed(operator: Operator, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The plugin's package, as the guide installs it, but beside this installation."""
    command = block("By a plugin", "sh").strip()
    assert command == "pip install ./contracts"
    subprocess.run(
        [sys.executable, "-m", *command.split(), "--target", str(tmp_path / "installed"),
         "--no-deps", "--no-build-isolation", "--quiet", "--disable-pip-version-check"],
        cwd=operator.examples, check=True, capture_output=True,
    )  # fmt: skip
    monkeypatch.syspath_prepend(tmp_path / "installed")


@pytest.mark.usefixtures("installed")
async def test_the_plugin_decides(operator: Operator) -> None:
    """It is found by its entry point, and knows the mailbox."""
    operator.configure("By a plugin")

    customer, other = await operator.decide(
        made(delistings=()), made(delistings=(), mailbox="postmaster@other.example")
    )

    assert customer.outcome is Outcome.ACCEPT
    assert other == Decision(
        Outcome.REVIEW, "hook:contracts",
        "An operator looks at requests of those who are no customers.",
        "other.example has no contract",
    )  # fmt: skip


@pytest.mark.usefixtures("installed")
async def test_the_plugin_is_told(operator: Operator, caplog: pytest.LogCaptureFixture) -> None:
    """By its module and name, and logs what it heard."""
    operator.configure("By a plugin")

    with caplog.at_level(logging.WARNING, "contracts"):
        replies = await operator.tell("contracts-news", EVENT)

    assert replies == [Reply("done")]
    assert caplog.messages == ["msg_1 delist.completed 203.0.113.7/32"]


def test_every_event_is_explained() -> None:
    """The guide's table of events has all of them, and no other."""
    table = section("Notifications").partition("|---|")[2].partition("\n\n")[0]
    named = re.findall(r"`([a-z_.]+)`", "".join(line.split(" | ")[0] for line in table.split("\n")))

    assert sorted(named) == sorted(EVENT_KINDS)


def test_what_is_asked_is_explained() -> None:
    """The guide's table of a question's data has all of its keys, and no other."""
    asked = json.loads(question(made(), mailbox=True).body)["data"]

    assert sorted(keys("What it is asked")) == sorted(asked)


async def test_what_is_told_is_explained(house: House, clock: Clock) -> None:
    """The same of what hooks are told."""
    async with Hooked(house, clock, [notified()]) as hooked:
        await hooked.happen("192.0.2.1/32", "*.example.com")
        await hooked.settled()
        told = {
            key for message in hooked.hooks["crm"].taken for key in json.loads(message.body)["data"]
        }

    assert set(keys("Notifications")) == told | {"mailbox", "test"}


def test_the_answer_shown_is_one() -> None:
    """The JSON that the guide shows is a decision."""
    shown = block("Decisions", "json")

    decision = read_answer(Reply("done", body=shown.encode()), "hook:x", NOW, silence_accepts=False)

    assert decision.outcome is Outcome.DEFER
