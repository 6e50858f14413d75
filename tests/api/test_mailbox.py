"""Mailboxes: what counts as one, as the same one, and what is shown of it."""

from __future__ import annotations

import pytest

from api.mailbox import Mailbox, parse


@pytest.mark.parametrize(
    ("text", "mailbox"),
    [
        ("me@a.example", Mailbox("me@a.example", "me@a.example", "a.example")),
        (" Me+tag@A.Example ", Mailbox("Me+tag@a.example", "me@a.example", "a.example")),
        ("+x@a.example", Mailbox("+x@a.example", "+x@a.example", "a.example")),
        ("a'b@a.example", Mailbox("a'b@a.example", "a'b@a.example", "a.example")),
        ("me@corp.local", Mailbox("me@corp.local", "me@corp.local", "corp.local")),
        ("me@mail.test", Mailbox("me@mail.test", "me@mail.test", "mail.test")),
    ],
)
def test_a_mailbox_is_counted_without_its_tag_and_case(text: str, mailbox: Mailbox) -> None:
    """Mail goes to what was written; limits count what it comes down to."""
    assert parse(text) == mailbox
