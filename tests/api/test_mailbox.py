"""Mailboxes: what counts as one, as the same one, and what is shown of it."""

from __future__ import annotations

import pytest

from api.mailbox import Mailbox, MailboxError, parse

BOOKS = "xn--bcher-kva.example"


@pytest.mark.parametrize(
    ("text", "mailbox"),
    [
        ("me@a.example", Mailbox("me@a.example", "me@a.example", "a.example")),
        (" Me+tag@A.Example ", Mailbox("Me+tag@a.example", "me@a.example", "a.example")),
        ("+x@a.example", Mailbox("+x@a.example", "+x@a.example", "a.example")),
        ("a'b@a.example", Mailbox("a'b@a.example", "a'b@a.example", "a.example")),
        ("me@corp.local", Mailbox("me@corp.local", "me@corp.local", "corp.local")),
        ("me@mail.test", Mailbox("me@mail.test", "me@mail.test", "mail.test")),
        ("m.e@a.example", Mailbox("m.e@a.example", "m.e@a.example", "a.example")),
        ("me+a+b@a.example", Mailbox("me+a+b@a.example", "me@a.example", "a.example")),
        ("r&d@a.example", Mailbox("r&d@a.example", "r&d@a.example", "a.example")),
        # whoever registered a domain has all names below it; in co.uk everybody registers
        ("me@mx.b.a.example", Mailbox("me@mx.b.a.example", "me@mx.b.a.example", "a.example")),
        ("me@m.a.co.uk", Mailbox("me@m.a.co.uk", "me@m.a.co.uk", "a.co.uk")),
        ("me@co.uk", Mailbox("me@co.uk", "me@co.uk", "co.uk")),
        (f"me@m.{BOOKS}", Mailbox(f"me@m.{BOOKS}", f"me@m.{BOOKS}", BOOKS)),
        # one domain, however it is written: wide letters, an ideographic stop, a decomposed umlaut
        ("me@\uff41.example", Mailbox("me@a.example", "me@a.example", "a.example")),
        ("me@a\u3002example", Mailbox("me@a.example", "me@a.example", "a.example")),
        ("me@BU\u0308CHER.example", Mailbox(f"me@{BOOKS}", f"me@{BOOKS}", BOOKS)),
        (f"me@{BOOKS}", Mailbox(f"me@{BOOKS}", f"me@{BOOKS}", BOOKS)),
    ],
)
def test_a_mailbox_is_counted_without_its_tag_and_case(text: str, mailbox: Mailbox) -> None:
    """Mail goes to what was written; limits count what it comes down to."""
    assert parse(text) == mailbox


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "Please enter"),
        ("postmaster", "has an @ between its two halves"),
        ("a@b@a.example", "more than one @"),
        ("a..b@a.example", "What stands before the @"),
        (f"{'a' * 65}@a.example", "What stands before the @"),
        ("j\N{LATIN SMALL LETTER O WITH DIAERESIS}rg@a.example", "What stands before the @"),
        ("=?utf-8?q?=0d=0aBcc=3a?=@a.example", "What stands before the @"),
        ("victim%elsewhere.example@a.example", "What stands before the @"),
        ("elsewhere.example!victim@a.example", "What stands before the @"),
        ("|program@a.example", "What stands before the @"),
        ("\uff4de@a.example", "What stands before the @"),
        ("m\u200be@a.example", "cannot be printed"),
        ("me@a\u200d.example", "cannot be printed"),
        ("\u202eme@a.example", "cannot be printed"),
        ("me\uff20a.example", "has an @ between its two halves"),
        (f"{'a' * 10_000}@a.example", "longer than"),
        ("me@a.example.", "What stands after the @"),
        ("me@xn--0.example", "What stands after the @"),
        ("a@b", "What stands after the @"),
        ("a@-b.example", "What stands after the @"),
        ("a@localhost", "What stands after the @"),
        ("a@[192.0.2.1]", "What stands after the @"),
        ("<a@a.example>", "What stands after the @"),
    ],
)
def test_what_is_wrong_is_said_of_the_half_that_is(text: str, sentence: str) -> None:
    """In words of our own, with where to look."""
    with pytest.raises(MailboxError, match=sentence):
        parse(text)
