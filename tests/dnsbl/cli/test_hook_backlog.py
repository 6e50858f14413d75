"""`check` and what hooks missed: it is warned of, with the command that mends it."""

from __future__ import annotations

from typing import Any

import pytest
from house import House

from dnsbl.cli.finding import Finding
from dnsbl.cli.hook_backlog import findings
from dnsbl.store import deliveries, events, hooks
from dnsbl.store.database import Database

NOW = 1_800_000_000
HOOK = """\
[hooks.{name}]
on = "notify"
program = ["/bin/true"]
"""


@pytest.fixture(autouse=True)
def hooked(house: House) -> None:
    """The house has two hooks."""
    house.write_config("".join(HOOK.format(name=name) for name in ("crm", "log")))


def given_up(database: Database, name: str, count: int) -> None:
    """So many messages of the hook are dead, and another waits."""
    hooks.fan_out(database, name, lambda *_: True, NOW, 99)
    for number in range(count + 1):
        events.record(database, "listing.added", f"192.0.2.{number}/32", now=NOW)
    hooks.fan_out(database, name, lambda *_: True, NOW, 99)
    for delivery in deliveries.browse(database, name, None, count):
        assert deliveries.settle(database, delivery, "dead", "500", now=NOW)


def test_hooks_that_miss_nothing_are_not_spoken_of(house: House, database: Database) -> None:
    """Those that are new, and those with messages that wait for their turn."""
    given_up(database, "crm", 0)

    assert list(findings(house.config, database)) == []


def test_a_hook_that_is_off_is_warned_of(house: House, database: Database) -> None:
    """Since when, why, and how it is turned on; the other hook is none the worse."""
    hooks.disable(database, "crm", "it answered 410", NOW)

    assert list(findings(house.config, database)) == [
        Finding(
            "hook crm messages", "warning",
            "off since 2027-01-15T08:00:00Z (it answered 410); "
            "`dnsbl hooks enable crm` turns it on",
        )
    ]  # fmt: skip


@pytest.mark.parametrize(("count", "words"), [(1, "1 message was"), (3, "3 messages were")])
def test_messages_that_were_given_up_are_warned_of(
    house: House, database: Database, count: int, words: str
) -> None:
    """How many, and how they are sent again."""
    given_up(database, "log", count)

    assert list(findings(house.config, database)) == [
        Finding(
            "hook log messages", "warning",
            f"{words} given up; `dnsbl hooks deliveries log --state dead` tells why, "
            "`dnsbl hooks replay log --dead` sends them again",
        )
    ]  # fmt: skip


def test_a_trial_that_came_to_nothing_is_no_warning(house: House, database: Database) -> None:
    """Who tried the hook was told."""
    with database.transaction():
        tried = deliveries.queue_test(
            database, "log", "listing.added", subject="192.0.2.1/32", zone="bl.example",
            category="spam", now=NOW,
        )  # fmt: skip
        delivery = deliveries.get(database, tried)
        assert delivery is not None
        deliveries.settle(database, delivery, "dead", "refused", now=NOW)

    assert list(findings(house.config, database)) == []


def test_check_warns_and_what_it_names_mends_it(
    run: Any,  # noqa: ANN401  # a fixture
    run_json: Any,  # noqa: ANN401
    database: Database,
) -> None:
    """The commands as they stand in the findings; a hook that left is no concern."""
    given_up(database, "crm", 2)
    given_up(database, "gone", 2)
    hooks.disable(database, "crm", "", NOW)

    def warned() -> list[str]:
        checks = run_json("check")["checks"]
        return [
            item["detail"].partition(";")[0] for item in checks
            if item["subject"].endswith(" messages")
        ]  # fmt: skip

    assert warned() == ["off since 2027-01-15T08:00:00Z"]
    assert run("hooks", "deliveries", "crm", "--state", "dead").exit_code == 0
    assert run("hooks", "enable", "crm").exit_code == 0
    assert warned() == ["2 messages were given up"]
    assert run("hooks", "replay", "crm", "--dead").exit_code == 0
    assert warned() == []
