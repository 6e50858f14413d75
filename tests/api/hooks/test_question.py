"""What a hook is asked, and what its answers mean."""

from __future__ import annotations

import contextlib
import json

import pytest
from cases import NOW, made
from hypothesis import given
from hypothesis import strategies as st

from api.hooks.message import Reply
from api.hooks.question import (
    LATER_S,
    REMARK_CHARS_MAX,
    UNTIL_S_MAX,
    AnswerError,
    checked,
    question,
    read_answer,
)
from dnsbl.delist.decision import Decision, Outcome

RULE = "hook:mine"


def read(reply: Reply, *, silence_accepts: bool = False) -> Decision:
    """The decision in a reply."""
    return read_answer(reply, RULE, NOW, silence_accepts=silence_accepts)


def said(**values: object) -> Reply:
    """A hook that answered with this object."""
    return Reply("done", "HTTP 200 OK", body=json.dumps(values).encode())


def test_a_question_is_thin() -> None:
    """All that a decision rests on, in numbers and texts; nothing of who asks."""
    message = question(made(), mailbox=False)

    assert (message.at, message.attempt) == (NOW, 1)
    assert json.loads(message.body) == {
        "type": "delist.decide",
        "timestamp": "2027-01-15T08:00:00Z",
        "data": {
            "request_id": 7,
            "address": "203.0.113.7",
            "zone": "bl.example",
            "category": "spam",
            "network": "203.0.113.7/32",
            "reason": "spam trap",
            "source": "feed",
            "listed_at": NOW - 86_400,
            "expires_at": None,
            "evidence_at": NOW - 3_600,
            "delistings": [NOW - 1_000_000],
            "asked_at": NOW - 60,
            "confirmed_at": NOW,
            "proven": 1,
        },
    }


def test_the_mailbox_is_told_to_who_may_know_it() -> None:
    """It is there when the hook's configuration wants it, and nowhere else."""
    asked = question(made(), mailbox=True)

    assert json.loads(asked.body)["data"]["mailbox"] == "postmaster@sender.example"
    assert b"postmaster" not in question(made(), mailbox=False).body


def test_each_question_has_a_name_of_its_own() -> None:
    """As webhook-id it tells one from the other."""
    uids = {question(made(), mailbox=False).uid for _ in range(100)}

    assert len(uids) == 100
    assert all(uid.startswith("msg_") for uid in uids)


@pytest.mark.parametrize("outcome", ["accept", "review", "refuse"])
def test_a_decision_is_read(outcome: str) -> None:
    """With its two remarks; the rule is the hook's name, and a key that is new is no error."""
    decision = read(said(decision=outcome, reason="for you", note="for us", rule="x", new=1))

    assert decision == Decision(Outcome[outcome.upper()], RULE, "for you", "for us")


def test_a_deferral_is_read() -> None:
    """It has its time."""
    decision = read(said(decision="defer", until=NOW + 60, reason="soon"))

    assert decision == Decision(Outcome.DEFER, RULE, "soon", "", NOW + 60)


def test_a_time_without_a_deferral_means_nothing() -> None:
    """Another decision has none."""
    assert read(said(decision="accept", until="x")) == Decision(Outcome.ACCEPT, RULE)


@pytest.mark.parametrize(
    "until",
    [None, NOW, NOW - 1, NOW + UNTIL_S_MAX + 1, True, str(NOW + 60), NOW + 60.0, 10**30, -1],
)
def test_a_deferral_without_a_good_time_is_none(until: object) -> None:
    """It is in whole seconds, later than now, and within a year."""
    with pytest.raises(AnswerError, match="its until is not in Unix seconds from now to 366 days"):
        read(said(decision="defer", until=until))


@pytest.mark.parametrize("body", [b"", b" \n", b"ok", b"<html>", b"[]", b'"accept"', b"null", b"1",
                                  b'{"decision":"accept"', b"\xff\xfe", b"[" * 50_000,
                                  b'{"decision":"accept"}{}', b"1" * 5_000])  # fmt: skip
def test_what_is_no_object_is_no_decision(body: bytes) -> None:
    """A page of a proxy, say: nothing is taken for a yes that is none."""
    with pytest.raises(AnswerError, match="HTTP 200 OK: expected a JSON object as its answer"):
        read(Reply("done", "HTTP 200 OK", body=body))


@pytest.mark.parametrize(
    "decision", [None, "", "ACCEPT", "yes", 0, True, ["accept"], {"accept": 1}]
)
def test_an_unknown_decision_is_none(decision: object) -> None:
    """There are four words."""
    with pytest.raises(AnswerError, match='expected one of "accept", "defer", "review", "refuse"'):
        read(said(decision=decision))


def test_a_remark_is_one_printable_line_of_some_length() -> None:
    """Neither its length nor what is in it costs the decision; people see a plain line."""
    reason = "a\r\nSubject: b\x00\x1b[31m \N{RIGHT-TO-LEFT OVERRIDE}c\ud800" + "d" * 100_000

    decision = read(said(decision="refuse", reason=reason, note=None))

    assert decision.outcome is Outcome.REFUSE
    assert decision.reason.isprintable()
    assert decision.reason.startswith("a Subject: b  [31m  c?ddd")
    assert len(decision.reason) == REMARK_CHARS_MAX
    assert decision.note == ""


@pytest.mark.parametrize("key", ["reason", "note"])
def test_a_remark_is_a_text(key: str) -> None:
    """A number or an object is a mistake that is told."""
    with pytest.raises(AnswerError, match=f"its {key} is no text"):
        read(said(decision="accept", **{key: {"a": 1}}))


def test_a_program_may_say_yes_in_silence() -> None:
    """Its exit status is enough; a web server has to say what it means."""
    assert read(Reply("done", "exit status 0"), silence_accepts=True).outcome is Outcome.ACCEPT
    with pytest.raises(AnswerError, match="expected a JSON object"):
        read(Reply("done", "HTTP 204 No Content"))


def test_later_defers() -> None:
    """Until the time that is given, by Retry-After or in the answer; else for an hour."""
    replies = [
        Reply("later"),
        Reply("later", retry_after_s=30),
        Reply("later", retry_after_s=0),
        Reply("later", body=b'{"until": %d, "reason": "soon"}' % (NOW + 60)),
    ]

    assert [(decision.reason, decision.until) for decision in map(read, replies)] == [
        ("", NOW + LATER_S),
        ("", NOW + 30),
        ("", NOW + 1),
        ("soon", NOW + 60),
    ]
    assert {read(reply).outcome for reply in replies} == {Outcome.DEFER}


def test_no_refuses() -> None:
    """What a program adds says why; it does not turn a no into a yes."""
    plain = read(Reply("failed", "exit status 1", says_no=True))
    why = read(
        Reply("failed", "exit status 1", says_no=True, body=b'{"decision":"accept","reason":"r"}')
    )

    assert plain == Decision(Outcome.REFUSE, RULE)
    assert why == Decision(Outcome.REFUSE, RULE, "r")


@pytest.mark.parametrize("kind", ["failed", "gone"])
def test_a_failure_is_no_decision(kind: str) -> None:
    """Neither is the wish to be asked no more."""
    with pytest.raises(AnswerError, match="HTTP 5"):
        read(Reply(kind, "HTTP 5", body=b'{"decision":"accept"}'))  # type: ignore[arg-type]


def test_what_a_plugin_returns_is_checked() -> None:
    """A decision is taken with its rule put right and its remarks made plain; None is none."""
    decision = Decision(Outcome.DEFER, "policy", "a\nb", "", NOW + 60)

    assert checked(decision, RULE, NOW) == Decision(Outcome.DEFER, RULE, "a b", "", NOW + 60)
    assert checked(None, RULE, NOW) is None


@pytest.mark.parametrize(
    ("returned", "said"),
    [
        (True, "returned bool; expected a Decision or None"),
        ("accept", "returned str; expected a Decision or None"),
        (Outcome.ACCEPT, "returned Outcome; expected a Decision or None"),
        (Decision(0, "x"), "whose outcome is no Outcome"),  # type: ignore[arg-type]
        (Decision(Outcome.ACCEPT, "x", 5), "its reason is no text"),  # type: ignore[arg-type]
        (Decision(Outcome.DEFER, "x", until=NOW), "its until is not in Unix seconds"),
    ],
)
def test_another_return_value_is_told(returned: object, said: str) -> None:
    """It is no decision; what is wrong with it is said."""
    with pytest.raises(AnswerError, match=said):
        checked(returned, RULE, NOW)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)


@given(
    st.dictionaries(st.sampled_from(["reason", "note", "until", "x"]), json_values),
    st.sampled_from(["accept", "defer", "review", "refuse", "?"]) | json_values,
)
def test_whatever_is_answered_is_a_decision_or_an_error(
    values: dict[str, object], decision: object
) -> None:
    """A decision comes of nothing but one of the four words, and is fit to be shown."""
    try:
        got = read(said(**(values | {"decision": decision})))
    except AnswerError:
        return

    assert got.outcome.name.lower() == decision
    assert (got.reason + got.note).isprintable()
    assert max(len(got.reason), len(got.note)) <= REMARK_CHARS_MAX
    assert got.until is None or NOW < got.until <= NOW + UNTIL_S_MAX


@given(st.binary())
def test_whatever_octets_come_are_an_error_or_a_decision(body: bytes) -> None:
    """No answer breaks who reads it."""
    with contextlib.suppress(AnswerError):
        read(Reply("done", body=body))
