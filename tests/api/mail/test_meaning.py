"""A mail server's reply in plain words, with what to do."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from portal import START

from api.language import Sentence, language
from api.mail.meaning import Meaning, meaning
from api.mail.trouble import Trouble
from dnsbl.store.outbox import Mail, MailState


def said(reply: str, state: MailState, attempts: int = 1) -> Meaning:
    """What a mail means whose last reply that was."""
    mail = Mail(1, "confirm_mail", 1, "<a@b>", state, attempts, START, reply, START, None)
    found = meaning(mail)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("reply", "means", "advice"),
    [
        ("550 5.1.1 <x>: User unknown", "no such mailbox", "typing mistake"),
        ("5.1.1 unknown user", "no such mailbox", "typing mistake"),
        ("550 No such user", "no such mailbox", "typing mistake"),
        ("550-5.1.1 The email account does not exist", "no such mailbox", "typing mistake"),
        ("550 5.1.2 Host unknown", "domain is not known", "typing mistake"),
        ("556 5.1.10 Recipient address has null MX", "takes no mail", "typing mistake"),
        ("550 5.2.1 disabled", "takes no mail", "another mailbox"),
        ("552 5.2.2 quota", "full", "make room"),
        ("552 too much", "full", "make room"),
        ("552 5.3.4 too big", "larger", "another mailbox"),
        ("550 5.4.1 Access denied", "could not pass the mail on", "another mailbox"),
        ("4.4.7 delivery time expired", "in time", "another mailbox"),
        ("451 4.7.1 greylisted", "in time", "another mailbox"),
        ("550 5.7.1 refused by policy", "its own rules", "another mailbox"),
        ("554 rejected", "its own rules", "another mailbox"),
        ("550 5.7.26 unauthenticated", "its own rules", "another mailbox"),
        ("500 5.5.2 syntax", "of this form", "another mailbox"),
        ("554 5.6.0 content", "of this form", "another mailbox"),
        ("554 5.0.0 no", "its own rules", "another mailbox"),
        ("571 no", "does not take the mail", "another mailbox"),
        ("5.0.0", "does not take the mail", "another mailbox"),
        ("not sent in time", "ended before the mail", "ask again"),
        ("cancelled", "did not go through", "ask again"),
        ("", "did not go through", "ask again"),
    ],
)
def test_a_refusal_says_what_it_means_and_what_to_do(reply: str, means: str, advice: str) -> None:
    """5xx, with RFC 3463's code, without, and with nothing but that, as a bounce has it."""
    found = said(reply, "failed")

    assert means in str(found.means)
    assert advice in str(found.advice)


@pytest.mark.parametrize(
    ("reply", "means"),
    [
        ("450 4.7.1 Client host rejected", "greylisting"),
        ("450 4.2.0 <x>: Recipient address rejected: Greylisted", "greylisting"),
        ("451 Graylisted, try later", "greylisting"),
        ("452 4.2.2 mailbox full", "full"),
        ("450 4.2.1 busy", "cannot take mail just now"),
        ("450 busy", "cannot take mail just now"),
        ("452 4.3.1 no room", "takes no mail just now"),
        ("421 4.4.2 timeout", "could not pass the mail on"),
        ("450 4.1.2 no such domain for now", "domain is not known"),
        ("450 4.1.1 mailbox unknown for now", "cannot take the mail just now"),
        ("451 local error", "cannot take the mail just now"),
        ("550 5.7.1 sender not allowed", "its operators have been told"),
        ("535 5.7.8 wrong password", "its operators have been told"),
    ],
)
def test_what_is_tried_again_asks_nothing_of_who_waits(reply: str, means: str) -> None:
    """4xx, and what is the operator's to mend: it goes on by itself."""
    found = said(reply, "queued")

    assert means in str(found.means)
    assert "you need not do anything" in str(found.advice)
    assert found.answer == reply


def test_a_mail_that_was_not_tried_means_nothing_yet() -> None:
    """Queued, without an attempt: there is no word to explain."""
    mail = Mail(1, "confirm_mail", 1, "<a@b>", "queued", 0, START, "", START, None)

    assert meaning(mail) is None


def test_an_accepted_mail_that_does_not_come_is_looked_for_among_unwanted_mail() -> None:
    """With the reply's code alone: a mailbox that wants no mail is told by nothing."""
    found = said("250 suppressed, not sent", "sent")

    assert found == said("250 2.0.0 queued as 1", "sent")
    assert found.answer == "250"
    assert "accepted" in str(found.means)
    assert "among unwanted mail" in str(found.advice)


@pytest.mark.parametrize("trouble", Trouble)
def test_our_own_words_are_no_answer_of_a_server(trouble: Trouble) -> None:
    """They are a sentence of a language, and what the outbox keeps is its English text."""
    found = said(trouble, "queued")

    assert found.answer == ""
    assert str(found.means) == f"{trouble}."


@given(st.text(), st.sampled_from(["queued", "sent", "failed"]))
def test_every_reply_means_something(reply: str, state: MailState) -> None:
    """Whatever a server says; the sentences have no values that could be missing."""
    found = said(reply, state)

    for sentence in (found.means, found.advice):
        assert isinstance(sentence, Sentence)
        assert language("en").say(sentence)
