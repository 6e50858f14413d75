"""`suppressions`: operators see and end what "This was not me" began, and no mailbox is told."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import petitions
import pytest
from house import House
from petitions import MAILBOX

from dnsbl.store import suppressions
from dnsbl.store.database import Database
from dnsbl.store.suppressions import mailbox_hash, mailbox_key

Run = Callable[..., Any]
NOW = 1_800_000_000
HASHED = mailbox_hash(MAILBOX)
ID = HASHED.hex()[:16]


def audited(database: Database) -> list[tuple[str, int | None, str]]:
    """Act, request and note of the lines that are about mailboxes."""
    rows = database.rows("SELECT act, request_id, note FROM audit WHERE act LIKE 'suppression.%'")
    return [tuple(row) for row in rows]


def test_a_mailbox_is_shown_and_gets_mail_again(
    run: Run, run_json: Run, database: Database
) -> None:
    """However its owner writes it, with a line in the audit that does not name it."""
    suppressions.suppress(database, HASHED, 17, NOW)
    shown = run("suppressions", "show", MAILBOX)
    listed = run_json("suppressions", "list")
    lifted = run("suppressions", "remove", "Postmaster+x@SENDER.example")
    after = run("suppressions", "show", MAILBOX)

    assert shown.stdout == (
        "p…@sender.example gets no mail since 2027-01-15T08:00:00Z, by request 17\n"
    )
    assert listed == [{"id": ID, "at": NOW, "request_id": 17}]
    assert (lifted.exit_code, lifted.stdout) == (
        0, "P…@SENDER.example gets mail again; its owner may ask anew at the portal\n",
    )  # fmt: skip
    assert after.exit_code == 1
    assert after.stderr == "dnsbl: p…@sender.example is not suppressed: it gets mail as any other\n"
    assert not suppressions.is_suppressed(database, HASHED)
    assert audited(database) == [("suppression.removed", 17, f"mailbox {ID}")]


def test_a_mailbox_is_added_once(run: Run, run_json: Run, database: Database) -> None:
    """A second time changes nothing, and says since when it is so."""
    before = int(time.time())
    first = run_json("suppressions", "add", MAILBOX)
    again = run("suppressions", "add", MAILBOX)

    assert (first["id"], first["request_id"], first["changed"]) == (ID, None, True)
    assert first["at"] >= before
    assert again.stdout.startswith("p…@sender.example gets no mail already, since ")
    assert "by an operator" in run("suppressions", "show", MAILBOX).stdout
    assert ID in run("suppressions", "list").stdout
    assert audited(database) == [("suppression.added", None, f"mailbox {ID}")]


@pytest.mark.usefixtures("database")
def test_what_is_not_suppressed_cannot_be_lifted(run: Run, run_json: Run) -> None:
    """Exit code 1; an empty list is none."""
    assert run("suppressions", "remove", MAILBOX).exit_code == 1
    assert run_json("suppressions", "list") == []


@pytest.mark.parametrize(
    "wrong", ["somebody", "@sender.example", "a@", "a@b@sender.example", "a@bücher.example"]
)
@pytest.mark.parametrize("verb", ["show", "add", "remove"])
@pytest.mark.usefixtures("database")
def test_what_is_no_mailbox_is_refused_without_repeating_it(
    run: Run, verb: str, wrong: str
) -> None:
    """Standard error is kept by many a job: no address is in it."""
    result = run("suppressions", verb, wrong)

    assert result.exit_code == 2
    assert wrong not in result.stderr


def test_a_request_tells_that_its_mails_stay_here(
    run: Run, run_json: Run, database: Database, house: House
) -> None:
    """They count as sent; whoever decides sees that nobody reads them."""
    request_id = str(petitions.in_review(database, house.config, now=NOW))
    before = run_json("requests", "show", request_id)
    run("suppressions", "add", MAILBOX)
    after = run_json("requests", "show", request_id)

    assert before["suppressed_at"] is None
    assert isinstance(after["suppressed_at"], int)
    assert "`dnsbl suppressions remove` ends that" in run("requests", "show", request_id).stdout


@pytest.mark.parametrize(
    ("mailbox", "key"),
    [
        ("Post@Example.COM", "post@example.com"),
        ("post+list@example.com", "post@example.com"),
        ("+list@example.com", "+list@example.com"),
    ],
)
def test_a_mailbox_counts_as_limits_count_it(mailbox: str, key: str) -> None:
    """Or a tag would undo what its owner said."""
    assert mailbox_key(mailbox) == key
