"""`hooks`: what waits for a hook and what it made of it; trials, replays, on and off."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from contextlib import closing
from typing import Any

import pytest
from house import ZONE_TEXT, House

from dnsbl.store import deliveries, events, hooks
from dnsbl.store.database import Database, open_writer
from dnsbl.store.deliveries import Delivery, DeliveryState

Run = Callable[..., Any]
NOW = 1_800_000_000

HOOKS = """\
[hooks.crm]
on = "notify"
url = "https://crm.example/hooks"
secret_files = ["crm.secret"]
[hooks.risk]
on = "decide"
program = ["/usr/local/bin/risk", "--fast"]
dry_run = true
"""


@pytest.fixture(autouse=True)
def hooked(house: House) -> None:
    """The house has a hook that is told, and one that decides."""
    (house.folder / "crm.secret").write_text("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n")
    house.write_config(HOOKS)


def happen(database: Database, count: int = 1) -> None:
    """Events of as many subjects, fanned out to crm."""
    hooks.fan_out(database, "crm", lambda *_: True, NOW, 99)
    for number in range(count):
        events.record(
            database, "listing.added", f"192.0.2.{number}/32", now=NOW, zone="bl.example",
            category="spam",
        )  # fmt: skip
    hooks.fan_out(database, "crm", lambda *_: True, NOW, 99)


def settle(database: Database, delivery_id: int, state: DeliveryState, answer: str) -> None:
    """Notes how an attempt went."""
    delivery = deliveries.get(database, delivery_id)
    assert delivery is not None
    again_at = NOW + 5 if state == "queued" else None
    assert deliveries.settle(database, delivery, state, answer, now=NOW, next_attempt_at=again_at)


def audited(database: Database) -> list[tuple[str, str]]:
    """Act and note of each line of the audit."""
    return [tuple(row) for row in database.rows("SELECT act, note FROM audit ORDER BY id")]


def test_list_tells_how_each_hook_fares(run: Run, run_json: Run, database: Database) -> None:
    """What waits, what was given up, what it said last; those that decide as well."""
    happen(database, 3)
    settle(database, 1, "dead", "500 out of order")
    settle(database, 2, "queued", "503 busy")
    shown = run("hooks", "list")

    assert run_json("hooks", "list") == [
        {
            "name": "crm", "on": "notify", "target": "https://crm.example/hooks", "state": "on",
            "disabled_at": None, "disabled_why": "", "on_error": None, "queued": 2, "dead": 1,
            "last_answer": "503 busy", "last_delivery": 2,
        },
        {
            "name": "risk", "on": "decide", "target": "/usr/local/bin/risk --fast",
            "state": "dry_run", "disabled_at": None, "disabled_why": "", "on_error": None,
            "queued": 0, "dead": 0, "last_answer": None, "last_delivery": None,
        },
    ]  # fmt: skip
    assert "503 busy" in shown.stdout


def test_a_hook_that_left_is_listed_while_it_has_messages(
    run_json: Run, house: House, database: Database
) -> None:
    """Or nobody would know where they are."""
    happen(database)
    house.write_config()
    before = run_json("hooks", "list")
    settle(database, 1, "delivered", "")

    assert [(one["name"], one["state"], one["queued"]) for one in before] == [
        ("crm", "unconfigured", 1)
    ]
    assert run_json("hooks", "list") == []


def test_deliveries_are_printed_the_newest_first(
    run: Run, run_json: Run, database: Database
) -> None:
    """All of them, or those in one state."""
    happen(database, 3)
    settle(database, 1, "dead", "500 out of order")
    found = run_json("hooks", "deliveries", "crm")
    dead = run_json("hooks", "deliveries", "crm", "--state", "dead")

    assert [one["id"] for one in found] == [3, 2, 1]
    assert dead[0] == found[2]
    assert len(dead) == 1
    assert dead[0]["event"]["webhook_id"].startswith("msg_")
    assert (dead[0]["state"], dead[0]["attempts"], dead[0]["answer"], dead[0]["done_at"]) == (
        "dead", 1, "500 out of order", NOW,
    )  # fmt: skip
    assert len(run_json("hooks", "deliveries", "crm", "--limit", "2")) == 2
    assert "192.0.2.0/32" in run("hooks", "deliveries", "crm").stdout


def test_dead_letters_are_replayed(run: Run, database: Database) -> None:
    """All of them at once, with a line in the audit."""
    happen(database, 3)
    settle(database, 1, "dead", "500")
    settle(database, 2, "dead", "500")
    result = run("hooks", "replay", "crm", "--dead")

    assert (result.exit_code, result.stdout) == (0, "2 messages of crm queued\n")
    assert {one.state for one in deliveries.browse(database, "crm", None, 9)} == {"queued"}
    assert audited(database) == [("hook.replayed", "crm, 2 messages")]


def test_some_messages_are_replayed_and_missing_ones_named(
    run: Run, run_json: Run, database: Database
) -> None:
    """By id, delivered ones too."""
    happen(database, 2)
    settle(database, 1, "delivered", "200")
    result = run("hooks", "replay", "crm", "1", "77")

    [second, first] = deliveries.browse(database, "crm", None, 9)
    assert result.exit_code == 1
    assert result.stderr == "dnsbl: crm has no message 77\n"
    assert (first.state, first.attempts, first.done_at) == ("queued", 0, None)
    assert second.attempts == 0
    assert run_json("hooks", "replay", "crm", "1") == {"hook": "crm", "queued": 1}


def test_a_hook_is_switched_off_and_on(run: Run, run_json: Run, database: Database) -> None:
    """With why; what waits is due at once."""
    happen(database)
    database.change("UPDATE hook_deliveries SET next_attempt_at = unixepoch() + 999")
    off = run("hooks", "disable", "crm", "--why", "moves")
    [listed, _] = run_json("hooks", "list")
    again = run("hooks", "disable", "crm")
    on = run_json("hooks", "enable", "crm")
    row = database.row("SELECT next_attempt_at <= unixepoch() FROM hook_deliveries")

    assert (off.exit_code, off.stdout) == (0, "crm is off\n")
    assert (listed["state"], listed["disabled_why"]) == ("off", "moves")
    assert again.stdout == "crm is off already\n"
    assert on == {"hook": "crm", "state": "on", "changed": True}
    assert row is not None
    assert row[0]
    assert audited(database) == [("hook.disabled", "crm: moves"), ("hook.enabled", "crm")]


class Sidecar(threading.Thread):
    """Stands in for the portal: settles the first message that is queued for a hook."""

    def __init__(self, house: House, hook: str, state: DeliveryState, answer: str) -> None:
        super().__init__()
        self._house, self._hook, self._as = house, hook, (state, answer)
        self.found: Delivery | None = None

    def run(self) -> None:
        with closing(open_writer(self._house.config.data.database)) as database:
            until = time.monotonic() + 30
            while self.found is None and time.monotonic() < until:
                for delivery in deliveries.browse(database, self._hook, "queued", 1):
                    settle(database, delivery.id, *self._as)
                    self.found = delivery


@pytest.mark.parametrize(
    ("options", "type_"), [((), "hook.test"), (("--event", "listing.added"), "listing.added")]
)
@pytest.mark.usefixtures("database")
def test_a_trial_prints_what_the_hook_makes_of_it(
    run: Run, house: House, options: tuple[str, ...], type_: str
) -> None:
    """The portal sends it; the command waits for the answer."""
    sidecar = Sidecar(house, "crm", "delivered", "204 No Content")
    sidecar.start()
    result = run("hooks", "test", "crm", *options)
    sidecar.join()

    assert (result.exit_code, result.stdout) == (0, "crm took it: 204 No Content\n")
    assert sidecar.found is not None
    assert (sidecar.found.event.kind, sidecar.found.event.reason) == ("hook.test", type_)
    assert (sidecar.found.event.zone, sidecar.found.event.category) == ("bl.example", "spam")


@pytest.mark.usefixtures("database")
def test_a_trial_that_is_not_taken_fails(run: Run, house: House) -> None:
    """With what the hook said; of one that decides as well."""
    sidecar = Sidecar(house, "risk", "dead", "it cannot be run")
    sidecar.start()
    result = run("hooks", "test", "risk")
    sidecar.join()

    assert result.exit_code == 1
    assert result.stderr == "dnsbl: risk did not take it: it cannot be run\n"
    assert sidecar.found is not None
    assert sidecar.found.event.reason == "delist.decide"


@pytest.mark.usefixtures("database")
def test_a_trial_of_a_list_of_names_is_about_a_name(run: Run, house: House) -> None:
    """As what is listed there."""
    house.write_zone('lists = "names"\n' + ZONE_TEXT)
    sidecar = Sidecar(house, "crm", "delivered", "")
    sidecar.start()
    result = run("hooks", "test", "crm")
    sidecar.join()

    assert result.stdout == "crm took it\n"
    assert sidecar.found is not None
    assert sidecar.found.event.subject == "example.com"


@pytest.mark.usefixtures("database")
def test_a_trial_without_a_portal_says_so(run: Run) -> None:
    """After as long as it was told to wait."""
    result = run("hooks", "test", "crm", "--within", "1s")

    assert result.exit_code == 1
    assert "was not sent within 1 s; does the portal run?" in result.stderr


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("deliveries", "nobody"), 1, "there is no hook nobody in dnsbl.toml; there is crm, risk"),
        (("replay", "nobody", "--dead"), 1, "there is no hook nobody in dnsbl.toml"),
        (("test", "nobody"), 1, "there is no hook nobody in dnsbl.toml"),
        (("enable", "nobody"), 1, "there is no hook nobody in dnsbl.toml"),
        (("disable", "nobody"), 1, "there is no hook nobody in dnsbl.toml"),
        (("replay", "crm"), 2, "expected --dead, or the ids"),
        (("replay", "crm", "1", "--dead"), 2, "expected --dead, or the ids"),
        (("test", "risk", "--event", "listing.added"), 2, "risk decides; --event goes with"),
        (("test", "crm", "--event", "nothing"), 2, "'nothing' is not one of"),
    ],
)
@pytest.mark.usefixtures("database")
def test_what_cannot_be_is_refused_in_a_sentence(
    run: Run, words: tuple[str, ...], code: int, said: str
) -> None:
    """One line, and the exit code that goes with it."""
    result = run("hooks", *words)

    assert result.exit_code == code
    assert said in result.stderr
    assert result.stderr.count("\n") == 1


@pytest.mark.usefixtures("database")
def test_a_hook_that_decides_is_switched_off_and_on(run: Run, run_json: Run, house: House) -> None:
    """What counts meanwhile is said: at once, in the list and by check."""
    trial = run("hooks", "disable", "risk")
    house.write_config(HOOKS.replace("dry_run = true", 'on_error = "refuse"'))
    off = run("hooks", "disable", "risk", "--why", "too slow")
    [_, listed] = run_json("hooks", "list")
    shown = run("hooks", "list").stdout
    checks = json.loads(run("check", "-o", "json").stdout)["checks"]
    warned = [one for one in checks if one["subject"] == "hook risk decisions"]
    on = run("hooks", "enable", "risk")
    [_, after] = run_json("hooks", "list")

    assert trial.stdout == "risk is off; it is a dry run, and counts for nothing\n"
    assert (
        off.stdout
        == "risk is off already; until it is on, it counts as its on_error says: refuse\n"
    )
    assert (listed["state"], listed["on_error"]) == ("off", "refuse")
    assert ", counts as refuse: an operator switched it off" in shown
    assert [one["state"] for one in warned] == ["warning"]
    assert (
        "and counts as its on_error says: refuse; `dnsbl hooks enable risk`" in warned[0]["detail"]
    )
    assert on.stdout == "risk is on\n"
    assert after["state"] == "on"


def test_a_hook_that_is_off_is_not_tried(run: Run, database: Database) -> None:
    """The way on is told."""
    hooks.disable(database, "crm", "410 Gone", NOW)
    result = run("hooks", "test", "crm")

    assert result.exit_code == 1
    assert "is off since 2027-01-15T08:00:00Z (410 Gone); `dnsbl hooks enable crm`" in result.stderr
