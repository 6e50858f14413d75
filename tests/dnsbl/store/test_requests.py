"""Delist requests: the machine of states, tokens, limits, and what belongs to a request."""

from __future__ import annotations

import dataclasses
import sqlite3
from contextlib import closing

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dnsbl.network import parse
from dnsbl.store import audit, delist_tokens, outbox, requests, suppressions
from dnsbl.store.database import Database, InvalidRowError
from dnsbl.store.overdue import is_anything_overdue
from dnsbl.store.request_states import PENDING, TRANSITIONS, State
from dnsbl.store.requests import DAY_S, HOUR_S, Counts, NewRequest, Shared, TransitionError

NOW = 1_000_000
ADDRESS = parse("192.0.2.1")


def new(number: int = 0, **values: object) -> NewRequest:
    """A visit; the number makes its status page's address its own."""
    made = NewRequest(
        status_hash=number.to_bytes(32, "big"),
        address="192.0.2.1",
        mailbox="me+x@mail.example",
        mailbox_key="me@mail.example",
        mailbox_domain="mail.example",
        client="198.51.100.1/32",
        language="it",
        created_at=NOW,
        expires_at=NOW + DAY_S,
    )
    return dataclasses.replace(made, **values)  # type: ignore[arg-type]


def force(database: Database, request_id: int, state: State) -> None:
    """Puts a request into a state, whatever way leads there."""
    database.change("UPDATE delist_requests SET state = ? WHERE id = ?", str(state), request_id)


def acts(database: Database) -> list[str]:
    """The trail of the address, the newest first."""
    return [act.act for act in audit.trail(database, ADDRESS, 100)]


def test_a_request_is_kept_as_it_came(database: Database) -> None:
    """With its audit line; found by its id, its status page, and its address."""
    request_id = requests.create(database, new(7))
    request = requests.get(database, request_id)
    (act,) = audit.trail(database, ADDRESS, 10)

    assert request is not None
    assert dataclasses.astuple(request) == (
        request_id, "192.0.2.1", "me+x@mail.example", "me@mail.example", "198.51.100.1/32", "it",
        State.REQUESTED, "", NOW, NOW, NOW + DAY_S, None, None,
    )  # fmt: skip
    assert requests.by_status(database, new(7).status_hash) == request
    assert requests.by_status(database, new(8).status_hash) is None
    assert requests.get(database, request_id + 1) is None
    assert requests.of_address(database, "192.0.2.1", 9) == [request]
    assert requests.of_address(database, "192.0.2.2", 9) == []
    assert (act.at, act.actor, act.act) == (NOW, "portal", "request.requested")
    assert (act.network, act.request_id) == ("192.0.2.1/32", request_id)


def test_a_request_of_ipv6_is_audited_under_its_network(database: Database) -> None:
    """The trail of an IPv6 address has its requests."""
    requests.create(database, new(address="2001:db8::1"))

    assert len(audit.trail(database, parse("2001:db8::1"), 10)) == 1


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("status_hash", b"short"), ("address", "x"), ("address", "x" * 46), ("mailbox", "a"),
        ("mailbox", "a" * 255), ("mailbox_key", "a" * 255), ("mailbox", "a\ud800b"),
        ("created_at", 2**70),
    ],
)  # fmt: skip
def test_a_bad_request_leaves_nothing(database: Database, column: str, value: object) -> None:
    """Neither a row nor an audit line."""
    with pytest.raises(InvalidRowError):
        requests.create(database, new(0, **{column: value}))

    assert database.rows("SELECT * FROM delist_requests") == []
    assert database.rows("SELECT * FROM audit") == []


def test_a_status_page_belongs_to_one_request(database: Database) -> None:
    """The same key twice is refused."""
    requests.create(database, new(1))

    with pytest.raises(InvalidRowError, match="UNIQUE"):
        requests.create(database, new(1))


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("to", State)
def test_the_machine_goes_where_its_table_says(database: Database, state: State, to: State) -> None:
    """Each change that the table has is made, with its audit line; each other is refused."""
    request_id = requests.create(database, new())
    force(database, request_id, state)
    before = requests.get(database, request_id)

    if to in TRANSITIONS[state]:
        until = NOW + 60 if to is State.COOLDOWN else None
        requests.move(
            database, request_id, to, actor="test", now=NOW + 1, note="why",
            until=until, expires_at=until,
        )  # fmt: skip
        request = requests.get(database, request_id)
        assert request is not None
        assert (request.state, request.state_at, request.note) == (to, NOW + 1, "why")
        assert acts(database) == [f"request.{to}", "request.requested"]
        assert audit.trail(database, ADDRESS, 1)[0].note == "why"
    else:
        until = NOW + 60 if to is State.COOLDOWN else None
        with pytest.raises(TransitionError, match=f"is {state}; it cannot become {to}"):
            requests.move(
                database, request_id, to, actor="test", now=NOW + 1,
                until=until, expires_at=until,
            )  # fmt: skip
        assert requests.get(database, request_id) == before
        assert acts(database) == ["request.requested"]


def test_the_table_has_every_state() -> None:
    """Nothing leads out of an end; everything but the start is reached from somewhere."""
    reached = set().union(*TRANSITIONS.values())

    assert set(TRANSITIONS) == set(State)
    assert set(State) - reached == {State.REQUESTED}
    assert {state for state, to in TRANSITIONS.items() if not to} == {
        State.EXPIRED, State.CANCELLED, State.REFUSED, State.RELISTED,
    }  # fmt: skip


def test_a_request_that_is_gone_goes_nowhere(database: Database) -> None:
    """The error says so."""
    with pytest.raises(TransitionError, match="request 9 is gone; it cannot become delisted"):
        requests.move(database, 9, State.DELISTED, actor="test", now=NOW)


def test_a_move_stands_or_falls_with_its_transaction(database: Database) -> None:
    """What else fails undoes the state and its audit line."""
    request_id = requests.create(database, new())
    with pytest.raises(ZeroDivisionError), database.transaction():  # noqa: PT012
        requests.move(database, request_id, State.MAIL_QUEUED, actor="test", now=NOW)
        _ = 1 // 0

    assert requests.in_states(database)[State.REQUESTED] == 1
    assert acts(database) == ["request.requested"]


def test_notes_are_made_to_fit(database: Database) -> None:
    """A mail server's refusal may be long, and may be anything."""
    request_id = requests.create(database, new())
    force(database, request_id, State.MAIL_QUEUED)
    requests.move(
        database, request_id, State.MAIL_FAILED, actor="x", now=NOW, note="\udce9\n" * 2000
    )
    request = requests.get(database, request_id)

    assert request is not None
    assert request.note == "? " * 500


def test_every_state_is_counted(database: Database) -> None:
    """Metrics have a number for each state, also where it is 0."""
    for number, state in enumerate(State):
        force(database, requests.create(database, new(number)), state)
    force(database, requests.create(database, new(99)), State.REVIEW)

    assert requests.in_states(database) == {**dict.fromkeys(State, 1), State.REVIEW: 2}


def test_one_request_is_pending_for_an_address(database: Database) -> None:
    """The last that waits and is in time; others do not count."""
    assert requests.pending_for(database, "192.0.2.1", NOW) is None
    ids = [requests.create(database, new(number)) for number in range(2)]
    for state in State:
        force(database, ids[1], state)
        found = requests.pending_for(database, "192.0.2.1", NOW)
        assert found is not None
        assert found.id == ids[state in PENDING]
    force(database, ids[0], State.DELISTED)

    assert requests.pending_for(database, "192.0.2.1", NOW) is None
    force(database, ids[0], State.MAIL_SENT)
    assert requests.pending_for(database, "192.0.2.1", NOW + DAY_S - 1) is not None
    assert requests.pending_for(database, "192.0.2.1", NOW + DAY_S) is None
    assert requests.pending_for(database, "192.0.2.2", NOW) is None


# Limits.


def test_windows_slide(database: Database) -> None:
    """An hour and a day back from the visit, to the second, whatever became of the requests."""
    ages = [0, HOUR_S - 1, HOUR_S, DAY_S - 1, DAY_S]
    for number, age in enumerate(ages):
        request_id = requests.create(database, new(number, created_at=NOW - age))
        force(database, request_id, State.REFUSED)

    assert requests.counts(database, new()) == Counts(
        client_hour=2, client_day=4, mailbox_hour=2, mailbox_day=4, domain_hour=2, subject_day=4
    )


def test_each_limit_counts_its_own(database: Database) -> None:
    """A visit that shares one thing with another counts against that limit alone."""
    requests.create(database, new())
    others = {
        "address": "192.0.2.2", "mailbox_key": "you@other.example", "client": "2001:db8::/64",
        "mailbox_domain": "other.example",
    }  # fmt: skip

    def counted(shared: str) -> dict[str, int]:
        values = {key: value for key, value in others.items() if key != shared}
        found = dataclasses.asdict(requests.counts(database, new(0, **values)))
        return {key: number for key, number in found.items() if number}

    assert counted("client") == {"client_hour": 1, "client_day": 1}
    assert counted("mailbox_key") == {"mailbox_hour": 1, "mailbox_day": 1}
    assert counted("mailbox_domain") == {"domain_hour": 1}
    assert counted("address") == {"subject_day": 1}
    assert counted("") == {}


@given(
    ages=st.lists(st.integers(0, 2 * HOUR_S), max_size=8),
    most=st.integers(1, 4),
    shared=st.sampled_from(["client", "mailbox_key", "mailbox_domain", "subject"]),
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_a_visitor_is_told_when_to_come_again(
    database: Database, ages: list[int], most: int, shared: Shared
) -> None:
    """At the time told, and not a second before, fewer than so many requests are in the window."""
    with database.transaction():
        database.change("DELETE FROM delist_requests")
        for number, age in enumerate(ages):
            requests.create(database, new(number, created_at=NOW - age))
    at = requests.below_again_at(database, new(), shared, most, HOUR_S)

    def in_window(now: int) -> int:
        return sum(NOW - age > now - HOUR_S for age in ages)

    assert at >= NOW
    assert in_window(at) < most
    assert at == NOW or in_window(at - 1) >= most


@pytest.mark.parametrize(
    ("subject", "others"),
    [("2001:db8::/64", {"2001:db8::1", "2001:db8::2"}), ("", {"2001:db8::1"})],
)
def test_requests_share_what_a_removal_takes_off(
    database: Database, subject: str, others: set[str]
) -> None:
    """All that look for the requests of an address find those of its /64, and no other's."""
    address = "2001:db8::1"
    request_id = requests.create(database, new(address=address, subject=subject))

    for other in ("2001:db8::1", "2001:db8::2", "2001:db8:0:1::1", "192.0.2.1"):
        pending = requests.pending_for(database, other, NOW)
        found = [pending] if pending else []
        expected = [request_id] if other in others else []
        visit = new(1, address=other)
        assert [one.id for one in found] == expected
        assert [one.id for one in requests.of_address(database, other, 9)] == expected
        assert requests.counts(database, visit).subject_day == len(expected)
        at = requests.below_again_at(database, visit, "subject", 1, HOUR_S)
        assert at == NOW + HOUR_S * len(expected)


def test_requests_of_an_address_are_found_by_index(database: Database) -> None:
    """Many visits a second do not read all requests that ever were."""
    plan: list[str] = []
    database.connection.set_trace_callback(plan.append)
    requests.pending_for(database, "2001:db8::1", NOW)
    requests.counts(database, new(address="2001:db8::1"))
    requests.below_again_at(database, new(address="2001:db8::1"), "subject", 3, DAY_S)
    requests.of_address(database, "2001:db8::1", 9)
    database.connection.set_trace_callback(None)
    asked = [one for one in plan if "subject IN" in one]
    steps = [row["detail"] for one in asked for row in database.rows(f"EXPLAIN QUERY PLAN {one}")]

    assert len(asked) == 4
    assert sum("requests_by_subject (subject=?" in step for step in steps) == 4


# Tokens.


def test_tokens_are_found_by_their_hash(database: Database) -> None:
    """Used or not, in time or not: what to say of it is the caller's."""
    request_id = requests.create(database, new())
    token, other = b"t" * 32, b"o" * 32
    delist_tokens.add(database, token, request_id, NOW + 5)
    state = delist_tokens.find(database, token)

    assert state is not None
    assert state.request == requests.get(database, request_id)
    assert (state.expires_at, state.used_at) == (NOW + 5, None)
    assert delist_tokens.find(database, other) is None


def test_any_use_of_a_token_voids_all_of_its_request(database: Database) -> None:
    """And of no other request; the first use is the one that is remembered."""
    ids = [requests.create(database, new(number)) for number in range(2)]
    tokens = [bytes([number]) * 32 for number in range(3)]
    for token, request_id in zip(tokens, [ids[0], ids[0], ids[1]], strict=True):
        delist_tokens.add(database, token, request_id, NOW + 5)
    delist_tokens.use_all(database, ids[0], NOW + 1)
    delist_tokens.use_all(database, ids[0], NOW + 2)
    states = [delist_tokens.find(database, token) for token in tokens]

    assert [state and state.used_at for state in states] == [NOW + 1, NOW + 1, None]


def test_a_token_is_a_hash_of_a_request_that_is_there(database: Database) -> None:
    """Anything else is refused; the same token twice as well."""
    request_id = requests.create(database, new())
    delist_tokens.add(database, bytes(32), request_id, NOW)
    for token, owner in ((bytes(31), request_id), (b"x" * 32, 99), (bytes(32), request_id)):
        with pytest.raises(InvalidRowError):
            delist_tokens.add(database, token, owner, NOW)


def test_a_token_whose_request_is_gone_is_none(database: Database) -> None:
    """Other clients may delete requests without their tokens; ours take those with them."""
    ids = [requests.create(database, new(number)) for number in range(2)]
    for number, request_id in enumerate(ids):
        delist_tokens.add(database, bytes([number]) * 32, request_id, NOW)
    with closing(sqlite3.connect(database.path, isolation_level=None)) as shell:
        shell.execute("DELETE FROM delist_requests WHERE id = ?", [ids[0]])
    database.change("DELETE FROM delist_requests WHERE id = ?", ids[1])

    assert delist_tokens.find(database, bytes(32)) is None
    assert len(database.rows("SELECT * FROM delist_tokens")) == 1


# Expiry and suppression.


def test_asking_for_what_is_late_reads_nothing_that_is_in_time(database: Database) -> None:
    """It is asked each second, while a day's requests may be pending: by time, not by state."""
    plan: list[str] = []
    database.connection.set_trace_callback(plan.append)
    is_anything_overdue(database, NOW)
    asked = plan[-1]
    requests.expire_overdue(database, NOW, 9)
    database.connection.set_trace_callback(None)
    (found,) = [one for one in plan if "UNION ALL" in one]
    steps = [
        row["detail"]
        for one in (asked, found)
        for row in database.rows(f"EXPLAIN QUERY PLAN {one}")
    ]

    assert [step for step in steps if "delist_requests" in step] == 2 * [
        "SEARCH delist_requests USING INDEX requests_pending (expires_at<?)",
        "SEARCH delist_requests USING INDEX requests_in_cooldown (expires_at<?)",
    ]


def test_requests_that_nobody_confirmed_expire(database: Database) -> None:
    """In time to the second, at most so many at once, with their mails and audit lines."""
    for number, state in enumerate(State):
        request_id = requests.create(database, new(number, expires_at=NOW))
        force(database, request_id, state)
        outbox.queue(database, request_id, f"<{number}@x>", NOW)
    assert not is_anything_overdue(database, NOW - 1)
    assert requests.expire_overdue(database, NOW - 1, 9) == []
    assert is_anything_overdue(database, NOW)

    first = requests.expire_overdue(database, NOW, 2)
    rest = requests.expire_overdue(database, NOW, 9)

    ended = {*PENDING, State.COOLDOWN}
    assert (len(first), len(rest)) == (2, len(ended) - 2)
    assert not is_anything_overdue(database, NOW)
    assert requests.in_states(database)[State.EXPIRED] == 1 + len(ended)
    assert acts(database).count("request.expired") == len(ended)
    for request_id in first + rest:
        mail = outbox.of_request(database, request_id)
        assert mail is not None
        assert (mail.state, mail.reply, mail.done_at) == ("failed", "not sent in time", NOW)
    assert outbox.depths(database, NOW)["queued"] == len(State) - len(ended)


def test_a_suppressed_mailbox_stays_suppressed(database: Database) -> None:
    """Said once or twice, it holds, and for that mailbox alone."""
    request_id = requests.create(database, new())
    mine, yours = b"m" * 32, b"y" * 32
    assert not suppressions.is_suppressed(database, mine)
    suppressions.suppress(database, mine, request_id, NOW)
    suppressions.suppress(database, mine, request_id, NOW + 1)

    assert suppressions.is_suppressed(database, mine)
    assert not suppressions.is_suppressed(database, yours)
    assert [row["at"] for row in database.rows("SELECT at FROM suppressions")] == [NOW]


@pytest.mark.parametrize(
    ("mailbox", "expected"),
    [
        ("postmaster@a.example", "p…@a.example"),
        ("ab@a.example", "a…@a.example"),
        ("a@a.example", "…@a.example"),
        ('"a@b"@a.example', '"…@a.example'),
    ],
)
def test_a_masked_mailbox_is_known_to_its_owner_only(mailbox: str, expected: str) -> None:
    """One character and the domain at most: not the whole of the local part, nor its length."""
    assert requests.masked(mailbox) == expected
