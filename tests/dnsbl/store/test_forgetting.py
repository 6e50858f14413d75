"""Who asked is forgotten long after the request's end; what was asked and done stays."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from contextlib import closing

import pytest

from dnsbl.network import parse
from dnsbl.store import audit, delist_tokens, delistings, forgetting, outbox, requests
from dnsbl.store.audit import Act
from dnsbl.store.database import Database
from dnsbl.store.request_items import Item, ItemOutcome, of_request, put
from dnsbl.store.request_states import State
from dnsbl.store.requests import FORGOTTEN, NewRequest

NOW = 100_000_000
AGE_S = 1000
LONG_AGO = NOW - AGE_S - 1
MAILBOX = "jo.smith@sender.example"
CLIENT = "198.51.100.1/32"
OPEN = {
    State.REQUESTED, State.MAIL_QUEUED, State.MAIL_SENT, State.CONFIRMED, State.REVIEW,
    State.COOLDOWN,
}  # fmt: skip


def ended(
    database: Database, state: State = State.DELISTED, at: int = LONG_AGO, mailbox: str = MAILBOX
) -> int:
    """A request that came to a state then, with all that such a one leaves behind."""
    number = sum(requests.in_states(database).values())
    new = NewRequest(
        number.to_bytes(32, "big"), "192.0.2.1", mailbox, mailbox, "sender.example", CLIENT, "en",
        at, at + 60,
    )  # fmt: skip
    request_id = requests.create(database, new)
    outbox.queue(database, request_id, f"<{number}@x>", at)
    mail = outbox.of_request(database, request_id)
    assert mail is not None
    outbox.settle(database, mail.id, "failed", "550 j…@sender.example is elsewhere", now=at)
    delist_tokens.add(database, bytes([number]) * 32, request_id, at + 60)
    put(
        database,
        Item(request_id, "bl.example", "spam", "192.0.2.1/32", ItemOutcome.DELISTED, "hook:crm",
             f"for {mailbox}", f"{mailbox} is a customer", None, at),
    )  # fmt: skip
    audit.record(
        database,
        [Act(at, "mail", "request.mail_failed", request_id=request_id, note="550 j…@sender"),
         Act(at, "operator:anna", "ruling.approved", request_id=request_id,
             note=f"{mailbox} called me")],
    )  # fmt: skip
    delistings.record(
        database, "bl.example", parse("192.0.2.1"), "spam", now=at, request_id=request_id
    )
    database.change(
        "UPDATE delist_requests SET state = ?, state_at = ?, note = ? WHERE id = ?",
        str(state), at, f"550 says {mailbox}", request_id,
    )  # fmt: skip
    return request_id


def everything(database: Database, leaving_out: Iterable[str] = ()) -> str:
    """All that the file holds, as text."""
    with closing(sqlite3.connect(database.path)) as shell:
        return "\n".join(line for line in shell.iterdump() if not any(
            each in line for each in leaving_out))  # fmt: skip


@pytest.mark.parametrize("state", sorted(set(State) - OPEN))
def test_who_made_a_request_is_forgotten(database: Database, state: State) -> None:
    """Mailbox, client, the servers' words, and the links: nothing of them is left anywhere."""
    request_id = ended(database, state)
    assert forgetting.is_due(database, AGE_S, NOW)

    assert forgetting.forget(database, AGE_S, NOW) == 1

    left = everything(database)
    for personal in (MAILBOX, "jo.smith", "j…@", "sender.example", CLIENT, "550 j"):
        assert personal not in left
    request = requests.get(database, request_id)
    assert request is not None
    assert (request.mailbox, request.mailbox_key, request.client) == (FORGOTTEN, FORGOTTEN, "")
    assert requests.masked(request.mailbox) == FORGOTTEN
    assert delist_tokens.find(database, bytes(32)) is None
    assert not forgetting.is_due(database, AGE_S, NOW)
    assert forgetting.forget(database, AGE_S, NOW) == 0


def test_what_was_asked_and_done_stays(database: Database) -> None:
    """The address, the states, the trail, the delisting; others' notes but for the mailbox."""
    request_id = ended(database)
    trail = [act.act for act in audit.of_request(database, request_id, 99)]
    forgetting.forget(database, AGE_S, NOW)
    request = requests.get(database, request_id)
    (item,) = of_request(database, request_id)
    (delisting,) = delistings.of_address(database, parse("192.0.2.1"), 9)
    acts = audit.of_request(database, request_id, 99)

    assert request is not None
    assert (request.address, request.state, request.state_at, request.note) == (
        "192.0.2.1", State.DELISTED, LONG_AGO, "550 says forgotten",
    )  # fmt: skip
    assert (item.reason, item.note) == ("for forgotten", "forgotten is a customer")
    assert delisting.request_id == request_id
    assert [act.act for act in acts] == trail
    assert acts[0].note == "forgotten called me"
    assert requests.of_address(database, "192.0.2.1", 9) == [request]


@pytest.mark.parametrize("state", sorted(OPEN))
def test_what_has_not_ended_is_not_forgotten(database: Database, state: State) -> None:
    """Whatever its age: an operator may take their time."""
    ended(database, state)

    assert not forgetting.is_due(database, AGE_S, NOW)
    assert forgetting.forget(database, AGE_S, NOW) == 0


def test_requests_are_forgotten_in_batches(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To the second, the oldest first, with a line in the audit for each batch."""
    monkeypatch.setattr(forgetting, "BATCH_REQUESTS", 2)
    ids = [ended(database, at=at) for at in (LONG_AGO, LONG_AGO - 2, LONG_AGO - 1, LONG_AGO + 1)]

    assert forgetting.forget(database, AGE_S, NOW) == 2
    still = [one.id for one in requests.of_address(database, "192.0.2.1", 9) if one.client]
    assert still == [ids[3], ids[0]]
    assert forgetting.forget(database, AGE_S, NOW) == 1
    assert forgetting.forget(database, AGE_S, NOW) == 0
    assert forgetting.forget(database, AGE_S, NOW + 1) == 1
    rows = database.rows("SELECT actor, note FROM audit WHERE act = 'requests.forgotten'")
    assert [tuple(row) for row in rows] == [
        ("pruning", "2 requests"), ("pruning", "1 request"), ("pruning", "1 request"),
    ]  # fmt: skip


def test_notes_lose_a_mailbox_as_it_is_written(database: Database) -> None:
    """A mailbox may hold what patterns take for signs of theirs."""
    request_id = ended(database, mailbox="j_%o'x@sender.example")
    other = ended(database, State.REVIEW, mailbox="jayo@sender.example")
    forgetting.forget(database, AGE_S, NOW)

    assert of_request(database, request_id)[0].note == "forgotten is a customer"
    assert of_request(database, other)[0].note == "jayo@sender.example is a customer"


def test_a_note_that_is_full_holds_nothing_up(database: Database) -> None:
    """A short mailbox in it makes room for a longer word: the end of the note gives way."""
    request_id = ended(database, mailbox="a@b.co")
    note = "a@b.co ".ljust(audit.NOTE_CHARS_MAX, "x")
    audit.record(
        database, [Act(LONG_AGO, "hooks", "request.tried", request_id=request_id, note=note)]
    )

    assert forgetting.forget(database, AGE_S, NOW) == 1
    notes = [
        row["note"] for row in database.rows("SELECT note FROM audit WHERE act = 'request.tried'")
    ]
    assert notes == [note.replace("a@b.co", "forgotten")[: audit.NOTE_CHARS_MAX]]


def test_asking_for_what_is_to_be_forgotten_reads_no_other(database: Database) -> None:
    """It is asked each second, while there may be a hundred thousand requests."""
    plan: list[str] = []
    database.connection.set_trace_callback(plan.append)
    forgetting.is_due(database, AGE_S, NOW)
    database.connection.set_trace_callback(None)
    steps = [row["detail"] for row in database.rows(f"EXPLAIN QUERY PLAN {plan[0]}")]

    assert steps == ["SEARCH delist_requests USING INDEX requests_to_forget (state_at<?)"]
