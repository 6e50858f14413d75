"""What a mail server says is shown without what only the mailbox's owner should read."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnsbl.store.replies import discreet

MAILBOX = "Post.Master+x@Sender.example"


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        ("550 <Post.Master+x@sender.example>: unknown", "550 <P…@Sender.example>: unknown"),
        ("550 post.master+X@SENDER.EXAMPLE.", "550 P…@Sender.example."),
        ('unknown user: "Post.Master+x@Sender.example"', 'unknown user: "P…@Sender.example"'),
        ("550 secret@home.example (was Post.Master+x@Sender.example)",
         "550 … (was P…@Sender.example)"),
        ("mailto:other@home.example,third@home.example", "mailto:…,…"),
        ("550 5.1.1 no such user\r\n\x1b[31m here", "550 5.1.1 no such user   [31m here"),
        ("250 2.0.0 ok 1@", "250 2.0.0 ok 1@"),
        ("meet @ noon", "meet @ noon"),
    ],
)  # fmt: skip
def test_mailboxes_are_kept_out_of_a_reply(words: str, shown: str) -> None:
    """The own one masked so that its owner knows it, another not named; nothing unprintable."""
    assert discreet(words, MAILBOX) == shown


@given(st.text(max_size=50), st.text(max_size=50))
def test_the_mailbox_is_in_no_reply(before: str, after: str) -> None:
    """Whatever stands around it."""
    shown = discreet(f"{before}{MAILBOX}{after}", MAILBOX)

    assert MAILBOX not in shown
    assert shown.isprintable()


@pytest.mark.parametrize("words", ["a" * 1_000_000, "a@" * 500_000, f"a@{'-' * 1_000_000}"])
def test_a_long_reply_costs_little(words: str) -> None:
    """A megabyte of it, made to be slow."""
    began = time.process_time()

    discreet(words, MAILBOX)

    assert time.process_time() - began < 10  # half a second or so alone
